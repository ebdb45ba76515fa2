"""Turns: a few sockets in each step of the loop, in the order in which they came, none forgotten."""

from __future__ import annotations

import asyncio

import pytest

from koci_proxy.upstream.turns import FEW, Turns

pytestmark = pytest.mark.anyio


async def step() -> None:
    """One step of the loop, for whatever was due before it."""
    await asyncio.sleep(0)


async def test_a_few_go_on_in_each_step() -> None:
    turns, went = Turns(), []
    for number in range(2 * FEW + 1):
        turns.wait(lambda number=number: went.append(number))  # type: ignore[misc]
    seen = []
    for _ in range(4):
        await step()
        seen.append(len(went))
    assert seen == [FEW, 2 * FEW, 2 * FEW + 1, 2 * FEW + 1]
    assert went == sorted(went)


async def test_who_stops_again_comes_after_the_others() -> None:
    turns, went = Turns(), []

    def again(number: int, left: int) -> None:
        went.append(number)
        if left:
            turns.wait(lambda: again(number, left - 1))

    for number in range(FEW + 1):
        turns.wait(lambda number=number: again(number, 1))  # type: ignore[misc]
    for _ in range(3):
        await step()
    assert went == [*range(FEW + 1), *range(FEW + 1)]


async def test_a_new_round_begins_when_all_have_gone() -> None:
    turns, went = Turns(), []
    for _ in range(3):
        turns.wait(lambda: went.append(1))
        await step()
        await step()
    assert len(went) == 3


async def test_one_that_cannot_be_resumed_keeps_no_other_back() -> None:
    turns, went = Turns(), []
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    turns.wait(lambda: 1 / 0)  # type: ignore[arg-type]
    turns.wait(lambda: went.append(1))
    for _ in range(3):
        await step()
    turns.wait(lambda: went.append(2))
    for _ in range(2):
        await step()
    assert went == [1, 2]
    assert [type(each) for each in told] == [ZeroDivisionError]


async def test_no_more_go_where_one_of_them_waits_again_at_once() -> None:
    turns, seen = Turns(), []
    went = 0

    def again() -> None:
        nonlocal went
        went += 1
        turns.wait(again)

    for _ in range(2 * FEW):
        turns.wait(again)
    for _ in range(5):
        before = went
        await step()
        seen.append(went - before)
    assert seen == [FEW] * 5


def test_turns_share_one_buffer_and_no_others() -> None:
    one, other = Turns(), Turns()
    assert one.buffer() is one.buffer()
    assert one.buffer() is not other.buffer()
