"""Waiting for a vendor key: in turn, through reloads, and never past a rest."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from koci_proxy.engine.keys import Keys
from koci_proxy.facts import KeyPool
from koci_proxy.faults import Fault
from koci_proxy.pool import Pool

pytestmark = pytest.mark.anyio


def pool(*secrets: str, at_once: int | None = 1) -> Pool:
    names = tuple(f"vendor#{at}" for at in range(len(secrets)))
    return Pool(KeyPool("vendor", names, secrets, at_once=at_once), "least_busy", random.Random(1))


async def test_who_comes_first_is_served_first() -> None:
    keys = Keys(pool("a"))
    held = await keys.take()
    served: list[int] = []

    async def wait(number: int) -> None:
        mine = await keys.take()
        served.append(number)
        keys.give(mine, None, 0.1)

    waiting = [asyncio.create_task(wait(number)) for number in range(3)]
    await asyncio.sleep(0)
    keys.give(held, None, 0.1)
    await asyncio.gather(*waiting)
    assert served == [0, 1, 2]


async def test_one_that_gives_up_waiting_takes_no_slot() -> None:
    keys = Keys(pool("a"))
    held = await keys.take()
    first, second = asyncio.create_task(keys.take()), asyncio.create_task(keys.take())
    await asyncio.sleep(0)
    keys.give(held, None, 0.1)
    first.cancel()  # it has been woken by now, and has not run yet
    assert (await second).lease.secret == "a"


async def test_resting_keys_are_not_waited_for() -> None:
    keys = Keys(pool("a"))
    keys.give(await keys.take(), Fault("key_busy", "slow down", retry_after=30), 0.1)
    assert not keys.left
    with pytest.raises(Fault) as caught:
        await keys.take()
    assert caught.value.kind == "key_busy"
    assert caught.value.stage == "not_sent"
    assert 29 < (caught.value.retry_after or 0) <= 30


@pytest.mark.parametrize(
    ("rests", "kind"),
    [
        (("key_spent", "key_spent"), "key_spent"),
        (("key_refused", "key_refused"), "key_refused"),
        (("key_spent", "key_refused"), "key_refused"),  # which is back first
        (("key_spent", "key_busy"), "key_busy"),
    ],
)
async def test_keys_that_all_rest_for_good_are_not_busy(rests: tuple[str, ...], kind: str) -> None:
    keys = Keys(pool("a", "b"))
    held = [await keys.take() for _ in rests]
    for mine, why in zip(held, rests, strict=True):
        keys.give(mine, Fault(why, "no more"), 0.1)
    with pytest.raises(Fault) as caught:
        await keys.take()
    assert (caught.value.kind, caught.value.stage) == (kind, "not_sent")
    assert (caught.value.retry_after or 0) > 5


async def test_one_spent_key_beside_one_that_is_only_paced_is_busy() -> None:
    paced = Pool(KeyPool("vendor", ("vendor#1", "vendor#2"), ("a", "b"), per_minute=1), "least_busy", random.Random(1))
    keys = Keys(paced)
    keys.give(await keys.take(), None, 0.1)
    keys.give(await keys.take(), Fault("key_spent", "no more"), 0.1)
    with pytest.raises(Fault) as caught:
        await keys.take()
    assert caught.value.kind == "key_busy"


async def test_a_key_that_begins_to_rest_for_good_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "koci_proxy")
    keys = Keys(pool("sk-secret-value", at_once=3))
    held = [await keys.take() for _ in range(3)]
    keys.give(held[0], Fault("key_busy", "slow down", retry_after=2), 0.1)
    assert caplog.messages == []
    keys.give(held[1], Fault("key_spent", "no more"), 0.1)
    keys.give(held[2], Fault("key_spent", "no more"), 0.1)  # it was under way when the rest began
    assert caplog.messages == ["vendor#0 rests for 60 min: key_spent"]


async def test_a_reload_keeps_rests_and_slots_and_the_queue() -> None:
    keys = Keys(pool("a"))
    held = await keys.take()
    waiting = asyncio.create_task(keys.take())
    await asyncio.sleep(0)
    keys.renew(pool("a", "b"))
    assert (await waiting).lease.secret == "b"
    keys.give(held, None, 0.1)
    assert (await keys.take()).lease.secret == "a"
