"""What a vendor quotes of our key and of its own host: known by value, and told to nobody, however it comes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest

from koci_proxy import recorded
from koci_proxy.engine import attempt, exchange
from koci_proxy.facts import Card, FaultRule, Provider
from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job, Made, Note, Result, Target, Ticket
from koci_proxy.wire import Call, Frame, Json, Reply
from koci_proxy.words import from_vendor, harmless
from tests.pixels.pictures import PNG

from .test_parts import Notebook

pytestmark = pytest.mark.anyio
KEY, HOST = "kkt_live_51Mz9aBcDe", "img-gw.relay.run"
SAID = f"Invalid token {KEY} for group vip at https://{HOST}/x node {HOST}"
CLEAN = "Invalid token (key) for group vip at (link) node (host)"
PROVIDER = Provider("relay", "wire", f"https://{HOST}/v1")
FAULT = from_vendor(
    "bad_request", SAID, code=f"bad {KEY}", about=f"{HOST}/field", details={"of": [SAID, {"at": HOST}], "n": 3}
)


def silent(value: Any) -> bool:
    """Whether what is written down of it, for the job's row and its webhook, holds neither."""
    text = json.dumps(recorded.write(value)).lower()
    return KEY.lower() not in text and HOST not in text


def test_a_fault_is_without_them_wherever_it_quotes_them() -> None:
    reply = Reply(400, {"retry-after": "3"}, Json({}))
    assert not silent(FAULT)
    seen = exchange.verdict(FAULT, reply, PROVIDER, KEY)
    assert silent(seen)
    assert (seen.message, seen.vendor) == (f"the upstream did not accept the request: {CLEAN}", CLEAN)
    assert (seen.kind, seen.code, seen.retry_after, seen.stage) == ("bad_request", "bad (key)", 3.0, "answered")
    assert (seen.details["n"], seen.details["of"][1]) == (3, {"at": "(host)"})


def test_a_rule_of_the_providers_file_sees_the_code_as_it_came() -> None:
    rules = (FaultRule("refused", code=f"bad {KEY}"),)
    provider = Provider("relay", "wire", f"https://{HOST}", faults=rules)
    seen = exchange.verdict(FAULT, Reply(400, {}, None), provider, KEY)
    assert (seen.kind, silent(seen)) == ("refused", True)


@pytest.mark.parametrize("url", ["", "sandbox:ark", "https://[::1]:8080"])
def test_a_provider_without_a_name_to_hide(url: str) -> None:
    assert exchange.verdict(FAULT, Reply(400, {}, None), Provider("v", "wire", url), "").vendor == FAULT.vendor


def words_of(result: Result) -> tuple[Any, ...]:
    return result.notes, result.extras


NOTED = Result(
    (PNG,),
    text=f"a poster of {HOST}",
    notes=(Note("n", "left out", f"a picture failed: {harmless(SAID)}"),),
    extras={
        "failures": ({"code": "x", "message": harmless(SAID)},),
        "refused": (harmless(SAID),),
        "revised_prompts": ("a fox",),
    },
)


def made(monkeypatch: pytest.MonkeyPatch, *comes: Any, stream: bool = False) -> attempt.Attempt:
    """An attempt whose vendor says so: one outcome of a reply, or one after the other of a stream."""
    outcomes = list(comes)

    def said(*_: object) -> Any:
        now = outcomes.pop(0)
        if isinstance(now, Fault):
            raise now
        return now

    async def send(*_: object, again: bool = False) -> Reply:
        return Reply(200, {}, Json({}))

    async def frames(*_: object) -> AsyncIterator[Frame]:
        for _ in comes:
            yield Frame(None, {})

    monkeypatch.setattr(exchange, "send", send)
    monkeypatch.setattr(exchange, "stream", frames)
    monkeypatch.setattr(attempt, "WAIT", 0.0)
    wire = ModuleType("wire")
    vars(wire).update(decode=said, event=said, poll=lambda ticket, job, target: Call("GET", "look"))
    shell: Any = None
    job, target = Job("m", "p", stream=stream), Target("relay", "m", "wire", Card("c"))
    return attempt.Attempt(job, target, wire, PROVIDER, KEY, shell, Notebook(), 0, "name", 60.0)


async def test_a_refused_call_and_a_task_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    for comes in ((FAULT,), (Ticket({"id": 1}, wait=0.001), FAULT)):
        with pytest.raises(Fault) as caught:
            await made(monkeypatch, *comes).make(Call("POST", "make"))
        assert (caught.value.vendor, silent(caught.value)) == (CLEAN, True)


async def test_what_was_not_made_of_a_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture, and what the model says, stay as they came."""
    result = await made(monkeypatch, NOTED).make(Call("POST", "make"))
    assert silent(words_of(result))
    assert result.notes == (Note("n", "left out", f"a picture failed: {CLEAN}"),)
    assert (result.media, result.text) == (NOTED.media, NOTED.text)
    assert result.extras["revised_prompts"] == ("a fox",)


async def test_the_events_of_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Done(Result((), notes=NOTED.notes, extras=NOTED.extras), fault=FAULT)
    result = await made(monkeypatch, Made(PNG), failed, stream=True).make(Call("POST", "make"))
    assert silent(words_of(result))
    with pytest.raises(Fault) as caught:
        await made(monkeypatch, failed, stream=True).make(Call("POST", "make"))
    assert silent(caught.value)


async def test_a_stream_that_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    result = await made(monkeypatch, Made(PNG), FAULT, stream=True).make(Call("POST", "make"))
    assert silent(words_of(result))
    assert f"it broke off: the upstream did not accept the request: {CLEAN}" in str(result.notes[0])
