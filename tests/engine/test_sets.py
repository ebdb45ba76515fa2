"""Sets: one call of which the model decides how many pictures come, held by the most and charged by what came."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy import recorded
from koci_proxy.engine import Engine, Served, Shell
from koci_proxy.facts import Retry
from koci_proxy.types import Job, Result
from tests.pixels.pictures import PNG

from .test_parts import JOB, Notebook, Vendors, engine_of, past, vendors

__all__ = ["vendors"]  # the fixture of those tests
pytestmark = pytest.mark.anyio


def priced(shell: Shell, price: Any = 4) -> Engine:
    engine = engine_of(shell, ["one", "many"], Retry(), True)
    engine.house.models["picture"] = replace(engine.house.models["picture"], price=price)  # type: ignore[index]
    return engine


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (JOB, 4000),
        (replace(JOB, up_to=1), 4000),
        (replace(JOB, up_to=6), 24000),
        (replace(JOB, up_to=15), 60000),
        (replace(JOB, n=3), 12000),
        (replace(JOB, n=3, up_to=2), 24000),
    ],
)
async def test_the_most_that_may_come_is_held(shell: Shell, asked: Job, held: int) -> None:
    engine = priced(shell)
    assert engine.quote(engine.order(asked)) == held


@pytest.mark.parametrize(("came", "charged"), [(0, 0), (1, 4000), (5, 20000), (6, 24000), (9, 24000)])
async def test_what_came_is_charged_and_never_more_than_was_held(shell: Shell, came: int, charged: int) -> None:
    engine = priced(shell)
    planned = engine.order(replace(JOB, up_to=6))
    served = Served(Result((PNG,) * came), planned.job, planned.targets[0])
    assert engine.charge(planned, served) == charged <= engine.quote(planned)


async def test_it_is_one_call(shell: Shell, vendors: Vendors) -> None:
    engine = priced(shell)
    await engine.run(engine.order(replace(JOB, up_to=6)), "https://img.example", Notebook())
    assert [words for _, words in vendors.asked] == ["make 1 name-0"]


async def test_another_process_goes_on_with_it_at_the_same_price(shell: Shell, vendors: Vendors) -> None:
    """Its row says how many may come; one of a time before that had its hold for one, and is charged for one."""
    engine = priced(shell)
    now, before = recorded.write(replace(JOB, up_to=6)), recorded.write(JOB)
    assert "up_to" not in before
    for row, charged in ((now, 12000), (before, 4000)):
        known = replace(await past(shell, "one", 1, answered=True), result=Result((PNG,) * 3))
        planned = engine.order(recorded.read(row))
        served = await engine.run(planned, "https://img.example", Notebook({0: (1, known)}))
        assert (len(served.result.media), engine.charge(planned, served)) == (3, charged)
    assert vendors.asked == []
