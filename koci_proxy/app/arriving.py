"""The server's protocol, with what an app sends read into one buffer and handed on in pieces as it came."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..upstream.turns import STEP, Turns, shared
from .intake import Message

_HIGH = 3 * STEP
"""Bytes of a body that wait for their reader before the socket is told to stop."""


class Arriving(asyncio.BufferedProtocol):
    """One connection of an app. Made as uvicorn makes its own protocols, and one of those does the work."""

    def __init__(self, turns: Turns, **given: Any) -> None:
        self._http = _Http(**given)
        self._turns = turns
        # Read and parsed in one step, so that all can share one buffer; where the system fills it later, they can't.
        self._buffer = memoryview(bytearray(STEP)) if sys.platform == "win32" else shared

    def get_buffer(self, sizehint: int) -> memoryview:
        """Much is taken at once only by those whose turn it is, for until its reader comes by it is held in memory."""
        return self._buffer if self._flow.turn else self._buffer[:STEP]

    def buffer_updated(self, nbytes: int) -> None:
        self._flow.turn = False
        for at in range(0, nbytes, STEP):
            if self._transport.is_closing():
                return
            # Its parser takes any buffer.
            self._http.data_received(cast(bytes, self._buffer[at : min(at + STEP, nbytes)]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._http.connection_made(self._transport)
        self._flow = self._http.flow = _Flow(self._transport, self._turns)

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()


class _Flow(FlowControl):
    """Goes on to read a body when its turn comes: `turn` is true from then until something has come."""

    def __init__(self, transport: asyncio.Transport, turns: Turns) -> None:
        super().__init__(transport)
        self.turn = False
        self._turns = turns
        self._waits = False

    def resume_reading(self) -> None:
        if self.read_paused and not self._waits:
            self._waits = True
            self._turns.wait(self._go_on)

    def _go_on(self) -> None:
        self._waits, self.turn = False, True
        super().resume_reading()


class _Http(HttpToolsProtocol):
    """uvicorn's own would string a body's pieces together, and copy them once more to hand them on."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._body = _Body(self.cycle)
        self.cycle.receive = self._body.receive  # type: ignore[assignment,method-assign]

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            return
        if self._body.take(body) > _HIGH:
            self.flow.pause_reading()
        self.cycle.message_event.set()


class _Body:
    """The body of one request, from the parser to whoever reads it."""

    __slots__ = ("_cycle", "_held", "_next", "_pieces")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._next = cycle.receive
        self._pieces: deque[bytes] | None = None  # which is larger than most bodies
        self._held = 0

    def take(self, piece: bytes) -> int:
        """Keeps a piece for the reader; how many bytes wait now."""
        if self._pieces is None:
            self._pieces = deque()
        self._pieces.append(piece)
        self._held += len(piece)
        return self._held

    async def receive(self) -> Message:
        if not self._pieces:
            message = cast(Message, await self._next())
            if not self._pieces or message["type"] != "http.request":
                return message
        piece = self._pieces.popleft()
        self._held -= len(piece)
        return {"type": "http.request", "body": piece, "more_body": self._cycle.more_body or bool(self._pieces)}
