"""The way to a vendor: TLS with its certificate checked, and proxies of our own network."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from pathlib import Path

import pytest

from koci_proxy.faults import Fault
from koci_proxy.upstream import Client
from koci_proxy.upstream.dial import Origin, proxies, through

from .vendor import Reader, Serve, Writer, whole

pytestmark = pytest.mark.anyio

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def theirs(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def echo(reader: Reader, writer: Writer) -> None:
    """Answers with the length of the body, then 2 MiB."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\nx-length: %d\r\ncontent-length: 2097152\r\n\r\n" % len(body))
        writer.write(b"a" * 2_097_152)
        await writer.drain()


async def talk(client: Client, url: str) -> None:
    for _ in range(3):
        async with await client.send("POST", url, {}, lambda: iter([b"b" * 65_536] * 32), length=2_097_152) as answer:
            assert answer.headers["x-length"] == "2097152"
            assert len(await answer.read(1 << 22)) == 2_097_152


async def test_tls_with_the_hosts_name(serve: Serve, theirs: ssl.SSLContext, trust: ssl.SSLContext) -> None:
    names: list[str | None] = []
    theirs.sni_callback = lambda sock, name, context: names.append(name)
    async with serve(echo, theirs) as url, Client(ssl=trust, resolve=here, trust_env=False) as client:
        await talk(client, url)
    assert names == ["localhost"]


async def test_a_tls_answer_that_ends_with_the_connection(
    serve: Serve, theirs: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")

    async with serve(script, theirs) as url, Client(ssl=trust, resolve=here, trust_env=False) as client:
        assert await whole(client, url) == (200, b"until the end")


async def test_a_certificate_for_another_name_is_refused(
    serve: Serve, theirs: ssl.SSLContext, trust: ssl.SSLContext
) -> None:
    async with serve(echo, theirs) as url, Client(ssl=trust, resolve=here, trust_env=False) as client:
        with pytest.raises(Fault, match="no safe connection") as caught:
            await client.send("GET", url.replace("localhost", "vendor.example"), {})
    assert (caught.value.kind, caught.value.stage) == ("down", "not_sent")


async def test_a_certificate_the_system_does_not_know_is_refused(serve: Serve, theirs: ssl.SSLContext) -> None:
    async with serve(echo, theirs) as url, Client(resolve=here, trust_env=False) as client:
        with pytest.raises(Fault, match="no safe connection"):
            await client.send("GET", url, {})


async def test_a_plain_vendor_is_no_tls_vendor(serve: Serve, trust: ssl.SSLContext) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serve(script) as url, Client(ssl=trust, resolve=here, trust_env=False) as client:
        with pytest.raises(Fault, match="no safe connection"):
            await client.send("GET", url.replace("http:", "https:"), {})


def proxy_to(target: str, seen: list[bytes], answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> object:
    """A proxy that tunnels CONNECT to `target` and answers anything else itself."""

    async def pump(reader: Reader, writer: Writer) -> None:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()

    async def script(reader: Reader, writer: Writer) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        if not seen[-1].startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nproxy")
            await reader.read()
            return
        writer.write(answer)
        there = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
        tasks = [asyncio.ensure_future(pump(reader, there[1])), asyncio.ensure_future(pump(there[0], writer))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            there[1].close()

    return script


async def test_https_goes_through_a_tunnel(
    serve: Serve, theirs: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    trust = ssl.create_default_context(cafile=str(certificate))
    trust.check_hostname = False
    async with serve(echo, theirs) as url, serve(proxy_to(url, seen)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("//", "//us%3Aer:word@"))
        async with Client(ssl=trust) as client:
            await talk(client, "https://vendor.example/path?key=secret")
    (head,) = seen
    assert head.startswith(b"CONNECT vendor.example:443 HTTP/1.1\r\nhost: vendor.example:443\r\n")
    assert b"proxy-authorization: Basic " + b64encode(b"us:er:word") in head
    assert b"secret" not in head


async def test_http_is_asked_of_the_proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    async with serve(proxy_to("", seen)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.replace("//", "//user@"))
        async with Client() as client, await client.send("GET", "http://vendor.example/path?a=b", {}) as answer:
            assert await answer.read(10) == b"proxy"
    assert seen[0].startswith(b"GET http://vendor.example/path?a=b HTTP/1.1\r\nhost: vendor.example\r\n")
    assert b"proxy-authorization: Basic dXNlcjo=" in seen[0]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who\r\n\r\n", b"SSH-2.0\r\n\r\n", b"x" * 70_000])
async def test_a_proxy_that_refuses(serve: Serve, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await reader.read()

    async with serve(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        async with Client() as client:
            with pytest.raises(Fault, match="could not be reached") as caught:
                await client.send("GET", "https://vendor.example/", {})
    assert (caught.value.kind, caught.value.stage) == ("down", "not_sent")


async def test_a_proxy_that_hangs_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with serve(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        async with Client() as client:
            with pytest.raises(Fault, match="could not be reached"):
                await client.send("GET", "https://vendor.example/", {})


@pytest.mark.parametrize(
    ("environment", "origin", "host"),
    [
        ({}, ("https", "a.example", 443), None),
        ({"HTTPS_PROXY": "http://p:1"}, ("https", "a.example", 443), "p"),
        ({"HTTPS_PROXY": "p:1"}, ("https", "a.example", 443), "p"),
        ({"HTTPS_PROXY": "http://p:1"}, ("http", "a.example", 80), None),
        ({"ALL_PROXY": "http://p:1"}, ("http", "a.example", 80), "p"),
        ({"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:1"}, ("https", "a.example", 443), "q"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example"}, ("https", "a.example", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example,b"}, ("https", "a.example", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example:8443"}, ("https", "a.example", 443), "p"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, ("https", "a.example", 443), None),
        ({"HTTP_PROXY": "http://p:1"}, ("http", "127.0.0.1", 9000), None),
        ({"HTTP_PROXY": "http://p:1"}, ("http", "localhost", 9000), None),
        ({"HTTP_PROXY": "http://p:1"}, ("http", "::1", 9000), None),
    ],
)
def test_which_proxy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], origin: tuple[str, str, int], host: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    proxy = through(Origin(*origin), proxies())
    assert (proxy.host if proxy else None) == host


@pytest.mark.parametrize("url", ["socks5://p:1", "https://p:1", "http://"])
def test_a_proxy_we_do_not_speak_to_is_told_at_once(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(ValueError, match="must be http://host:port"):
        Client()
    Client(trust_env=False)


@pytest.mark.parametrize(
    ("origin", "netloc"),
    [
        (("http", "a.example", 80), "a.example"),
        (("https", "a.example", 443), "a.example"),
        (("https", "a.example", 80), "a.example:80"),
        (("http", "::1", 80), "[::1]"),
        (("http", "::1", 81), "[::1]:81"),
    ],
)
def test_an_origin_as_a_host_header(origin: tuple[str, str, int], netloc: str) -> None:
    assert Origin(*origin).netloc == netloc
