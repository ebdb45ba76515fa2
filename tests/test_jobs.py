"""Jobs that outlive their listeners."""

from __future__ import annotations

import asyncio

import pytest

from koci_proxy.faults import Fault
from koci_proxy.jobs import KEPT, Jobs, Tell
from koci_proxy.types import Made, Media, Partial, Progress, Told

pytestmark = pytest.mark.anyio


def picture(number: int) -> Media:
    return Media(url=f"https://img.example.com/{number}")


async def test_every_listener_hears_what_is_new() -> None:
    go = asyncio.Event()

    async def work(tell: Tell) -> str:
        tell(Progress(1))
        await go.wait()
        tell(Progress(2))
        return "done"

    running = Jobs[str]().start("a", work)

    async def listen() -> list[Told]:
        return [event async for event in running.events()]

    early = asyncio.create_task(listen())
    late_start = running.events()
    assert await anext(late_start) == Progress(1)
    go.set()
    assert await running.end() == "done"
    assert await early == [Progress(1), Progress(2)]
    assert [event async for event in late_start] == [Progress(2)]
    assert await listen() == [Progress(2)]


async def test_what_a_newer_one_has_replaced_is_kept_for_nobody() -> None:
    """Previews lie in files, and a vendor may send them for as long as it likes. What is done stays."""
    go, heard = asyncio.Event(), asyncio.Event()
    story: list[Told] = [Partial(picture(1), 0), Made(picture(2), 0), Progress(1), Partial(picture(3), 1)]
    newer: list[Told] = [Partial(picture(4), 0), Made(picture(5), 1), Progress(2), Made(picture(6), 1)]

    async def work(tell: Tell) -> str:
        for event in [Partial(picture(0), 0), *story]:
            tell(event)
        await go.wait()
        for event in newer:
            tell(event)
        heard.set()
        return "done"

    running = Jobs[str]().start("a", work)
    half_way = running.events()
    assert await anext(half_way) == story[0]
    assert await anext(half_way) == story[1]
    go.set()
    await heard.wait()
    kept = [story[1], story[3], *newer]
    assert [event async for event in running.events()] == kept
    assert [event async for event in half_way] == kept[1:]


@pytest.mark.parametrize("many", [1, KEPT - 1, KEPT, KEPT + 1, 1000])
async def test_previews_of_many_pictures_are_not_kept_without_end(many: int) -> None:
    async def work(tell: Tell) -> str:
        tell(Made(picture(0), 0))
        for index in range(many):
            tell(Partial(picture(index), index))
            tell(Progress(index / 10))
        return "done"

    running = Jobs[str]().start("a", work)
    await running.end()
    made, *previews, progress = [event async for event in running.events()]
    assert (made, progress) == (Made(picture(0), 0), Progress((many - 1) / 10))
    # Progress is one of what is kept.
    assert previews == [Partial(picture(index), index) for index in range(max(many - KEPT + 1, 0), many)]


async def test_a_listener_that_goes_away_does_not_end_the_job() -> None:
    go = asyncio.Event()

    async def work(tell: Tell) -> str:
        await go.wait()
        return "done"

    running = Jobs[str]().start("a", work)
    listener = asyncio.create_task(running.end())
    await asyncio.sleep(0)
    listener.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listener
    go.set()
    assert await running.end() == "done"


async def test_a_fault_reaches_whoever_waits() -> None:
    async def work(tell: Tell) -> str:
        raise Fault("down", "no vendor")

    running = Jobs[str]().start("a", work)
    assert [event async for event in running.events()] == []
    with pytest.raises(Fault, match="no vendor"):
        await running.end()


async def test_a_cancelled_job_is_gone_for_who_listens() -> None:
    begun = asyncio.Event()

    async def work(tell: Tell) -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    jobs = Jobs[str]()
    running = jobs.start("a", work)
    listener = asyncio.create_task(running.end())
    await begun.wait()
    assert jobs.find("a") is running
    running.task.cancel()
    with pytest.raises(Fault, match="cancelled"):
        await listener
    assert jobs.find("a") is None


async def test_closing_waits_for_jobs_and_then_stops_them() -> None:
    jobs = Jobs[str]()
    never = asyncio.Event()

    async def quick(tell: Tell) -> str:
        return "done"

    async def stuck(tell: Tell) -> str:
        await never.wait()
        return "never"

    done, hung = jobs.start("a", quick), jobs.start("b", stuck)
    assert len(jobs) == 2
    assert await jobs.close(grace=0.05) == ["b"]
    assert await done.end() == "done"
    with pytest.raises(Fault, match="ask again") as told:
        await hung.end()
    assert (told.value.kind, told.value.stage) == ("down", "not_sent")
    assert await jobs.close(grace=0.05) == []
    assert len(jobs) == 0


async def test_closing_does_not_wait_for_what_another_process_can_go_on_with() -> None:
    jobs = Jobs[str]()

    async def stuck(tell: Tell) -> str:
        await asyncio.Event().wait()
        return "never"

    jobs.start("a", stuck, lambda: True)
    async with asyncio.timeout(5):
        assert await jobs.close(grace=60) == ["a"]
