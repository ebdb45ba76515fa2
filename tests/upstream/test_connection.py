"""Both ways at once: early answers, back-pressure, and sockets that close with the task that used them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from koci_proxy.upstream import Client
from koci_proxy.upstream.answer import HIGH

from .vendor import OK, Reader, Serve, Writer, heard, pieces, settled, until, whole

pytestmark = pytest.mark.anyio


async def test_an_early_answer_wins(client: Client, serve: Serve) -> None:
    given = []

    def endless() -> Iterator[bytes]:
        for number in range(10_000):
            given.append(number)
            yield b"a" * 65_536

    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\ntoo large")
        while await reader.read(65_536):
            pass

    async with serve(script) as url:
        for length in (None, 10_000 * 65_536):
            given.clear()
            async with await client.send("POST", url, {}, endless, length=length) as answer:
                assert (answer.status, await answer.read(100)) == (413, b"too large")
            assert len(given) < 1_000


async def test_an_early_answer_of_a_vendor_that_hangs_up_at_once(client: Client, serve: Serve) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno")

    async with serve(script) as url:
        for _ in range(20):
            body = pieces(*[b"a" * 262_144] * 40)
            async with await client.send("POST", url, {}, body) as answer:
                assert (answer.status, await answer.read(100)) == (401, b"no")


async def test_the_upload_waits_for_a_slow_vendor(client: Client, serve: Serve) -> None:
    given = 0
    go = asyncio.Event()

    def many() -> Iterator[bytes]:
        nonlocal given
        for _ in range(1_000):
            given += 1
            yield b"a" * 65_536

    async def script(reader: Reader, writer: Writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: 65536000" in head
        await go.wait()
        await reader.readexactly(65_536_000)
        writer.write(OK)

    async with serve(script) as url:
        sent = asyncio.ensure_future(client.send("POST", url, {}, many, length=65_536_000))
        await until(lambda: given > 0)
        assert await settled(lambda: given) < 300
        go.set()
        async with await sent as answer:
            assert answer.status == 200
    assert given == 1_000


async def test_the_vendor_waits_for_a_slow_reader(client: Client, serve: Serve) -> None:
    written = 0
    size = 64 << 20

    async def script(reader: Reader, writer: Writer) -> None:
        nonlocal written
        await heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for _ in range(size >> 16):
            writer.write(b"a" * 65_536)
            await writer.drain()
            written += 65_536

    async with serve(script) as url, await client.send("GET", url, {}) as answer:
        await until(lambda: answer._held >= HIGH)
        assert await settled(lambda: written) < size // 2
        assert answer._held <= 2 * HIGH
        total = longest = 0
        async for piece in answer.pieces():
            total += len(piece)
            longest = max(longest, len(piece))
    assert total == size
    assert longest <= 262_144


async def test_cancelling_closes_the_socket(client: Client, serve: Serve) -> None:
    begun: asyncio.Queue[str] = asyncio.Queue()
    closed: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(reader: Reader, writer: Writer) -> None:
        line, _, _ = await heard(reader)
        if "body" in line:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
        begun.put_nowait(line)
        closed.put_nowait(await reader.read())

    async with serve(script) as url:
        for path in ("head", "body"):
            task = asyncio.ensure_future(whole(client, f"{url}/{path}"))
            await begun.get()
            for _ in range(20):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await closed.get() == b""


async def test_an_upload_can_be_cancelled(client: Client, serve: Serve) -> None:
    closed = asyncio.Event()

    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        task.cancel()
        while await reader.read(65_536):
            pass
        closed.set()

    async with serve(script) as url:
        task = asyncio.ensure_future(client.send("POST", url, {}, pieces(*[b"a" * 65_536] * 1_000)))
        with pytest.raises(asyncio.CancelledError):
            await task
        await closed.wait()
