"""Our connections under the library's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from koci_proxy.faults import Fault
from koci_proxy.upstream import Client, Transport

from .vendor import Reader, Serve, Writer

pytestmark = pytest.mark.anyio


async def mirror(reader: Reader, writer: Writer) -> None:
    """Answers each request with its own head and body."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        body = b""
        if b"content-length: " in head:
            body = await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        elif b"transfer-encoding: chunked" in head:
            body = await reader.readuntil(b"0\r\n\r\n")
        writer.write(b"HTTP/1.1 201 Made\r\ncontent-length: %d\r\n\r\n" % len(head + body) + head + body)
        await writer.drain()


async def later() -> AsyncIterator[bytes]:
    yield b"from "
    yield b"afar"


@pytest.mark.parametrize(
    ("method", "more", "end"),
    [
        ("GET", {}, "\r\n\r\n"),
        ("POST", {"json": {"a": 1}}, '\r\n\r\n{"a":1}'),
        ("POST", {"content": b""}, "\r\n\r\n"),
        ("PUT", {"files": {"file": b"picture"}}, "--\r\n"),
    ],
)
async def test_requests_go_over_our_connections(serve: Serve, method: str, more: dict[str, Any], end: str) -> None:
    async with serve(mirror) as url, httpx.AsyncClient(transport=Transport(Client(trust_env=False))) as client:
        answer = await client.request(method, f"{url}/a", params={"b": "c"}, headers={"x-own": "1"}, **more)
        assert answer.status_code == 201
        assert answer.text.startswith(f"{method} /a?b=c HTTP/1.1\r\nhost: {url.removeprefix('http://')}\r\n")
        assert "x-own: 1\r\n" in answer.text
        assert answer.text.endswith(end)


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (later, "content-length: 9\r\n\r\nfrom afar"),
        (lambda: iter([b"a", b"b"]), "transfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
    ],
)
async def test_bodies_that_come_bit_by_bit(serve: Serve, content: Callable[[], Any], end: str) -> None:
    async with serve(mirror) as url:
        transport = Transport(Client(trust_env=False))
        answer = await transport.handle_async_request(httpx.Request("POST", url, content=content()))
        assert (await answer.aread()).decode().endswith(end)
        await transport.aclose()


async def test_answers_stream(serve: Serve) -> None:
    async with serve(mirror) as url, httpx.AsyncClient(transport=Transport(Client(trust_env=False))) as client:
        async with client.stream("POST", url, content=b"a" * 1_000_000) as answer:
            assert sum([len(piece) async for piece in answer.aiter_bytes()]) > 1_000_000
        async with client.stream("POST", url, content=b"a" * 1_000_000) as answer:
            assert not answer.is_closed  # left unread
        assert answer.is_closed


async def unheard(reader: Reader, writer: Writer) -> None:
    assert await reader.read(1)


async def silent(reader: Reader, writer: Writer) -> None:
    while await reader.read(1_000):
        pass


async def stops(reader: Reader, writer: Writer) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")


async def nonsense(reader: Reader, writer: Writer) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"hello\r\n\r\n")
    await reader.read()


@pytest.mark.parametrize(
    ("script", "error", "stage"),
    [
        (unheard, httpx.ReadError, "sent"),
        (silent, httpx.ReadTimeout, "sent"),
        (stops, httpx.ReadError, "accepted"),
        (nonsense, httpx.RemoteProtocolError, "sent"),
    ],
)
async def test_faults_become_the_librarys_errors(
    serve: Serve, script: object, error: type[httpx.TransportError], stage: str
) -> None:
    async with serve(script) as url, httpx.AsyncClient(transport=Transport(Client(trust_env=False))) as client:
        with pytest.raises(error) as caught:
            await client.get(url, timeout=0.05)
    fault = caught.value.__cause__
    assert isinstance(fault, Fault)
    assert fault.stage == stage


async def test_no_connection(serve: Serve) -> None:
    async with serve(silent) as url:
        pass
    async with httpx.AsyncClient(transport=Transport(Client(trust_env=False))) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url, timeout=None)


async def test_a_refusal_passes_as_it_is() -> None:
    async def refuses(host: str, port: int) -> list[str]:
        raise Fault("bad_request", "not there")

    async with httpx.AsyncClient(transport=Transport(Client(resolve=refuses, trust_env=False))) as client:
        with pytest.raises(Fault, match="not there"):
            await client.get("http://vendor.example/")
