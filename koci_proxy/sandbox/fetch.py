"""References named by a link or a data URI, made bytes; a link is fetched as a vendor far away could fetch it."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import re
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from .nouns import Broken, Picture

LIMIT = 20 * 1024 * 1024
SECONDS = 10.0


def data_uri(text: str, index: int) -> bytes:
    """The bytes of `data:image/…;base64,…`. Raises Broken."""
    found = re.match(r"data:image/[\w.+-]+;base64,", text)
    if not found:
        raise Broken(index, "neither a URL nor a data URI of a picture")
    try:
        return base64.b64decode(text[found.end() :], validate=True)
    except ValueError as error:
        raise Broken(index, f"wrong base64: {error}") from error


async def fetch(url: str, index: int, own: Callable[[str], Picture | None]) -> bytes:
    """What a link leads to; `own` finds the sandbox's own files by their path. Raises Broken."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Broken(index, "no URL") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Broken(index, "neither a URL nor a data URI of a picture")
    mine = own(parts.path) if parts.path.startswith("/files/") else None
    if mine:
        return b"".join(mine.pieces)
    address = await _address(parts.hostname, port or (443 if parts.scheme == "https" else 80), index)
    return await _get(url, parts.hostname, address, index)


async def _address(host: str, port: int, index: int) -> str:
    """An address of the host that may be asked: a public one, or this machine's own (a test's picture host)."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Broken(index, "no such host") from error
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not all(address.is_global or address.is_loopback for address in addresses):
        raise Broken(index, "not a public address")
    return str(addresses[0])


async def _get(url: str, host: str, address: str, index: int) -> bytes:
    import httpx  # a sixth of a second to import, and few calls need it

    target = httpx.URL(url)
    request = httpx.Request(
        "GET",
        target.copy_with(host=address),
        headers={"host": target.netloc.decode("ascii")},
        extensions={"sni_hostname": host},
    )
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS), httpx.AsyncClient(trust_env=False) as client:
            answer = await client.send(request, stream=True)
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > LIMIT:
                    raise Broken(index, "too large")
            await answer.aclose()
    except (httpx.HTTPError, TimeoutError) as error:
        raise Broken(index, f"unreachable: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise Broken(index, f"answered {answer.status_code}")
    return bytes(body)
