"""Golden conversations: what an app asks, what the vendor gets and says, and what the app hears. See tests/golden."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from koci_proxy import jsonstream, sizes
from koci_proxy.app.check import Schemas
from koci_proxy.config import cards, sheet, yaml
from koci_proxy.facts import Card
from koci_proxy.faults import Fault
from koci_proxy.fit import fit
from koci_proxy.media import from_bytes
from koci_proxy.plugins import load
from koci_proxy.types import Done, Job, Media, Result, Target
from koci_proxy.wire import Body, Call, Form, Json, Raw, Reply

ROOT = Path(__file__).parents[1]
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.yaml"))
DIALECTS = load([ROOT / "plugins"], []).dialects
SCHEMAS = Schemas([ROOT / "schemas"])

PICTURE = re.compile(r"\$(png|uri|file) (\d+)x(\d+)")
LINK = re.compile(r"https://cdn\.example/(\d+)x(\d+)\.png")
OWN_ID = re.compile(r"[0-9a-f]{24}")  # what an answer is called whose vendor gave it no name
SHORT, LONG = 0, 30_000  # bytes after the head: a short picture stays text in a JSON body, a long one does not


def png(width: int, height: int, more: int) -> bytes:
    """As much of a PNG as tells its type and its pixels, and so many bytes more."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0" + b"\0" * more


def drawn(value: Any, more: int) -> Any:
    """A golden tree with its pictures: `$png 64x32` is base64, `$uri 64x32` a data URI, `$file 64x32` a file."""
    if isinstance(value, dict):
        return {name: drawn(each, more) for name, each in value.items()}
    if isinstance(value, list):
        return [drawn(each, more) for each in value]
    found = PICTURE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    content = png(int(found[2]), int(found[3]), more)
    if found[1] == "file":
        return from_bytes(content)
    return ("data:image/png;base64," if found[1] == "uri" else "") + base64.b64encode(content).decode()


def named(value: Any) -> Any:
    """The reverse of `drawn`, for what is to be compared."""
    if isinstance(value, dict):
        return {name: named(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(each) for each in value]
    if isinstance(value, Media):
        return f"$file {value.width}x{value.height}"
    if isinstance(value, str) and OWN_ID.fullmatch(value):
        return "ID"
    head, _, text = value.rpartition(",") if isinstance(value, str) else ("", "", "")
    if not text.startswith("iVBOR"):
        return value
    width, height = struct.unpack(">II", base64.b64decode(text)[16:24])
    return f"${'uri' if head else 'png'} {width}x{height}"


class Held:
    """A sink in memory."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        self.content += piece

    def finish(self) -> Media:
        return from_bytes(bytes(self.content))

    def abort(self) -> None:
        self.content.clear()


def arrived(value: Any, more: int) -> Json:
    """A JSON body as the other side reads it from its socket."""
    reader = jsonstream.Reader(Held)
    reader.feed(json.dumps(drawn(value, more)).encode())
    return Json(reader.close())


def sent(body: Body) -> Any:
    """A body of ours as it goes out, with names for pictures."""
    if isinstance(body, Form):
        return {"form": [[name, named(value)] for name, value in body.fields]}
    assert isinstance(body, Json)
    return {"json": named(json.loads(b"".join(jsonstream.write(body.value).pieces())))}


def card(name: str) -> Card:
    path = ROOT / "providers" / "cards" / f"{name}.yaml"
    return cards.card(name, sheet.open_sheet(path, path.name, ROOT / "schemas" / "card.json", {}, path.parent))


def wish(ask: dict[str, Any], more: int) -> Job:
    """The shell's part before `parse`: the body read, a form made JSON, the schema checked."""
    door = DIALECTS[ask["dialect"]]
    call = Call(ask.get("method", "POST"), ask["path"], ask.get("query", {}))
    schema = door.schema(call)
    body = arrived(ask["json"], more) if "json" in ask else None
    if "form" in ask:
        body = Json(SCHEMAS.coerce(schema, Form(tuple((name, drawn(text, more)) for name, text in ask["form"]))))
    if schema:
        assert body is not None
        SCHEMAS.check(schema, body.value)
    job = door.parse(replace(call, body=body))
    assert isinstance(job, Job)
    return job


def fitted(job: Job, target: Target) -> Job:
    """The engine's part before `encode`: links fetched, size and fields fitted, words of other dialects left out."""
    job = replace(job, inputs=tuple(fetched(media) for media in job.inputs))
    resolved = sizes.resolve(job.size, target.card.size)
    options = job.options if job.dialect == target.dialect else {}
    return replace(fit(job, target.card), size=resolved.size, options=options)


def fetched(media: Media) -> Media:
    found = LINK.fullmatch(media.url or "")
    return from_bytes(png(int(found[1]), int(found[2]), SHORT)) if found else media


def delivered(result: Result, job: Job) -> Result:
    """The engine's part after `decode`: links fetched, and for an app that wants links its own ones made."""
    media = tuple(fetched(each) for each in result.media)
    if job.deliver == "url":
        media = tuple(
            replace(each, data=None, url=f"https://house.example/{each.width}x{each.height}.png") for each in media
        )
    return replace(result, media=media, created=result.created or 1716700000)


def heard(reply: Reply) -> dict[str, Any]:
    return {"status": reply.status, "headers": dict(reply.headers), **sent(reply.body)}


def conversation(golden: dict[str, Any], more: int) -> Iterator[tuple[str, Any]]:
    """What comes of a golden file, part by part: `sent` if it gets so far, then `hears`."""
    door = DIALECTS[golden["ask"]["dialect"]]
    try:
        job = wish(golden["ask"], more)
        wanted = golden["target"]
        target = Target("vendor", wanted["model"], wanted["dialect"], card(wanted["card"]))
        vendor = DIALECTS[target.dialect]
        fit_job = fitted(job, target)
        call = vendor.encode(fit_job, target)
        yield "sent", {"path": call.path, **sent(call.body)}
        says = golden["says"]
        body = arrived(says["json"], more) if "json" in says else Raw(says["text"].encode(), "text/html")
        result = delivered(vendor.decode(Reply(says.get("status", 200), {}, body), fit_job, target), job)
    except Fault as fault:
        yield "hears", heard(door.fail(fault))
        return
    if job.stream:
        frames = door.frame(Done(result), job)
        yield "hears", {"frames": [{"event": each.event, **sent(Json(each.data))} for each in frames]}
    else:
        yield "hears", heard(door.render(result, job))


@pytest.mark.parametrize("more", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("path", GOLDEN, ids=[path.stem for path in GOLDEN])
def test_conversation(path: Path, more: int) -> None:
    document = yaml.read(path.name, path.read_text(encoding="utf-8"))
    assert not document.complaints
    golden = document.value
    came = dict(conversation(golden, more))
    assert came.keys() == golden.keys() & {"sent", "hears"}, came
    assert came.get("sent") == golden.get("sent")
    wanted = golden["hears"]
    assert came["hears"] == (wanted if "frames" in wanted else {"headers": {}, **wanted})


def test_there_are_enough() -> None:
    """Nine pairs of dialects, each with new pictures and with edits."""
    talks = [yaml.read(path.name, path.read_text(encoding="utf-8")).value for path in GOLDEN]
    pairs = {
        (talk["ask"]["dialect"], talk["target"]["dialect"], path.stem.split("-")[-1])
        for path, talk in zip(GOLDEN, talks, strict=True)
        if "target" in talk
    }
    assert {(door, vendor, task) for door in DIALECTS for vendor in DIALECTS for task in ("generate", "edit")} <= pairs
