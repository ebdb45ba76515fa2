"""The order of targets and the machine that walks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koci_proxy.facts import Card, InputRules, Model, Provider, Retry, Share
from koci_proxy.faults import Fault, Stage
from koci_proxy.routing import Plan, Stop, Try, Wait, capable, order
from koci_proxy.types import Job, Media, Target

PLAIN = Card("plain")
EDITOR = Card("editor", tasks=frozenset({"generate", "edit"}), inputs=InputRules(max=2, mask=True))
PROVIDERS = {name: Provider(name, "d", "https://h", models={"m": PLAIN}) for name in "abc"}
A, B, C = (Target(name, "m", "d", PLAIN) for name in "abc")


def names(targets: Sequence[Target]) -> str:
    return "".join(target.provider for target in targets)


def test_steps_keep_their_order() -> None:
    model = Model("x", tuple(Share(((name, "m", 1.0),)) for name in "cab"))
    assert order(model, PROVIDERS, Random(0)) == (C, A, B)


def test_a_share_is_drawn_by_weight_and_loses_nobody() -> None:
    model = Model("x", (Share((("a", "m", 3.0), ("b", "m", 1.0), ("c", "m", 0.0))),))
    rng = Random(1)
    orders = Counter(names(order(model, PROVIDERS, rng)) for _ in range(2000))
    assert set(orders) == {"abc", "bac"}
    assert 0.71 < orders["abc"] / 2000 < 0.79


def test_capable_skips_with_a_note() -> None:
    editor = Target("b", "m", "d", EDITOR)
    job = Job("x", "p", task="edit", inputs=(Media(url="u"),))
    able, notes = capable((A, editor), job, "nearest")
    assert able == (editor,)
    assert [str(note) for note in notes] == ["model: skipped (a/m: it makes pictures from words alone and takes none)"]


@pytest.mark.parametrize(
    ("job", "field"),
    [
        (Job("x", "p", task="video"), "task"),
        (Job("x", "p", task="edit", inputs=(Media(url="u"),) * 3), "images"),
    ],
)
def test_nobody_is_capable(job: Job, field: str) -> None:
    with pytest.raises(Fault) as caught:
        capable((Target("b", "m", "d", EDITOR),), job, "nearest")
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


def walk(plan: Plan, faults: Sequence[tuple[Fault, bool]]) -> tuple[list[str | float], Stop | None]:
    """Drive a plan through faults: the names of the targets tried with the waits between them, and how it stopped."""
    at, path = plan.first(), list[str | float]()
    for fault, keys_left in faults:
        path.append(at.target.provider)
        state = at.plan.after(fault, 0.0, keys_left)
        if isinstance(state, Stop):
            return path, state
        if isinstance(state, Wait):
            path.append(state.seconds)
            state = state.then
        at = state
    return [*path, at.target.provider], None


def fault(kind: str, stage: Stage = "answered", retry_after: float | None = None) -> Fault:
    return Fault(kind, kind, stage=stage, retry_after=retry_after)


DOWN, SENT, BUSY = fault("down"), fault("slow", "sent"), fault("key_busy", retry_after=30)


@pytest.mark.parametrize(
    ("faults", "path", "stopped"),
    [
        pytest.param([(DOWN, False)], ["a", 0.5, "a"], None, id="same target after a wait"),
        pytest.param([(DOWN, False)] * 2, ["a", 0.5, "a", "b"], None, id="then the next"),
        pytest.param([(DOWN, False)] * 4, ["a", 0.5, "a", "b", 0.5, "b"], "down", id="then none"),
        pytest.param([(fault("refused"), True)], ["a"], "refused", id="the app's doing"),
        pytest.param([(fault("internal"), True)], ["a"], "internal", id="our doing"),
        pytest.param([(BUSY, True), (BUSY, True)], ["a", "a", "a"], None, id="next key at once"),
        pytest.param([(BUSY, True), (BUSY, False)], ["a", "a", "b"], None, id="no key left"),
        pytest.param([(BUSY, False)] * 2, ["a", "b"], "key_busy", id="all busy"),
        pytest.param([(BUSY, False), (fault("key_refused"), False)], ["a", "b"], "unserved", id="not all busy"),
        pytest.param([(fault("key_spent"), False)] * 2, ["a", "b"], "unserved", id="all spent"),
        pytest.param([(fault("unserved"), False)], ["a", "b"], None, id="no use in asking again"),
        pytest.param([(SENT, False)], ["a"], "slow", id="may be paid: once only"),
        pytest.param([(fault("down", "accepted"), False)], ["a"], "down", id="accepted may be paid"),
        pytest.param([(fault("empty"), False)], ["a"], "empty", id="an empty answer may be paid"),
        pytest.param([(fault("garbled"), False)], ["a"], "garbled", id="a garbled answer may be paid"),
        pytest.param([(fault("slow", "not_sent"), False)], ["a", 0.5, "a"], None, id="not sent is free"),
        pytest.param([(fault("down", retry_after=5), False)], ["a", "b"], None, id="next rather than a long wait"),
        pytest.param(
            [(fault("unserved"), False), (fault("down", retry_after=5), False)],
            ["a", "b", 5.0, "b"],
            None,
            id="the last target is waited for",
        ),
        pytest.param(
            [(fault("unserved"), False), (fault("down", retry_after=31), False)],
            ["a", "b"],
            "down",
            id="but not for long",
        ),
    ],
)
def test_the_machine(faults: list[tuple[Fault, bool]], path: list[str | float], stopped: str | None) -> None:
    walked, stop = walk(Plan((A, B), Retry()), faults)
    assert walked == path
    assert (stop.fault.kind if stop else None) == stopped


def test_waits_double() -> None:
    path, _ = walk(Plan((A,), Retry(tries=4, wait=1.0)), [(DOWN, False)] * 3)
    assert path == ["a", 1.0, "a", 2.0, "a", 4.0, "a"]


def test_what_may_be_paid_is_repeated_within_its_budget() -> None:
    path, stop = walk(Plan((A, B), Retry(tries=2, maybe_paid=2)), [(SENT, False)] * 3)
    assert path == ["a", 0.5, "a", "b"]
    assert stop is not None
    assert stop.fault is SENT


def test_all_busy_tells_the_soonest() -> None:
    _, stop = walk(Plan((A, B), Retry()), [(BUSY, False), (fault("key_busy", retry_after=7), False)])
    assert stop is not None
    assert (stop.fault.status, stop.fault.retry_after) == (429, 7)


@pytest.mark.parametrize(("elapsed", "expected"), [(599.0, Wait), (599.5, Stop), (600.0, Stop)])
def test_time_is_bound(elapsed: float, expected: type) -> None:
    assert isinstance(Plan((A,), Retry()).after(DOWN, elapsed), expected)


def test_no_time_for_a_wait_leaves_time_for_the_next() -> None:
    after = Plan((A, B), Retry()).after(DOWN, 599.9)
    assert isinstance(after, Try)
    assert after.target is B


def test_no_target_at_all() -> None:
    with pytest.raises(Fault) as caught:
        Plan((), Retry()).first()
    assert caught.value.kind == "unserved"


KINDS = st.sampled_from(["down", "slow", "empty", "garbled", "unserved", "key_busy", "key_spent", "refused"])
STAGES: st.SearchStrategy[Stage] = st.sampled_from(["not_sent", "sent", "accepted", "answered"])


@given(st.lists(st.tuples(KINDS, STAGES), min_size=60, max_size=60), st.integers(1, 4), st.integers(0, 3))
def test_the_machine_always_ends(kinds: list[tuple[str, Stage]], tries: int, paid: int) -> None:
    path, stop = walk(Plan((A, B, C), Retry(tries, 0.5, paid)), [(fault(*kind), False) for kind in kinds])
    assert stop is not None
    assert sum(isinstance(word, str) for word in path) <= 3 * tries
