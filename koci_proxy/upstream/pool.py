"""The connections to one origin: kept alive between requests, bounded in number, given out first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from ..faults import Fault
from .connection import Connection


class Pool:
    """At most `cap` connections, each made by `dial`; one that is idle for `idle` seconds is closed."""

    def __init__(self, cap: int, idle: float, dial: Callable[[Pool], Awaitable[Connection]]) -> None:
        self._cap = cap
        self._idle = idle
        self._dial = dial
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Connection] = deque()  # the longest idle first
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._open: set[Connection] = set()
        self._slots = 0  # open connections, and those being dialled
        self._closed: asyncio.Future[None] | None = None  # done when the last connection is gone

    def at_hand(self) -> Connection | None:
        """The connection used last, if it is still good: the others grow old and are closed."""
        while self._ready:
            connection = self._ready.pop()
            if connection.fresh:
                return connection
            connection.abort()
        return None

    async def take(self) -> Connection:
        """A connection that is good now; waits for its turn when all are busy."""
        again = False
        while True:
            if (connection := self.at_hand()) is not None:
                return connection
            if self._slots < self._cap:
                self._slots += 1
                return await self._dialled()
            connection = await self._turn(again)
            if connection is None:  # a slot, not a connection
                return await self._dialled()
            if connection.fresh:
                return connection
            connection.abort()
            again = True

    def freed(self, connection: Connection) -> None:
        """A connection can carry the next request."""
        if (waiter := self._next_waiter()) is not None:
            waiter.set_result(connection)
            return
        connection.idle_since = self._loop.time()
        self._ready.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._idle, self._sweep)

    def gone(self, connection: Connection) -> None:
        """A connection was closed: its slot goes to whoever waits longest."""
        if connection in self._open:
            self._open.remove(connection)
            if connection in self._ready:
                self._ready.remove(connection)
            self._free_slot()
            if self._closed is not None and not self._open and not self._closed.done():
                self._closed.set_result(None)

    @property
    def vacant(self) -> bool:
        return not self._slots

    async def close(self) -> None:
        """Closes every connection and waits until the sockets are gone; nobody gets another."""
        self._closed = self._loop.create_future()
        if self._sweeper is not None:
            self._sweeper.cancel()
        while (waiter := self._next_waiter()) is not None:
            waiter.set_exception(_closed())
        for connection in self._open:
            connection.abort()
        if self._open:
            await self._closed

    async def _dialled(self) -> Connection:
        try:
            connection = await self._dial(self)
        except BaseException:
            self._free_slot()
            raise
        if connection.lost:
            self._free_slot()
            return connection
        self._open.add(connection)
        if self._closed is not None:
            connection.abort()
            raise _closed()
        return connection

    async def _turn(self, first: bool) -> Connection | None:
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.appendleft(waiter) if first else self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if (
                waiter.done() and not waiter.cancelled() and waiter.exception() is None
            ):  # it was given something in the very step it was cancelled
                connection = waiter.result()
                if connection is None:
                    self._free_slot()
                elif not connection.lost:
                    self.freed(connection)
            raise

    def _free_slot(self) -> None:
        if (waiter := self._next_waiter()) is not None:
            waiter.set_result(None)
        else:
            self._slots -= 1

    def _next_waiter(self) -> asyncio.Future[Connection | None] | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    def _sweep(self) -> None:
        self._sweeper = None
        old = self._loop.time() - self._idle + 0.001
        while self._ready and self._ready[0].idle_since <= old:
            self._ready.popleft().abort()
        if self._ready:
            due = self._ready[0].idle_since + self._idle - self._loop.time()
            self._sweeper = self._loop.call_later(max(due, 0.01), self._sweep)


def _closed() -> Fault:
    return Fault("down", "the connections are being closed", stage="not_sent")
