"""What a vendor links to on its own provider's origin, which its operator named, and what gains nothing by it."""

from __future__ import annotations

import pytest

from koci_proxy.upstream import Fetcher

from .test_fetch import PNG, Tank, refused
from .vendor import Reader, Serve, Writer

pytestmark = pytest.mark.anyio


async def test_a_vendor_s_link_to_its_own_origin_is_fetched_wherever_that_is(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an app links to gains nothing by it, not even the connection that was opened."""
    heads: list[bytes] = []

    async def script(reader: Reader, writer: Writer) -> None:
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(PNG) + PNG)

    async with serve(script) as named:
        monkeypatch.setattr("koci_proxy.guard.PORTS", frozenset({int(named.rpartition(":")[2])}))
        numbered = named.replace("localhost", "127.0.0.1")
        fetcher = Fetcher()
        for url in (named, numbered):
            assert (await fetcher.fetch(f"{url}/a.png", Tank(), blame="upstream", home=f"{url}/v1")).size == len(PNG)
            for home in (None, "sandbox:/linkai", "http://[", f"https{url[4:]}", f"{url}0", "http://127.0.0.1"):
                fault = await refused(fetcher, f"{url}/a.png", blame="upstream", home=home)
                assert "its address is loopback" in fault.message
            assert (await refused(fetcher, f"{url}/a.png", field="image")).kind == "bad_request"
        await fetcher.close()
    assert len(heads) == 2


async def test_who_is_led_away_from_a_vendor_is_judged_from_then_on(serve: Serve) -> None:
    at_home: list[bytes] = []

    async def stranger(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: %b/a.png\r\ncontent-length: 0\r\n\r\n" % url.encode())

    async def vendor(reader: Reader, writer: Writer) -> None:
        while True:
            at_home.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
            to = {b"/moved": b"/a.png", b"/away": elsewhere.encode(), b"/left": b"http://10.0.0.1/a.png"}
            if at_home[-1] in to:
                head = b"HTTP/1.1 302 Found\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % to[at_home[-1]]
                writer.write(head)
            else:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(PNG) + PNG)

    async with serve(stranger) as far, serve(vendor) as near:
        elsewhere, url = (each.replace("localhost", "127.0.0.1") for each in (far, near))
        fetcher = Fetcher(allow=frozenset({("127.0.0.1", int(far.rpartition(":")[2]))}))
        assert (await fetcher.fetch(f"{url}/moved", Tank(), blame="upstream", home=url)).size == len(PNG)
        for path in ("/away", "/left"):
            fault = await refused(fetcher, url + path, blame="upstream", home=url)
            assert "may not be fetched" in fault.message
        await fetcher.close()
    assert at_home == [b"/moved", b"/a.png", b"/away", b"/left"]
