"""Who reads next: sockets that have much to say take turns, a few of them in each step of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

READ = 1_048_576
"""Bytes taken off a socket at once. In smaller reads, and so in more of them, it costs up to twice as much to take a
large picture: with each the system tells the other side that there is room again, and takes in what it then sends."""

STEP = 65_536
"""Bytes parsed at once: what comes of them is in the CPU's cache when it is worked on, and the C library has memory of
that size at hand, where from 128 KiB on it asks the system for fresh pages."""

MUCH = 262_144
"""Bytes taken straight off one socket before the others get a turn."""

FEW = 4
"""Sockets read in one step of the loop: whoever asks something small waits no longer than for these."""

shared = memoryview(bytearray(READ))
"""What is read is parsed in the same step, so that all sockets can share one buffer."""


class Turns:
    """The queue of one event loop."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: deque[Callable[[], None]] = deque()

    def wait(self, resume: Callable[[], None]) -> None:
        """Have a socket that was told to stop resumed when its turn comes."""
        if not self._queue:
            asyncio.get_running_loop().call_soon(self._next)
        self._queue.append(resume)

    def _next(self) -> None:
        for _ in range(min(FEW, len(self._queue))):
            self._queue.popleft()()
        if self._queue:
            asyncio.get_running_loop().call_soon(self._next)
