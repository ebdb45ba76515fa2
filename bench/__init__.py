"""What a request costs: CPU and memory of the proxy process, against the sandbox vendor."""
