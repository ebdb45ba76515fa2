"""How long a task is waited for between two looks: the vendor says when, the house how long, by a clock of its own."""

from __future__ import annotations

import math
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from koci_proxy.engine import attempt, exchange
from koci_proxy.facts import Card, Provider
from koci_proxy.faults import Fault
from koci_proxy.types import Job, Result, Target, Ticket
from koci_proxy.wire import Call, Json, Reply
from tests.pixels.pictures import PNG

from .test_parts import Notebook

pytestmark = pytest.mark.anyio
DAY = 86_400.0


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.slept = 1000.0, list[float]()
        monkeypatch.setattr(attempt, "asyncio", SimpleNamespace(sleep=self.sleep))
        monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=lambda: self.now))

    async def sleep(self, seconds: float) -> None:
        assert len(self.slept) < 50, "it goes on for ever"
        self.slept.append(seconds)
        self.now += max(seconds, 0.0)


async def looked(monkeypatch: pytest.MonkeyPatch, give_up: float, first: Ticket, *said: Any) -> tuple[list[float], Any]:
    """The sleeps between looks that are answered so, the last answer again and again; and what comes of it."""
    clock, answers = Clock(monkeypatch), list(said)

    async def send(*_: object, again: bool = False) -> Reply:
        return Reply(200, {}, Json({}))

    def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
        now = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(now, Fault):
            raise now
        return now  # type: ignore[no-any-return]

    monkeypatch.setattr(exchange, "send", send)
    wire = ModuleType("wire")
    vars(wire).update(decode=decode, poll=lambda ticket, job, target: Call("GET", "look"))
    provider, target = Provider("v", "wire", "https://x.example"), Target("v", "m", "wire", Card("c"))
    shell: Any = None
    made = attempt.Attempt(Job("m", "p"), target, wire, provider, "a-key", shell, Notebook(), 0, "name", give_up)
    try:
        end: Any = await made.wait(first)
    except Fault as fault:
        end = fault
    return clock.slept, end


BUSY = Fault("key_busy", "busy", retry_after=DAY)


async def test_a_vendor_in_trouble_is_asked_again_in_good_time(monkeypatch: pytest.MonkeyPatch) -> None:
    slept, end = await looked(monkeypatch, 100.0, Ticket({}), BUSY)
    assert slept == [1.0, 30.0, 30.0, 30.0, 9.0]
    assert (end.kind, end.stage) == ("key_busy", "accepted")


@pytest.mark.parametrize(("asked", "wait"), [(3.0, 3.0), (31.0, 30.0), (None, 2.0)])
async def test_its_own_word_counts_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch, asked: float | None, wait: float
) -> None:
    slept, end = await looked(
        monkeypatch, 600.0, Ticket({}), Fault("key_busy", "busy", retry_after=asked), Result((PNG,))
    )
    assert (slept, end) == ([1.0, wait], Result((PNG,)))


@pytest.mark.parametrize(
    ("asked", "counts"),
    [(3.0, 3.0), (0, 0), (DAY, DAY), (10 * DAY, DAY), (math.inf, None), (-math.inf, None), (math.nan, None)],
)
def test_no_wait_is_above_a_day_whichever_dialect_reads_it(asked: float, counts: float | None) -> None:
    """What an app is told, and how long a key rests, go by it."""
    provider = Provider("v", "wire", "https://x.example")
    seen = exchange.verdict(Fault("key_busy", "busy", retry_after=asked), Reply(429, {}, None), provider, "a-key")
    assert seen.retry_after == counts


async def test_one_that_is_in_no_hurry_is_looked_after_once_more_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    slept, end = await looked(monkeypatch, 100.0, Ticket({}, wait=DAY), Ticket({}))
    assert (slept, end.code) == ([100.0], "gave_up")
    slept, end = await looked(monkeypatch, 100.0, Ticket({}), Ticket({}, wait=DAY), Result((PNG,)))
    assert (slept, end) == ([1.0, 99.0], Result((PNG,)))


async def test_the_pace_of_a_vendor_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may say that a minute lies between two looks."""
    slept, end = await looked(monkeypatch, 600.0, Ticket({}, wait=60.0), Ticket({}, wait=60.0), Result((PNG,)))
    assert (slept, end) == ([60.0, 60.0], Result((PNG,)))
