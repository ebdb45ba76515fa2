"""Every door against every vendor shape: what works, what is emulated, what is refused and why."""
