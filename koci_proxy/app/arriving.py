"""The server's protocol, with what an app sends read into one buffer and handed on in pieces as it came."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from .intake import Message

_READ = 65_536
"""Bytes taken off a socket at once: longer ones would be memory fresh from the system each time."""

_HIGH = 3 * _READ
"""Bytes of a body that wait for their reader before the socket is told to stop."""

_shared = memoryview(bytearray(_READ))


class Arriving(asyncio.BufferedProtocol):
    """One connection of an app. Made as uvicorn makes its own protocols, and one of those does the work."""

    def __init__(self, **given: Any) -> None:
        self._http = _Http(**given)
        # Read and parsed in one step, so that all can share one buffer; where the system fills it later, they can't.
        self._buffer = memoryview(bytearray(_READ)) if sys.platform == "win32" else _shared

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._http.data_received(cast(bytes, self._buffer[:nbytes]))  # its parser takes any buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._http.connection_made(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()


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
