"""The one door to the HTTP client library: its types are ours, and a successor with the same API is one line here."""

from __future__ import annotations

import httpx as library

URL = library.URL
Request = library.Request
Response = library.Response
AsyncBaseTransport = library.AsyncBaseTransport
AsyncByteStream = library.AsyncByteStream
ByteStream = library.ByteStream
SyncByteStream = library.SyncByteStream

HTTPError = library.HTTPError
InvalidURL = library.InvalidURL
TimeoutException = library.TimeoutException
ConnectError = library.ConnectError
ConnectTimeout = library.ConnectTimeout
ReadError = library.ReadError
ReadTimeout = library.ReadTimeout
RemoteProtocolError = library.RemoteProtocolError

__all__ = [
    "URL",
    "AsyncBaseTransport",
    "AsyncByteStream",
    "ByteStream",
    "ConnectError",
    "ConnectTimeout",
    "HTTPError",
    "InvalidURL",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "Response",
    "SyncByteStream",
    "TimeoutException",
]
