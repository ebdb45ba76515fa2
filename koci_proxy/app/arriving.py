"""The server's protocol, with what an app sends read into one buffer and handed on in pieces as it came."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..upstream.turns import STEP, Turns
from .intake import Message

_HIGH = 3 * STEP
"""Bytes of a body that wait for their reader before the socket is told to stop."""

_BEHIND = 64
"""Requests that may wait behind one that is not answered. Each takes hundreds of times the memory of its bytes."""

HEAD = 65_536
"""Bytes that the URL and the headers of a request may have together, its trailers among them."""

HEAD_SECONDS = 30.0
"""Seconds in which a head must have come whole, from the opening of the connection or from its own first byte on."""

SILENCE = 60.0
"""Seconds between two pieces of a body that can be taken in."""

OFTEN = 1.0
"""Seconds between two looks whose time is up."""

LINGER = 5.0
"""Seconds in which whoever was refused may go on sending. A socket closed over unread bytes is reset, and the app would
see that in place of the answer."""


class Watch:
    """Looks whose time is up, among all connections: a timer for each would be a kilobyte of each."""

    def __init__(self) -> None:
        self._connections: set[_Http] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, connection: _Http) -> None:
        self._connections.add(connection)
        if self._timer is None:
            self._wait(connection.loop)

    def drop(self, connection: _Http) -> None:
        self._connections.discard(connection)

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(OFTEN, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        try:
            for connection in tuple(self._connections):
                connection.look()
        finally:
            if self._connections:
                self._wait(loop)


class Arriving(asyncio.BufferedProtocol):
    """One connection of an app. Made as uvicorn makes its own protocols, and one of those does the work."""

    __slots__ = ("_buffer", "_flow", "_http", "_transport", "_turns")

    def __init__(self, turns: Turns, watch: Watch, **given: Any) -> None:
        self._http = _Http(watch, **given)
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
        self._flow = self._http.flow = _Flow(self._transport, self._turns, self._http.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()


class _Flow(FlowControl):
    """Goes on to read a body when its turn comes. `since` is when the other side was last asked for more."""

    def __init__(self, transport: asyncio.Transport, turns: Turns, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(transport)
        self._clock = loop.time
        self.since = self._clock()
        self._is_writable_event = _Bell(rung=True)  # type: ignore[assignment]
        self.eager = False  # has its turn to read much at once, until something has come
        self._turns = turns
        self._waits = False

    def resume_reading(self) -> None:
        self.since = self._clock()
        if self.read_paused and not self._waits:
            self._waits = True
            self._turns.wait(self._go_on)

    def _go_on(self) -> None:
        self._waits, self.eager = False, True
        super().resume_reading()


class _Parser(httptools.HttpRequestParser):
    """Reads on where another protocol was offered. Alone it would take the offer for the end of HTTP and the body for
    what is said in the other protocol."""

    __slots__ = ("_decline",)

    def __init__(self, protocol: _Http) -> None:
        super().__init__(protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self._decline = protocol.decline

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(memoryview(data)[offer.args[0] :])


class _Http(HttpToolsProtocol):
    """uvicorn's own would string a body's pieces together, and copy them once more to hand them on; and it would wait
    for ever for the end of a head, of any length.

    Calls wait by the thousand, and each of its queues and events takes 600 bytes while there is nothing in it.
    """

    # Beyond thirty names an object's attributes take two kilobytes; uvicorn's own are twenty-eight.
    __slots__ = (
        "_body",
        "_deaf",
        "_declines",
        "_keeps",
        "_linger",
        "_loose",
        "_open",
        "_running",
        "_stuck",
        "_unsent",
        "_watch",
    )
    flow: _Flow

    def __init__(self, watch: Watch, **given: Any) -> None:
        super().__init__(**given)
        self._watch = watch
        self.parser = _Parser(self)
        self.pipeline = _Line()  # type: ignore[assignment]
        self.url, self.headers = b"", []
        self._loose = 0  # bytes since the piece in which a head or a body got on
        self._open = False  # a body is coming
        self._deaf = False  # was refused
        self._declines = False  # another protocol was offered in this head
        self._keeps = False  # the connection may be kept once the body has come that its app waits to be asked for
        self._linger: asyncio.TimerHandle | None = None
        self._running: RequestResponseCycle | None = None
        self._unsent, self._stuck = 0, 0.0  # bytes that wait to be sent, and since when none of them was taken

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.drop(self)
        if self._linger is not None:
            self._linger.cancel()
        super().connection_lost(exc)
        if self._running is not None:  # uvicorn tells only the newest of those that came behind one another
            self._running.disconnected = True
            self._running.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self.timeout_keep_alive_task is not None:  # it ends with this first byte of a head, and we take over
            self.flow.since = self.loop.time()
        self._loose += len(data)
        super().data_received(data)
        if self._loose > HEAD:
            self._weigh()

    def on_headers_complete(self) -> None:
        if self._loose > HEAD:
            self._weigh(whole=True)
        if len(self.pipeline) >= _BEHIND:
            self._refuse(429, "too many requests wait behind one another")
        if self._deaf:
            raise ValueError("the parser need not go on")
        self._declines = self.parser.should_upgrade() and any(name == b"upgrade" for name, _ in self.headers)
        if self._declines:
            return
        if self.parser.should_upgrade():
            self._refuse(405, "CONNECT is not taken here")
            raise ValueError("the parser need not go on")
        super().on_headers_complete()
        if self.expect_100_continue:  # who is answered without being asked for the body may send none, or all of it
            self._keeps, self.cycle.keep_alive = self.cycle.keep_alive, False
        self._open, self._loose, self.flow.since = True, 0, self.loop.time()
        self.cycle.message_event = _Bell()  # type: ignore[assignment]
        self._body = _Body(self.cycle)
        self.cycle.receive = self._body.receive  # type: ignore[assignment,method-assign]

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        if self.cycle.response_complete:
            return
        if self._body.take(body) > _HIGH:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def decline(self, rest: memoryview) -> None:
        """Read this request again, without the offer: a server need not take it (RFC 9110, 7.8), and Java's client
        makes it with every request over plain HTTP."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        kept = (b": ".join(each) for each in self.headers if each[0] != b"upgrade")
        head = b"\r\n".join([b"%b %b HTTP/%b" % (method, self.url, version), *kept, b"", b""])
        self.parser = _Parser(self)
        self.parser.feed_data(head)
        self.parser.feed_data(rest)

    def on_message_complete(self) -> None:
        if self._declines:
            return
        self._open, self._loose = False, 0
        if self.expect_100_continue and not self.cycle.response_started:
            self.cycle.keep_alive = self._keeps
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.cycle.response_complete:  # else it is an earlier one that was answered
            self._body.forget()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def _weigh(self, *, whole: bool = False) -> None:
        """Refuse a head that is too long. The parser keeps a line to itself until it has come whole: until the head
        has, more than a piece beyond the bound is too long, whatever is known of it.
        """
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) > HEAD:
            self._refuse(414, f"the URL is longer than {HEAD >> 10} KB, the limit here")
        elif size > HEAD or (not whole and self._loose > HEAD + STEP):
            self._refuse(431, f"the head of the request is larger than {HEAD >> 10} KB, the limit here")

    def look(self) -> None:
        """Close where the other side has been silent for too long, or has taken nothing of what it asked for."""
        now, unsent = self.loop.time(), self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._stuck = unsent, now
        elif now >= self._stuck + SILENCE:
            self.transport.abort()
            return
        limit = SILENCE if self._open else HEAD_SECONDS
        if self._deaf or not self._waits() or now < self.flow.since + limit:
            return
        if self._open or self._loose:
            self._refuse(408, f"no more of the request came within {limit:g} s")
        else:  # opened, and never used
            self.transport.close()

    def _waits(self) -> bool:
        """Whether it is the other side's turn, and no clock of uvicorn's runs against it."""
        if self._open:
            return not (self.flow.read_paused or self.cycle.waiting_for_100_continue)
        return self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete)

    def _refuse(self, status: int, message: str) -> None:
        """Answer with what is wrong, and close. Nothing that comes from here on is read."""
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        if self._mute():
            self.transport.close()
            return
        if self.cycle is not None:  # else its app could answer too
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        headers = [*self.server_state.default_headers, (b"content-type", b"text/plain; charset=utf-8")]
        headers += [(b"content-length", b"%d" % len(message)), (b"connection", b"close")]
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(), *(b": ".join(each) for each in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", message.encode()]))
        self.transport.write_eof()
        self._linger = self.loop.call_later(LINGER, self.transport.close)

    def _mute(self) -> bool:
        """Whether words of ours would be taken for a part of another answer, or for a second one."""
        if self.cycle is None:
            return False
        if self.cycle.response_complete:
            return self._open
        return self.cycle.response_started or bool(self.pipeline)


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
