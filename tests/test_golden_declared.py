"""The golden conversations of two vendors with code, held with the same vendors without: examples/declarative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from koci_proxy.config import load, yaml
from koci_proxy.engine import exchange
from koci_proxy.facts import Provider
from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job, Result, Target, Ticket
from koci_proxy.wire import Call, Json, Reply

from .test_golden import DIALECTS, GOLDEN, LONG, ROOT, SHORT, card, delivered, fitted, heard, said, sent, wish

HOUSE = load(
    ROOT / "examples" / "declarative" / "routes.yaml", {"LINKAI_API_KEY": "dummy-linkai", "KOUKOUTU_KEY": "dummy-kkt"}
)
VENDOR = DIALECTS["declarative"]
TALKS = {
    path.stem: talk
    for path in GOLDEN
    if "target" in (talk := yaml.read(path.name, path.read_text(encoding="utf-8")).value)
    and talk["target"]["dialect"] in ("linkai", "koukoutu")
}


def declared(wanted: dict[str, Any]) -> Provider:
    """The vendor without code that serves what the golden file's vendor does."""
    if wanted["dialect"] == "linkai":
        return HOUSE.providers["linkai"]
    at_once = HOUSE.providers["koukoutu-sync"]
    later = wanted.get("wire", {}).get("mode") == "async" or wanted["model"] not in at_once.models
    return HOUSE.providers["koukoutu-async"] if later else at_once


def like(call: Any) -> Any:
    """A call for comparison: the order of a form's fields says nothing."""
    return {**call, "form": sorted(call["form"], key=lambda field: str(field[0]))} if "form" in call else call


def asked(call: Call) -> Any:
    return like({"path": call.path, **sent(call.body)})


class Talk:
    """One conversation's engine: what the vendor says, read with the rules of its file."""

    def __init__(self, says: dict[str, Any], job: Job, target: Target, provider: Provider, more: int) -> None:
        self.says, self.job, self.target, self.provider, self.more = says, job, target, provider, more

    def read(self, reply: Reply) -> Result | Ticket:
        try:
            outcome: Result | Ticket = VENDOR.decode(reply, self.job, self.target)
        except Fault as fault:
            raise exchange.verdict(fault, reply, self.provider, "") from fault
        return outcome

    def result(self) -> Result:
        outcome = self.read(said(self.says, self.more))
        handle: Any = {}
        for look in self.says.get("looks", []):
            assert isinstance(outcome, Ticket)
            handle = outcome.handle or handle
            assert asked(VENDOR.poll(replace(outcome, handle=handle), self.job, self.target)) == like(look["sent"])
            outcome = self.read(said(look["says"], self.more))
        assert isinstance(outcome, Result)
        return outcome


def conversation(golden: dict[str, Any], more: int) -> Iterator[tuple[str, Any]]:
    door = DIALECTS[golden["ask"]["dialect"]]
    try:
        job = wish(golden["ask"], more)
        provider = declared(golden["target"])
        wanted = golden["target"]
        target = Target(provider.name, wanted["model"], "declarative", card(wanted["card"]), provider.wire)
        words = VENDOR.words(job, target)
        fit_job = fitted(replace(job, dialect="declarative"), target)
        options = {name: value for name, value in job.options.items() if name in words}
        fit_job = replace(fit_job, dialect=job.dialect, options=options)
        yield "sent", asked(VENDOR.encode(fit_job, target))
        result = delivered(Talk(golden["says"], fit_job, target, provider, more).result(), job)
    except Fault as fault:
        yield "hears", heard(door.fail(fault))
        return
    if job.stream:
        frames = door.frame(Done(result), job)
        yield "hears", {"frames": [{"event": each.event, **sent(Json(each.data))} for each in frames]}
    else:
        yield "hears", heard(door.render(result, job))


@pytest.mark.parametrize("more", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("name", TALKS)
def test_the_same_conversation_without_code(name: str, more: int) -> None:
    golden = TALKS[name]
    came = dict(conversation(golden, more))
    assert came.get("sent") == like(golden["sent"])
    wanted = golden["hears"]
    assert came["hears"] == (wanted if "frames" in wanted else {"headers": {}, **wanted})


def test_there_are_enough() -> None:
    """Both vendors, faults and tasks among them; and neither has a line of Python here."""
    assert {talk["target"]["dialect"] for talk in TALKS.values()} == {"linkai", "koukoutu"}
    assert any("looks" in talk["says"] for talk in TALKS.values())
    assert any(name.startswith("fault-") for name in TALKS)
    assert {provider.dialect for provider in HOUSE.providers.values()} == {"declarative"}
    assert not list(Path(ROOT, "examples", "declarative").rglob("*.py"))
