"""A job for more pictures than a vendor makes at a time: what its parts are for is decided once, whoever goes on."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import pytest

from koci_proxy.engine import Early, Engine, Keys, Past, Planned, Served, Shell, exchange
from koci_proxy.engine.keys import mark_of
from koci_proxy.facts import Card, House, KeyPool, Model, Provider, Retry, Share
from koci_proxy.faults import Fault
from koci_proxy.plugins import Plugins
from koci_proxy.plugins.hooks import Roll
from koci_proxy.plugins.sources import Sources
from koci_proxy.pool import Pool
from koci_proxy.types import Done, Job, Made, Result, Target, Ticket, Told
from koci_proxy.wire import Call, Frame, Json, Reply
from tests.pixels.pictures import PNG

pytestmark = pytest.mark.anyio
MOST = {"one": 1, "two": 2, "many": 10}  # pictures a call, of each vendor
MODEL = Model("picture", to=())
JOB = Job("picture", "a fox")
LOST = Fault("down", "cut off", stage="sent")
DOWN = Fault("down", "not now", stage="answered")


class Notebook:
    """A diary in memory. `pages` is what an earlier process wrote: how many pictures a part is for, and what of it."""

    deadline: float | None = None
    early: Early | None = None

    def __init__(self, pages: Mapping[int, tuple[int, Past | None]] | None = None) -> None:
        self.counts = {part: count for part, (count, _) in (pages or {}).items()}
        self.pasts = {part: past for part, (_, past) in (pages or {}).items() if past}
        self.sent: list[tuple[int, int, str]] = []
        self.told: list[Told] = []
        self.at_first: dict[int, int] = {}
        self.ends: dict[int, str] = {}

    def tell(self, event: Told) -> None:
        self.told.append(event)

    def parts(self) -> Mapping[int, int]:
        return dict(self.counts)

    def split(self, part: int, counts: Sequence[int]) -> Mapping[int, int]:
        first = max(self.counts, default=0) + 1
        self.counts.pop(part, None)
        new = dict(enumerate(counts, first))
        self.counts |= new
        return new

    def past(self, part: int) -> Past | None:
        return self.pasts.get(part)

    async def sending(self, part: int, count: int, target: Target, key: str) -> str:
        assert self.counts.setdefault(part, count) == count
        assert part not in self.ends, "written over"
        self.at_first = self.at_first or dict(self.counts)
        self.sent.append((part, count, str(target)))
        return f"name-{part}"

    async def accepted(self, part: int, ticket: Ticket, job: Job) -> None:
        pass

    async def answered(self, part: int, result: Result, job: Job) -> None:
        if part in self.counts:
            self.ends[part] = "answered"

    async def failed(self, part: int, fault: Fault) -> None:
        self.pasts.pop(part, None)


@dataclass
class Vendors:
    """All vendors of a house: `asked` is what each was asked, `faults` what meets its next calls, in order."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)

    async def send(self, call: Call, provider: Provider, secret: str, shell: Shell, *, again: bool = False) -> Reply:
        name = call.headers.get("x-name", "")
        self.asked.append((provider.name, f"{call.path} {name}".strip()))
        waiting = self.faults.get(provider.name)
        if waiting and call.method == "POST":
            raise waiting.pop(0)
        return Reply(200, {}, call.body)


def wire() -> ModuleType:
    """A dialect in which a call says how many pictures it asks for, and is answered with them."""
    module = ModuleType("wire")

    def encode(job: Job, target: Target) -> Call:
        return Call("POST", f"make {job.n}", body=Json(job.n))

    def decode(reply: Reply, job: Job, target: Target) -> Result:
        assert isinstance(reply.body, Json)
        return Result((PNG,) * reply.body.value)

    def poll(ticket: Ticket, job: Job, target: Target) -> Call:
        return Call("GET", f"look {ticket.handle['id']}", body=Json(job.n))

    vars(module).update(encode=encode, decode=decode, poll=poll)
    return module


def engine_of(shell: Shell, order: Sequence[str], retry: Retry, named: bool) -> Engine:
    header = "X-Name" if named else None
    providers = {
        name: Provider(name, "wire", "https://x.example", models={"m": Card("c", n=n)}, idempotency_header=header)
        for name, n in MOST.items()
    }
    pools = {name: KeyPool(name, (f"{name}#1",), (f"key-{name}",)) for name in MOST}
    model = replace(MODEL, to=tuple(Share(((name, "m", 1.0),)) for name in order))
    house = House({}, {"picture": model}, providers, pools, retry=retry)
    rng = random.Random(1)
    keys = {name: Keys(Pool(pool, "least_busy", rng)) for name, pool in pools.items()}
    return Engine(house, Plugins({"wire": wire()}, Roll(), Sources([])), keys, shell)


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> Vendors:
    made = Vendors()
    monkeypatch.setattr(exchange, "send", made.send)
    return made


async def run(
    shell: Shell, n: int, order: Sequence[str], diary: Notebook, *, maybe_paid: int = 0, named: bool = True
) -> Served:
    engine = engine_of(shell, order, Retry(tries=1, wait=0.0, maybe_paid=maybe_paid), named)
    planned = engine.order(replace(JOB, n=n))
    return await engine.run(Planned(planned.job, planned.model, planned.targets), "https://img.example", diary)


async def past(
    shell: Shell, vendor: str, n: int, *, answered: bool = False, ticket: bool = False, fault: Fault | None = None
) -> Past:
    """A call that an earlier process made, and what it knew of it."""
    kept = await shell.store.put(PNG)
    return Past(
        f"{vendor}/m",
        mark_of(f"key-{vendor}"),
        f"before-{vendor}",
        replace(JOB, n=n) if answered or ticket else None,
        Ticket({"id": vendor}, wait=0.0) if ticket else None,
        Result((kept,) * n) if answered else None,
        fault,
    )


async def test_a_film_that_the_disk_has_no_room_for_is_looked_after(
    shell: Shell, vendors: Vendors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes as the answer to a look, and can be asked for again."""
    monkeypatch.setattr("koci_proxy.engine.attempt.WAIT", 0.001)
    errors = [OSError(28, "No space left on device")] * 2

    async def send(*asked: Any, again: bool = False) -> Reply:
        assert again
        if errors:
            raise errors.pop()
        return await vendors.send(*asked, again=again)

    monkeypatch.setattr(exchange, "send", send)
    diary = Notebook({0: (1, await past(shell, "two", 1, ticket=True))})
    assert len((await run(shell, 1, ["two"], diary)).result.media) == 1
    assert not errors


@pytest.mark.parametrize(
    ("ticket", "fault", "named", "counted"),
    [
        (True, None, True, {"ok": 1}),
        (False, None, True, {"ok": 1}),  # sent again, under its name
        (False, DOWN, True, {"down": 1}),
        (False, None, False, {}),  # not sent again: its answer is lost
    ],
)
async def test_a_call_that_is_gone_on_with_counts_as_far_as_it_goes_out(
    shell: Shell, vendors: Vendors, ticket: bool, fault: Fault | None, named: bool, counted: dict[str, int]
) -> None:
    vendors.faults["two"] = [fault] if fault else []
    diary = Notebook({0: (1, await past(shell, "two", 1, ticket=ticket))})
    with contextlib.suppress(Fault):
        await run(shell, 1, ["two"], diary, named=named)
    text = shell.telemetry.render()[0].decode()
    calls = re.findall(r'^koci_vendor_calls_total\{outcome="(\w+)",provider="two"\} (\d+)', text, re.MULTILINE)
    assert {outcome: int(count) for outcome, count in calls} == counted


@pytest.mark.parametrize(
    ("looks", "stopped", "cancels"),
    [
        (Ticket({"id": "two"}, 40.0), True, 1),
        (Ticket({"id": "two"}, 100.0), False, 0),
        (Result((PNG,)), False, 0),
        (Fault("empty", "the task failed", stage="accepted"), True, 0),
        (Fault("down", "not now"), None, 0),
    ],
)
async def test_what_is_done_is_not_called_off(
    shell: Shell, vendors: Vendors, looks: Result | Ticket | Fault, stopped: bool | None, cancels: int
) -> None:
    """Its vendor would forget it, and be paid all the same."""

    def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
        if isinstance(looks, Fault):
            raise looks
        return looks

    engine = engine_of(shell, ["two"], Retry(), False)
    dialect = engine.plugins.dialects["wire"]
    vars(dialect).update(decode=decode, cancel=lambda ticket, job, target: Call("DELETE", "end"))
    known = await past(shell, "two", 1, ticket=True)
    if stopped is None:
        with pytest.raises(Fault, match="not now"):
            await engine.cancel(JOB, known, Notebook())
    else:
        assert await engine.cancel(JOB, known, Notebook()) is stopped
    assert [path for _, path in vendors.asked].count("end") == cancels


async def test_what_all_parts_are_for_is_known_before_the_first_call(shell: Shell, vendors: Vendors) -> None:
    diary = Notebook()
    served = await run(shell, 5, ["two"], diary)
    assert len(served.result.media) == 5
    assert sorted(diary.at_first.values()) == [1, 2, 2]
    assert sorted(count for _, count, _ in diary.sent) == [1, 2, 2]
    assert set(diary.ends) == set(diary.at_first)


ORDERS = [("one", "many"), ("many", "one"), ("two", "one", "many")]


@pytest.mark.parametrize("order", ORDERS)
async def test_parts_are_gone_on_with_as_they_were_written(
    shell: Shell, vendors: Vendors, order: Sequence[str]
) -> None:
    """One was answered by a second vendor, one is at work, one waits for its answer, one was not begun."""
    pages = {
        1: (1, await past(shell, "many", 1, answered=True)),
        2: (1, await past(shell, "one", 1, ticket=True)),
        3: (1, await past(shell, "one", 1)),
        4: (1, None),
    }
    diary = Notebook(pages)
    served = await run(shell, 4, order, diary)
    assert len(served.result.media) == 4
    assert not served.result.notes
    assert [(part, count) for part, count, _ in diary.sent] == [(4, 1)]
    made = [words for _, words in vendors.asked if words.startswith("make")]
    assert sorted(made) == ["make 1 before-one", "make 1 name-4"]
    assert ("one", "look one") in vendors.asked


@pytest.mark.parametrize("order", ORDERS)
async def test_a_call_for_several_is_not_taken_apart_afterwards(
    shell: Shell, vendors: Vendors, order: Sequence[str]
) -> None:
    served = await run(shell, 3, order, Notebook({0: (3, await past(shell, "many", 3))}))
    assert (len(served.result.media), vendors.asked) == (3, [("many", "make 3 before-many")])


async def test_not_even_where_its_vendor_makes_fewer_by_now(shell: Shell, vendors: Vendors) -> None:
    served = await run(shell, 3, ["two"], Notebook({0: (3, await past(shell, "two", 3, ticket=True))}))
    assert (len(served.result.media), vendors.asked) == (3, [("two", "look two")])


async def test_a_part_that_is_parted_again_touches_no_other(shell: Shell, vendors: Vendors) -> None:
    vendors.faults["two"] = [DOWN]
    diary = Notebook()
    served = await run(shell, 4, ["two", "one"], diary)
    assert len(served.result.media) == 4
    assert sorted(count for _, count, _ in diary.sent) == [1, 1, 2, 2]
    assert sorted(diary.counts.values()) == [1, 1, 2]
    assert set(diary.ends) == set(diary.counts)


async def test_what_failed_before_the_end_of_a_process_is_asked_again_only_where_it_cost_nothing(
    shell: Shell, vendors: Vendors
) -> None:
    pages = {
        1: (1, await past(shell, "one", 1, answered=True)),
        2: (1, await past(shell, "one", 1, fault=LOST)),
        3: (1, None),
    }
    diary = Notebook(pages)
    served = await run(shell, 3, ["one", "many"], diary)
    assert len(served.result.media) == 2
    assert [part for part, _, _ in diary.sent] == [3]
    assert "1 of 3" in str(served.result.notes[0])


async def test_as_often_as_the_house_allows_it_may_be_paid_twice(shell: Shell, vendors: Vendors) -> None:
    pages = {
        1: (1, await past(shell, "one", 1, answered=True)),
        2: (1, await past(shell, "one", 1, fault=LOST)),
    }
    diary = Notebook(pages)
    served = await run(shell, 2, ["one", "many"], diary, maybe_paid=1)
    assert (len(served.result.media), diary.sent) == (2, [(2, 1, "many/m")])


async def test_a_lost_part_of_a_vendor_without_names_costs_the_others_nothing(shell: Shell, vendors: Vendors) -> None:
    pages = {1: (2, await past(shell, "two", 2)), 2: (1, await past(shell, "two", 1, answered=True))}
    served = await run(shell, 3, ["many", "two"], Notebook(pages), named=False)
    assert (len(served.result.media), vendors.asked) == (1, [])


async def test_where_all_parts_of_a_part_fail_the_one_that_may_have_cost_is_told(
    shell: Shell, vendors: Vendors
) -> None:
    vendors.faults = {"two": [DOWN, DOWN], "one": [DOWN, LOST, DOWN, DOWN]}
    with pytest.raises(Fault) as caught:
        await run(shell, 4, ["two", "one"], Notebook())
    assert caught.value.message == "cut off"


class Watcher:
    """A plugin that wants to see what came."""

    def on_result(self, result: Result) -> None:
        pass


async def streamed(shell: Shell, monkeypatch: pytest.MonkeyPatch, n: int, wants_all: bool) -> tuple[Notebook, Served]:
    """A stream of two pictures and an end, by a wire that can show a picture before the others."""

    async def stream(*_: object) -> AsyncIterator[Frame]:
        for data in ("made", "made", "done"):
            yield Frame(None, data)

    def event(frame: Frame, job: Job, target: Target) -> Made | Done:
        return Made(PNG) if frame.data == "made" else Done(Result((), created=5))

    monkeypatch.setattr(exchange, "stream", stream)
    engine = engine_of(shell, ["two"], Retry(tries=1, wait=0.0), named=True)
    roll = Roll()
    if wants_all:
        roll.register(Watcher(), "0:watcher")
    module = wire()
    vars(module).update(event=event, made=lambda event, job: ())
    engine.plugins = Plugins({"wire": module}, roll, Sources([]))
    planned = engine.order(replace(JOB, n=n, stream=True, deliver="url", dialect="wire"))
    card = replace(planned.targets[0].card, stream=True)
    targets = (replace(planned.targets[0], card=card),)
    diary = Notebook()
    return diary, await engine.run(Planned(planned.job, planned.model, targets), "https://img.example", diary)


@pytest.mark.parametrize(("n", "wants_all", "told"), [(1, False, 2), (1, True, 0), (3, False, 0)])
async def test_a_picture_is_told_as_it_comes(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, n: int, wants_all: bool, told: int
) -> None:
    """Not where the order of several parts is open, nor where a plugin is still to see it."""
    diary, served = await streamed(shell, monkeypatch, n, wants_all)
    early = [event for event in diary.told if isinstance(event, Made)]
    assert [event.index for event in early] == [0, 1][:told]
    assert [event.media for event in early] == list(served.result.media[:told])
    assert all(media.url and media.key for media in served.result.media)
    assert served.result.created == 5
