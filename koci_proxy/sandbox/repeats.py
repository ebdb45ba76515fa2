"""Calls that are sent again: for an idempotency key the answer that was made first, without new work."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace

from .nouns import Answer

MOST = 5_000  # answers
MOST_BYTES = 256 * 1024 * 1024


class Repeats:
    """Remembers good answers by name. A call that comes while the first of its name is at work waits for it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Answer] = OrderedDict()
        self._at_work: dict[Hashable, asyncio.Event] = {}
        self._bytes = 0

    async def once(self, name: Hashable, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of that name. What `make` raises or refuses is not remembered: the next call works anew."""
        while name in self._at_work:
            await self._at_work[name].wait()
        if name in self._kept:
            first = self._kept[name]
            return replace(first, headers=(*first.headers, ("idempotent-replayed", "true")))
        done = self._at_work[name] = asyncio.Event()
        try:
            answer = await make()
        finally:
            del self._at_work[name]
            done.set()
        if answer.status < 300:
            self._keep(name, answer)
        return answer

    def _keep(self, name: Hashable, answer: Answer) -> None:
        self._kept[name] = answer
        self._bytes += answer.size
        while len(self._kept) > MOST or (self._bytes > MOST_BYTES and len(self._kept) > 1):
            self._bytes -= self._kept.popitem(last=False)[1].size
