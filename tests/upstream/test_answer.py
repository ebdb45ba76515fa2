"""Answers as they are read: every framing, every way to break off, and no more of a body than is wanted."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable

import pytest

from koci_proxy.faults import Fault
from koci_proxy.upstream import Client
from koci_proxy.upstream.turns import READ, STEP, Turns

from .vendor import OK, Reader, Serve, Writer, heard, says, until, whole

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", 200, b"hello"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\ntrailer: 1\r\n\r\n", 200, b"hello"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", 200, b"hello"),
        (b"HTTP/1.1 404\r\ncontent-length: 5\r\n\r\nhello", 404, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" * 3 + OK, 200, b"ok"),
        (b"HTTP/1.1 503 Busy\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\nno", 503, b"no"),
    ],
)
@pytest.mark.parametrize("drip", [False, True])
async def test_answers_are_read(client: Client, serve: Serve, raw: bytes, status: int, body: bytes, drip: bool) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await heard(reader)
        for piece in [raw[at : at + 1] for at in range(len(raw))] if drip else [raw]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    async with serve(script) as url, await client.send("GET", url, {}) as answer:
        assert (answer.status, await answer.read(100)) == (status, body)
        assert "link" not in answer.headers
        assert "trailer" not in answer.headers


async def test_headers_are_lower_case_and_repeated_ones_joined(client: Client, serve: Serve) -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-One: a\r\nx-one: b\r\nX-Two:  \xe4 \r\ncontent-length: 0\r\n\r\n"
    async with serve(says(raw)) as url, await client.send("GET", url, {}) as answer:
        assert answer.headers == {"x-one": "a, b", "x-two": "ä", "content-length": "0"}


async def test_an_answer_to_head_has_no_body(client: Client, serve: Serve) -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    async with serve(says(raw)) as url, await client.send("HEAD", url, {}) as answer:
        assert (answer.headers["content-length"], await answer.read(10)) == ("5", b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01 hello\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: minus\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"content-length: 2\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\nx: yyyyyyyyyyyyyyyyyyyy\r\n\r\n" * 4_000,
    ],
    ids=range(14),
)
async def test_what_is_no_answer_is_garbled(client: Client, serve: Serve, raw: bytes) -> None:
    async with serve(says(raw, OK)) as url:
        with pytest.raises(Fault) as caught:
            await client.send("GET", url, {})
    assert (caught.value.kind, caught.value.stage) == ("garbled", "sent")
    assert "localhost" not in caught.value.message


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"content-length: 9\r\n\r\nhello", "down"),
        (b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", "down"),
        (b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "down"),
        (b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n", "garbled"),
        (b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: " + b"a" * 400_000, "garbled"),
        (b"transfer-encoding: chunked\r\n\r\n5;" + b"a" * 400_000, "garbled"),
        (b"content-encoding: gzip\r\n\r\nhello", "garbled"),
        (b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"hello" * 100)[:-9], "down"),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("poured", [False, True])
async def test_a_body_that_breaks_off_was_accepted(
    client: Client, serve: Serve, raw: bytes, kind: str, poured: bool
) -> None:
    async with serve(says(b"HTTP/1.1 200 OK\r\n" + raw)) as url:
        with pytest.raises(Fault) as caught:
            async with await client.send("GET", url, {}) as answer:
                await (answer.pour(len) if poured else answer.read(10_000))
    assert (caught.value.kind, caught.value.stage) == (kind, "accepted")


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzip.compress(b"hello" * 200_000)),
        ("GZIP", gzip.compress(b"hello" * 100_000) + gzip.compress(b"hello" * 100_000)),
        ("x-gzip", gzip.compress(b"hello" * 200_000)),
        ("deflate", zlib.compress(b"hello" * 200_000)),
        ("deflate", zlib.compress(b"hello" * 200_000)[2:-4]),
        ("identity", b"hello" * 200_000),
    ],
    ids=range(6),
)
async def test_compressed_answers_are_undone_in_pieces(client: Client, serve: Serve, coding: str, coded: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {len(coded)}\r\n\r\n".encode()
    async with serve(says(head + coded)) as url, await client.send("GET", url, {}) as answer:
        assert ("content-encoding" in answer.headers) is (coding == "identity")
        found = [piece async for piece in answer.pieces()]
    assert b"".join(found) == b"hello" * 200_000
    assert max(map(len, found)) <= 262_144


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_body_is_poured_as_it_comes(client: Client, serve: Serve, coding: str) -> None:
    size = 4 * READ + 7
    coded = gzip.compress(b"a" * size) if coding == "gzip" else b"a" * size
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {len(coded)}\r\n\r\n".encode()
    found: list[bytes] = []
    async with serve(says(head + coded, OK)) as url:
        async with await client.send("GET", url, {}) as answer:
            await answer.pour(found.append)
            assert answer._held == 0
        assert b"".join(found) == b"a" * size
        assert await whole(client, url) == (200, b"ok")  # over the same connection: the vendor takes no second one


async def test_who_waits_for_its_turn_is_not_silent(
    client: Client, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Callable[[], None]] = []
    monkeypatch.setattr(Turns, "wait", lambda _, resume: waiting.append(resume))
    body = b"a" * READ
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    found: list[bytes] = []
    async with serve(says(head + body)) as url, await client.send("GET", url, {}, timeout=0.2) as answer:
        pouring = asyncio.create_task(answer.pour(found.append))
        await until(lambda: bool(waiting))
        assert not (await asyncio.wait({pouring}, timeout=0.5))[0]
        while not pouring.done():
            waiting.pop()()
            await until(lambda: bool(waiting) or pouring.done())
        await pouring
    assert b"".join(found) == body


@pytest.mark.parametrize("behind", [1, 100, 3 * STEP])
async def test_what_comes_behind_a_poured_body_is_nobodys_answer(client: Client, serve: Serve, behind: int) -> None:
    body, forged = b"a" * (2 * READ), b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged"
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    found: list[bytes] = []
    async with serve(says(head + body + forged * behind, OK)) as url:
        async with await client.send("GET", url, {}) as answer:
            await answer.pour(found.append)
        assert b"".join(found) == body
        assert await whole(client, f"{url}/next") != (200, b"forged")


@pytest.mark.parametrize("after", [0, 1, 300_000])
async def test_what_a_taker_raises_ends_the_answer(client: Client, serve: Serve, after: int) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n"
    came = 0

    def take(piece: bytes) -> None:
        nonlocal came
        came += len(piece)
        if came > after:
            raise OSError(28, "no space left on device")

    async with serve(says(head + b"a" * 500_000)) as url:
        answer = await client.send("GET", url, {})
        with pytest.raises(OSError, match="no space left"):
            await answer.pour(take)
    assert answer.done
    assert came <= after + 2 * 65_536


async def test_a_vendor_that_falls_silent_while_its_body_is_poured(client: Client, serve: Serve) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
        await reader.read()

    found: list[bytes] = []
    async with serve(script) as url:
        answer = await client.send("GET", url, {}, timeout=0.05)
        with pytest.raises(Fault) as caught:
            await answer.pour(found.append)
    assert (caught.value.kind, caught.value.stage, found) == ("slow", "accepted", [b"hello"])


async def test_a_coding_nobody_asked_for_is_garbled(client: Client, serve: Serve) -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\nok"
    async with serve(says(raw, raw)) as url:
        with pytest.raises(Fault, match="not asked for"):
            await client.send("GET", url, {})
        async with await client.send("GET", url, {"Accept-Encoding": "br"}) as answer:
            assert (answer.headers["content-encoding"], await answer.read(2)) == ("br", b"ok")


async def test_a_longer_answer_than_wanted_is_refused(client: Client, serve: Serve) -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n" + b"a" * 500_000
    async with serve(says(raw)) as url:
        for limit in (1, 499_999):
            with pytest.raises(Fault, match=f"longer than {limit} bytes") as caught:
                async with await client.send("GET", url, {}) as answer:
                    await answer.read(limit)
            assert (caught.value.kind, caught.value.stage) == ("garbled", "accepted")
        async with await client.send("GET", url, {}) as answer:
            assert len(await answer.read(500_000)) == 500_000
