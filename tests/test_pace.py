"""Limits in memory and in Redis: never one too many, no slot lost, and no outage where Redis is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from koci_proxy.faults import Fault
from koci_proxy.pace import Pace, Rule, Standing

from .redis_server import Server, redis_server

pytestmark = pytest.mark.anyio
REQUESTS = Rule("requests of this key", "key/a/requests", 5)
PICTURES = Rule("pictures of this key", "key/a/pictures", 10)


class Clock:
    """The time of day, which can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._now = time.time

    def __call__(self) -> float:
        return self._now() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "time", made)
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with redis_server() as made:
        yield made


@pytest.fixture(params=["memory", "redis"])
async def pace(request: pytest.FixtureRequest) -> AsyncIterator[Pace]:
    url = request.getfixturevalue("server").url if request.param == "redis" else None
    async with opened(url) as made:
        yield made


class opened:
    """A pace for as long as a test needs it."""

    def __init__(self, url: str | None) -> None:
        self._pace = Pace(url)

    async def __aenter__(self) -> Pace:
        await self._pace.open()
        return self._pace

    async def __aexit__(self, *_: object) -> None:
        await self._pace.close()


async def turns(times: int) -> None:
    """Let others run."""
    for _ in range(times):
        await asyncio.sleep(0)


def cost(rule: Rule, amount: int) -> Rule:
    return Rule(rule.name, rule.key, rule.amount, rule.per_seconds, amount)


async def test_a_burst_gets_what_there_is(pace: Pace) -> None:
    taken = await asyncio.gather(*(pace.take([REQUESTS]) for _ in range(40)))
    assert sum(one.ok for one in taken) == 5
    refused = next(one for one in taken if not one.ok)
    assert refused.rule == REQUESTS
    assert refused.retry_after == pytest.approx(60, abs=5)
    fault = refused.fault()
    assert (fault.kind, fault.retry_after) == ("too_fast", refused.retry_after)
    assert fault.message == "5 requests of this key a minute is the limit"


async def test_the_window_moves(pace: Pace, clock: Clock) -> None:
    for _ in range(3):
        assert (await pace.take([REQUESTS])).ok
    clock.ahead = 40
    assert [(await pace.take([REQUESTS])).ok for _ in range(3)] == [True, True, False]
    clock.ahead = 61
    taken = [await pace.take([REQUESTS]) for _ in range(4)]
    assert [one.ok for one in taken] == [True, True, True, False]
    assert taken[3].retry_after == pytest.approx(39, abs=5)
    clock.ahead += (taken[3].retry_after or 0) + 0.01
    assert (await pace.take([REQUESTS])).ok


async def test_a_clock_that_is_set_back_locks_nobody_out(clock: Clock) -> None:
    async with opened(None) as pace:
        clock.ahead = 3600
        assert [(await pace.take([REQUESTS, PICTURES])).ok for _ in range(6)] == [True] * 5 + [False]
        clock.ahead = 3599.5
        assert not (await pace.take([REQUESTS])).ok, "a clock that is put right gives nothing away"
        clock.ahead = 0
        taken = [await pace.take([REQUESTS, PICTURES]) for _ in range(6)]
        assert [one.ok for one in taken] == [True] * 5 + [False]
        assert taken[5].retry_after == pytest.approx(60, abs=5)


async def test_the_wait_is_as_long_as_it_takes(pace: Pace, clock: Clock) -> None:
    assert (await pace.take([cost(PICTURES, 2)])).ok
    clock.ahead = 20
    assert (await pace.take([cost(PICTURES, 6)])).ok
    refused = await pace.take([cost(PICTURES, 5)])
    assert refused.retry_after == pytest.approx(60, abs=5)
    assert refused.standings[0] == Standing(cost(PICTURES, 5), 2, refused.standings[0].reset)
    assert refused.standings[0].reset == pytest.approx(40, abs=5)
    assert (await pace.take([cost(PICTURES, 4)])).retry_after == pytest.approx(40, abs=5)


async def test_all_or_nothing(pace: Pace) -> None:
    house = Rule("requests of the house", "house/requests", 3)
    for left in (2, 1, 0):
        taken = await pace.take([REQUESTS, cost(PICTURES, 2), house])
        assert [one.remaining for one in taken.standings] == [left + 2, 4 + 2 * left, left]
        assert all(one.reset == pytest.approx(60, abs=5) for one in taken.standings)
    refused = await pace.take([REQUESTS, cost(PICTURES, 2), house])
    assert (refused.ok, refused.rule) == (False, house)
    assert [one.remaining for one in refused.standings] == [2, 4, 0]
    assert [(await pace.take([REQUESTS])).ok for _ in range(3)] == [True, True, False]
    assert [(await pace.take([cost(PICTURES, 4)])).ok for _ in range(2)] == [True, False]


async def test_calls_at_the_same_moment_lose_nothing_of_what_the_others_leave(pace: Pace) -> None:
    house = Rule("requests of the house", "house/requests", 7)
    wide = Rule("requests of this key", "key/a/wide", 100)
    taken = await asyncio.gather(*(pace.take([wide, house]) for _ in range(50)))
    assert sum(one.ok for one in taken) == 7
    assert (await pace.take([wide])).standings[0].remaining == 100 - 7 - 1


async def test_more_than_there_ever_is(pace: Pace) -> None:
    refused = await pace.take([REQUESTS, cost(PICTURES, 11)])
    assert (refused.ok, refused.retry_after) == (False, None)
    fault = refused.fault()
    assert (fault.kind, fault.field) == ("bad_request", "n")
    assert "10 pictures of this key a minute is the limit, and this call alone is 11" in fault.message
    assert (await pace.take([REQUESTS])).standings[0].remaining == 4


async def test_what_costs_nothing_is_not_counted(pace: Pace) -> None:
    for _ in range(20):
        assert (await pace.take([cost(PICTURES, 0)])).ok
    assert (await pace.take([])).ok
    assert (await pace.take([PICTURES])).standings[0].remaining == 9


async def test_another_key_and_another_time_are_counted_apart(pace: Pace) -> None:
    others = (
        Rule("requests of this key", "key/b/requests", 5),
        Rule("requests of this key", "key/a/requests", 5, per_seconds=10),
    )
    for rule in (REQUESTS, *others):
        assert [(await pace.take([rule])).ok for _ in range(6)] == [True] * 5 + [False]
    assert "in 10 seconds is the limit" in (await pace.take([others[1]])).fault().message


async def test_a_limit_that_is_changed_counts_on(pace: Pace) -> None:
    for _ in range(5):
        await pace.take([REQUESTS])
    wider = Rule(REQUESTS.name, REQUESTS.key, 7)
    assert [(await pace.take([wider])).ok for _ in range(3)] == [True, True, False]
    assert not (await pace.take([Rule(REQUESTS.name, REQUESTS.key, 2)])).ok


async def test_a_call_is_counted_once(pace: Pace) -> None:
    assert await pace.counted("call-1", 60.0)
    assert not await pace.counted("call-1", 60.0)
    assert await pace.counted("call-2", 60.0)
    await pace.forget("call-1")
    assert await pace.counted("call-1", 60.0)
    assert sum(await asyncio.gather(*(pace.counted("call-3", 60.0) for _ in range(20)))) == 1


async def test_a_call_that_comes_again_much_later_is_another(pace: Pace) -> None:
    assert await pace.counted("call-1", 0.05)
    async with asyncio.timeout(10):
        while not await pace.counted("call-1", 0.05):
            await turns(1)


async def test_so_many_at_once(pace: Pace) -> None:
    inside = most = 0
    full = asyncio.Event()

    async def call() -> bool:
        nonlocal inside, most
        try:
            async with pace.slot("key/a", 8):
                inside += 1
                most = max(most, inside)
                await full.wait()
                inside -= 1
        except Fault as fault:
            return fault.kind != "too_fast"
        return True

    calls = [asyncio.create_task(call()) for _ in range(100)]
    async with asyncio.timeout(20):
        while sum(one.done() for one in calls) < 92:
            await turns(1)
    full.set()
    assert sum(await asyncio.gather(*calls)) == most == 8
    async with pace.slot("key/a", 1), pace.slot("key/b", 1):
        with pytest.raises(Fault, match="1 calls at once of a key is the limit") as caught:
            async with pace.slot("key/a", 1):
                raise AssertionError
    assert (caught.value.kind, caught.value.retry_after) == ("too_fast", 1.0)


async def test_a_place_is_free_whatever_ends_the_call(pace: Pace) -> None:
    held = asyncio.Event()

    async def call() -> None:
        async with pace.slot("key/a", 1):
            held.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await held.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ZeroDivisionError):
        async with pace.slot("key/a", 1):
            raise ZeroDivisionError
    async with pace.slot("key/a", 1):
        pass
