"""One house's limits, wherever they are counted."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..faults import Fault
from .rules import Rule, Standing, Taken
from .stores import Memory, Shared, Store, connect, silence

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

# How long Redis is left alone after it did not answer, in seconds.
AGAIN = 5.0

End = TypeVar("End")
Undo = Callable[[Store], Coroutine[Any, Any, None]]


class Pace:
    """Counts calls against limits; all that say the same `url` count together, each process by itself without one."""

    def __init__(self, url: str | None = None) -> None:
        """`url` is redis://, rediss://, unix:// or valkey://, or None."""
        self._url = url
        self._memory = Memory()
        self._redis: Redis | None = None
        self._shared: Shared | None = None
        self._silent_until: float | None = None
        self._loose: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Get ready; `Fault` internal for a URL that is none. Whether Redis answers is no matter."""
        if self._url is None:
            return
        self._redis = connect(self._url)
        self._shared = Shared(self._redis)
        await self._somewhere(_ping)

    async def close(self) -> None:
        """Let go of the slots that are about to be left, and of Redis."""
        while self._loose:
            await asyncio.wait(self._loose)
        if self._redis is not None:
            await self._redis.aclose(close_connection_pool=True)
        self._redis = self._shared = None

    async def take(self, rules: Sequence[Rule]) -> Taken:
        """Take what a call costs of each rule, or, where one of them refuses, of none.

        All are looked at before anything is taken. Of calls that come at the same moment one may be refused by a rule
        after it took of another: that is given back, and a third that came in between may have been refused for it. No
        rule ever gives more than its amount.
        """
        costly = [rule for rule in rules if rule.cost > 0]
        for rule in costly:
            if rule.cost > rule.amount:
                return Taken(False, rule=rule)
        _, taken = await self._somewhere(lambda store: _take(store, costly))
        return taken

    async def counted(self, call_id: str, seconds: float) -> bool:
        """True the first time that a call is seen in that time, False when it comes again: it is not to be counted."""
        return (await self._somewhere(lambda store: store.count(call_id, seconds)))[1]

    async def forget(self, call_id: str) -> None:
        """See a call as new when it comes again: for one that was refused and not counted."""
        await self._somewhere(lambda store: store.forget(call_id))

    @asynccontextmanager
    async def slot(
        self, key: str, limit: int, ttl: float = 30.0, name: str = "calls at once of a key"
    ) -> AsyncIterator[None]:
        """One of `limit` places under `key` for as long as the block runs; `Fault` too_fast where all are taken.

        A holder that dies keeps its place for `ttl` seconds; one that lives keeps it however long it takes.
        """
        token = secrets.token_hex(8)
        store = await self._enter(key, token, limit, ttl, name)
        if store is self._memory:
            try:
                yield
            finally:
                await store.leave(key, token)
            return
        renewing = asyncio.create_task(self._renew(store, key, token, ttl))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.shield(self._begun(self._spared(store.leave(key, token))))

    async def _enter(self, key: str, token: str, limit: int, ttl: float, name: str) -> Store:
        def leaving(store: Store) -> Coroutine[Any, Any, None]:
            return store.leave(key, token)

        store, entered = await self._somewhere(lambda store: store.enter(key, token, limit, ttl), leaving)
        if not entered:
            raise Fault("too_fast", f"{limit} {name} is the limit", retry_after=1.0)
        return store

    async def _renew(self, store: Store, key: str, token: str, ttl: float) -> None:
        while True:
            await asyncio.sleep(ttl / 3)
            await self._spared(store.renew(key, token, ttl))

    async def _spared(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that can be left undone: a slot that is not renewed or left is free again after a while."""
        try:
            await work
        except silence() as error:
            self._fallen_silent(error)

    async def _somewhere(
        self, work: Callable[[Store], Coroutine[Any, Any, End]], undo: Undo | None = None
    ) -> tuple[Store, End]:
        """Do work in Redis where there is one that answers, else in memory; and where it was done.

        What was begun in Redis is finished, whoever asked for it is told to stop; then it is undone.
        """
        shared = self._answering()
        if shared is not None:
            task = self._begun(work(shared))
            try:
                done = await asyncio.shield(task)
            except asyncio.CancelledError:
                if undo is not None:
                    self._begun(self._undone(task, undo(shared)))
                raise
            except silence() as error:
                self._fallen_silent(error)
            else:
                self._spoke()
                return shared, done
        return self._memory, await work(self._memory)

    def _begun(self, work: Coroutine[Any, Any, End]) -> asyncio.Task[End]:
        task = asyncio.create_task(work)
        self._loose.add(task)
        task.add_done_callback(self._loose.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _undone(self, task: asyncio.Task[Any], undoing: Coroutine[Any, Any, None]) -> None:
        await asyncio.wait([task])
        await self._spared(undoing)

    def _answering(self) -> Shared | None:
        """Redis, unless it did not answer just now; one call at a time tries it again."""
        if self._shared is None or self._silent_until is None:
            return self._shared
        if time.monotonic() < self._silent_until:
            return None
        self._silent_until = time.monotonic() + AGAIN
        return self._shared

    def _fallen_silent(self, error: Exception) -> None:
        if self._silent_until is None:
            log.warning("Redis does not answer; limits hold in each process by itself until it does: %s", error)
        self._silent_until = time.monotonic() + AGAIN

    def _spoke(self) -> None:
        if self._silent_until is not None:
            log.warning("Redis answers again; limits hold over all processes")
        self._silent_until = None


async def _take(store: Store, rules: Sequence[Rule]) -> Taken:
    looks = await asyncio.gather(*(store.look(rule) for rule in rules))
    refusing = [rule for rule, (_, count) in zip(rules, looks, strict=True) if count + rule.cost > rule.amount]
    if not refusing:
        refusing = await _acquire(store, rules)
    now, ok = time.time(), not refusing
    standings = tuple(_standing(rule, *look, now, ok) for rule, look in zip(rules, looks, strict=True))
    if ok:
        return Taken(True, standings)
    waits = await asyncio.gather(*(store.taken_at(rule, rule.amount - rule.cost) for rule in refusing))
    back = [max((at or 0.0) + rule.per_seconds - now, 0.0) for rule, at in zip(refusing, waits, strict=True)]
    return Taken(False, standings, refusing[back.index(max(back))], max(back))


async def _acquire(store: Store, rules: Sequence[Rule]) -> list[Rule]:
    """Take of each rule; the one that refuses, by which time nothing is taken of the others any more."""
    for at, rule in enumerate(rules):
        if not await store.acquire(rule):
            await asyncio.gather(*(store.give_back(other) for other in rules[:at]))
            return [rule]
    return []


def _standing(rule: Rule, since: float, count: int, now: float, ok: bool) -> Standing:
    if ok:
        count += rule.cost
    reset = max(since + rule.per_seconds - now, 0.0) if count else 0.0
    return Standing(rule, max(rule.amount - count, 0), reset)


async def _ping(store: Store) -> None:
    await store.forget("")
