"""Bodies: a request read whole from ASGI, and JSON with pictures in it written as pieces without copying them."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from .nouns import Ask, Picture, Upload

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LIMIT = 256 * 1024 * 1024  # bytes a request may have; a bound of this process, no vendor's fact
SMALL = 64 * 1024  # an answer up to here goes out as one piece
_MARK = secrets.token_hex(12)  # stands for a picture in JSON text; nobody outside can guess it
_SPLIT = re.compile(f'"@{_MARK}-(\\d+)@"')
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class TooLarge(Exception):
    """The request body is over LIMIT."""


async def read(scope: Scope, receive: Receive) -> Ask | None:
    """The request with its body parsed; None when the caller left. Raises TooLarge."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    body = await whole(receive)
    if body is None:
        return None
    ask = Ask(
        method=scope["method"],
        path=scope["path"],
        query=query_of(scope),
        headers=headers,
        origin=f"{scope.get('scheme', 'http')}://{headers.get('host', '127.0.0.1')}",
        body_size=len(body),
    )
    # a large body would hold up every other call while it is parsed
    return await asyncio.to_thread(_parse, ask, body) if len(body) > 1 << 20 else _parse(ask, body)


def query_of(scope: Scope) -> dict[str, str]:
    """The query of a request; of a name that stands there twice, the last value."""
    return dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


async def whole(receive: Receive) -> bytes | None:
    """The body of a request; None when the caller left. Raises TooLarge."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > LIMIT:
            raise TooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _parse(ask: Ask, body: bytes) -> Ask:
    kind = ask.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _parse_form(ask, body)
    if kind == "application/x-www-form-urlencoded":
        texts = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return replace(ask, form=True, fields=dict(texts))
    if not body:
        return ask
    if kind != "application/json":
        return replace(ask, broken=f"content type {kind!r}")
    try:
        fields = json.loads(body)
        if _HALF.search(body):  # perhaps of a pair: it is none where the text cannot be written
            json.dumps(fields, ensure_ascii=False).encode()
        return replace(ask, fields=fields)
    except (ValueError, RecursionError) as error:
        return replace(ask, broken=str(error) or "nested too deeply")


def _parse_form(ask: Ask, body: bytes) -> Ask:
    boundary = re.search(r'boundary="?([^";,]+)', ask.headers["content-type"])
    if not boundary:
        return replace(ask, form=True, broken="multipart without a boundary")
    mark = b"\r\n--" + boundary[1].encode("latin-1")
    sections = (b"\r\n" + body).split(mark)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        return replace(ask, form=True, broken="multipart without its closing boundary")
    texts: dict[str, Any] = {}
    uploads: list[Upload] = []
    for section in sections[1:-1]:
        head, blank, data = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _parameter(head, "name")
        if not blank or name is None:
            return replace(ask, form=True, broken="a multipart part without a name")
        filename = _parameter(head, "filename")
        if filename is None:
            texts[name] = data.decode("utf-8", "replace")
        else:
            kind = re.search(rb"(?im)^content-type:[ \t]*([^;\r\n]+)", head)
            uploads.append(Upload(name, filename, kind[1].decode("latin-1").strip() if kind else "", data))
    return replace(ask, form=True, fields=texts, uploads=tuple(uploads))


def _parameter(head: bytes, name: str) -> str | None:
    pattern = rf'(?im)^content-disposition:[^\r\n]*;[ \t]*{name}="([^"\r\n]*)"'
    found = re.search(pattern, head.decode("utf-8", "replace"))
    return found[1] if found else None


def write(value: Any) -> tuple[bytes, ...]:
    """JSON as pieces; a Picture anywhere in `value` becomes its base64, shared and never copied when it is large."""
    pictures: list[Picture] = []

    def mark(leaf: object) -> str:
        assert isinstance(leaf, Picture), leaf
        pictures.append(leaf)
        return f"@{_MARK}-{len(pictures) - 1}@"

    text = json.dumps(value, default=mark, ensure_ascii=False, separators=(",", ":"))
    pieces: list[bytes] = []
    for at, part in enumerate(_SPLIT.split(text)):
        if at % 2:
            pieces += [b'"', *pictures[int(part)].base64, b'"']
        else:
            pieces.append(part.encode())
    return (b"".join(pieces),) if sum(map(len, pieces)) <= SMALL else tuple(pieces)


def shortened(value: Any, longest: int = 200) -> Any:
    """The same JSON with long strings cut, so that it can be kept and shown."""
    if isinstance(value, str):
        return value if len(value) <= longest else f"{value[:100]}… ({len(value)} characters)"
    if isinstance(value, Mapping):
        return {name: shortened(item, longest) for name, item in value.items()}
    if isinstance(value, list):
        return [shortened(item, longest) for item in value]
    return value
