"""The way to a vendor: its address looked up, the socket opened, a proxy asked to let us through, TLS on top."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from ..faults import Fault
from .answer import log
from .connection import MAX_HEAD, Connection

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to IP addresses, in the order in which they are to be tried; raises `OSError` or a `Fault`."""


class Origin(NamedTuple):
    """Where requests go: `host` as it is written in a URL, ASCII, without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """As a `Host` header has it: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Proxy(NamedTuple):
    """A proxy of our own network that requests leave through; `authorization` is its header, or empty."""

    host: str
    port: int
    authorization: str


def proxies() -> Mapping[str, Proxy]:
    """The proxies that HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name, by scheme; `no` is left to `through`."""
    found = getproxies_environment()
    return {
        scheme: _proxy(url)
        for scheme in ("http", "https")
        if (url := found.get(scheme) or found.get("all")) is not None
    }


def _proxy(url: str) -> Proxy:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"a proxy must be http://host:port, not {parts.scheme}://{parts.hostname or ''}")
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return Proxy(parts.hostname, parts.port or 80, f"Basic {b64encode(user.encode()).decode()}" if user else "")


def through(origin: Origin, known: Mapping[str, Proxy]) -> Proxy | None:
    """The proxy on the way to an origin. This machine itself and what NO_PROXY names are reached directly."""
    proxy = known.get(origin.scheme)
    if proxy is None or _is_here(origin.host) or proxy_bypass(str(origin)):
        return None
    return proxy


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def look_up(host: str, port: int) -> list[str]:
    """Every address of a host, as the system's resolver orders them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def dial(
    origin: Origin,
    proxy: Proxy | None,
    build: Callable[[], Connection],
    *,
    resolve: Resolver,
    context: Callable[[], ssl.SSLContext],
    timeout: float,
) -> Connection:
    """An open connection to `origin`; every failure is a `Fault` of stage `not_sent`, or the resolver's own."""
    try:
        async with asyncio.timeout(timeout):
            tls = context() if origin.scheme == "https" else None
            if proxy is None:
                return await _direct(origin, build, resolve, tls, timeout)
            return await _proxied(origin, proxy, build, tls)
    except TimeoutError:
        log.warning("%s: no connection within %g s", origin, timeout)
        raise Fault("slow", f"the vendor took no connection within {timeout:g} s", stage="not_sent") from None
    except ssl.SSLError as error:
        log.warning("%s: TLS failed: %s", origin, error)
        raise Fault("down", "no safe connection to the vendor could be made", stage="not_sent") from None
    except socket.gaierror as error:
        log.warning("%s: no address found: %s", origin, error)
        raise Fault("down", "the vendor's address could not be found", stage="not_sent") from None
    except OSError as error:
        log.warning("%s: no connection: %s", origin, error)
        raise Fault("down", "the vendor could not be reached", stage="not_sent") from None


async def _direct(
    origin: Origin, build: Callable[[], Connection], resolve: Resolver, tls: ssl.SSLContext | None, timeout: float
) -> Connection:
    """Tries the addresses in turn, each for its share of the time: one that swallows packets must not eat it all."""
    loop = asyncio.get_running_loop()
    until = time.monotonic() + timeout
    addresses = await resolve(origin.host, origin.port)
    failed: OSError = OSError("no address")
    for at, address in enumerate(addresses):
        share = (until - time.monotonic()) / (len(addresses) - at)
        try:
            async with asyncio.timeout(share):
                _, connection = await loop.create_connection(
                    build, address, origin.port, ssl=tls, server_hostname=origin.host if tls else None
                )
                return connection
        except ssl.SSLError:
            raise
        except OSError as error:  # TimeoutError is one
            failed = error
    raise failed


async def _proxied(
    origin: Origin, proxy: Proxy, build: Callable[[], Connection], tls: ssl.SSLContext | None
) -> Connection:
    loop = asyncio.get_running_loop()
    if tls is None:
        _, connection = await loop.create_connection(build, proxy.host, proxy.port)
        return connection
    transport, tunnel = await loop.create_connection(lambda: _Tunnel(loop), proxy.host, proxy.port)
    try:
        target = f"[{origin.host}]:{origin.port}" if ":" in origin.host else str(origin)
        lines = [f"CONNECT {target} HTTP/1.1", f"host: {target}"]
        if proxy.authorization:
            lines.append(f"proxy-authorization: {proxy.authorization}")
        transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        await tunnel.opened
        connection = build()
        secured = await loop.start_tls(transport, connection, tls, server_hostname=origin.host)
        if secured is None:
            raise OSError("the proxy closed the connection")
        connection.connection_made(secured)
    except BaseException:
        transport.abort()
        raise
    return connection


class _Tunnel(asyncio.Protocol):
    """The proxy's answer to CONNECT; `opened` is done when it lets us through."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.opened: asyncio.Future[None] = loop.create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        if self.opened.done():
            return
        self._head += data
        if b"\r\n\r\n" in self._head:
            status = self._head.split(b"\r\n", 1)[0].split(b" ")
            if len(status) > 1 and status[0].startswith(b"HTTP/1.") and status[1] == b"200":
                self.opened.set_result(None)
            else:
                self._refuse(f"the proxy refused: {b' '.join(status[1:2]).decode('latin-1')}")
        elif len(self._head) > MAX_HEAD:
            self._refuse("the proxy does not speak HTTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self._refuse("the proxy closed the connection")

    def _refuse(self, reason: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(OSError(reason))
