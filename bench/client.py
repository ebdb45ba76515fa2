"""What one vendor exchange costs the process that asks: our client beside the library's own, in the same run.

    python -m bench.client

Prints a table: CPU of the client's process per exchange, for a small JSON call with 1 and with 64 in flight, and for an
answer of 32 MiB. The vendor is a process of its own; compare inside one table, absolute figures drift with the machine.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe
from typing import cast

import httpx
import uvloop

from koci_proxy.upstream import Client, Transport

SMALL = b'{"created": 1, "data": [{"url": "https://example.com/picture.png"}]}'
LARGE = 32 * 1024 * 1024
ASKED = b'{"model": "picture", "prompt": "a lighthouse", "size": "1024x1024"}'

Exchange = Callable[[str], Awaitable[int]]


class Vendor(asyncio.Protocol):
    """Answers `GET /large` with 32 MiB and anything else with a small JSON body."""

    def __init__(self) -> None:
        self.seen = b""
        self.head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self.block = b"A" * 262_144
        self.left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if self.seen.startswith(b"GET /large") and self.seen.endswith(b"\r\n\r\n"):
            self.seen = b""
            self.transport.write(self.head % LARGE)
            self.left = LARGE
            self.resume_writing()
        elif self.seen.endswith(b"}"):
            self.seen = b""
            self.transport.write(self.head % len(SMALL) + SMALL)

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        while self.left and not self.full:
            self.transport.write(self.block)
            self.left -= len(self.block)


def vendor(pipe: Pipe) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


async def measure(exchange: Exchange, url: str, times: int, at_once: int) -> float:
    """CPU seconds of this process per exchange, the best of three rounds."""

    async def work(count: int) -> None:
        for _ in range(count):
            await exchange(url)

    await work(3)
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        await asyncio.gather(*(work(times // at_once) for _ in range(at_once)))
        best = min(best, (time.process_time() - began) / (times // at_once * at_once))
    return best


def ours(client: Client) -> tuple[Exchange, Exchange]:
    async def small(url: str) -> int:
        headers = {"content-type": "application/json", "authorization": "Bearer key"}
        async with await client.send("POST", url, headers, lambda: iter((ASKED,)), length=len(ASKED)) as answer:
            return len(await answer.read(1 << 20))

    async def large(url: str) -> int:
        async with await client.send("GET", f"{url}/large", {}) as answer:
            return sum([len(piece) async for piece in answer.pieces()])

    return small, large


def library(client: httpx.AsyncClient) -> tuple[Exchange, Exchange]:
    async def small(url: str) -> int:
        headers = {"content-type": "application/json", "authorization": "Bearer key"}
        return len((await client.post(url, headers=headers, content=ASKED)).content)

    async def large(url: str) -> int:
        async with client.stream("GET", f"{url}/large") as answer:
            return sum([len(piece) async for piece in answer.aiter_raw()])

    return small, large


async def compare(url: str) -> None:
    async with (
        Client() as client,
        httpx.AsyncClient(transport=Transport(Client())) as mixed,
        httpx.AsyncClient(limits=httpx.Limits(max_connections=200)) as stock,
    ):
        rows = {"ours": ours(client), "the library over ours": library(mixed), "the library": library(stock)}
        print(f"{'CPU per exchange':24}{'small, 1':>12}{'small, 64':>12}{'32 MiB':>12}")
        for name, (small, large) in rows.items():
            one = await measure(small, url, 1000, 1)
            many = await measure(small, url, 2560, 64)
            whole = await measure(large, url, 10, 1)
            print(f"{name:24}{one * 1e6:>9.0f} µs{many * 1e6:>9.0f} µs{whole * 1e3:>9.1f} ms")


def main() -> None:
    near, far = multiprocessing.Pipe()
    process = multiprocessing.Process(target=vendor, args=(far,), daemon=True)
    process.start()
    try:
        uvloop.run(compare(f"http://127.0.0.1:{near.recv()}"))
    finally:
        process.terminate()


if __name__ == "__main__":
    main()
