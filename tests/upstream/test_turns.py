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
