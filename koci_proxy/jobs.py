"""Jobs in tasks of their own: a job outlives the connection that asked for it, and anyone may listen to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from .faults import Fault
from .types import Partial, Progress, Told

End = TypeVar("End")
Tell = Callable[[Told], None]
# Previews are kept by their index for who listens late, these at most: no app asks for more than three.
KEPT = 16


class Running(Generic[End]):
    """One job under way: the events so far, its end, and a bell that rings at each of them.

    A `parked` job is one that another process can go on with: nobody needs to wait for it before this one is stopped.
    `listeners` is how many wait for it who would end it by hanging up.
    """

    __slots__ = (
        "_answer",
        "_bell",
        "_events",
        "_left",
        "_stopping",
        "_told",
        "_waiters",
        "listeners",
        "parked",
        "task",
    )

    def __init__(self, work: Callable[[Tell], Awaitable[End]], parked: Callable[[], bool] = lambda: False) -> None:
        self._told = 0
        self._events: list[tuple[int, Told]] = []  # each with its number
        self._bell: asyncio.Event | None = None  # most jobs have nobody who listens to what happens on the way
        self._stopping = False
        self._left = False
        self._answer: tuple[End] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self.parked = parked
        self.listeners = 0
        self.task: asyncio.Task[End] = asyncio.ensure_future(work(self._tell))
        self.task.add_done_callback(self._over)

    def _tell(self, event: Told) -> None:
        if isinstance(event, Partial | Progress):
            self._make_room(event)
        self._events.append((self._told, event))
        self._told += 1
        self._ring()

    def _make_room(self, event: Partial | Progress) -> None:
        """A vendor may send what nobody listens to for as long as it likes."""
        passing = [each for each in self._events if isinstance(each[1], Partial | Progress)]
        same = [each for each in passing if _of(each[1]) == _of(event)]
        for old in same or (passing[:1] if len(passing) == KEPT else ()):
            self._events.remove(old)

    def _ring(self) -> None:
        bell, self._bell = self._bell, None
        if bell is not None:
            bell.set()

    async def end(self) -> End:
        """What the job came to, or its `Fault`. A listener that goes away does not end the job.

        `Fault` gone when it was cancelled, down when this process is being stopped and another one goes on with it.
        """
        if not self.task.done() and not self._left and self._answer is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        if self._answer is not None:
            return self._answer[0]
        if self.task.done() and not self.task.cancelled():
            return self.task.result()
        if self._stopping:
            raise Fault("down", "this process is being stopped, and the job goes on: ask again", stage="not_sent")
        raise Fault("gone", "the job was cancelled")

    def _over(self, task: asyncio.Task[End]) -> None:
        self._ring()
        self._wake()

    def _wake(self) -> None:
        """Whoever waits for the end has waited long enough."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def answer(self, end: End) -> None:
        """What it came to, for whoever waits: what is left to do of it is nobody's to wait for."""
        self._answer = (end,)
        self._ring()
        self._wake()

    def let_go(self) -> None:
        """Nobody is to wait for it any more, though what is out is still waited for."""
        self._left = True
        self._ring()
        self._wake()

    def stop(self) -> None:
        """End it here, for another process to go on with."""
        self._stopping = True
        self.task.cancel()

    async def events(self) -> AsyncIterator[Told]:
        """The story from its first event on, whenever one starts to listen; ends when the job does.

        Of each preview, and of progress, only the newest is told to whoever was not there for the earlier ones.
        """
        seen = 0
        while True:
            while seen < self._told:
                seen, event = next((number + 1, event) for number, event in self._events if number >= seen)
                yield event
            if self.task.done() or self._left or self._answer is not None:
                return
            if seen == self._told:
                bell = self._bell = self._bell or asyncio.Event()
                await bell.wait()


def _of(event: Told) -> tuple[type[Told], int | None]:
    """What a newer one takes the place of."""
    return type(event), getattr(event, "index", None)


class Jobs(Generic[End]):
    """All jobs under way in this process, by their ids."""

    def __init__(self) -> None:
        self._running: dict[str, Running[End]] = {}

    def start(
        self, id: str, work: Callable[[Tell], Awaitable[End]], parked: Callable[[], bool] = lambda: False
    ) -> Running[End]:
        running = Running(work, parked)
        self._running[id] = running
        running.task.add_done_callback(partial(self._ended, id))
        return running

    def _ended(self, id: str, task: asyncio.Task[End]) -> None:
        self._running.pop(id, None)
        # Whoever listens has the exception from `end`; a job nobody waits for any more must not warn at exit.
        if not task.cancelled():
            task.exception()

    def find(self, id: str) -> Running[End] | None:
        return self._running.get(id)

    def answer(self, id: str, end: End) -> None:
        """Whoever waits for a job gets what it came to, while that is still to be written down."""
        running = self._running.get(id)
        if running is not None:
            running.answer(end)

    def __len__(self) -> int:
        return len(self._running)

    async def close(self, grace: float) -> list[str]:
        """Wait up to `grace` seconds for the jobs that nobody else can go on with, then stop the rest: their ids."""
        clock = asyncio.get_running_loop().time
        until = clock() + grace
        while waiting := [each.task for each in self._running.values() if not each.parked()]:
            if clock() >= until:
                break
            # A job may be parked while we wait, which is no end: look again now and then.
            await asyncio.wait(waiting, timeout=min(until - clock(), 0.5), return_when=asyncio.FIRST_COMPLETED)
        rest = dict(self._running)
        for running in rest.values():
            running.stop()
        await asyncio.gather(*(each.task for each in rest.values()), return_exceptions=True)
        return list(rest)
