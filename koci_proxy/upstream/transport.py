"""Our client behind the library's transport interface: whatever speaks that interface can use our connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from ..faults import Fault
from . import http
from .client import Answer, Client

_FOREVER = 86_400.0


class Transport(http.AsyncBaseTransport):
    """Carries requests over a `Client`, which it closes when it is closed.

    Faults of the way to the server become the library's exceptions, with the `Fault` as their cause; any other fault (a
    guarded look-up that refuses) passes as it is.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def handle_async_request(self, request: http.Request) -> http.Response:
        headers = dict(request.headers)
        length = headers.get("content-length")
        stream = request.stream
        if not isinstance(stream, http.SyncByteStream):
            content = await request.aread()
            length, stream = str(len(content)), http.ByteStream(content)
        body = stream if length not in (None, "0") or "transfer-encoding" in headers else None

        def pieces() -> Iterator[bytes]:
            return iter(body or ())

        try:
            answer = await self._client.send(
                request.method,
                str(request.url),
                headers,
                pieces if body is not None else None,
                length=int(length) if length is not None else None,
                timeout=_timeout(request.extensions.get("timeout", {})),
            )
        except Fault as fault:
            raise _error(fault, request) from fault
        return http.Response(answer.status, headers=answer.headers, stream=_Body(answer, request), request=request)

    async def aclose(self) -> None:
        await self._client.close()


class _Body(http.AsyncByteStream):
    def __init__(self, answer: Answer, request: http.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._answer.pieces():
                yield piece
        except Fault as fault:
            raise _error(fault, self._request) from fault

    async def aclose(self) -> None:
        await self._answer.close()


def _timeout(phases: dict[str, Any]) -> float:
    """The library's read timeout is ours: it bounds a silence; None there means none."""
    read = phases.get("read", 600.0)
    return _FOREVER if read is None else float(read)


def _error(fault: Fault, request: http.Request) -> Exception:
    if fault.blame != "upstream":
        return fault
    unsent = fault.stage == "not_sent"
    if fault.kind == "slow":
        return (http.ConnectTimeout if unsent else http.ReadTimeout)(fault.message, request=request)
    if fault.kind == "down":
        return (http.ConnectError if unsent else http.ReadError)(fault.message, request=request)
    return http.RemoteProtocolError(fault.message, request=request)
