"""A vendor's stream of events, read no further than is sensible."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from koci_proxy.engine import Shell, exchange
from koci_proxy.facts import Provider
from koci_proxy.faults import Fault
from koci_proxy.wire import Call, Frame, Json, Reply

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]
LARGE = b"QUJD" * 25_000
PREVIEW = b'event: preview\ndata: {"b64_json": "' + LARGE + b'"}\n\n'


@asynccontextmanager
async def vendor(says: Iterable[bytes]) -> AsyncIterator[Provider]:
    """One that streams these pieces to whoever asks, as long as somebody reads them."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            for piece in says:
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield Provider("endless", "wire", f"http://127.0.0.1:{port}")


async def heard(provider: Provider, shell: Shell) -> list[Frame | Reply]:
    frames: list[Frame | Reply] = []
    async for frame in exchange.stream(Call("POST", "draw", body=Json({})), provider, "key", shell):
        frames.append(frame)
    return frames


@pytest.mark.parametrize(
    ("what", "first", "then"),
    [
        ("one frame", b'data: {"b64_json": "', LARGE),
        ("previews", b"", PREVIEW),
        ("small frames", b"", b'data: {"percent": 1}\n\n' * 100),
        ("comments", b"", b": still at work\n\n" * 100),
    ],
)
async def test_a_stream_without_an_end(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, what: str, first: bytes, then: bytes
) -> None:
    monkeypatch.setattr(exchange, "ANSWER_BYTES", 200_000)
    monkeypatch.setattr(exchange, "STREAM_BYTES", 1_000_000)
    sent = itertools.chain([first], itertools.repeat(then))
    async with vendor(sent) as provider:
        with pytest.raises(Fault) as caught:
            await heard(provider, shell)
    assert (caught.value.kind, caught.value.stage) == ("garbled", "accepted")
    assert ("200000" if what == "one frame" else "1000000") in caught.value.message


async def test_previews_of_one_picture_are_no_more_than_a_stream_may_have(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "ANSWER_BYTES", len(PREVIEW))
    monkeypatch.setattr(exchange, "STREAM_BYTES", 4 * len(PREVIEW))
    async with vendor([PREVIEW] * 4) as provider:
        frames = await heard(provider, shell)
    assert [frame.event for frame in frames if isinstance(frame, Frame)] == ["preview"] * 4
