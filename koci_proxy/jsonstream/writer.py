"""The writer of JSON bodies: plain values with pictures in them become bytes, each picture encoded on its way."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pybase64

from ..types import Spool
from ..wire import Spelled
from ..written import Written, joined

_PIECE = 3 * 16_384  # raw bytes; 64 KiB of base64 without padding
_MIME = "application/json"


def write(value: Any) -> Written:
    """The JSON of `value`, UTF-8 without white space. Raises ValueError for what JSON cannot hold.

    A picture spelled `base64` or `data_uri` must be held (`media.data`), one spelled `url` must have a URL.
    """
    token = secrets.token_hex(16)
    pictures: list[tuple[bytes, Spool]] = []

    def stand_in(item: Any) -> Any:
        if isinstance(item, Mapping):
            return dict(item)
        if not isinstance(item, Spelled):
            raise ValueError(f"no JSON value: {type(item).__name__}")
        if item.form == "url":
            return _url(item)
        pictures.append(_picture(item))
        return token

    parts = _dumped(value, stand_in, pictures).split(f'"{token}"'.encode())
    length = sum(map(len, parts)) + sum(len(head) + 2 + -(-data.size // 3) * 4 for head, data in pictures)
    if not pictures:
        return Written(length, _MIME, lambda: iter(parts))
    return Written(length, _MIME, lambda: joined(_pieces(parts, pictures)))


def _dumped(value: Any, stand_in: Callable[[Any], Any], pictures: list[tuple[bytes, Spool]]) -> bytes:
    def dump(ascii_only: bool) -> str:
        pictures.clear()
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False, default=stand_in)

    try:
        return dump(False).encode()
    except UnicodeEncodeError:  # half a surrogate pair: a text cut by its length in JavaScript
        return dump(True).encode()
    except TypeError as error:
        raise ValueError(str(error)) from error


def _url(item: Spelled) -> str:
    if item.media.url is None:
        raise ValueError("a picture to be written as a URL has none")
    return item.media.url


def _picture(item: Spelled) -> tuple[bytes, Spool]:
    if item.media.data is None:
        raise ValueError("a picture to be written as base64 is not held")
    if item.form == "base64":
        return b"", item.media.data
    return f"data:{item.media.mime or 'application/octet-stream'};base64,".encode(), item.media.data


def _pieces(parts: list[bytes], pictures: list[tuple[bytes, Spool]]) -> Iterator[bytes]:
    for part, (head, data) in zip(parts, pictures, strict=False):
        yield part + b'"' + head
        yield from _encoded(data)
        yield b'"'
    yield parts[-1]


def _encoded(data: Spool) -> Iterator[bytes]:
    """Whole groups of three bytes at a time, whatever lengths the spool gives."""
    rest = b""
    for piece in data.pieces(_PIECE):
        whole = rest + piece if rest else piece
        end = len(whole) - len(whole) % 3
        rest = whole[end:]
        yield pybase64.b64encode(whole if not rest else memoryview(whole)[:end])
    if rest:
        yield pybase64.b64encode(rest)
