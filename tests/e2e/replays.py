"""Recorded requests of official SDKs, sent again over a raw socket: the same bytes, under the house's host and key."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from koci_proxy.address import KEY_HEADERS

from .pictures import png
from .processes import House

CAPTURES = Path(__file__).parents[1] / "captures"
SECONDS = 30
UPLOAD = "/upload-session/s1"


@dataclass(frozen=True, slots=True)
class Request:
    """One recorded request; `content` is its body, without chunks, or None where it was left out."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    content: bytes | None

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def recorded(name: str) -> list[Request]:
    """The requests of tests/captures/NAME.json, in the order they were sent in."""
    record = json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))
    return [_request(each) for each in record["requests"]]


def _request(record: Mapping[str, Any]) -> Request:
    if "request_line" in record:
        method, target, _ = record["request_line"].split(" ")
    else:
        method, target = record["method"], record["target"]
    if target.startswith("/v1/"):
        target = f"/openai{target}"  # recorded with a base URL that was a host and no more
    target = target.replace("image%202", "image-2")  # no model of the house has a space in its name
    headers = [(name, value) for name, value in record["headers"]]
    content: bytes | None = b""
    if "body_base64" in record:
        content = base64.b64decode(record["body_base64"], validate=True)
    elif "body_text" in record:
        content = record["body_text"].encode()
    elif any(name.lower() == "content-length" and value != "0" for name, value in headers):
        content = None
    return Request(method, target, headers, content)


def replay(house: House, request: Request, target: str = "") -> Answer:
    """The house's answer to a recorded request; fails when there is none within `SECONDS`."""
    place = urlsplit(house.url)
    assert place.hostname
    assert place.port
    wire = socket.create_connection((place.hostname, place.port), SECONDS)
    with wire:
        wire.sendall(_head(house, request, target or request.target, place.netloc))
        if request.header("expect") == "100-continue":
            _told_to_go_on(wire)
        wire.sendall(_body(request))
        with http.client.HTTPResponse(wire, method=request.method) as answer:
            answer.begin()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


PLACEHOLDER = re.compile(r"(?<=[?&]key=)sk-[\w-]+")


def _head(house: House, request: Request, target: str, netloc: str) -> bytes:
    """As recorded, letter case and order too, but for the host and for the keys, which stood in as placeholders."""
    lines = [f"{request.method} {PLACEHOLDER.sub(house.key, target)} HTTP/1.1"]
    for name, value in request.headers:
        if name.lower() == "host":
            value = netloc
        elif name.lower() in KEY_HEADERS:
            value = f"{value.rpartition(' ')[0]} {house.key}".strip()
        lines.append(f"{name}: {value}")
    if request.content is None:
        lines.append(f"X-Api-Key: {house.key}")  # what was recorded without its body was sent without a key
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _body(request: Request) -> bytes:
    content = _form(request) if request.content is None else request.content
    if request.header("transfer-encoding") != "chunked":
        assert len(content) == int(request.header("content-length") or 0)
        return content
    pieces = [content[at : at + 300] for at in range(0, len(content), 300)]
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"


def _form(request: Request) -> bytes:
    """A form as long as its header says, in place of one that was too long to be kept."""
    boundary = request.header("content-type").partition("boundary=")[2]
    fields = {"model": "m", "prompt": "p"}
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="big.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    tail = f"\r\n--{boundary}--\r\n"
    picture = png()
    room = int(request.header("content-length")) - len(head) - len(tail) - len(picture)
    return head.encode() + picture + bytes(room) + tail.encode()


def _told_to_go_on(wire: socket.socket) -> None:
    seen = b""
    while not seen.endswith(b"\r\n\r\n"):
        piece = wire.recv(1)
        assert piece, f"closed after {seen!r}"
        seen += piece
    assert seen.startswith(b"HTTP/1.1 100 "), seen


def frames(content: bytes) -> Iterator[tuple[str, Any]]:
    """(event, data) of a stream; the event is empty where the stream names none, and comments are left out."""
    assert content.endswith(b"\n\n")
    for block in content.decode().split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        named = dict(line.split(": ", 1) for line in lines)
        if named.get("data") == "[DONE]" or not named:
            continue
        yield named.get("event", ""), json.loads(named["data"])
