"""What stands in for the shell in the dialects' tests: values go through real JSON, forms become JSON by schema."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from koci_proxy import address, jsonstream
from koci_proxy.app.check import Schemas
from koci_proxy.facts import Card, InputRules, SizeRules
from koci_proxy.media import from_bytes
from koci_proxy.plugins import load
from koci_proxy.types import Job, Media, Target
from koci_proxy.wire import Body, Call, Form, Json, Reply

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "tests" / "captures"
DIALECTS = load([ROOT / "plugins"], []).dialects
DOORS = {name: module for name, module in DIALECTS.items() if hasattr(module, "parse")}
VENDORS = {name: module for name, module in DIALECTS.items() if hasattr(module, "encode")}
SCHEMAS = Schemas([ROOT / "schemas"])


def picture(width: int = 64, height: int = 32, more: int = 0) -> Media:
    """A picture that is a PNG as far as its first bytes tell; with some 20,000 bytes `more` it is long on a wire."""
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"
    return from_bytes(head + b"\xfb\xff\xfe" * (more // 3))


class Kept:
    """A sink that keeps what it gets in memory."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(piece))

    def finish(self) -> Media:
        return from_bytes(b"".join(self.pieces))

    def abort(self) -> None:
        self.pieces.clear()


def read(content: bytes) -> Any:
    reader = jsonstream.Reader(Kept)
    reader.feed(content)
    return reader.close()


def across(body: Body, schema: str | None = None) -> Json:
    """A body of ours as the other side reads it; a form needs the schema that says what its fields are."""
    if isinstance(body, Form):
        assert schema is not None
        return Json(SCHEMAS.coerce(schema, body))
    assert isinstance(body, Json)
    return Json(read(b"".join(jsonstream.write(body.value).pieces())))


def plain(body: Body) -> Any:
    """A JSON body of ours as another program's parser sees it."""
    assert isinstance(body, Json)
    return json.loads(b"".join(jsonstream.write(body.value).pieces()))


def answered(reply: Reply) -> Reply:
    return replace(reply, body=across(reply.body))


def asked(dialect: str, call: Call) -> Any:
    """What a door makes of a call: its body read, checked and parsed."""
    door = DIALECTS[dialect]
    schema = door.schema(call)
    if call.body is not None and schema is not None:
        call = replace(call, body=across(call.body, schema))
        assert isinstance(call.body, Json)
        SCHEMAS.check(schema, call.body.value)
    return door.parse(call)


def unplaced(job: Any) -> Job:
    """A job without what it notes of where its inputs stood: tests/dialects/test_names.py is about that."""
    assert isinstance(job, Job)
    return replace(job, options={name: value for name, value in job.options.items() if name != "_names"})


def post(path: str, body: Any, **query: str) -> Call:
    return Call("POST", path, query, body=Json(body))


def target(dialect: str, takes: Mapping[str, tuple[str, ...] | None] | None = None, wire: str = "pixels") -> Target:
    """A target whose card takes what it is said to take, and ten pictures."""
    rules = SizeRules(wire=wire)  # type: ignore[arg-type]
    card = Card("any", frozenset({"generate", "edit"}), rules, InputRules(16, mask=True), n=10, takes=takes or {})
    return Target("vendor", "the-model", dialect, card)


def captured(name: str) -> list[Call]:
    """The requests of a recording, as they come to a door: the path's tail, and the body as JSON or a form."""
    record = json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))
    return [_call(request) for request in record["requests"]]


def _call(request: Mapping[str, Any]) -> Call:
    method, line = request.get("request_line", "POST /").split()[:2]
    url = urlsplit(request.get("target", line))
    path = unquote(re.sub(r"^/(?=v1/)", "/openai/", url.path))
    found = address.split(path, ("openai", "google", "anthropic"))
    assert found is not None
    body: Body = None
    if "multipart_parts" in request:
        body = Form(tuple(_field(part) for part in request["multipart_parts"]))
    elif request.get("body_text"):
        body = Json(read(request["body_text"].encode()))
    return Call(request.get("method", method), found[1], dict(parse_qsl(url.query)), body=body)


def _field(part: Mapping[str, Any]) -> tuple[str, str | Media]:
    found = re.search(r'; name="([^"]*)"', part["headers"][0])
    assert found is not None
    value = part["text"] if "text" in part else from_bytes(base64.b64decode(part["base64"]))
    return found[1], value
