"""Vendors made of a few lines each: what the tests of this folder say and hear over raw sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

from koci_proxy.upstream import Client

Serve = Callable[..., AbstractAsyncContextManager[str]]
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def heard(reader: Reader) -> tuple[str, dict[str, str], bytes]:
    """One request: its first line, its headers, its body with the chunks put together."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name: value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = bytearray()
    if "content-length" in headers:
        body += await reader.readexactly(int(headers["content-length"]))
    while headers.get("transfer-encoding") == "chunked":
        piece = await reader.readexactly(int(await reader.readline(), 16) + 2)
        if piece == b"\r\n":
            break
        body += piece[:-2]
    return head[0], headers, bytes(body)


def says(*answers: bytes) -> Any:
    """A vendor that gives these answers, one to each request of a connection, and closes it then."""

    async def script(reader: Reader, writer: Writer) -> None:
        for answer in answers:
            await heard(reader)
            writer.write(answer)
            await writer.drain()

    return script


async def whole(client: Client, url: str, **more: Any) -> tuple[int, bytes]:
    async with await client.send("GET", url, {}, **more) as answer:
        return answer.status, await answer.read(1 << 26)


def pieces(*parts: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter(parts)


async def until(holds: Callable[[], bool]) -> None:
    """Lets everybody else run until something holds."""
    while not holds():  # noqa: ASYNC110 - what is waited for sets no event
        await asyncio.sleep(0)


async def settled(value: Callable[[], int]) -> int:
    """A number once it has stood still for many turns of the loop."""
    still, last = 0, value()
    while still < 200:
        await asyncio.sleep(0)
        still, last = (still + 1, last) if value() == last else (0, value())
    return last
