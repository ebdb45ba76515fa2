"""A vendor's answer on its way in: its head, and its body as a bounded queue between the socket and the reader."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Self

from ..faults import Fault, Stage
from ..types import PIECE
from .coding import KNOWN, Inflater
from .turns import MUCH, Turns

log = logging.getLogger("koci_proxy.upstream")

HIGH = 131_072
"""Bytes of a body that wait for the reader before the socket is told to stop."""

SMALL = 65_536
"""A piece of this length is worth handing on alone; shorter ones are joined."""

Take = Callable[[bytes], object]


class Answer:
    """`status`, `headers` (lower-case names, repeated ones joined by ", ") and a body that is read once.

    A body that came in a known content coding is undone here, and its `content-encoding` and `content-length` are gone.
    Use it as a context manager: what was not read to its end when it closes costs the connection.
    """

    __slots__ = (
        "_clock",
        "_coding",
        "_done",
        "_fault",
        "_held",
        "_paused",
        "_pieces",
        "_silence",
        "_since",
        "_take",
        "_taken",
        "_timer",
        "_transport",
        "_turns",
        "_wake",
        "_where",
        "eager",
        "headers",
        "status",
    )

    def __init__(
        self, clock: asyncio.AbstractEventLoop, transport: asyncio.Transport, where: str, silence: float, turns: Turns
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._clock = clock
        self._transport: asyncio.Transport | None = transport
        self._where = where
        self._turns = turns
        self._silence = silence
        self._since = clock.time()
        self._timer: asyncio.TimerHandle | None = clock.call_later(silence, self._tick)
        self._wake: asyncio.Future[None] | None = None
        self._pieces: list[bytes] = []
        self._held = 0
        self._paused = False
        self._done = False
        self._fault: BaseException | None = None
        self._take: Take | None = None
        self._taken = 0
        self.eager = False  # has its turn to read much at once, until something has come
        self._coding: str | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, in pieces of at most 256 KiB; left early, the connection is closed."""
        try:
            if self._coding is None:
                while piece := self._next() or await self._coming():
                    yield piece
                return
            inflater = Inflater(self._coding)
            while piece := self._next() or await self._coming():
                for grown in self._inflated(inflater, piece):
                    yield grown
            if not inflater.whole:
                raise self._failed("down", "the vendor's answer was cut off", "accepted")
        finally:
            await self.close()

    async def pour(self, take: Take) -> None:
        """The body to `take` in the very step in which each piece comes off the socket, while it is in the CPU's cache.

        What `take` raises is raised here, and costs the connection.
        """
        try:
            if self._coding is not None:
                async for piece in self.pieces():
                    take(piece)
                return
            while piece := self._next():
                take(piece)
            self._take, self._since = take, self._clock.time()
            while not self._done:
                await self.turn()
            self.check()
        finally:
            self._take = None
            await self.close()

    async def read(self, limit: int) -> bytes:
        """The whole body; raises `garbled` when it is longer than `limit` bytes."""
        if self._done and self._coding is None and self._held <= limit:  # a small answer that has come already
            return self._all()
        found: list[bytes] = []
        size = 0
        async for piece in self.pieces():
            size += len(piece)
            if size > limit:
                await self.close()
                raise self._failed("garbled", f"the vendor's answer is longer than {limit} bytes", "accepted")
            found.append(piece)
        return b"".join(found)

    async def close(self) -> None:
        """Ends the reading; an answer that has not come whole takes its connection with it."""
        self.drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What the connection tells: each wakes whoever waits.

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.status, self.headers = status, headers
        coding = headers.get("content-encoding", "").strip().lower()
        if coding in KNOWN:
            self._coding = coding
            del headers["content-encoding"]
            headers.pop("content-length", None)
        self.wake()

    def take(self, piece: bytes) -> None:
        if self._take is not None:
            self._pour(self._take, piece)
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held >= HIGH and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self.wake()

    def _pour(self, take: Take, piece: bytes) -> None:
        self._since = self._clock.time()
        try:
            take(piece)
        except BaseException as error:
            self.fail(error)
            raise
        self._taken += len(piece)
        if self._taken >= MUCH and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
            self._turns.wait(self._go_on)

    def end(self) -> None:
        """The body came whole: the connection belongs to the next request."""
        self._done = True
        self._resume()
        self._transport = None
        self._stop_clock()
        self.wake()

    def fail(self, fault: BaseException) -> None:
        """The body will not come whole; the connection is closed."""
        if self._done:
            return
        self._done, self._fault = True, fault
        transport, self._transport = self._transport, None
        self._stop_clock()
        if transport is not None:
            transport.abort()
        self.wake()

    def drop(self) -> None:
        """Nobody wants it any more."""
        self._pieces.clear()
        self._held = 0
        if not self._done:
            self.fail(Fault("down", "the answer was closed before it came whole", stage="accepted"))

    @property
    def done(self) -> bool:
        """Whether it came whole, or never will."""
        return self._done

    def wake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def turn(self) -> None:
        """Waits until something happens to this answer, then raises what went wrong, if it did."""
        self._wake = self._clock.create_future()
        try:
            await self._wake
        finally:
            self._wake = None
        self.check()

    def check(self) -> None:
        if self._fault is not None:
            raise self._fault

    def must_be_plain(self) -> None:
        """Raises `garbled` for a coding of the body that nobody knows, as nobody asked for one."""
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", ""):
            log.warning("%s: unknown content coding %r", self._where, coding)
            message = "the vendor's answer is compressed in a way that was not asked for"
            raise Fault("garbled", message, stage="accepted")

    # The reader's side.

    def _next(self) -> bytes:
        """What has come, small pieces joined; empty when nothing is here."""
        if not self._pieces:
            return b""
        pieces, count, size = self._pieces, 1, len(self._pieces[0])
        if size < SMALL:
            while count < len(pieces) and size + len(pieces[count]) <= PIECE:
                size += len(pieces[count])
                count += 1
        piece = pieces[0] if count == 1 else b"".join(pieces[:count])
        del pieces[:count]
        self._held -= len(piece)
        if self._held < HIGH:
            self._resume()
        return piece

    async def _coming(self) -> bytes:
        """The next piece, however long it takes; empty at the end of the body."""
        self._since = self._clock.time()  # silence counts from the moment somebody listens
        while not self._pieces:
            if self._done:
                self.check()
                return b""
            await self.turn()
        return self._next()

    def _all(self) -> bytes:
        self.check()
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        return body

    def _inflated(self, inflater: Inflater, piece: bytes) -> Iterator[bytes]:
        try:
            yield from inflater.feed(piece)
        except zlib.error:
            raise self._failed("garbled", "the vendor's answer is wrongly compressed", "accepted") from None

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _go_on(self) -> None:
        self.eager, self._taken, self._since = True, 0, self._clock.time()
        self._resume()

    # The clock.

    def _tick(self) -> None:
        now = self._clock.time()
        listens = self._wake is not None and not (self._paused and self._take is not None)  # nor waits for its turn
        due = self._since + self._silence if listens else now + self._silence
        if due - now > 0.001:
            self._timer = self._clock.call_later(due - now, self._tick)
        elif self.status:
            self.fail(self._failed("slow", f"the vendor fell silent for {self._silence:g} s", "accepted"))
        else:
            self.fail(self._failed("slow", f"the vendor did not answer within {self._silence:g} s", "sent"))

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _failed(self, kind: str, message: str, stage: Stage) -> Fault:
        log.warning("%s: %s", self._where, message)
        return Fault(kind, message, stage=stage)
