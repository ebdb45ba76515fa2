"""An app behind the server's protocol, over a real socket: what it is sent, and what it was handed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from koci_proxy.app.arriving import Arriving, Watch
from koci_proxy.upstream.turns import Turns

PIECE = 65_536
App = Callable[[Any, Any, Any], Awaitable[None]]
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(app: App, state: ServerState | None = None) -> AsyncIterator[Connection]:
    """A connection to an app behind the protocol."""
    config = uvicorn.Config(
        app,
        http=Arriving,  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=75,
    )
    config.load()
    state, turns, watch, loop = state or ServerState(), Turns(), Watch(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Arriving(turns, watch, config=config, server_state=state, app_state={}, _loop=loop), "127.0.0.1", 0
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
        return b"".join(each.get("body", b"") for each in self.messages)


class Later(Reading):
    """One that begins to read when it is told to go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.go.wait()
        await super().__call__(scope, receive, send)


def head(*lines: str) -> bytes:
    return "\r\n".join(("POST / HTTP/1.1", "host: here", *lines, "", "")).encode()


def sized(body: bytes) -> bytes:
    return head(f"content-length: {len(body)}") + body


def chunked(body: bytes, step: int = 100_000) -> bytes:
    chunks = (body[at : at + step] for at in range(0, len(body), step))
    return head("transfer-encoding: chunked") + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"


async def done(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\ndone")


async def sent(writer: asyncio.StreamWriter, total: int) -> None:
    for _ in range(0, total, PIECE):
        writer.write(bytes(PIECE))
        await writer.drain()
