"""One connection to a vendor: a request written, its answer parsed, and what became of either."""

from __future__ import annotations

import asyncio
import select
import socket
import sys
from collections.abc import Callable, Iterator
from typing import cast

import httptools

from ..faults import Fault
from .answer import Answer, log
from .turns import STEP, Turns

MAX_HEAD = 65_536
"""Bytes of an answer's head (1xx answers before it and trailers after it included)."""

_BREATH = 1_048_576
"""Bytes written after which the others get a turn, even when the vendor takes all we give."""


class Connection(asyncio.BufferedProtocol):
    """A socket that carries one request at a time.

    `freed` is called when the answer came whole and the connection can carry another request, `gone` when the socket is
    closed: exactly one of them ends each request, `gone` comes once in a life.
    """

    __slots__ = (
        "_answer",
        "_bodiless",
        "_buffer",
        "_dry",
        "_ended",
        "_freed",
        "_full",
        "_gone",
        "_head_size",
        "_headers",
        "_keep",
        "_loop",
        "_open_end",
        "_parser",
        "_readable",
        "_transport",
        "_turns",
        "_uploaded",
        "idle_since",
        "lost",
        "where",
    )

    def __init__(
        self,
        where: str,
        freed: Callable[[Connection], None],
        gone: Callable[[Connection], None],
        turns: Turns,
    ) -> None:
        self.where = where
        self._turns = turns
        self.idle_since = 0.0
        self.lost = False
        self._freed = freed
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._answer: Answer | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._full = False
        self._buffer = turns.buffer()
        self._reset(bodiless=False)

    def _reset(self, *, bodiless: bool) -> None:
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._dry = 0
        self._bodiless = bodiless
        self._open_end = False
        self._ended = False
        self._keep = False
        self._uploaded = False

    # The request.

    @property
    def fresh(self) -> bool:
        """Whether a request may be begun: the socket is open and silent. To be asked in the very step that writes."""
        return not (self.lost or self._transport.is_closing() or self._readable(0))

    def begin(self, head: bytes, *, bodiless: bool, silence: float) -> Answer:
        """Writes the head, with as much body as is at hand, and gives the answer that will come."""
        if self.lost or self._transport.is_closing():
            log.warning("%s: the connection was closed before the request was sent", self.where)
            raise Fault("down", "the connection to the vendor was closed before the request was sent", stage="not_sent")
        self._reset(bodiless=bodiless)
        self._answer = Answer(self._loop, self._transport, self.where, silence, self._turns)
        self._transport.write(head)
        return self._answer

    async def upload(self, answer: Answer, pieces: Iterator[bytes], chunked: bool) -> bool:
        """Writes the rest of the body no faster than the vendor takes it; False when the answer came before its end."""
        since = 0
        for piece in pieces:
            while self._full and not answer.status:
                await answer.turn()
            if since > _BREATH:
                since = 0
                await asyncio.sleep(0)
            answer.check()
            if answer.status:
                return False
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            since += len(piece)
        if chunked:
            self._transport.write(b"0\r\n\r\n")
        return True

    def uploaded(self) -> None:
        """The request was written to its end: from here on the connection may be kept."""
        self._uploaded = True

    def abort(self) -> None:
        """Closes the socket at once."""
        if not self.lost:
            self._transport.abort()

    # The socket's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # the fast loop's transports do not inherit from it
        sock = transport.get_extra_info("socket")
        self._readable = _look(sock.fileno())
        # A vendor draws for minutes without a word; gateways in between forget a connection that is silent that long.
        with sock.dup() as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_KEEPIDLE"):
                twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 45)
                twin.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        answer = self._answer
        if answer is None:
            pass
        elif self._open_end and exc is None:  # a body without a length ends with the connection
            self._answer = None
            answer.end()
        elif answer.status:
            self._fail("down", "the vendor closed the connection in the middle of its answer", exc)
        else:
            self._fail("down", "the vendor closed the connection before it answered", exc)
        self._gone(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._answer is not None:
            self._answer.wake()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer if self._answer is not None and self._answer.eager else self._buffer[:STEP]

    def buffer_updated(self, nbytes: int) -> None:
        if self._answer is not None:
            self._answer.eager = False
        self._received(self._buffer[:nbytes])

    def _received(self, data: memoryview) -> None:
        if self._answer is None:
            self._transport.abort()  # nobody asked: what is said now would be taken for the next answer
            return
        try:
            for at in range(0, len(data), STEP):
                step = data[at : at + STEP]
                self._dry += len(step)
                self._parser.feed_data(step)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._ended:
                self._fail("garbled", "the vendor's answer is not HTTP", error)
                return
            self._keep = False
        if self._ended:
            self._finish()
        elif self._dry > MAX_HEAD:
            self._fail("garbled", "the head of the vendor's answer is too long")

    # The parser's side.

    def on_message_begin(self) -> None:
        if self._ended:
            raise ValueError("an answer to no request")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value) + 4
        if self._head_size > MAX_HEAD:
            raise ValueError("too long")
        if self._answer is None or self._answer.status:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        headers = self._headers
        if status < 200:
            return
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.strip().lower() != "chunked":
            raise ValueError("a transfer coding that was not asked for")
        self._open_end = coding is None and "content-length" not in headers and status not in (204, 304)
        assert self._answer is not None
        self._answer.begin(status, headers)
        if self._bodiless:
            self._ended, self._keep = True, False

    def on_body(self, piece: bytes) -> None:
        self._dry = 0
        if self._answer is not None and not self._ended:
            self._answer.take(piece)

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.status:  # 1xx: the answer proper is still to come
            self._headers = {}
            return
        if not self._ended:
            self._ended, self._keep = True, self._parser.should_keep_alive()

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        assert answer is not None
        keep = self._keep and self._uploaded and not self._transport.get_write_buffer_size()
        answer.end()
        if keep:
            self._freed(self)
        else:
            self._transport.abort()

    def _fail(self, kind: str, message: str, cause: Exception | None = None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done:
            log.warning("%s: %s%s", self.where, message, f" ({cause})" if cause else "")
            answer.fail(Fault(kind, message, stage="accepted" if answer.status else "sent"))


def _look(fd: int) -> Callable[[int], object]:
    """A look whether a socket has something to say (its end, most often) that the loop has not come to yet."""
    if sys.platform == "win32":
        return lambda seconds: select.select([fd], [], [], seconds)[0]
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return poll.poll
