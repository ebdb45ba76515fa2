"""What a stranger's URL may reach, and how much of it."""

from __future__ import annotations

import asyncio
import gzip
import logging

import httpx
import pytest
from pytest_httpx import HTTPXMock, IteratorStream

from koci_proxy.faults import Fault
from koci_proxy.types import Media
from koci_proxy.upstream import Client, Fetcher, Transport
from koci_proxy.upstream.fetch import guarded

from .vendor import Reader, Serve, Writer

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 100
URL = "https://pictures.example/a.png?token=secret"


class Tank:
    """A sink that keeps what it is given and knows a PNG when it sees one."""

    def __init__(self) -> None:
        self.held = b""
        self.state = "open"

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        assert self.state == "open"
        self.held += piece

    def finish(self) -> Media:
        self.state = "finished"
        return Media(mime="image/png" if self.held.startswith(b"\x89PNG") else None, size=len(self.held))

    def abort(self) -> None:
        assert self.state == "open"
        self.state = "aborted"


@pytest.fixture
def mocked() -> Fetcher:
    """A fetcher over the library's transport, which the mock stands in for."""
    return Fetcher(httpx.AsyncHTTPTransport(), max_bytes=10_000, vendor_bytes=20_000)


async def refused(fetcher: Fetcher, url: str, **more: object) -> Fault:
    tank = Tank()
    with pytest.raises(Fault) as caught:
        await fetcher.fetch(url, tank, **more)  # type: ignore[arg-type]
    assert tank.state in ("aborted", "finished")
    assert "secret" not in caught.value.message
    return caught.value


async def test_a_picture_comes(mocked: Fetcher, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=URL, content=PNG)
    tank = Tank()
    media = await mocked.fetch(URL, tank)
    assert (media.mime, tank.held, tank.state) == ("image/png", PNG, "finished")
    (request,) = httpx_mock.get_requests()
    assert dict(request.headers) == {
        "host": "pictures.example",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "koci-proxy",
    }


@pytest.mark.parametrize("body", [gzip.compress(PNG), gzip.compress(PNG[:50]) + gzip.compress(PNG[50:])], ids=[1, 2])
async def test_a_picture_comes_compressed(mocked: Fetcher, httpx_mock: HTTPXMock, body: bytes) -> None:
    httpx_mock.add_response(stream=IteratorStream([body]), headers={"content-encoding": "gzip"})
    tank = Tank()
    await mocked.fetch(URL, tank)
    assert tank.held == PNG


@pytest.mark.parametrize(
    ("status", "content", "headers", "kind", "message"),
    [
        (404, b"", {}, "bad_request", "answered 404"),
        (206, PNG, {}, "bad_request", "answered 206"),
        (500, b"", {}, "bad_request", "answered 500"),
        (302, b"", {}, "bad_request", "answered 302"),
        (304, b"", {"location": "/b"}, "bad_request", "answered 304"),
        (200, b"<html>", {}, "bad_request", "neither a picture nor a film"),
        (200, b"", {}, "bad_request", "neither a picture nor a film"),
        (200, PNG + b"a" * 10_000, {}, "too_large", "larger than 10000 bytes"),
        (200, PNG, {"content-length": "10001"}, "too_large", "larger than 10000 bytes"),
        (200, gzip.compress(b"\0" * 50_000_000), {"content-encoding": "gzip"}, "too_large", "larger than"),
        (200, PNG, {"content-encoding": "gzip"}, "bad_request", "wrongly compressed"),
        (200, gzip.compress(PNG)[:-4], {"content-encoding": "gzip"}, "bad_request", "cut off"),
        (200, PNG, {"content-encoding": "br"}, "bad_request", "not asked for"),
    ],
    ids=range(13),
)
async def test_what_came_is_no_picture(
    mocked: Fetcher,
    httpx_mock: HTTPXMock,
    status: int,
    content: bytes,
    headers: dict[str, str],
    kind: str,
    message: str,
) -> None:
    httpx_mock.add_response(status_code=status, stream=IteratorStream([content]), headers=headers)
    fault = await refused(mocked, URL, field="image")
    assert (fault.kind, fault.field) == (kind, "image")
    assert message in fault.message


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [(404, b"", "garbled"), (503, b"", "down"), (200, b"<html>", "garbled"), (200, b"a" * 10_001, "garbled")],
)
async def test_a_vendors_link_is_the_vendors_doing(
    mocked: Fetcher, httpx_mock: HTTPXMock, status: int, content: bytes, kind: str
) -> None:
    httpx_mock.add_response(status_code=status, content=content)
    fault = await refused(mocked, URL, blame="upstream", field="image")
    assert (fault.kind, fault.stage, fault.field) == (kind, "accepted", None)
    assert "pictures.example" not in fault.message


@pytest.mark.parametrize(
    ("error", "app", "upstream"),
    [
        (httpx.ConnectError("secret"), "could not be reached", "down"),
        (httpx.ReadError("secret"), "could not be read", "down"),
        (httpx.ReadTimeout("secret"), "did not answer in time", "slow"),
        (httpx.RemoteProtocolError("secret"), "did not answer in HTTP", "garbled"),
    ],
)
async def test_the_way_there_fails(
    mocked: Fetcher, httpx_mock: HTTPXMock, error: httpx.HTTPError, app: str, upstream: str
) -> None:
    httpx_mock.add_exception(error, is_reusable=True)
    fault = await refused(mocked, URL)
    assert fault.kind == "bad_request"
    assert app in fault.message
    assert (await refused(mocked, URL, blame="upstream")).kind == upstream


async def test_redirects_are_followed_by_hand(mocked: Fetcher, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url="https://a.example/1", status_code=301, headers={"location": "/2"})
    httpx_mock.add_response(url="https://a.example/2", status_code=307, headers={"location": "//b.example/3?x"})
    httpx_mock.add_response(url="https://b.example/3?x", status_code=302, headers={"location": "http://c.example"})
    httpx_mock.add_response(url="http://c.example", content=PNG)
    assert (await mocked.fetch("https://a.example/1", Tank())).mime == "image/png"


async def test_redirects_come_to_an_end(mocked: Fetcher, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": URL}, is_reusable=True)
    assert "redirected more than 3 times" in (await refused(mocked, URL)).message
    assert len(httpx_mock.get_requests()) == 4


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "file:///etc/passwd",
        "http://pictures.example:22/",
        "//10.0.0.1/",
        "http://[",
    ],
)
async def test_redirects_are_judged_again(mocked: Fetcher, httpx_mock: HTTPXMock, place: str) -> None:
    httpx_mock.add_response(url=URL, status_code=302, headers={"location": place})
    assert (await refused(mocked, URL)).kind == "bad_request"
    assert len(httpx_mock.get_requests()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://100.64.0.1/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fd00::1]/",
        "file:///etc/passwd",
        "http://example.com:22/",
        "http://①②⑦.⓪.⓪.①/",
        "http://user@127.0.0.1/",
        "http://",
        "not a URL",
        "http://a\nb/",
        "",
    ],
)
async def test_no_attack_passes(url: str) -> None:
    """Through the fetcher as it stands, the system's own look-up of names included."""
    fetcher = Fetcher()
    fault = await refused(fetcher, url, field="image")
    await fetcher.close()
    assert (fault.kind, fault.field) == ("bad_request", "image")
    assert "may not be fetched" in fault.message


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (["93.184.215.14", "10.0.0.1"], "private"),
        (["2606:4700::1", "::1"], "loopback"),
        (["93.184.215.14", "2606:4700::1"], None),
    ],
)
async def test_every_address_of_a_name_is_judged(addresses: list[str], reason: str | None) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return addresses

    judged = guarded(frozenset({("other.example", 80)}), resolve)
    assert await judged("other.example", 80) == addresses
    if reason is None:
        assert await judged("a.example", 80) == addresses
        return
    with pytest.raises(Fault, match=reason):
        await judged("a.example", 80)


async def test_a_name_is_looked_up_once(serve: Serve) -> None:
    """A name that answers differently a moment later gains nothing: what was judged is what is connected to."""
    asked: list[str] = []

    async def flips(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    async def script(reader: Reader, writer: Writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"host: pictures.example" in head
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(PNG) + PNG)

    async with serve(script) as url:
        port = int(url.rpartition(":")[2])
        allow = frozenset({("pictures.example", port)})
        transport = Transport(Client(resolve=guarded(allow, flips), trust_env=False))
        fetcher = Fetcher(transport, allow=allow)
        media = await fetcher.fetch(f"http://pictures.example:{port}/a.png", Tank())
        await fetcher.close()
    assert media.mime == "image/png"
    assert asked == ["pictures.example"]


async def test_what_is_allowed_is_fetched_for_real(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = PNG + b"x" * 3_000_000

    async def script(reader: Reader, writer: Writer) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
        if line.startswith(b"GET /moved"):
            writer.write(b"HTTP/1.1 302 Found\r\nlocation: /a.png?key=secret\r\ncontent-length: 0\r\n\r\n")
            line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]
        if line.startswith(b"GET /a.png"):
            packed = gzip.compress(body)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + packed)
        elif line.startswith(b"GET /bomb"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(bytes(80_000_000)))
        elif line.startswith(b"GET /endless"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
        elif line.startswith(b"GET /cut"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + PNG[:10])
        elif line.startswith(b"GET /stuck"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + PNG[:10])
            await reader.read()

    async with serve(script) as named:
        url = named.replace("localhost", "127.0.0.1")
        port = int(url.rpartition(":")[2])
        fetcher = Fetcher(allow=frozenset({("127.0.0.1", port)}), max_bytes=5_000_000)
        for path in ("/moved?key=secret", "/a.png?key=secret"):
            tank = Tank()
            assert (await fetcher.fetch(url + path, tank)).size == len(body)
            assert tank.held == body
        assert (await refused(fetcher, f"{url}/bomb?key=secret")).kind == "too_large"
        assert (await refused(fetcher, f"{url}/endless?key=secret")).kind == "too_large"
        assert "could not be read" in (await refused(fetcher, f"{url}/cut?key=secret")).message
        assert "answered" not in (await refused(fetcher, f"{named}/a.png")).message  # the name is not the address
        await fetcher.close()
        hasty = Fetcher(allow=frozenset({("127.0.0.1", port)}), timeout=0.05)
        assert "not read within 0.05 s" in (await refused(hasty, f"{url}/stuck?key=secret")).message
        assert (await refused(hasty, f"{url}/stuck", blame="upstream")).kind == "slow"
        await hasty.close()
    assert "secret" not in caplog.text


async def test_a_vendor_s_link_may_hold_more_than_an_app_s(mocked: Fetcher, httpx_mock: HTTPXMock) -> None:
    large = PNG + bytes(15_000)
    httpx_mock.add_response(content=large, is_reusable=True)
    assert (await refused(mocked, URL, field="image")).kind == "too_large"
    tank = Tank()
    assert (await mocked.fetch(URL, tank, blame="upstream")).size == len(large)


async def test_even_a_vendor_s_link_has_an_end(mocked: Fetcher, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=PNG + bytes(20_000), is_reusable=True)
    fault = await refused(mocked, URL, blame="upstream")
    assert (fault.kind, fault.stage) == ("garbled", "accepted")
    assert "larger than 20000 bytes" in fault.message


async def test_a_vendor_s_link_may_take_longer(serve: Serve) -> None:
    at_end = asyncio.Event()

    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
        while not at_end.is_set():  # it never falls silent and never ends
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0)

    async with serve(script) as named:
        url = named.replace("localhost", "127.0.0.1")
        allow = frozenset({("127.0.0.1", int(url.rpartition(":")[2]))})
        for blame, timeout, vendor_timeout in (("app", 0.2, 300), ("upstream", 30, 0.2)):
            fetcher = Fetcher(allow=allow, timeout=timeout, vendor_timeout=vendor_timeout)
            assert "not read within 0.2 s" in (await refused(fetcher, url, blame=blame)).message
            await fetcher.close()
        at_end.set()


async def test_a_cancelled_fetch_leaves_nothing(serve: Serve) -> None:
    begun = asyncio.Event()

    async def script(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        assert await reader.read() == b""

    async with serve(script) as named:
        url = named.replace("localhost", "127.0.0.1")
        fetcher = Fetcher(allow=frozenset({("127.0.0.1", int(url.rpartition(":")[2]))}))
        tank = Tank()
        task = asyncio.ensure_future(fetcher.fetch(url, tank))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await fetcher.close()
    assert tank.state == "aborted"
