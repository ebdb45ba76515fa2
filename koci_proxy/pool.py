"""The pool is the vendor keys of one provider at work: which is used next, which rests, and until when.

It keeps books and nothing else: time comes in as `now` (seconds of any clock that does not jump), chance as a `Random`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .facts import KeyPool
from .faults import Fault

MINUTE = 60.0

# First rest and longest rest in seconds, for a vendor that does not say how long. Each repeat doubles the rest.
RESTS: Mapping[str, tuple[float, float]] = {
    "key_busy": (10.0, 300.0),
    "key_spent": (3600.0, 3600.0),
    "key_refused": (300.0, 3600.0),
}
# A vendor's own word counts within these bounds: a key that only ever refuses must not be asked in a tight circle, and
# one absurd header must not bury a key for good.
SHORTEST_REST, LONGEST_REST = 1.0, 86_400.0

# `fastest` counts a failed call as at least this many seconds, looks at a key anew once in so many calls, and lets a
# new duration weigh so much in the average.
FAILED, ANEW, WEIGHT = 60.0, 0.05, 0.3


@dataclass(frozen=True, slots=True)
class Lease:
    """A key in use; give it back exactly once."""

    name: str
    secret: str = field(repr=False)
    index: int
    number: int


@dataclass(frozen=True, slots=True)
class Wait:
    """No key is free for so many seconds; infinite when a lease given back is what frees the next one."""

    seconds: float


@dataclass(slots=True)
class _Key:
    """What is known of one secret. It outlives a pool: a reload hands it on, and calls in flight still report to it."""

    busy: int = 0
    rests_until: float = -math.inf
    why: str | None = None
    repeats: int = 0
    used: float = -math.inf
    starts: deque[float] = field(default_factory=deque)
    seconds: float | None = None
    credit: float = 0.0
    served: int = 0
    failed: int = 0


class Pool:
    """The keys of one provider. Not for several threads at once."""

    def __init__(self, facts: KeyPool, strategy: str, rng: Random) -> None:
        if strategy not in _STRATEGIES:
            raise ValueError(f"no such balance: {strategy!r}; one of {', '.join(_STRATEGIES)}")
        self.facts = facts
        self._strategy = strategy
        self._rng = rng
        self._keys = [_Key() for _ in facts.secrets]
        self._weights = facts.weights or tuple(1.0 for _ in facts.secrets)
        self._last = -1
        self._number = 0
        self._leases: set[int] = set()

    def take(self, now: float) -> Lease | Wait:
        """A key to use now, or how long to wait for one."""
        free = [at for at, key in enumerate(self._keys) if not self._full(key) and self._ready(key, now) <= now]
        if not free:
            return Wait(self._soonest(now) - now)
        index = _STRATEGIES[self._strategy](self, free)
        key = self._keys[index]
        key.busy += 1
        key.used = now
        key.starts.append(now)
        self._last = index
        self._number += 1
        self._leases.add(self._number)
        return Lease(self.facts.names[index], self.facts.secrets[index], index, self._number)

    def give(self, lease: Lease, now: float, outcome: Fault | None, took: float) -> float | None:
        """Give a key back: how the call ended (None = well) and how many seconds it took.

        Only a fault the key is to blame for makes it rest: gives the seconds of a rest that begins by this one, None
        where none does. Giving a lease back twice changes nothing.
        """
        if not self.drop(lease):
            return None
        key = self._keys[lease.index]
        if outcome is None:
            key.served += 1
            _learn(key, took)
            if key.rests_until <= now:
                key.repeats, key.why = 0, None
        elif outcome.blame == "key":
            key.failed += 1
            return _rest(key, outcome, now)
        elif outcome.blame == "upstream":
            key.failed += 1
            _learn(key, max(took, FAILED))
        return None

    def drop(self, lease: Lease) -> bool:
        """Give a key back of which nothing was learnt: its call did not go out, or has no end. Whether it was out."""
        if lease.number not in self._leases:
            return False
        self._leases.remove(lease.number)
        self._keys[lease.index].busy -= 1
        return True

    def soonest(self, now: float) -> float | None:
        """Seconds until a key is free, 0 when one is; None when a lease given back is what frees the next one."""
        soonest = self._soonest(now)
        return None if math.isinf(soonest) else max(soonest - now, 0.0)

    def why(self, now: float) -> list[str | None]:
        """Why each key rests, the kind of a fault, the first to be back first; None for one that does not rest."""
        keys = sorted(self._keys, key=lambda key: key.rests_until)
        return [key.why if key.rests_until > now else None for key in keys]

    def carry(self, old: Pool) -> None:
        """Take over, at a reload, what is known of secrets both pools have; calls in flight count in both."""
        known = dict(zip(old.facts.secrets, old._keys, strict=True))
        self._keys = [known.get(secret, key) for secret, key in zip(self.facts.secrets, self._keys, strict=True)]

    def status(self, now: float) -> list[dict[str, Any]]:
        """One row per key, by name and never by secret: in use, seconds of rest left and why, calls in the last minute,
        calls served and failed, average seconds."""
        return [
            {
                "name": name,
                "busy": key.busy,
                "rests": max(key.rests_until - now, 0.0),
                "why": key.why if key.rests_until > now else None,
                "last_minute": sum(start > now - MINUTE for start in key.starts),
                "served": key.served,
                "failed": key.failed,
                "seconds": key.seconds,
            }
            for name, key in zip(self.facts.names, self._keys, strict=True)
        ]

    def _full(self, key: _Key) -> bool:
        return self.facts.at_once is not None and key.busy >= self.facts.at_once

    def _ready(self, key: _Key, now: float) -> float:
        """When rest and rate let a key be used again; `now` or before when they do already."""
        while key.starts and key.starts[0] <= now - MINUTE:
            key.starts.popleft()
        most = self.facts.per_minute
        paced = key.starts[len(key.starts) - most] + MINUTE if most is not None and len(key.starts) >= most else now
        return max(key.rests_until, paced)

    def _soonest(self, now: float) -> float:
        """When a key can be used: `now` or before, later, or, where a lease given back would free one, never by itself.

        A key that is only full goes before one that rests: its calls end sooner than a rest of half a minute.
        """
        ready = [(self._ready(key, now), self._full(key)) for key in self._keys]
        if any(full and at <= now for at, full in ready) and not any(at <= now and not full for at, full in ready):
            return math.inf
        return min((at for at, _ in ready), default=math.inf)

    def _least_busy(self, free: Sequence[int]) -> int:
        return min(free, key=lambda index: (self._keys[index].busy, self._keys[index].used))

    def _round_robin(self, free: Sequence[int]) -> int:
        return min(free, key=lambda index: (index - self._last - 1) % len(self._keys))

    def _weighted(self, free: Sequence[int]) -> int:
        """Smooth weighted round robin: each gains its weight, the richest serves and pays for all."""
        for index in free:
            self._keys[index].credit += self._weights[index]
        chosen = max(free, key=lambda index: self._keys[index].credit)
        self._keys[chosen].credit -= sum(self._weights[index] for index in free)
        return chosen

    def _fastest(self, free: Sequence[int]) -> int:
        """Untried keys first, then the shortest average; now and then any, since a slow key may have become fast."""
        if self._rng.random() < ANEW:
            return self._rng.choice(free)

        def rank(index: int) -> tuple[bool, float, int]:
            key = self._keys[index]
            untried = key.seconds is None and key.busy == 0
            return (not untried, math.inf if key.seconds is None else key.seconds, key.busy)

        return min(free, key=rank)


_STRATEGIES: Mapping[str, Callable[[Pool, Sequence[int]], int]] = {
    "least_busy": Pool._least_busy,
    "round_robin": Pool._round_robin,
    "weighted": Pool._weighted,
    "fastest": Pool._fastest,
}


def _learn(key: _Key, seconds: float) -> None:
    key.seconds = seconds if key.seconds is None else key.seconds + WEIGHT * (seconds - key.seconds)


def _rest(key: _Key, fault: Fault, now: float) -> float | None:
    """Let a key rest as long as the vendor says, else longer with each repeat; the seconds of a rest that begins.

    Refusals that were under way when the rest began are the same refusal and do not make it grow.
    """
    begins = key.rests_until <= now or key.why != fault.kind
    if begins:
        key.repeats = key.repeats + 1 if key.why == fault.kind else 1
    first, longest = RESTS[fault.kind]
    own = min(first * 2.0 ** min(key.repeats - 1, 16), longest)
    until = now + min(max(fault.retry_after or own, SHORTEST_REST), LONGEST_REST)
    if until < key.rests_until:
        return None
    key.rests_until, key.why = until, fault.kind
    return until - now if begins else None
