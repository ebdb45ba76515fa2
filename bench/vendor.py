"""The bench's vendor: every answer made beforehand, bodies read and dropped.

    python -m bench.vendor

Prints its address. It is fast enough not to be what is measured: the bench measures it alone first.
"""

from __future__ import annotations

import asyncio
import re
from typing import cast

import httptools
import uvloop

from .answers import FAILING, Answer, answers, http, pictures, refused

LOOKED_AT = 65_536
"""Bytes of a body among which the model's name stands."""

MODEL = re.compile(rb'"model"\s*:\s*"([^"]+)"|name="model"\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]+)')
PATH = re.compile(r"/models/([^:/]+):")


def wanted(path: str, body: bytes) -> str:
    """The model that a call names, in its path, its JSON or its form; empty where there is none."""
    if found := PATH.search(path):
        return found[1]
    match = MODEL.search(body)
    return (match[1] or match[2]).decode() if match else ""


class Vendor(asyncio.Protocol):
    """One connection."""

    def __init__(self, models: dict[str, Answer], files: dict[str, Answer]) -> None:
        self._models, self._files = models, files
        self._parser = httptools.HttpRequestParser(self)
        self._start()

    def _start(self) -> None:
        self._path = ""
        self._head = b""
        self._failing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"authorization":
            self._failing = value.endswith(FAILING.encode())

    def on_body(self, body: bytes) -> None:
        if len(self._head) < LOOKED_AT:
            self._head += body[:LOOKED_AT]

    def on_message_complete(self) -> None:
        name, failing, path = wanted(self._path, self._head), self._failing, self._path
        self._start()
        if failing and name == "two":
            self._transport.write(refused())
            return
        answer = self._files.get(path) or self._models.get(name)
        if answer is None:
            self._transport.write(http(b'{"error": {"message": "no such model"}}', status="404 Not Found"))
        elif answer.wait:
            asyncio.get_running_loop().call_later(answer.wait, self._late, answer.content)
        else:
            self._transport.write(answer.content)

    def _late(self, content: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(content)


async def main() -> None:
    models: dict[str, Answer] = {}
    files: dict[str, Answer] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Vendor(models, files), "127.0.0.1", 0, backlog=4096)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    models.update(answers(address))
    files.update(pictures())
    files["/v1/traces"] = Answer(http(b""))
    print(address, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
