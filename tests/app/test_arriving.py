"""The server's protocol: bodies in pieces as they came, no more of them than a reader takes, and every end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from koci_proxy.app.arriving import Arriving
from koci_proxy.upstream.turns import Turns

PIECE = 65_536
App = Callable[[Any, Any, Any], Awaitable[None]]


@asynccontextmanager
async def served(app: App) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to an app behind the protocol."""
    config = uvicorn.Config(app, http=Arriving, ws="none", lifespan="off", log_config=None)  # type: ignore[arg-type]
    config.load()
    state, turns, loop = ServerState(), Turns(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Arriving(turns, config=config, server_state=state, app_state={}, _loop=loop), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        try:
            yield reader, writer
        finally:
            writer.close()
            await asyncio.gather(*state.tasks)


async def answer(send: Any, body: bytes = b"") -> None:
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


class Reading:
    """An app that reads all of its requests, and keeps what it was handed."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.gone = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            self.messages.append(message)
            if message["type"] == "http.disconnect":
                self.gone.set()
                return
            if not message["more_body"]:
                await answer(send, b"done")
                return

    @property
    def body(self) -> bytes:
        return b"".join(each["body"] for each in self.messages)


def head(*lines: str) -> bytes:
    return "\r\n".join(("POST / HTTP/1.1", "host: here", *lines, "", "")).encode()


def sized(body: bytes) -> bytes:
    return head(f"content-length: {len(body)}") + body


def chunked(body: bytes, step: int = 100_000) -> bytes:
    chunks = (body[at : at + step] for at in range(0, len(body), step))
    return head("transfer-encoding: chunked") + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


async def done(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\ndone")


@pytest.mark.parametrize("size", [0, 1, PIECE, 1_000_000, 9_000_000])
@pytest.mark.parametrize("spelled", [sized, chunked])
def test_a_body_comes_whole_and_in_small_pieces(size: int, spelled: Callable[[bytes], bytes]) -> None:
    async def main() -> None:
        app, body = Reading(), secrets.token_bytes(size)
        async with served(app) as (reader, writer):
            for _ in range(2):  # the connection is kept
                app.messages.clear()
                writer.write(spelled(body))
                assert (await done(reader)).startswith(b"HTTP/1.1 200 OK")
                assert app.body == body
                assert max(len(each["body"]) for each in app.messages) <= PIECE
                assert [each["more_body"] for each in app.messages].count(False) == 1

    asyncio.run(main())


def test_requests_behind_one_another_have_their_own_bodies() -> None:
    async def main() -> None:
        app = Reading()
        async with served(app) as (reader, writer):
            writer.write(sized(b"one") + sized(b"two") + chunked(b"three"))
            for _ in range(3):
                await done(reader)
        assert app.body == b"onetwothree"

    asyncio.run(main())


async def sent(writer: asyncio.StreamWriter, total: int) -> None:
    for _ in range(0, total, PIECE):
        writer.write(bytes(PIECE))
        await writer.drain()


def test_an_app_that_does_not_read_is_not_sent_more() -> None:
    async def main() -> None:
        go, taken = asyncio.Event(), Reading()
        total = 64 << 20

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await go.wait()
            await taken(scope, receive, send)

        async with served(app) as (reader, writer):
            writer.write(head(f"content-length: {total}"))
            sending = asyncio.create_task(sent(writer, total))
            assert not (await asyncio.wait({sending}, timeout=1))[0]
            go.set()
            await sending
            await done(reader)
            assert len(taken.body) == total

    asyncio.run(main())


def test_an_app_hears_that_its_caller_has_gone() -> None:
    async def main() -> None:
        app = Reading()
        async with served(app) as (_, writer):
            writer.write(head("content-length: 1000") + b"half")
            writer.write_eof()
            await asyncio.wait_for(app.gone.wait(), 10)
        assert app.messages[0]["body"] == b"half"

    asyncio.run(main())


def test_a_caller_that_asks_first_is_told_to_go_on() -> None:
    async def main() -> None:
        app = Reading()
        async with served(app) as (reader, writer):
            writer.write(head("content-length: 3", "expect: 100-continue"))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"one")
            await done(reader)
        assert app.body == b"one"

    asyncio.run(main())
