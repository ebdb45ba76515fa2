"""What an app sent, read as it arrives: a body becomes a skeleton with its pictures in the spool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from .. import jsonstream, multipart
from ..faults import Fault
from ..malformed import Malformed
from ..types import Sinks
from ..wire import Form, Json, Raw
from . import urlencoded

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Reader = jsonstream.Reader | multipart.FormReader | urlencoded.FormReader


class HungUp(Exception):
    """The app went away before its request was read."""


async def pieces(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes off the socket; `Fault` too_large as soon as it is more than `limit` bytes."""
    seen = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        piece: bytes = message.get("body", b"")
        seen += len(piece)
        if seen > limit:
            raise too_large(limit)
        if piece:
            yield piece
        if not message.get("more_body"):
            return


async def rest(receive: Receive, limit: int, seconds: float = 5.0) -> None:
    """Let an app that was refused half-way go on sending, for so many bytes and seconds at most."""
    try:
        async with asyncio.timeout(seconds):
            async for _ in pieces(receive, limit):
                pass
    except (TimeoutError, HungUp, Fault):
        return


def too_large(limit: int) -> Fault:
    return Fault(
        "too_large", f"the request body is larger than {limit >> 20} MB, the limit here", code="body_too_large"
    )


async def read(receive: Receive, headers: Mapping[str, str], sinks: Sinks, limit: int) -> Json | Form:
    """The body by its type: JSON, or a form of either spelling. `Fault` for another, and for what does not parse."""
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large(limit)
    if headers.get("content-encoding", "identity") != "identity":
        raise Fault(
            "wrong_type", "compressed request bodies are not taken here: send it as it is", field="content-encoding"
        )
    kind = headers.get("content-type", "")
    mime = kind.partition(";")[0].strip().lower()
    reader: Reader
    try:
        if mime in ("application/json", "") or mime.endswith("+json"):
            reader = jsonstream.Reader(sinks, texts=jsonstream.WORDS)
        elif mime == "multipart/form-data":
            reader = multipart.FormReader(kind, sinks)
        elif mime == urlencoded.MIME:
            reader = urlencoded.FormReader(sinks)
        else:
            raise Fault(
                "wrong_type",
                f"content type {mime!r} is not taken here: send application/json or multipart/form-data",
                field="content-type",
            )
        return await _feed(reader, receive, limit)
    except Malformed as error:
        raise refusal(error, parts=mime == "multipart/form-data") from error


async def read_raw(receive: Receive, headers: Mapping[str, str], sinks: Sinks, limit: int) -> Raw:
    """The body as a file, whatever its type says."""
    sink = sinks()
    try:
        async for piece in pieces(receive, limit):
            sink.write(piece)
        return Raw(sink.finish(), headers.get("content-type", ""))
    except BaseException:
        sink.abort()
        raise


async def _feed(reader: Reader, receive: Receive, limit: int) -> Json | Form:
    try:
        async for piece in pieces(receive, limit):
            reader.feed(piece)
        value = reader.close()
    except BaseException:
        reader.abort()
        raise
    return value if isinstance(value, Form) else Json(value)


def refusal(error: Malformed, *, parts: bool) -> Fault:
    """A body that does not parse, one of `parts` or another, as the app's developer should read it."""
    if error.kind == "too_large":
        return Fault("too_large", f"the request body could not be read: {error}", field=error.field)
    if error.kind == "base64":
        return Fault("bad_request", f"this is not base64: {error}", field=error.field, code="invalid_base64")
    if error.kind == "empty":
        return Fault("bad_request", f"{error.field or 'a part'}: {error}", field=error.field, code="invalid_value")
    field = error.field if parts else None  # where JSON breaks, the last key before it is not at fault
    message = f"the request body could not be read: {error}"
    return Fault("bad_request", message, field=field, code=f"invalid_{error.kind}")
