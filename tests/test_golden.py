"""Golden conversations: what an app asks, what the vendor gets and says, and what the app hears. See tests/golden."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from koci_proxy import jsonstream, sizes
from koci_proxy.app.check import Schemas
from koci_proxy.config import cards, sheet, yaml
from koci_proxy.engine.attempt import together
from koci_proxy.engine.spoken import same_words
from koci_proxy.facts import Card
from koci_proxy.faults import Fault
from koci_proxy.fit import fit
from koci_proxy.media import from_bytes
from koci_proxy.plugins import load
from koci_proxy.types import Done, Job, Made, Media, Partial, Result, Target, Ticket
from koci_proxy.wire import Body, Call, Form, Frame, Json, Raw, Reply
from plugins.transforms import style

ROOT = Path(__file__).parents[1]
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*.yaml"))
DIALECTS = load([ROOT / "plugins"], []).dialects
DOORS = [name for name, module in DIALECTS.items() if hasattr(module, "parse")]
VENDORS = [name for name, module in DIALECTS.items() if hasattr(module, "encode") and name != "declarative"]
EDITORS = {"koukoutu"}  # shapes that begin with a picture
SCHEMAS = Schemas([ROOT / "schemas"])

PICTURE = re.compile(r"\$(png|uri|file) (\d+)x(\d+)")
LINK = re.compile(r"https://cdn\.example/(\d+)x(\d+)\.png")
OWN_ID = re.compile(r"(?:msg_)?[0-9a-f]{24}")  # what an answer is called whose vendor gave it no name
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
    if isinstance(body, Raw):
        return {"picture": named(body.content)} if isinstance(body.content, Media) else {"text": body.content.decode()}
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
    job = style.Plugin().on_target(job, target) or job
    job = replace(fit(job, target.card), size=resolved.size)
    return same_words(job, target, DIALECTS[target.dialect])


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


def said(says: dict[str, Any], more: int) -> Reply:
    """A vendor's answer as the engine reads it: JSON, a picture as it is, or a page of text."""
    body: Body = Raw(says.get("text", "").encode(), "text/html")
    if "json" in says:
        body = arrived(says["json"], more)
    elif "picture" in says:
        body = Raw(drawn(says["picture"], more), "image/png")
    return Reply(says.get("status", 200), {}, body)


def finished(
    outcome: Result | Ticket, says: dict[str, Any], vendor: Any, job: Job, target: Target, more: int
) -> Result:
    """The engine's part while a vendor is at work: it asks after the task until there is a result."""
    for look in says.get("looks", []):
        assert isinstance(outcome, Ticket)
        call = vendor.poll(outcome, job, target)
        assert {"path": call.path, **sent(call.body)} == look["sent"]
        handle = outcome.handle
        outcome = vendor.decode(said(look["says"], more), job, target)
        if isinstance(outcome, Ticket) and not outcome.handle:
            outcome = replace(outcome, handle=handle)
    assert isinstance(outcome, Result)
    return outcome


def told(says: dict[str, Any], vendor: Any, job: Job, target: Target, more: int) -> tuple[list[Partial | Made], Result]:
    """What a vendor's answer, or each event of its stream, comes to: what is told before the end, and the result."""
    if "frames" not in says:
        return [], finished(vendor.decode(said(says, more), job, target), says, vendor, job, target, more)
    frames = [Frame(each.get("event"), arrived(each["json"], more).value) for each in says["frames"]]
    events: list[Partial | Made] = []
    ends: list[Result] = []
    for frame in frames:
        event = vendor.event(frame, job, target)
        if isinstance(event, Made):
            events.append(replace(event, index=sum(len(end.media) for end in ends)))
            ends.append(Result((event.media,), created=event.created))
        elif isinstance(event, Done):
            ends.append(event.result)
        elif event is not None:
            events.append(event)
    return events, together(ends)


def streamed(events: list[Partial | Made], result: Result, door: Any, job: Job) -> Iterator[Frame]:
    """The engine's part of a stream: previews, pictures that are done before the others where the door shows them."""
    shown: set[int] = set()
    for event in events:
        if isinstance(event, Partial):
            yield from door.frame(event, job)
        elif hasattr(door, "made"):
            shown.add(event.index)
            [media] = delivered(Result((event.media,)), job).media
            yield from door.made(replace(event, media=media), job)
    yield from door.frame(Done(result, frozenset(shown)), job)


def heard(reply: Reply) -> dict[str, Any]:
    return {"status": reply.status, "headers": dict(reply.headers), **sent(reply.body)}


def conversation(golden: dict[str, Any], more: int) -> Iterator[tuple[str, Any]]:
    """What comes of a golden file, part by part: `sent` if it gets so far, then `hears`."""
    door = DIALECTS[golden["ask"]["dialect"]]
    try:
        job = wish(golden["ask"], more)
        wanted = golden["target"]
        target = Target("vendor", wanted["model"], wanted["dialect"], card(wanted["card"]), wanted.get("wire", {}))
        vendor = DIALECTS[target.dialect]
        fit_job = fitted(job, target)
        call = vendor.encode(fit_job, target)
        yield "sent", {"path": call.path, **sent(call.body)}
        events, made = told(golden["says"], vendor, fit_job, target, more)
        result = delivered(made, job)
    except Fault as fault:
        yield "hears", heard(door.fail(fault))
        return
    if job.stream:
        frames = streamed(events, result, door, job)
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
    """Every pair of a door and a vendor's shape, each with new pictures and with edits."""
    talks = [yaml.read(path.name, path.read_text(encoding="utf-8")).value for path in GOLDEN]
    pairs = {
        (talk["ask"]["dialect"], talk["target"]["dialect"], path.stem.split("-")[-1])
        for path, talk in zip(GOLDEN, talks, strict=True)
        if "target" in talk
    }
    wanted = {(door, vendor, "edit") for door in DOORS for vendor in VENDORS}
    wanted |= {(door, vendor, "generate") for door in DOORS for vendor in VENDORS if not {door, vendor} & EDITORS}
    assert wanted <= pairs


def test_every_door_and_every_vendor_has_three() -> None:
    """Conversations that reach a vendor; the one without code is shown by those of two that have code."""
    talks = [yaml.read(path.name, path.read_text(encoding="utf-8")).value for path in GOLDEN]
    whole = [talk for talk in talks if "sent" in talk]
    doors = Counter(talk["ask"]["dialect"] for talk in whole)
    vendors = Counter(talk["target"]["dialect"] for talk in whole)
    assert not [name for name in DOORS if doors[name] < 3]
    assert not [name for name in VENDORS if vendors[name] < 3]
