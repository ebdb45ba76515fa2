"""Which key is next, which rests, and until when."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.facts import KeyPool
from koci_proxy.faults import Fault
from koci_proxy.pool import Lease, Pool, Wait


def pool(count: int = 2, strategy: str = "least_busy", seed: int = 0, **facts: Any) -> Pool:
    names = tuple(f"p#{number}" for number in range(1, count + 1))
    return Pool(KeyPool("p", names, tuple(f"secret-{name}" for name in names), **facts), strategy, Random(seed))


def take(keys: Pool, now: float) -> Lease:
    lease = keys.take(now)
    assert isinstance(lease, Lease)
    return lease


def use(keys: Pool, now: float, outcome: Fault | None = None, took: float = 1.0) -> str:
    lease = take(keys, now)
    keys.give(lease, now + took, outcome, took)
    return lease.name


def busy(retry_after: float | None = None) -> Fault:
    return Fault("key_busy", "busy", retry_after=retry_after)


def test_least_busy_then_least_recent() -> None:
    keys = pool(3)
    first, second = take(keys, 0), take(keys, 1)
    assert (first.name, second.name, take(keys, 2).name) == ("p#1", "p#2", "p#3")
    keys.give(second, 3, None, 2)
    keys.give(first, 4, None, 4)
    assert take(keys, 5).name == "p#1"
    assert take(keys, 6).name == "p#2"


def test_round_robin_passes_over_a_resting_key() -> None:
    keys = pool(3, "round_robin")
    outcomes = [None, busy(30), None, None, None]
    assert [use(keys, now, outcome) for now, outcome in enumerate(outcomes)] == ["p#1", "p#2", "p#3", "p#1", "p#3"]


def test_weighted_is_smooth() -> None:
    keys = pool(2, "weighted", weights=(3.0, 1.0))
    assert [use(keys, now) for now in range(8)] == ["p#1", "p#1", "p#2", "p#1"] * 2


def test_fastest_tries_all_then_keeps_to_the_fastest() -> None:
    keys = pool(3, "fastest", seed=3)
    took = {"p#1": 9.0, "p#2": 2.0, "p#3": 5.0}
    used = Counter[str]()
    for now in range(0, 2000, 10):
        lease = take(keys, now)
        used[lease.name] += 1
        keys.give(lease, now, None, took[lease.name])
    assert used["p#2"] > 170
    assert min(used["p#1"], used["p#3"]) >= 2


def test_fastest_does_not_love_a_key_that_fails_fast() -> None:
    keys = pool(2, "fastest", seed=3)
    for _ in range(2):
        lease = take(keys, 0)
        keys.give(lease, 0, Fault("down", "x") if lease.index == 0 else None, 0.01 if lease.index == 0 else 20.0)
    assert Counter(use(keys, now, took=20.0) for now in range(100, 2000, 100))["p#2"] > 15


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(ValueError, match="least_busy"):
        pool(strategy="luckiest")


@pytest.mark.parametrize(
    ("kind", "retry_after", "rests"),
    [
        ("key_busy", None, 10.0),
        ("key_busy", 30.0, 30.0),
        ("key_busy", 0.0, 10.0),
        ("key_busy", 0.01, 1.0),
        ("key_busy", 1e9, 86_400.0),
        ("key_spent", None, 3600.0),
        ("key_spent", 60.0, 60.0),
        ("key_refused", None, 300.0),
        ("down", 30.0, 0.0),
        ("slow", None, 0.0),
        ("bad_request", 30.0, 0.0),
        ("refused", None, 0.0),
        ("internal", None, 0.0),
    ],
)
def test_who_rests_and_how_long(kind: str, retry_after: float | None, rests: float) -> None:
    keys = pool(1)
    use(keys, 0, Fault(kind, kind, retry_after=retry_after), took=0.0)
    assert keys.soonest(0) == rests
    taken = keys.take(0)
    assert taken == Wait(rests) if rests else isinstance(taken, Lease)
    assert use(keys, rests) == "p#1"


@pytest.mark.parametrize(
    ("kind", "rests"),
    [("key_busy", [10, 20, 40, 80, 160, 300, 300]), ("key_refused", [300, 600, 1200, 2400, 3600, 3600])],
)
def test_rests_grow_with_repeats_until_a_success(kind: str, rests: list[float]) -> None:
    keys, now = pool(1), 0.0
    for rest in rests:
        use(keys, now, Fault(kind, kind), took=0.0)
        assert keys.soonest(now) == rest
        now += rest
    use(keys, now, None, took=0.0)
    use(keys, now, Fault(kind, kind), took=0.0)
    assert keys.soonest(now) == rests[0]


def test_one_burst_of_refusals_is_one_refusal() -> None:
    keys = pool(1)
    for lease in [take(keys, 0) for _ in range(20)]:
        keys.give(lease, 1, busy(), 1)
    assert keys.soonest(1) == 10


def test_a_late_success_does_not_end_a_rest() -> None:
    keys = pool(1)
    early, late = take(keys, 0), take(keys, 0)
    keys.give(early, 1, busy(30), 1)
    keys.give(late, 2, None, 2)
    assert keys.take(2) == Wait(29)


def test_at_once_waits_for_a_lease() -> None:
    keys = pool(1, at_once=2)
    first, _ = take(keys, 0), take(keys, 0)
    assert keys.take(0) == Wait(math.inf)
    assert keys.soonest(0) is None
    keys.give(first, 1, None, 1)
    keys.give(first, 1, None, 1)
    assert keys.soonest(1) == 0
    take(keys, 1)
    assert keys.take(1) == Wait(math.inf)


def test_a_key_whose_call_did_not_go_out_is_free_again_and_no_wiser() -> None:
    keys = pool(1, "fastest", at_once=1)
    use(keys, 0, busy(2), took=1)
    lease = take(keys, 10)
    keys.drop(lease)
    keys.give(lease, 10, None, 99)
    (known,) = keys.status(10)
    assert (known["busy"], known["served"], known["failed"], known["seconds"]) == (0, 0, 1, None)
    assert keys.soonest(10) == 0


def test_a_full_key_is_waited_for_rather_than_a_resting_one() -> None:
    keys = pool(2, at_once=1)
    use(keys, 0, busy(30), took=0)
    lease = take(keys, 1)
    assert keys.take(1) == Wait(math.inf)
    keys.give(lease, 2, busy(60), 1)
    assert keys.take(2) == Wait(28)


def test_a_resting_key_tells_its_rest_even_while_late_calls_are_under_way() -> None:
    keys = pool(1, at_once=2)
    early, _ = take(keys, 0), take(keys, 0)
    keys.give(early, 1, busy(30), 1)
    assert keys.soonest(1) == 30


def test_per_minute_is_a_sliding_window() -> None:
    keys = pool(1, per_minute=2)
    use(keys, 0)
    use(keys, 50)
    assert keys.take(55) == Wait(5)
    use(keys, 60)
    assert keys.take(60) == Wait(50)


def test_the_soonest_of_all_keys() -> None:
    keys = pool(2)
    use(keys, 0, busy(30), took=0)
    use(keys, 0, busy(12), took=0)
    assert keys.take(2) == Wait(10)
    assert keys.soonest(2) == 10


def test_no_keys() -> None:
    assert pool(0).take(0) == Wait(math.inf)
    assert pool(0).soonest(0) is None


def test_a_reload_keeps_what_is_known() -> None:
    old = pool(2, at_once=1)
    use(old, 0, busy(30), took=0)
    in_flight = take(old, 1)
    new = Pool(
        KeyPool("p", ("p#1", "p#2", "p#3"), ("secret-p#2", "new", "secret-p#1"), at_once=1), "round_robin", Random(0)
    )
    new.carry(old)
    assert take(new, 2).secret == "new"
    assert new.take(2) == Wait(math.inf)
    assert [(row["name"], row["busy"], row["rests"]) for row in new.status(2)] == [
        ("p#1", 1, 0),
        ("p#2", 1, 0),
        ("p#3", 0, 28),
    ]
    old.give(in_flight, 3, None, 2)
    assert take(new, 3).secret == "secret-p#2"


def test_status_names_and_never_tells() -> None:
    keys = pool(2, at_once=1)
    use(keys, 0, busy(30), took=0)
    take(keys, 1)
    rows = keys.status(10)
    assert [(row["name"], row["busy"], row["rests"], row["why"]) for row in rows] == [
        ("p#1", 0, 20, "key_busy"),
        ("p#2", 1, 0, None),
    ]
    assert [(row["last_minute"], row["served"], row["failed"]) for row in rows] == [(1, 0, 1), (1, 0, 0)]
    assert "secret" not in repr(rows) + repr(take(pool(1), 0))


def test_a_resting_key_gets_nothing_while_the_other_serves_all() -> None:
    keys = pool(2)
    used = Counter(use(keys, now / 10, busy(30) if now == 0 else None, took=0.0) for now in range(200))
    assert used == {"p#1": 1, "p#2": 199}


STRATEGIES = st.sampled_from(["least_busy", "round_robin", "weighted", "fastest"])
OUTCOMES = st.sampled_from(
    [None, None, busy(), busy(5), Fault("key_spent", "x"), Fault("down", "x"), Fault("refused", "x")]
)
STEPS = st.lists(st.tuples(st.booleans(), st.floats(0, 20), OUTCOMES), max_size=40)


@settings(max_examples=60, deadline=None)
@given(STRATEGIES, st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), STEPS)
def test_bounds_hold_whatever_happens(
    strategy: str, count: int, at_once: int, per_minute: int, steps: list[tuple[bool, float, Fault | None]]
) -> None:
    keys, now = pool(count, strategy, at_once=at_once, per_minute=per_minute), 0.0
    leases, starts = list[Lease](), list[tuple[int, float]]()
    for taking, pause, outcome in steps:
        now += pause
        if not taking and leases:
            keys.give(leases.pop(0), now, outcome, 1.0)
            continue
        resting = [row["rests"] > 0 for row in keys.status(now)]
        lease = keys.take(now)
        if isinstance(lease, Wait):
            assert lease.seconds > 0
            continue
        leases.append(lease)
        starts.append((lease.index, now))
        assert not resting[lease.index]
        assert sum(other.index == lease.index for other in leases) <= at_once
        assert sum(index == lease.index and start > now - 60 for index, start in starts) <= per_minute
