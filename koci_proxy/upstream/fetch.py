"""The guarded fetcher: it downloads what a stranger's URL names, and never from inside our own network.

The URL is judged before anything is asked; the addresses behind a name are looked up once, all judged, and connected to
as judged, so that a name which answers differently a moment later gains nothing. Redirects are followed by hand and
judged again. Proxies of the environment are not used: they would look the name up themselves.

What a vendor links to on the origin of its own provider is no stranger's: the operator named that address himself.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Literal
from urllib.parse import urljoin

from ..faults import Fault
from ..guard import check_url, judge, refusal
from ..types import Media, Sink
from . import http
from .client import Client, Resolver
from .coding import KNOWN, Inflater
from .dial import look_up
from .transport import Transport

log = logging.getLogger("koci_proxy.upstream")

Allow = frozenset[tuple[str, int]]
Giver = Literal["app", "upstream"]
Origin = tuple[str, str, int | None]  # scheme, host, port; None is the scheme's own

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def guarded(allow: Allow = frozenset(), resolve: Resolver = look_up) -> Resolver:
    """A look-up that refuses a host if any of its addresses may not be fetched; (host, port) pairs in `allow` may."""

    async def judged(host: str, port: int) -> list[str]:
        addresses = await resolve(host, port)
        if (host, port) not in allow:
            for address in addresses:
                if reason := judge(address):
                    raise refusal(f"its address is {reason}")
        return addresses

    return judged


class Fetcher:
    """Downloads pictures and films of at most `max_bytes` within `timeout` seconds and over `redirects` hops.

    A vendor's links may hold `vendor_bytes` and take `vendor_timeout` seconds: films are large, and are paid for. A
    silence of `timeout` seconds is too long from either.
    A `transport` given from outside must look names up as carefully as ours does. `allow` holds the (host, port) pairs
    that are exempt from judgement: the sandbox's own address on this machine.
    """

    def __init__(
        self,
        transport: http.AsyncBaseTransport | None = None,
        *,
        max_bytes: int = 60 * 1024 * 1024,
        timeout: float = 30,
        vendor_bytes: int = 512 * 1024 * 1024,
        vendor_timeout: float = 300,
        redirects: int = 3,
        allow: Allow = frozenset(),
    ) -> None:
        self._transport = transport or Transport(Client(per_origin=32, resolve=guarded(allow), trust_env=False))
        # Connections of its own: one that was opened without a judgement must not carry the link of a stranger.
        self._unjudged = transport or Transport(Client(per_origin=32))
        self._bounds: Mapping[Giver, tuple[int, float]] = {
            "app": (max_bytes, timeout),
            "upstream": (vendor_bytes, vendor_timeout),
        }
        self._phase = timeout
        self._redirects = redirects
        self._allow = allow

    async def fetch(
        self, url: str, sink: Sink, *, field: str | None = None, blame: Giver = "app", home: str | None = None
    ) -> Media:
        """Streams what `url` names into `sink` and gives the sink's `Media`.

        `home` is the address of the provider whose answer holds the link, and of no other link: on the same origin it
        is fetched at any address and port, in the way that calls go there. Who is led away from there by a redirect is
        judged from then on.

        What goes wrong is the app's doing (`bad_request`, `too_large`, naming `field`), or with `blame="upstream"` the
        vendor's whose link it was (`down`, `slow`, `garbled`, of stage `accepted`: the picture itself was made).
        """
        done = False
        most, longest = self._bounds[blame]
        try:
            async with asyncio.timeout(longest):
                await self._follow(url, sink, most, _origin(home) if home else None)
            media = sink.finish()
            done = True
        except TimeoutError:
            raise _blamed(Fault("slow", f"the URL was not read within {longest:g} s"), field, blame) from None
        except http.HTTPError as error:
            raise _blamed(_translated(error), field, blame) from None
        except Fault as fault:
            raise _blamed(fault, field, blame) from None
        finally:
            if not done:
                sink.abort()
        if not (media.mime or "").startswith(("image/", "video/")):
            raise _blamed(Fault("bad_request", "the URL holds neither a picture nor a film"), field, blame)
        return media

    def check(self, url: str) -> None:
        """`Fault` bad_request for a URL that may not be called, as far as its text shows."""
        self._request(url)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Posts to a stranger's URL, judged like any other. `Fault` unless it answers with a 2xx; no redirects."""
        try:
            async with asyncio.timeout(self._phase):
                request = self._request(url, "POST", body, headers)
                answer = await self._transport.handle_async_request(request)
                await answer.aclose()
        except TimeoutError:
            raise Fault("slow", f"the URL did not answer within {self._phase:g} s") from None
        except http.HTTPError as error:
            raise _translated(error) from None
        if not 200 <= answer.status_code < 300:
            raise Fault("down", f"the URL answered {answer.status_code}")

    async def close(self) -> None:
        for transport in {self._transport, self._unjudged}:
            await transport.aclose()

    async def _follow(self, url: str, sink: Sink, most: int, home: Origin | None) -> None:
        for _ in range(self._redirects + 1):
            home = home if home is not None and _origin(url) == home else None
            request = self._request(url, home=home)
            transport = self._transport if home is None else self._unjudged
            answer = await transport.handle_async_request(request)
            try:
                if answer.status_code == 200:
                    await _download(answer, sink, most)
                    return
                url = _next_hop(url, answer)
            finally:
                await answer.aclose()
        raise Fault("bad_request", f"the URL was redirected more than {self._redirects} times")

    def _request(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        more: Mapping[str, str] | None = None,
        home: Origin | None = None,
    ) -> http.Request:
        """The request for a URL that passed; what is judged is the URL as the library will read it."""
        try:
            parsed = http.URL(url)
        except http.InvalidURL:
            check_url(url, self._allow)  # it may know a better reason
            raise refusal("it is not a URL") from None
        check_url(str(parsed), self._allow, at_home=home is not None)
        phases = dict.fromkeys(("connect", "read", "write", "pool"), self._phase)
        headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "koci-proxy", **(more or {})}
        return http.Request(method, parsed, headers=headers, content=body, extensions={"timeout": phases})


def _origin(url: str) -> Origin | None:
    """Where a URL leads, as the library reads it, which leaves out a scheme's own port; None for what is no URL."""
    try:
        parsed = http.URL(url)
    except http.InvalidURL:
        return None
    return parsed.scheme, parsed.host, parsed.port


async def _download(answer: http.Response, sink: Sink, most: int) -> None:
    too_large = Fault("too_large", f"what the URL holds is larger than {most} bytes")
    said = answer.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most:
        raise too_large
    size = 0
    async for piece in _plain(answer):
        size += len(piece)
        if size > most:
            raise too_large
        sink.write(piece)


async def _plain(answer: http.Response) -> AsyncIterator[bytes]:
    """The body, its content coding undone in bounded pieces: the library would grow a bomb at once."""
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding in KNOWN:
        inflater = Inflater(coding)
        async for piece in answer.aiter_raw():
            try:
                for grown in inflater.feed(piece):
                    yield grown
            except zlib.error:
                raise Fault("garbled", "what the URL answered is wrongly compressed") from None
        if not inflater.whole:
            raise Fault("down", "what the URL answered was cut off")
        return
    if coding not in ("identity", ""):
        raise Fault("garbled", "what the URL answered is compressed in a way that was not asked for")
    async for piece in answer.aiter_raw():
        yield piece


def _next_hop(url: str, answer: http.Response) -> str:
    place: str = answer.headers.get("location", "")
    if answer.status_code not in _REDIRECTS or not place:
        kind = "down" if answer.status_code >= 500 else "bad_request"
        raise Fault(kind, f"the URL answered {answer.status_code}")
    try:
        return urljoin(url, place)
    except ValueError:
        raise Fault("garbled", "the URL was redirected to what is no URL") from None


def _translated(error: http.HTTPError) -> Fault:
    if isinstance(error, http.TimeoutException):
        return Fault("slow", "the URL did not answer in time")
    if isinstance(error, http.RemoteProtocolError):
        return Fault("garbled", "the URL did not answer in HTTP")
    if isinstance(error, http.ConnectError):
        return Fault("down", "the URL's host could not be reached")
    return Fault("down", "the URL could not be read")


def _blamed(fault: Fault, field: str | None, blame: Giver) -> Fault:
    """The same fault as the doing of whoever gave the URL."""
    if fault.blame == "house":
        return fault
    if blame == "app":
        kind = "too_large" if fault.kind == "too_large" else "bad_request"
        return Fault(kind, fault.message, field=field)
    kind = fault.kind if fault.blame == "upstream" else "garbled"
    return Fault(kind, f"the vendor's link failed: {fault.message}", stage="accepted")
