"""Who reads next: sockets that have much to say take turns, a few of them in each step of the event loop."""

from __future__ import annotations

import asyncio
import mmap
import sys
from collections import deque
from collections.abc import Callable

READ = 1_048_576
"""Bytes taken off a socket when its turn has come. In smaller reads, and so in more of them, a large picture costs up
to twice as much: with each the system tells the other side that there is room again, and takes in what it then sends.
"""

STEP = 65_536
"""Bytes parsed at once, and taken off a socket out of turn: what comes of them is in the CPU's cache when it is worked
on, and the C library has memory of that size at hand, where from 128 KiB on it asks the system for fresh pages."""

MUCH = 65_536
"""Bytes after which a socket has to wait for its next turn."""

FEW = 2
"""Sockets that have a turn in one step of the loop: who asks something small waits for no more than their reads."""


class Turns:
    """The queue of sockets that one event loop reads from, and the buffer that they share."""

    __slots__ = ("_buffer", "_due", "_queue")

    def __init__(self) -> None:
        self._queue: deque[Callable[[], None]] = deque()
        self._due = False
        self._buffer: memoryview | None = None

    def buffer(self) -> memoryview:
        """What is read into it is parsed in the same step, so that all can share it; where the system fills it later,
        as Windows does, they can't.
        """
        if sys.platform == "win32":
            return memoryview(bytearray(STEP))
        if self._buffer is None:
            self._buffer = memoryview(mmap.mmap(-1, READ))  # takes memory as far as it is used
        return self._buffer

    def wait(self, resume: Callable[[], None]) -> None:
        """Have a socket that was told to stop resumed when its turn comes."""
        self._queue.append(resume)
        self._schedule()

    def _schedule(self) -> None:
        if self._queue and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._due = False
        try:
            for _ in range(min(FEW, len(self._queue))):
                self._queue.popleft()()
        finally:  # one that cannot be resumed keeps no other back
            self._schedule()
