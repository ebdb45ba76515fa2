"""The vendor keys of one provider at run time: a pool, and a queue of those who wait for a free slot."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections import deque
from dataclasses import dataclass

from ..faults import Fault
from ..pool import Lease, Pool

log = logging.getLogger("koci_proxy.keys")

# What all keys of a pool may rest for: an app that asks again soon is no help, and the operator must look.
GONE = ("key_spent", "key_refused")


@dataclass(frozen=True, slots=True)
class Held:
    """A key in use, and the pool it must go back to: a reload may have put another in its place by then."""

    pool: Pool
    lease: Lease


class Keys:
    """Leases keys of a pool; where all are busy one waits in turn, where all rest one hears how long."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> Held:
        """A key to use; `Fault` key_busy with the true wait when every key rests.

        Where all of them rest as they are spent or refused, the fault is of that kind: no app is at a limit then.
        """
        while True:
            now = time.monotonic()
            got = self.pool.take(now)
            if isinstance(got, Lease):
                return Held(self.pool, got)
            if not math.isinf(got.seconds):
                kind, message = "key_busy", "every upstream key is at its limit; try again later"
                why = self.pool.why(now)
                if why and all(each in GONE for each in why):
                    kind, message = why[0] or kind, "every upstream key is refused or spent; try again later"
                raise Fault(kind, message, retry_after=got.seconds, stage="not_sent")
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.wake()  # the slot was ours: the next in the queue must not miss it
                raise

    def give(self, held: Held, fault: Fault | None, took: float) -> None:
        """Give a key back: say how the call went and how long it took, in seconds."""
        rest = held.pool.give(held.lease, time.monotonic(), fault, took)
        if rest is not None and fault is not None and fault.kind in GONE:
            lasts = f"{rest / 60:.0f} min" if rest >= 120 else f"{rest:.0f} s"
            log.warning("%s rests for %s: %s", held.lease.name, lasts, fault.kind)
        self.wake()

    def drop(self, held: Held) -> None:
        """Give a key back of which nothing was learnt."""
        held.pool.drop(held.lease)
        self.wake()

    def wake(self) -> None:
        """Let the next in the queue try: a slot has come free, or the pool has changed."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def renew(self, pool: Pool) -> None:
        """Go on with another pool, which takes over what is known of the keys that stay."""
        pool.carry(self.pool)
        self.pool = pool
        for _ in range(len(self._waiting)):
            self.wake()

    def secret(self, mark: str) -> str | None:
        """The key of that mark; None when it is not in the pool any more."""
        return next((secret for secret in self.pool.facts.secrets if mark_of(secret) == mark), None)

    @property
    def left(self) -> bool:
        """Whether a key could be taken now, or as soon as a slot is given back."""
        wait = self.pool.soonest(time.monotonic())
        return wait is None or wait <= 0


def mark_of(secret: str) -> str:
    """What is written down of a key so that it is found again, and that nobody can read the key from."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]
