"""What the client says to a vendor, and how exactly it knows how far an attempt had come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import pytest

from koci_proxy.faults import Fault
from koci_proxy.upstream import Answer, Client

from .vendor import OK, Reader, Serve, Writer, heard, pieces, says, until, whole

pytestmark = pytest.mark.anyio


async def test_a_request_as_the_vendor_hears_it(client: Client, serve: Serve) -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def script(reader: Reader, writer: Writer) -> None:
        seen.append(await heard(reader))
        writer.write(OK)

    async with serve(script) as url:
        headers = {"Authorization": "Bearer key", "Connection": "close", "Content-Length": "99"}
        body = pieces(b"ab", b"", b"cd")
        async with await client.send("POST", f"{url}/v1/a b?size=1:1&ü=1", headers, body, length=4) as answer:
            assert await answer.read(10) == b"ok"
    line, named, content = seen[0]
    assert line == "POST /v1/a%20b?size=1:1&%C3%BC=1 HTTP/1.1"
    assert content == b"abcd"
    assert named == {
        "host": url.removeprefix("http://"),
        "authorization": "Bearer key",
        "accept-encoding": "identity",
        "content-length": "4",
    }


@pytest.mark.parametrize(
    ("method", "body", "length", "header"),
    [
        ("GET", None, None, None),
        ("POST", None, None, ("content-length", "0")),
        ("POST", pieces(), 0, ("content-length", "0")),
        ("POST", pieces(b"abc" * 50_000, b"d"), 150_001, ("content-length", "150001")),
        ("POST", pieces(b"abc", b"", b"d" * 300_000), None, ("transfer-encoding", "chunked")),
        ("PUT", pieces(), None, ("transfer-encoding", "chunked")),
        ("PUT", pieces(*[b"x" * 1000] * 5000), None, ("transfer-encoding", "chunked")),
    ],
)
async def test_bodies_go_out_whole(
    client: Client,
    serve: Serve,
    method: str,
    body: Callable[[], Iterator[bytes]] | None,
    length: int | None,
    header: tuple[str, str] | None,
) -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    async def script(reader: Reader, writer: Writer) -> None:
        for _ in range(2):
            _, headers, content = await heard(reader)
            seen.append((headers, content))
            writer.write(OK)

    async with serve(script) as url:
        for _ in range(2):  # the second on the same connection: nothing of the first was left over
            async with await client.send(method, url, {}, body, length=length) as answer:
                assert await answer.read(10) == b"ok"
    assert len(seen) == 2
    for headers, content in seen:
        assert content == b"".join(body() if body else ())
        framing = {name: headers[name] for name in ("content-length", "transfer-encoding") if name in headers}
        assert framing == (dict([header]) if header else {})


@pytest.mark.parametrize(
    ("url", "headers", "length"),
    [
        ("http://localhost/", {"x": "a\r\nb: c"}, 1),
        ("http://localhost/", {"x\n": "a"}, 1),
        ("http://localhost/", {"x": "a\0"}, 1),
        ("http://localhost/", {"x": "钥匙"}, 1),
        ("ftp://localhost/", {}, 1),
        ("http://user@localhost/", {}, 1),
        ("http:///path", {}, 1),
        ("http://localhost:port/", {}, 1),
        ("http://localhost/", {}, 0),
    ],
)
async def test_a_request_that_cannot_be_written_is_never_begun(
    client: Client, url: str, headers: dict[str, str], length: int
) -> None:
    with pytest.raises(Fault) as caught:
        await client.send("POST", url, headers, pieces(b"a"), length=length)
    assert caught.value.kind == "internal"


@pytest.mark.parametrize("parts", [(b"a" * 10,), (b"a" * 4, b"b" * 2)])
async def test_a_body_of_another_length_than_promised_is_cut_off(
    client: Client, serve: Serve, parts: tuple[bytes, ...]
) -> None:
    rest: list[bytes] = []

    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        rest.append(await reader.read())

    async with serve(script) as url:
        with pytest.raises(Fault, match="not as long") as caught:
            await client.send("POST", url, {}, pieces(b"a" * 4, *parts), length=9)
        await asyncio.sleep(0)
    assert caught.value.kind == "internal"


async def test_nobody_listens(client: Client, serve: Serve) -> None:
    async with serve(says()) as url:
        pass
    with pytest.raises(Fault) as caught:
        await client.send("GET", f"{url}/secret?key=secret", {})
    assert (caught.value.kind, caught.value.stage) == ("down", "not_sent")


async def test_no_such_host() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        return []

    async with Client(resolve=nowhere, trust_env=False) as client:
        with pytest.raises(Fault) as caught:
            await client.send("GET", "http://vendor.example/", {})
    assert (caught.value.kind, caught.value.stage) == ("down", "not_sent")


async def test_no_connection_in_time() -> None:
    async def stuck(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with Client(resolve=stuck, trust_env=False, connect_timeout=0.01) as client:
        with pytest.raises(Fault, match=r"took no connection within 0\.01 s") as caught:
            await client.send("GET", "http://vendor.example/", {})
    assert (caught.value.kind, caught.value.stage) == ("slow", "not_sent")


async def test_addresses_are_tried_in_turn(serve: Serve) -> None:
    async def both(host: str, port: int) -> list[str]:
        return ["::1", "127.0.0.2", "127.0.0.1"]  # the server listens on the last alone

    async with serve(says(OK)) as url, Client(resolve=both, trust_env=False) as client:
        assert await whole(client, url) == (200, b"ok")


async def test_a_refusing_look_up_is_passed_on() -> None:
    async def refuses(host: str, port: int) -> list[str]:
        raise Fault("bad_request", f"no {host}")

    async with Client(resolve=refuses, trust_env=False) as client:
        with pytest.raises(Fault, match=r"no vendor\.example"):
            await client.send("GET", "http://vendor.example/", {})


async def test_the_vendor_hangs_up_without_an_answer(
    client: Client, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(says(b"")) as url:
        with pytest.raises(Fault, match="before it answered") as caught:
            await client.send("GET", f"{url}/path?key=secret", {"authorization": "Bearer secret"})
    assert (caught.value.kind, caught.value.stage) == ("down", "sent")
    assert "localhost" not in caught.value.message
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("koci_proxy.upstream", logging.WARNING)
    assert url.removeprefix("http://") in record.getMessage()
    assert "secret" not in record.getMessage()


async def test_the_vendor_does_not_answer_in_time(client: Client, serve: Serve) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await heard(reader)
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        assert await reader.read() == b""  # the client closes the socket

    async with serve(script) as url:
        with pytest.raises(Fault, match=r"did not answer within 0\.05 s") as caught:
            await client.send("GET", url, {}, timeout=0.05)
    assert (caught.value.kind, caught.value.stage) == ("slow", "sent")


async def test_the_vendor_falls_silent(client: Client, serve: Serve) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
        assert await reader.read() == b""

    async with serve(script) as url, await client.send("GET", url, {}, timeout=0.05) as answer:
        coming = answer.pieces()
        assert await anext(coming) == b"hello"
        with pytest.raises(Fault, match="fell silent") as caught:
            await anext(coming)
    assert (caught.value.kind, caught.value.stage) == ("slow", "accepted")


async def test_a_slow_reader_is_not_the_vendors_silence(client: Client, serve: Serve) -> None:
    last = asyncio.Event()

    async def script(reader: Reader, writer: Writer) -> None:
        await heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nfirst")
        await last.wait()
        writer.write(b"!")

    async with serve(script) as url, await client.send("GET", url, {}, timeout=0.02) as answer:
        coming = answer.pieces()
        assert await anext(coming) == b"first"
        await two_ticks(answer)
        last.set()
        assert await anext(coming) == b"!"


async def test_a_drip_that_never_pauses_too_long_may_last(client: Client, serve: Serve) -> None:
    enough = asyncio.Event()

    async def script(reader: Reader, writer: Writer) -> None:
        await heard(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while not enough.is_set():
            writer.write(b"1\r\n.\r\n")
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")

    async with serve(script) as url, await client.send("GET", url, {}, timeout=0.1) as answer:
        reading = asyncio.ensure_future(answer.read(1 << 26))
        await two_ticks(answer)
        enough.set()
        assert set(await reading) == set(b".")


async def two_ticks(answer: Answer) -> None:
    """Two times the silence an answer may hold: its clock was looked at and set again."""
    for _ in range(2):
        timer = answer._timer
        await until(lambda timer=timer: answer._timer is not timer)  # type: ignore[misc]
