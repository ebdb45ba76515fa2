"""A file as HTTP hands it out: whole, the part that was asked for, or word that the app has it already (RFC 9110)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

from ..faults import Fault
from ..types import PIECE
from .answer import Send, encode

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


async def send_file(
    send: Send, path: Path, mime: str, asked: Mapping[str, str], extra: Mapping[str, str], *, head: bool = False
) -> tuple[int, int]:
    """Send a file that never changes under its name; (status, bytes sent).

    One range is honoured; several, or one that cannot be read, are as none. `Fault` not_found when the file has gone,
    and unsatisfiable for a range that begins behind its end.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise Fault("not_found", "there is no such file, or it has expired") from None
    status, headers, (first, last) = _opening(path.name, size, mime, asked)
    await send({"type": "http.response.start", "status": status, "headers": encode({**headers, **extra})})
    sent = 0 if head else await _send_part(send, path, first, last)
    await send({"type": "http.response.body", "body": b""})
    return status, sent


async def send_bytes(
    send: Send, content: bytes, name: str, mime: str, asked: Mapping[str, str], extra: Mapping[str, str], *, head: bool
) -> tuple[int, int]:
    """Send what never changes under its name, as `send_file` does."""
    status, headers, (first, last) = _opening(name, len(content), mime, asked)
    body = b"" if head else content[first : last + 1]
    await send({"type": "http.response.start", "status": status, "headers": encode({**headers, **extra})})
    await send({"type": "http.response.body", "body": body})
    return status, len(body)


def _opening(name: str, size: int, mime: str, asked: Mapping[str, str]) -> tuple[int, dict[str, str], tuple[int, int]]:
    """How an answer begins: its status, its headers, and the first and last byte that are sent."""
    tag = f'"{name}"'
    headers = {"accept-ranges": "bytes", "etag": tag, "x-content-type-options": "nosniff"}
    if _has_it(asked.get("if-none-match", ""), tag):
        return 304, headers, (0, -1)
    fresh = asked.get("if-range", tag) == tag
    part = _part(asked.get("range", ""), size) if fresh else None
    first, last = part or (0, size - 1)
    headers |= {"content-type": mime, "content-length": str(last - first + 1)}
    if part:
        headers["content-range"] = f"bytes {first}-{last}/{size}"
    return 206 if part else 200, headers, (first, last)


async def _send_part(send: Send, path: Path, first: int, last: int) -> int:
    sent = 0
    with path.open("rb", buffering=0) as file:
        file.seek(first)
        # It ends too where somebody has cut the file short meanwhile; the server then breaks the answer off.
        while piece := await asyncio.to_thread(file.read, min(PIECE, last + 1 - first - sent)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent += len(piece)
    return sent


def _has_it(known: str, tag: str) -> bool:
    tags = [each.strip().removeprefix("W/") for each in known.split(",")]
    return tag in tags or known.strip() == "*"


def _part(text: str, size: int) -> tuple[int, int] | None:
    """(first, last) byte of what is asked for; None for the whole."""
    found = _RANGE.fullmatch(text.strip().replace(" ", ""))
    if not found or not (found[1] or found[2]):
        return None
    if not found[1]:  # the last so many bytes
        first, last = max(size - int(found[2]), 0), size - 1
        wrong = not int(found[2])
    else:
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
        wrong = first >= size
        if found[2] and int(found[2]) < first:
            return None
    if wrong:
        message = f"the file has {size} bytes, none of which are in that range"
        headers = {"content-range": f"bytes */{size}"}
        raise Fault("unsatisfiable", message, field="range", details={"headers": headers})
    return first, last
