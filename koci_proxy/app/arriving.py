"""The server's protocol, with what an app sends read into one buffer and handed on in pieces as it came."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..upstream.turns import STEP, Turns
from .intake import Message

_HIGH = 3 * STEP
"""Bytes of a body that wait for their reader before the socket is told to stop."""


class Arriving(asyncio.BufferedProtocol):
    """One connection of an app. Made as uvicorn makes its own protocols, and one of those does the work."""

    __slots__ = ("_buffer", "_flow", "_http", "_transport", "_turns")

    def __init__(self, turns: Turns, **given: Any) -> None:
        self._http = _Http(**given)
        self._turns = turns
        self._buffer = turns.buffer()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer if self._flow.eager else self._buffer[:STEP]

    def buffer_updated(self, nbytes: int) -> None:
        self._flow.eager = False
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
    """Goes on to read a body when its turn comes."""

    def __init__(self, transport: asyncio.Transport, turns: Turns) -> None:
        super().__init__(transport)
        self._is_writable_event = _Bell(rung=True)  # type: ignore[assignment]
        self.eager = False  # has its turn to read much at once, until something has come
        self._turns = turns
        self._waits = False

    def resume_reading(self) -> None:
        if self.read_paused and not self._waits:
            self._waits = True
            self._turns.wait(self._go_on)

    def _go_on(self) -> None:
        self._waits, self.eager = False, True
        super().resume_reading()


class _Http(HttpToolsProtocol):
    """uvicorn's own would string a body's pieces together, and copy them once more to hand them on.

    Calls wait by the thousand, and each of its queues and events takes 600 bytes while there is nothing in it.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.pipeline = _Line()  # type: ignore[assignment]

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.cycle.message_event = _Bell()  # type: ignore[assignment]
        self._body = _Body(self.cycle)
        self.cycle.receive = self._body.receive  # type: ignore[assignment,method-assign]

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            return
        if self._body.take(body) > _HIGH:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        if self.cycle.response_complete:  # else it is an earlier one that was answered
            self._body.forget()
        super().on_response_complete()


class _Body:
    """The body of one request, from the parser to whoever reads it."""

    __slots__ = ("_cycle", "_held", "_next", "_pieces")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._next = cycle.receive
        self._pieces: list[bytes] = []
        self._held = 0

    def take(self, piece: bytes) -> int:
        """Keeps a piece for the reader; how many bytes wait now."""
        self._pieces.append(piece)
        self._held += len(piece)
        return self._held

    def forget(self) -> None:
        """Nobody reads what is left."""
        self._pieces.clear()
        self._held = 0

    async def receive(self) -> Message:
        if not self._pieces:
            message = cast(Message, await self._next())
            if not self._pieces or message["type"] != "http.request":
                return message
        piece = self._pieces.pop(0)
        self._held -= len(piece)
        return {"type": "http.request", "body": piece, "more_body": self._cycle.more_body or bool(self._pieces)}


class _Line(list[Any]):
    """Requests that came before the one ahead of them was answered."""

    __slots__ = ()

    def appendleft(self, one: Any) -> None:
        self.insert(0, one)


class _Bell:
    """What is used of an `asyncio.Event`."""

    __slots__ = ("_rung", "_waiting")

    def __init__(self, *, rung: bool = False) -> None:
        self._rung = rung
        self._waiting: tuple[asyncio.Future[None], ...] = ()

    def set(self) -> None:
        self._rung = True
        waiting, self._waiting = self._waiting, ()
        for each in waiting:
            if not each.done():
                each.set_result(None)

    def clear(self) -> None:
        self._rung = False

    async def wait(self) -> None:
        if not self._rung:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting = (*self._waiting, waiting)
            await waiting
