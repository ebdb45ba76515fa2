"""How a sandbox is set up: which keys it takes, and what goes wrong without being asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .mischief import parse


@dataclass(frozen=True, slots=True)
class Options:
    """`keys`: the only ones taken, empty takes any. `fault` befalls a share `fault_rate` (0-1) of all calls.

    `latency` in seconds comes before every answer. `key_faults` maps a key to a fault that befalls each of its calls.
    `seed` fixes which calls `fault_rate` picks. Work that is answered with a number takes `task_seconds`, a film
    `film_seconds`. Raises ValueError for a fault that does not exist.
    """

    keys: frozenset[str] = frozenset()
    fault: str | None = None
    fault_rate: float = 1.0
    latency: float = 0.0
    key_faults: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    task_seconds: float = 0.5
    film_seconds: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(self.keys))
        if not 0 <= self.fault_rate <= 1:
            raise ValueError(f"fault_rate is a share from 0 to 1, not {self.fault_rate}")
        for name in ("latency", "task_seconds", "film_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is in seconds, not {getattr(self, name)}")
        for fault in (self.fault, *self.key_faults.values()):
            if fault is not None:
                parse(fault)
