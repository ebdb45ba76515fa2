"""Jobs in tasks of their own: a job outlives the connection that asked for it, and anyone may listen to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from .types import Event

End = TypeVar("End")
Tell = Callable[[Event], None]


class Running(Generic[End]):
    """One job under way: the events so far, its end, and a bell that rings at each of them."""

    def __init__(self, work: Callable[[Tell], Awaitable[End]]) -> None:
        self._events: list[Event] = []
        self._bell = asyncio.Event()
        self.task: asyncio.Task[End] = asyncio.ensure_future(self._run(work))

    async def _run(self, work: Callable[[Tell], Awaitable[End]]) -> End:
        try:
            return await work(self._tell)
        finally:
            self._bell.set()

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        self._bell.set()
        self._bell = asyncio.Event()

    @property
    def last(self) -> Event | None:
        """The newest event, None before the first."""
        return self._events[-1] if self._events else None

    async def end(self) -> End:
        """What the job came to, or its `Fault`. A listener that goes away does not end the job."""
        return await asyncio.shield(self.task)

    async def events(self) -> AsyncIterator[Event]:
        """Every event from the first on, whenever one starts to listen; ends when the job does."""
        seen = 0
        while True:
            while seen < len(self._events):
                yield self._events[seen]
                seen += 1
            if self.task.done():
                return
            bell = self._bell
            if seen == len(self._events):
                await bell.wait()


class Jobs:
    """All jobs under way in this process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self, work: Callable[[Tell], Awaitable[End]]) -> Running[End]:
        running = Running(work)
        task: asyncio.Task[object] = running.task
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return running

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        # Whoever listens has the exception from `end`; a job nobody waits for any more must not warn at exit.
        if not task.cancelled():
            task.exception()

    def __len__(self) -> int:
        return len(self._tasks)

    async def close(self, grace: float) -> None:
        """Wait up to `grace` seconds for the jobs under way, then cancel the rest."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
