"""Answers on their way to the app: a reply in one go or in pieces, and frames of a stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

from .. import address, jsonstream
from ..engine import Served
from ..engine.exchange import write
from ..faults import Fault
from ..fields import said_late
from ..types import Note, Result, Size
from ..wire import Frame, Json, Reply
from ..written import joined

log = logging.getLogger("koci_proxy.jobs")

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Item = TypeVar("Item")

SMALL = 64 * 1024
HEADER_CHARS = 2000


async def reply(send: Send, answer: Reply, headers: Mapping[str, str]) -> int:
    """Send a whole reply; small ones as one piece. Returns how many bytes of body went out."""
    written = write(answer.body)
    length = written.length if written else 0
    every = {**answer.headers, **headers, "content-length": str(length)}
    if written:
        every["content-type"] = written.content_type
    await send({"type": "http.response.start", "status": answer.status, "headers": encode(every)})
    if written is None or length <= SMALL:
        body = b"".join(written.pieces()) if written else b""
        await send({"type": "http.response.body", "body": body})
        return length
    for piece in written.pieces():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    return length


async def reply_and_linger(
    send: Send, answer: Reply, headers: Mapping[str, str], rest: Callable[[], Awaitable[None]]
) -> int:
    """Send a small reply to an app that is still sending, and close only once `rest` has let the app finish.

    A socket closed over unread bytes is reset, and the app would see that in place of the answer.
    """
    written = write(answer.body)
    body = b"".join(written.pieces()) if written else b""
    mime = written.content_type if written else "text/plain"
    every = {**answer.headers, **headers, "content-length": str(len(body)), "content-type": mime, "connection": "close"}
    await send({"type": "http.response.start", "status": answer.status, "headers": encode(every)})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await rest()
    await send({"type": "http.response.body", "body": b""})
    return len(body)


async def begin_json(send: Send, headers: Mapping[str, str]) -> None:
    """The head of a JSON answer whose body is not known yet."""
    every = {"content-type": "application/json", "cache-control": "no-store", **headers}
    await send({"type": "http.response.start", "status": 200, "headers": encode(every)})


def late(answer: Reply, result: Result) -> Reply:
    """The answer to a wish whose head has gone out: what its headers would have said stands in the body, but for what
    the dialect has a field for."""
    if not isinstance(answer.body, Json) or not isinstance(answer.body.value, Mapping):
        return answer
    return replace(answer, body=Json({**said_late(result), **answer.body.value}))


async def end_json(send: Send, answer: Reply) -> int:
    """The body of a JSON answer whose head has gone out. Returns its length in bytes."""
    written = write(answer.body)
    length = 0
    for content in written.pieces() if written else ():
        await piece(send, content)
        length += len(content)
    await send({"type": "http.response.body", "body": b""})
    return length


async def begin_stream(send: Send, headers: Mapping[str, str]) -> None:
    every = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", **headers}
    await send({"type": "http.response.start", "status": 200, "headers": encode(every)})


async def frames(send: Send, sequence: Iterable[Frame]) -> None:
    """Send frames of an event stream; a picture in one goes out in pieces."""
    for frame in sequence:
        head = f"event: {frame.event}\ndata: " if frame.event else "data: "
        for part in joined(chain((head.encode(),), jsonstream.write(frame.data).pieces(), (b"\n\n",))):
            await piece(send, part)


async def piece(send: Send, content: bytes) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": True})


async def end_stream(send: Send, tail: bytes) -> None:
    await send({"type": "http.response.body", "body": tail})


async def with_pauses(source: AsyncIterator[Item], seconds: float) -> AsyncIterator[Item | None]:
    """The items of a source, and None whenever it has been silent for so long."""
    iterator = source.__aiter__()
    while True:
        step = asyncio.ensure_future(anext(iterator, _END))
        try:
            while not (await asyncio.wait({step}, timeout=seconds))[0]:
                yield None
        except BaseException:
            step.cancel()
            raise
        item = step.result()
        if item is _END:
            return
        yield item


_END: Any = object()


def encode(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), plain(value).encode("latin-1")) for name, value in headers.items()]


def plain(text: str) -> str:
    """A header's text as HTTP can carry it: one line of ASCII, cut where it is too long."""
    line = " ".join(text.replace("→", "->").split()).encode("ascii", "backslashreplace").decode("ascii")
    return line if len(line) <= HEADER_CHARS else line[: HEADER_CHARS - 1] + "~"


def keyless(fault: Fault) -> Fault:
    """The same fault, without a key that it quotes: somebody pasted it where none belongs."""
    field = None if fault.field is None else address.keyless(fault.field)
    message = address.keyless(fault.message)
    return fault if (message, field) == (fault.message, fault.field) else fault.changed(message=message, field=field)


def told(served: Served, asked: Size) -> dict[str, str]:
    """The headers that say what became of a wish: its size as asked, sent and got, and every note."""
    result = served.result
    got = {f"{media.width}x{media.height}" for media in result.media if media.pixels}
    size = served.job.size
    sent = f"{size.width}x{size.height}" if size.pixels and served.target.card.size.wire == "pixels" else str(size)
    headers = {"x-koci-size": f"asked={asked}; sent={sent}; got={','.join(sorted(got)) or 'unknown'}"}
    return headers | noted(result.notes)


def noted(notes: Iterable[Note]) -> dict[str, str]:
    """The header that holds every note, none where there is none."""
    told = "; ".join(str(note) for note in notes)
    return {"x-koci-notes": told} if told else {}


def shown(fault: Fault, id: str) -> Fault:
    """What an app may see of a fault: no key, and of one of this house only its number, by which it is in the log."""
    if fault.kind != "internal" or id in fault.message:
        return keyless(fault)
    log.error("%s: %s", id, fault)
    return internal(id)


def internal(id: str) -> Fault:
    return Fault("internal", f"internal error; its number is {id}")
