"""One exchange with a vendor: a call goes out with a key, a reply comes back with its pictures in the spool."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode, urlsplit

from .. import jsonstream, multipart
from ..blame import judge, retry_after, within_a_day
from ..facts import Provider
from ..faults import Fault
from ..malformed import Malformed
from ..types import Media, Result, Sink, Sinks
from ..upstream import Answer
from ..wire import Body, Call, Form, Frame, Json, Raw, Reply
from ..words import told, unsaid
from ..written import Written
from .frames import FrameReader
from .shell import Shell

# An error page of a vendor is read this far; a picture in JSON has no such bound but the disk.
ERROR_BYTES = 1 << 20
ANSWER_BYTES = 512 << 20
# Each frame of a stream may be as large as an answer, all together as one with three previews of each picture.
STREAM_BYTES = 4 * ANSWER_BYTES
# Types of a body that is a picture or a film as it is; some vendors give a download no type of its own.
FILES = ("image/", "video/", "application/octet-stream", "binary/octet-stream")
# What of a fault, and of a result's extras, may be in a vendor's own words.
SAID = ("message", "field", "code", "vendor", "details")
UNMADE = ("failures", "refused")


@dataclass(frozen=True, slots=True)
class Request:
    """What is about to go out, whole: for the socket, and for `explain`, which masks the key."""

    method: str
    url: str
    headers: dict[str, str]
    written: Written | None


def prepare(call: Call, provider: Provider, secret: str, shell: Shell) -> Request:
    """Put a provider's address, headers and key on a call."""
    url = f"{shell.url(provider.url).rstrip('/')}/{quote(call.path, safe='/:-._~@!$&()*+,;=')}"
    if call.query:
        url += "?" + urlencode(call.query)
    written = write(call.body)
    headers = {"accept": "application/json", **call.headers, **{k.lower(): v for k, v in provider.headers.items()}}
    if written is not None:
        headers["content-type"] = written.content_type
    headers[provider.key_header.lower()] = provider.key_prefix + secret
    return Request(call.method, url, headers, written)


def write(body: Body) -> Written | None:
    """The bytes of a body, to be asked for as often as it is sent."""
    match body:
        case None:
            return None
        case Json(value):
            return jsonstream.write(value)
        case Form():
            return multipart.write(body)
        case Raw(Media() as media, mime):
            if media.data is None:
                raise ValueError("a raw body needs the bytes of its picture")
            return Written(media.data.size, mime, media.data.pieces)
        case Raw(bytes() as content, mime):
            return Written(len(content), mime, lambda: iter((content,)))
        case _:
            raise TypeError(f"no such body: {type(body).__name__}")


async def send(call: Call, provider: Provider, secret: str, shell: Shell, *, again: bool = False) -> Reply:
    """Send a call and read the whole reply. `Fault` down, slow or garbled, with the stage the attempt had reached.

    What can be asked for `again` raises `OSError` where the disk is full; else memory takes what was paid for.
    """
    sinks = shell.spools.sink if again else shell.spools.paid_sink
    async with await _sent(call, provider, secret, shell) as answer:
        return Reply(answer.status, answer.headers, await read(answer, sinks))


async def stream(call: Call, provider: Provider, secret: str, shell: Shell) -> AsyncIterator[Frame | Reply]:
    """Send a call and give the frames of its stream as they come, or the one reply of a vendor that does not stream."""
    async with await _sent(call, provider, secret, shell) as answer:
        if answer.status >= 300 or "text/event-stream" not in answer.headers.get("content-type", ""):
            yield Reply(answer.status, answer.headers, await read(answer, shell.spools.paid_sink))
            return
        reader, size = FrameReader(shell.spools.paid_sink, ANSWER_BYTES), 0
        try:
            async for piece in answer.pieces():
                size += len(piece)
                if size > STREAM_BYTES:
                    raise _flood(STREAM_BYTES)
                for frame in reader.feed(piece):
                    yield frame
            for frame in reader.close():
                yield frame
        except Malformed as error:
            raise Fault("garbled", f"the upstream stream could not be read: {error}", stage="accepted") from error
        finally:
            reader.abort()


def _sent(call: Call, provider: Provider, secret: str, shell: Shell) -> Awaitable[Answer]:
    request = prepare(call, provider, secret, shell)
    written = request.written
    return shell.client.send(
        request.method,
        request.url,
        request.headers,
        written.pieces if written else None,
        length=written.length if written else None,
        timeout=provider.timeout,
    )


async def read(answer: Answer, sinks: Sinks) -> Body:
    """The body of an answer by its content type: JSON to a skeleton, a picture to the spool, the rest as it is."""
    mime = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if mime.startswith(FILES) and answer.status < 400:
        sink = sinks()
        try:
            await answer.pour(_bounded(sink))
            return Raw(sink.finish(), mime)
        except BaseException:
            sink.abort()
            raise
    if mime == "application/json" or mime.endswith("+json"):
        return await _read_json(answer, sinks)
    return Raw(await answer.read(ERROR_BYTES), mime)


def _flood(most: int) -> Fault:
    return Fault("garbled", f"the upstream sent more than {most} bytes", stage="accepted")


def _bounded(sink: Sink) -> Callable[[bytes], None]:
    size = 0

    def take(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        if size > ANSWER_BYTES:
            raise _flood(ANSWER_BYTES)
        sink.write(piece)

    return take


async def _read_json(answer: Answer, sinks: Sinks) -> Body:
    limit = ANSWER_BYTES if answer.status < 400 else ERROR_BYTES
    reader = jsonstream.Reader(sinks, max_bytes=limit)
    try:
        await answer.pour(reader.feed)
        return Json(reader.close())
    except Malformed as error:
        reader.abort()
        if answer.status >= 300:
            return Raw(b"", "text/plain")  # the status alone must speak
        raise Fault("garbled", f"the upstream answer could not be read: {error}", stage="accepted") from error
    except BaseException:
        reader.abort()
        raise


def verdict(fault: Fault, reply: Reply, provider: Provider, secret: str) -> Fault:
    """A dialect's fault, seen again with the provider's own table of refusals and the reply's Retry-After; what it
    quotes of our key and the vendor's host is taken out.
    """
    body = reply.body.value if isinstance(reply.body, Json) else None
    kind = judge(provider.faults, reply.status, fault.code, body) or fault.kind
    asked = fault.retry_after if fault.retry_after is not None else retry_after(reply.headers, time.time())
    message = fault.message if kind == fault.kind else told(kind, fault.vendor or "")
    seen = fault.changed(kind=kind, message=message, retry_after=within_a_day(asked))
    return seen.changed(**unsaid({name: getattr(seen, name) for name in SAID}, secret, _host(provider)))


def discreet(result: Result, provider: Provider, secret: str) -> Result:
    """A result whose notes, and reasons for what was not made, quote neither our key nor the vendor's host."""
    reasons = {name: result.extras[name] for name in UNMADE if name in result.extras}
    if not (result.notes or reasons):
        return result
    host = _host(provider)
    notes = tuple(replace(note, detail=unsaid(note.detail, secret, host)) for note in result.notes)
    return replace(result, notes=notes, extras={**result.extras, **unsaid(reasons, secret, host)})


def _host(provider: Provider) -> str:
    return urlsplit(provider.url).hostname or ""
