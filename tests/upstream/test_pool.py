"""Connections kept, shared, bounded, and never used once the vendor has closed them."""

from __future__ import annotations

import asyncio

import pytest

from koci_proxy.faults import Fault
from koci_proxy.upstream import Client
from koci_proxy.upstream.client import _address
from koci_proxy.upstream.connection import Connection
from koci_proxy.upstream.pool import Pool
from koci_proxy.upstream.turns import Turns

from .vendor import OK, Reader, Serve, Writer, until

pytestmark = pytest.mark.anyio


class Vendor:
    """Answers every request, counts connections and requests, and holds answers back until `go` is set."""

    def __init__(self, answer: bytes = OK, per_connection: int = 1_000) -> None:
        self.answer = answer
        self.per_connection = per_connection
        self.connections = self.open = self.most = 0
        self.lines: list[str] = []
        self.go = asyncio.Event()
        self.go.set()
        self.came = asyncio.Condition()

    async def __call__(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            for _ in range(self.per_connection):
                head = await reader.readuntil(b"\r\n\r\n")
                async with self.came:
                    self.lines.append(head.split(b"\r\n")[0].decode())
                    self.came.notify_all()
                await self.go.wait()
                writer.write(self.answer)
                await writer.drain()
        finally:
            self.open -= 1

    async def heard(self, count: int) -> None:
        async with self.came:
            await self.came.wait_for(lambda: len(self.lines) >= count)


async def get(client: Client, url: str, timeout: float = 600) -> bytes:
    async with await client.send("GET", url, {}, timeout=timeout) as answer:
        return await answer.read(100)


async def test_a_connection_is_kept(client: Client, serve: Serve) -> None:
    vendor = Vendor()
    async with serve(vendor) as url:
        assert [await get(client, url) for _ in range(5)] == [b"ok"] * 5
    assert (vendor.connections, len(vendor.lines)) == (1, 5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        OK + b"surplus",
        OK + OK,
    ],
)
async def test_a_connection_is_not_kept(client: Client, serve: Serve, answer: bytes) -> None:
    vendor = Vendor(answer)
    async with serve(vendor) as url:
        assert [await get(client, url) for _ in range(3)] == [b"ok"] * 3
    assert vendor.connections == 3


async def test_an_unread_answer_costs_its_connection(client: Client, serve: Serve) -> None:
    vendor = Vendor(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
    async with serve(vendor) as url:
        async with await client.send("GET", url, {}) as answer:
            assert answer.status == 200
        async with await client.send("GET", url, {}) as answer:
            async for _ in answer.pieces():
                break
    assert vendor.connections == 2


async def test_sixty_four_at_once_share_what_they_may(serve: Serve) -> None:
    vendor = Vendor()
    vendor.go.clear()
    async with serve(vendor) as url, Client(per_origin=8, trust_env=False) as client:
        tasks = [asyncio.ensure_future(get(client, f"{url}/{number}")) for number in range(64)]
        await vendor.heard(8)
        assert len(vendor.lines) == 8
        vendor.go.set()
        assert await asyncio.gather(*tasks) == [b"ok"] * 64
    assert (vendor.most, vendor.connections) == (8, 8)


async def test_sixty_four_at_once_without_a_bound(client: Client, serve: Serve) -> None:
    vendor = Vendor()
    vendor.go.clear()
    async with serve(vendor) as url:
        tasks = [asyncio.ensure_future(get(client, url)) for _ in range(64)]
        await vendor.heard(64)
        vendor.go.set()
        assert await asyncio.gather(*tasks) == [b"ok"] * 64


@pytest.mark.parametrize("kept", [OK, b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"])
async def test_who_waits_longest_goes_first(serve: Serve, kept: bytes) -> None:
    vendor = Vendor(kept, per_connection=1_000 if kept == OK else 1)
    vendor.go.clear()
    async with serve(vendor) as url, Client(per_origin=1, trust_env=False) as client:
        tasks = [asyncio.ensure_future(get(client, f"{url}/{number}")) for number in range(6)]
        await vendor.heard(1)
        tasks.pop(3).cancel()
        vendor.go.set()
        await asyncio.gather(*tasks)
    assert vendor.lines == [f"GET /{number} HTTP/1.1" for number in (0, 1, 2, 4, 5)]


async def test_a_waiter_gives_up_in_time_and_nothing_was_sent(serve: Serve) -> None:
    vendor = Vendor()
    vendor.go.clear()
    async with serve(vendor) as url, Client(per_origin=1, trust_env=False) as client:
        first = asyncio.ensure_future(get(client, url))
        await vendor.heard(1)
        with pytest.raises(Fault, match="no connection became free") as caught:
            await get(client, url, timeout=0.02)
        assert (caught.value.kind, caught.value.stage) == ("slow", "not_sent")
        vendor.go.set()
        assert await first == b"ok"
        assert await get(client, url) == b"ok"
    assert len(vendor.lines) == 2


async def test_a_waiter_cancelled_as_it_is_served_passes_it_on(serve: Serve) -> None:
    vendor = Vendor()
    async with serve(vendor) as url, Client(per_origin=1, trust_env=False) as client:
        pool = client._pool(_address(url)[0])
        held = await pool.take()
        second, third = (asyncio.ensure_future(pool.take()) for _ in range(2))
        await asyncio.sleep(0)
        pool.freed(held)  # given to the second in this very step
        second.cancel()
        assert await third is held
        assert second.cancelled()
        held.abort()
    assert vendor.connections == 1


@pytest.mark.parametrize("turns", [0, 1, 5])
async def test_a_connection_closed_while_idle_is_not_used(client: Client, serve: Serve, turns: int) -> None:
    """The vendor closes after each answer without a word; the next request must not be lost on it."""
    vendor = Vendor(per_connection=1)
    async with serve(vendor) as url:
        for _ in range(50):
            assert await get(client, url) == b"ok"
            await until(lambda: not vendor.open)
            for _ in range(turns):
                await asyncio.sleep(0)
    assert (vendor.connections, len(vendor.lines)) == (50, 50)


async def test_words_nobody_asked_for_cost_the_connection(client: Client, serve: Serve) -> None:
    came, closed = asyncio.Event(), asyncio.Event()

    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await came.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        assert await reader.read() == b""
        closed.set()

    async with serve(script) as url:
        assert await get(client, url) == b"ok"
        came.set()
        await closed.wait()
        assert await get(client, url) == b"ok"


async def test_an_idle_connection_is_closed_in_time(serve: Serve) -> None:
    closed: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        closed.put_nowait(await reader.read())

    async with serve(script) as url, Client(idle=0.02, trust_env=False) as client:
        assert await get(client, url) == b"ok"
        assert await closed.get() == b""
        assert await get(client, url) == b"ok"
        assert await closed.get() == b""


async def test_a_failed_dial_frees_its_slot(serve: Serve) -> None:
    async with serve(Vendor()) as url:
        pass
    async with Client(per_origin=1, trust_env=False) as client:
        found = await asyncio.gather(*(get(client, url) for _ in range(5)), return_exceptions=True)
    assert [(fault.kind, fault.stage) for fault in found if isinstance(fault, Fault)] == [("down", "not_sent")] * 5


async def test_closing_ends_what_is_under_way(serve: Serve) -> None:
    vendor = Vendor()
    vendor.go.clear()
    async with serve(vendor) as url:
        client = Client(per_origin=1, trust_env=False)
        tasks = [asyncio.ensure_future(get(client, url)) for _ in range(3)]
        await vendor.heard(1)
        await client.close()
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [fault.stage for fault in found if isinstance(fault, Fault)] == ["sent", "not_sent", "not_sent"]


async def test_closing_ends_a_dial_under_way(serve: Serve) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(host: str, port: int) -> list[str]:
        asked.set()
        await go.wait()
        return ["127.0.0.1"]

    vendor = Vendor()
    async with serve(vendor) as url:
        client = Client(resolve=slow, trust_env=False)
        task = asyncio.ensure_future(get(client, url))
        await asked.wait()
        await client.close()
        go.set()
        with pytest.raises(Fault, match="being closed") as caught:
            await task
    assert caught.value.stage == "not_sent"
    assert vendor.lines == []


async def test_a_connection_lost_as_it_is_made_frees_its_slot(serve: Serve) -> None:
    async def dial(pool: Pool) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection("vendor", pool.freed, pool.gone, Turns()), "127.0.0.1", port
        )
        connection.abort()
        await until(lambda: connection.lost)
        return connection

    async with serve(Vendor()) as url:
        port = int(url.rpartition(":")[2])
        pool = Pool(1, 30, dial)
        for _ in range(3):
            connection = await pool.take()
            with pytest.raises(Fault, match="before the request was sent") as caught:
                connection.begin(b"", bodiless=False, silence=1)
            assert (caught.value.kind, caught.value.stage) == ("down", "not_sent")
        assert pool.vacant


async def test_origins_without_connections_are_forgotten(serve: Serve) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        return []

    async with serve(Vendor()) as url, Client(trust_env=False) as kept:
        assert await get(kept, url) == b"ok"
        kept._resolve = nowhere
        for number in range(200):
            with pytest.raises(Fault):
                await get(kept, f"http://{number}.example/")
        assert len(kept._pools) <= 64
        assert await get(kept, url) == b"ok"
