"""Answers on their way out: whole, in half, dripping or cut, always in shared pieces and at the caller's pace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from .body import Message, Receive, Scope, Send
from .nouns import Answer

CONNECTION = "sandbox.connection"  # the ASGI extension under which our server hands over the socket's transport


def first(answer: Answer, length: int) -> tuple[bytes, ...]:
    """The first `length` bytes of an answer, in its pieces."""
    pieces: list[bytes] = []
    for piece in answer.pieces:
        if length <= 0:
            break
        pieces.append(piece[:length])
        length -= len(piece)
    return tuple(pieces)


def halved(answer: Answer) -> Answer:
    """The first half of an answer, as if that were all."""
    return replace(answer, pieces=first(answer, answer.size // 2))


async def pause(seconds: float | None, receive: Receive) -> bool:
    """Wait so many seconds, None for ever; False as soon as the caller leaves."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return True
    return False


async def begin(send: Send, answer: Answer) -> None:
    """Send the head of an answer."""
    headers = [("content-type", answer.mime), *answer.headers]
    if not answer.chunked:
        headers.append(("content-length", str(answer.size)))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})


def _body(piece: bytes, more: bool) -> Message:
    return {"type": "http.response.body", "body": piece, "more_body": more}


async def transmit(send: Send, answer: Answer, head: bool = False) -> None:
    """Send an answer piece by piece; the pieces are shared, and each waits until the caller took the one before."""
    await begin(send, answer)
    pieces = () if head else answer.pieces
    for piece in pieces[:-1]:
        await send(_body(piece, more=True))
    await send(_body(pieces[-1] if pieces else b"", more=False))


async def drip(answer: Answer, seconds: float, receive: Receive, send: Send) -> None:
    """Send an answer in about a hundred pieces, evenly over so many seconds."""
    await begin(send, answer)
    whole = b"".join(answer.pieces)
    step = max(1, -(-len(whole) // 100))
    start = time.monotonic()
    for end in range(step, len(whole), step):
        await send(_body(whole[end - step : end], more=True))
        due = start + seconds * end / len(whole)
        if not await pause(max(0.0, due - time.monotonic()), receive):
            return
    await send(_body(whole[(len(whole) - 1) // step * step :], more=False))


async def transmit_half(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Promise the whole answer, send half of it, close the connection."""
    await begin(send, answer)
    for piece in first(answer, answer.size // 2):
        await send(_body(piece, more=True))
    await cut(scope, receive)


async def cut(scope: Scope, receive: Receive) -> None:
    """Close the connection without another word."""
    connection = scope.get("extensions", {}).get(CONNECTION)
    if connection is None:
        raise ConnectionResetError("the sandbox cut this connection on demand")
    connection["transport"].close()
    await pause(None, receive)  # until the server has noticed, or it would complain about an unfinished answer
