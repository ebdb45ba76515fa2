"""What a plugin's author gets wrong is said of that plugin, and no picture passes a plugin that is to see it first."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from koci_proxy.engine import Engine, Keys, Past, Planned, Served, Shell, exchange
from koci_proxy.engine.keys import mark_of
from koci_proxy.facts import Card, House, KeyPool, Model, Provider, Retry, Share
from koci_proxy.faults import Fault
from koci_proxy.plugins import load
from koci_proxy.pool import Pool
from koci_proxy.types import Caller, Job, Note, Partial, Progress, Ticket
from koci_proxy.wire import Call, Frame, Json, Reply
from tests.engine.test_parts import Notebook

pytestmark = pytest.mark.anyio
MODEL = Model("picture", to=(Share((("p", "m", 1.0),)),))
JOB = Job("picture", "a fox")
HEAD = """
import base64
from dataclasses import replace
from koci_proxy import Call, Done, Fault, Made, Partial, Progress, Result, Ticket
from koci_proxy.media import from_base64, from_bytes
from koci_proxy.wire import Json
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==")
PNG = from_base64(PIXEL)
"""
WIRE = (
    HEAD
    + """
def encode(job, target): return Call("POST", "make", body=Json({"previews": job.partials}))
def decode(reply, job, target): return Result((PNG,))
def event(frame, job, target): return {"look": Partial(PNG), "half": Progress(50)}.get(frame.data, Done(Result((PNG,))))
"""
)


@dataclass
class Vendor:
    """A vendor that takes any call, and has so many frames for who asks for a stream."""

    calls: list[Call]

    async def send(self, call: Call, provider: Provider, secret: str, shell: Shell, *, again: bool = False) -> Reply:
        self.calls.append(call)
        return Reply(200, {}, Json({}))

    async def stream(self, call: Call, provider: Provider, secret: str, shell: Shell) -> AsyncIterator[Frame]:
        self.calls.append(call)
        for data in ("look", "half", "done"):
            yield Frame(None, data)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Vendor:
    made = Vendor([])
    monkeypatch.setattr(exchange, "send", made.send)
    monkeypatch.setattr(exchange, "stream", made.stream)
    return made


def engine_of(shell: Shell, folder: Path, wire: str, plugin: str = "") -> Engine:
    """A house of one vendor that speaks `wire`, with one plugin, `x`, if any."""
    (folder / "plugins" / "dialects").mkdir(parents=True, exist_ok=True)
    (folder / "plugins" / "dialects" / "wire.py").write_text(wire, encoding="utf-8")
    (folder / "plugins" / "x.py").write_text(HEAD + plugin, encoding="utf-8")
    cards = {"m": Card("c", stream=True)}
    house = House(
        {},
        {"picture": MODEL},
        {"p": Provider("p", "wire", "https://x.example", models=cards)},
        {"p": KeyPool("p", ("p#1",), ("key-p",))},
        retry=Retry(tries=1, wait=0.0, maybe_paid=0),
    )
    keys = {"p": Keys(Pool(house.keys["p"], "least_busy", random.Random(1)))}
    return Engine(house, load([folder / "plugins"], [("x", {})] if plugin else []), keys, shell)


async def run(engine: Engine, job: Job = JOB, diary: Notebook | None = None) -> Served:
    planned: Planned = await engine.plan(job, Caller("1", "one"))
    return await engine.run(planned, "https://img.example", diary or Notebook())


@pytest.mark.parametrize(
    ("plugin", "told", "asked"),
    [("", 1, 2), ("def on_call(call): ...", 1, 2), ("def on_result(result): ...", 0, 0)],
)
async def test_no_preview_passes_a_plugin_that_is_to_see_all_pictures(
    shell: Shell, vendor: Vendor, tmp_path: Path, plugin: str, told: int, asked: int
) -> None:
    """Not one that the vendor sends unasked, either; how far the job is may be told."""
    diary = Notebook()
    served = await run(engine_of(shell, tmp_path, WIRE, plugin), replace(JOB, stream=True, partials=2), diary)
    assert sum(isinstance(event, Partial) for event in diary.told) == told
    assert Progress(50) in diary.told
    assert vendor.calls[0].body == Json({"previews": asked})
    note = Note("partial_images", "left out", "a plugin is to see every picture before it is shown")
    assert (note in served.result.notes) == (not told)


ENCODE = 'return Call("POST", "make", body=Json({"previews": job.partials}))'
DECODE = "return Result((PNG,))"


@pytest.mark.parametrize(
    ("wire", "message", "sent"),
    [
        (WIRE.replace(ENCODE, "return {}"), "gave dict back from encode, not Call", 0),
        (
            WIRE.replace(ENCODE, 'return Call("POST", "make", body={"a": 1})'),
            "gave a Call back from encode whose body is dict, not Json, Form, Raw or None",
            0,
        ),
        (WIRE.replace(ENCODE, "raise SystemExit(0)"), "failed in encode", 0),
        (WIRE + "def left_out(job, target): return None", "gave NoneType back from left_out, not tuple or list", 0),
        (WIRE + "def words(job, target): return 'seed'", "gave str back from words, not tuple, list or Set", 0),
        (WIRE.replace(DECODE, "return {}"), "gave dict back from decode, not Result or Ticket", 1),
        (
            WIRE.replace(DECODE, "return Result((b'x',))"),
            "gave a Result back from decode whose media[0] is bytes, not Media",
            1,
        ),
        (WIRE.replace(DECODE, "raise SystemExit(0)"), "failed in decode", 1),
        (
            WIRE.replace(DECODE, "return Ticket({'id': 1})"),
            "gave a Ticket back from decode and has no poll to look after it",
            1,
        ),
        (
            WIRE.replace(DECODE, "return Ticket({'id': {1}})") + "def poll(ticket, job, target): ...",
            "gave a Ticket back from decode whose handle is no JSON: set cannot be written down",
            1,
        ),
        (
            WIRE.replace(DECODE, "return Ticket('t1')") + "def poll(ticket, job, target): ...",
            "gave a Ticket back from decode whose handle is str, not dict",
            1,
        ),
        (
            WIRE.replace(DECODE, "return Ticket({'id': 1}, wait=0.001)") + "def poll(ticket, job, target): return 't'",
            "gave str back from poll, not Call",
            1,
        ),
    ],
)
async def test_what_a_dialect_gets_wrong(
    shell: Shell, vendor: Vendor, tmp_path: Path, caplog: pytest.LogCaptureFixture, wire: str, message: str, sent: int
) -> None:
    with pytest.raises(Fault) as caught:
        await run(engine_of(shell, tmp_path, wire))
    fault = caught.value
    assert (fault.kind, fault.message) == ("internal", f"the dialect 'wire' {message}")
    assert (fault.stage, len(vendor.calls)) == ("accepted" if sent else "not_sent", sent)
    assert "dialects/wire.py" in caplog.text


async def test_a_task_that_a_dialect_cannot_look_after_is_not_called_off(
    shell: Shell, vendor: Vendor, tmp_path: Path
) -> None:
    """To say that it was stopped would give back what is paid for."""
    more = "def poll(ticket, job, target): return 't'\ndef cancel(ticket, job, target): return Call('POST', 'stop')"
    engine = engine_of(shell, tmp_path, WIRE + more)
    past = Past("p/m", mark_of("key-p"), "before", JOB, Ticket({"id": 1}))
    with pytest.raises(Fault, match="gave str back from poll"):
        await engine.cancel(JOB, past, Notebook())
    assert vendor.calls == []


@pytest.mark.parametrize(
    ("gives", "message"),
    [
        ("Result((PNG,))", "gave Result back from event, not Partial, Progress, Made, Done or None"),
        ("Done({})", "gave a Done back from event whose result is dict, not Result"),
        ("Partial(b'x')", "gave a Partial back from event whose media is bytes, not Media"),
    ],
)
async def test_what_a_dialect_gets_wrong_in_a_stream(
    shell: Shell, vendor: Vendor, tmp_path: Path, gives: str, message: str
) -> None:
    wire = f"{WIRE}def event(frame, job, target): return {gives}"
    with pytest.raises(Fault) as caught:
        await run(engine_of(shell, tmp_path, wire), replace(JOB, stream=True))
    assert (caught.value.kind, caught.value.message) == ("internal", f"the dialect 'wire' {message}")
    assert caught.value.stage == "accepted"


async def test_a_plugin_that_leaves_no_picture(
    shell: Shell, vendor: Vendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = engine_of(shell, tmp_path, WIRE, "def on_result(result): return replace(result, media=())")
    with pytest.raises(Fault) as caught:
        await run(engine)
    assert (caught.value.kind, caught.value.stage, len(vendor.calls)) == ("empty", "accepted", 1)
    assert caught.value.message == "the upstream answered without a picture or film"
    assert "the plugin 'x' left no picture in on_result" in caplog.text


async def test_an_answer_that_had_no_picture_is_as_it_was(shell: Shell, vendor: Vendor, tmp_path: Path) -> None:
    wire = WIRE.replace(DECODE, "return Result((), text='words alone')")
    served = await run(engine_of(shell, tmp_path, wire, "def on_result(result): return replace(result, text='seen')"))
    assert (served.result.media, served.result.text) == ((), "seen")


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ("def on_job(job): return replace(job, size='1K')", "a Job back from on_job whose size is str, not Size"),
        ("def on_job(job): return replace(job, n='2')", "a Job back from on_job whose n is str, not int"),
        ("def on_job(job): return replace(job, n=0)", "a Job back from on_job whose n is 0"),
        (
            "def on_plan(targets): return [replace(targets[0], provider='mine')]",
            "the target mine/m back from on_plan, which is none of those it was given",
        ),
        (
            "def on_call(call): return replace(call, body={})",
            "a Call back from on_call whose body is dict, not Json, Form, Raw or None",
        ),
        (
            "def on_result(result): return replace(result, media=[b'x'])",
            "a Result back from on_result whose media[0] is bytes, not Media",
        ),
    ],
)
async def test_what_a_plugin_gets_wrong_in_a_value(
    shell: Shell, vendor: Vendor, tmp_path: Path, plugin: str, message: str
) -> None:
    with pytest.raises(Fault) as caught:
        await run(engine_of(shell, tmp_path, WIRE, plugin))
    assert (caught.value.kind, caught.value.message) == ("internal", f"the plugin 'x' gave {message}")


@pytest.mark.parametrize("hook", ["on_job", "on_plan", "on_target", "on_call", "on_result"])
@pytest.mark.parametrize("head", ["def", "async def"])
async def test_a_plugin_that_ends_the_program(
    shell: Shell, vendor: Vendor, tmp_path: Path, caplog: pytest.LogCaptureFixture, head: str, hook: str
) -> None:
    with pytest.raises(Fault, match=f"the plugin 'x' failed in {hook}"):
        await run(engine_of(shell, tmp_path, WIRE, f"{head} {hook}(): raise SystemExit(0)"))
    assert "SystemExit" in caplog.text
