"""The HTTP/1.1 client that carries calls to vendors: it streams both ways and knows how far an attempt had come."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Self
from urllib.parse import quote, urlsplit

from ..faults import Fault
from .answer import Answer, log
from .connection import Connection
from .dial import Origin, Proxy, Resolver, dial, look_up, proxies, through
from .pool import Pool
from .turns import Turns

__all__ = ["Answer", "Client", "Resolver"]

Pieces = Callable[[], Iterator[bytes]]

_UNSAFE = re.compile(r"[^!-~]")
_OURS = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "expect", "te"})
_MANY = 64
"""Origins known before those without a connection are forgotten."""


class Client:
    """Keep-alive connections to any number of origins, at most `per_origin` to each; times are in seconds.

    `resolve` replaces the system's look-up of names. `trust_env` obeys HTTP_PROXY, HTTPS_PROXY and NO_PROXY. A client
    belongs to the event loop in which it is used first.
    """

    def __init__(
        self,
        *,
        per_origin: int = 16_384,
        idle: float = 30,
        connect_timeout: float = 5,
        ssl: ssl.SSLContext | None = None,
        resolve: Resolver | None = None,
        trust_env: bool = True,
    ) -> None:
        self._per_origin = per_origin
        self._idle = idle
        self._connect_timeout = connect_timeout
        self._ssl = ssl
        self._resolve = resolve or look_up
        self._proxies: Mapping[str, Proxy] = proxies() if trust_env else {}
        self._pools: dict[Origin, Pool] = {}
        self._turns = Turns()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Pieces | None = None,
        *,
        length: int | None = None,
        timeout: float = 600,
    ) -> Coroutine[Any, Any, Answer]:
        """Sends one request and waits for the head of its answer.

        `body` gives the pieces anew at each call; with `length` (bytes) they go as they are, without it in chunks.
        `timeout` bounds the wait for the head, and then each silence inside the answer's body. Raises a `Fault` of kind
        `down`, `slow` or `garbled` whose stage says how far the attempt had come.
        """
        decodes = any(name.lower() == "accept-encoding" for name in headers)
        return _answered(self._asked(method, url, headers, body, length, timeout), decodes)

    async def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: Pieces | None, length: int | None, timeout: float
    ) -> Answer:
        """The request written, as far as the vendor takes it; its answer is still to come."""
        origin, target = _address(url)
        proxy = through(origin, self._proxies) if self._proxies else None
        if proxy is not None and origin.scheme == "http":
            target = f"http://{origin.netloc}{target}"
        head = _head(method, target, origin, headers, body is not None, length, proxy)
        pieces = _exact(body(), length) if body is not None else iter(())
        first = next(pieces, b"")
        chunked = body is not None and length is None
        if chunked and first:
            first = b"%x\r\n%b\r\n" % (len(first), first)
        pool = self._pools.get(origin) or self._pool(origin)
        connection = pool.at_hand() or await self._take(pool, origin, timeout)
        answer = connection.begin(head + first, bodiless=method == "HEAD", silence=timeout)
        try:
            if body is None or await connection.upload(answer, pieces, chunked):
                connection.uploaded()
        except BaseException:
            answer.drop()
            raise
        return answer

    async def close(self) -> None:
        """Closes every connection and waits until the sockets are gone."""
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            await pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _take(self, pool: Pool, origin: Origin, timeout: float) -> Connection:
        """A connection, waited for as long as an answer may take: the vendor has heard nothing yet."""
        try:
            async with asyncio.timeout(timeout):
                return await pool.take()
        except TimeoutError:
            log.warning("%s: no connection became free within %g s", origin, timeout)
            raise Fault("slow", f"no connection became free within {timeout:g} s", stage="not_sent") from None

    def _pool(self, origin: Origin) -> Pool:
        if len(self._pools) >= _MANY:
            self._pools = {at: pool for at, pool in self._pools.items() if not pool.vacant}
        proxy = through(origin, self._proxies)

        async def dialled(pool: Pool) -> Connection:
            return await dial(
                origin,
                proxy,
                lambda: Connection(str(origin), pool.freed, pool.gone, self._turns),
                resolve=self._resolve,
                context=self._context,
                timeout=self._connect_timeout,
            )

        pool = self._pools[origin] = Pool(self._per_origin, self._idle, dialled)
        return pool

    def _context(self) -> ssl.SSLContext:
        if self._ssl is None:  # reading the system's certificates takes 20 ms: only for those who need them
            self._ssl = ssl.create_default_context()
            self._ssl.set_alpn_protocols(["http/1.1"])
        return self._ssl


def _address(url: str) -> tuple[Origin, str]:
    """A URL as origin and request target."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        raise Fault("internal", "a vendor's address is not a URL", stage="not_sent") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise Fault("internal", "a vendor's address is not a plain http or https URL", stage="not_sent")
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if _UNSAFE.search(target):
        target = quote(target, safe="%/:=&?~#+!$,;'@()*[]")
    return Origin(parts.scheme, host, port or (443 if parts.scheme == "https" else 80)), target


def _head(
    method: str,
    target: str,
    origin: Origin,
    headers: Mapping[str, str],
    body: bool,
    length: int | None,
    proxy: Proxy | None,
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    named = {name.lower(): value for name, value in headers.items()}
    lines.append(f"host: {named.pop('host', origin.netloc)}")
    lines.extend(f"{name}: {value}" for name, value in named.items() if name not in _OURS)
    if "accept-encoding" not in named:
        lines.append("accept-encoding: identity")
    if proxy is not None and origin.scheme == "http" and proxy.authorization:
        lines.append(f"proxy-authorization: {proxy.authorization}")
    if not body:
        if method in ("POST", "PUT", "PATCH"):
            lines.append("content-length: 0")
    else:
        lines.append("transfer-encoding: chunked" if length is None else f"content-length: {length}")
    text = "\r\n".join(lines) + "\r\n\r\n"
    breaks = len(lines) + 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise Fault("internal", "a header to the vendor holds a line break", stage="not_sent")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise Fault("internal", "a header to the vendor holds a letter no header can hold", stage="not_sent") from None


def _exact(pieces: Iterator[bytes], length: int | None) -> Iterator[bytes]:
    """The pieces that are not empty, and exactly as many bytes as were promised."""
    left = length
    for piece in pieces:
        if not piece:
            continue
        if left is not None:
            left -= len(piece)
            if left < 0:
                break
        yield piece
    if left:
        raise Fault("internal", "the body to the vendor is not as long as was said", stage="sent")


async def _answered(asking: Coroutine[Any, Any, Answer], decodes: bool) -> Answer:
    """An answer whose head has come. What was asked is not held on to: an answer may be waited for for minutes."""
    answer = await asking
    whole = False
    try:
        while not answer.status:
            answer.check()
            await answer.turn()
        if not decodes:
            answer.must_be_plain()
        whole = True
    finally:
        if not whole:
            answer.drop()
    return answer
