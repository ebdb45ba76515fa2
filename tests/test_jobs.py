"""Jobs that outlive their listeners."""

from __future__ import annotations

import asyncio

import pytest

from koci_proxy.faults import Fault
from koci_proxy.jobs import Jobs, Tell
from koci_proxy.types import Event, Progress

pytestmark = pytest.mark.anyio


async def test_every_listener_hears_the_whole_story() -> None:
    go = asyncio.Event()

    async def work(tell: Tell) -> str:
        tell(Progress(1))
        await go.wait()
        tell(Progress(2))
        return "done"

    running = Jobs().start(work)

    async def listen() -> list[Event]:
        return [event async for event in running.events()]

    early = asyncio.create_task(listen())
    late_start = running.events()
    assert await anext(late_start) == Progress(1)
    go.set()
    assert await running.end() == "done"
    assert await early == [Progress(1), Progress(2)]
    assert [event async for event in late_start] == [Progress(2)]
    assert await listen() == [Progress(1), Progress(2)]
    assert running.last == Progress(2)


async def test_a_listener_that_goes_away_does_not_end_the_job() -> None:
    go = asyncio.Event()

    async def work(tell: Tell) -> str:
        await go.wait()
        return "done"

    running = Jobs().start(work)
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

    running = Jobs().start(work)
    assert [event async for event in running.events()] == []
    with pytest.raises(Fault, match="no vendor"):
        await running.end()


async def test_closing_waits_for_jobs_and_then_ends_them() -> None:
    jobs = Jobs()
    never = asyncio.Event()

    async def quick(tell: Tell) -> str:
        return "done"

    async def stuck(tell: Tell) -> bool:
        return await never.wait()

    done, hung = jobs.start(quick), jobs.start(stuck)
    assert len(jobs) == 2
    await jobs.close(grace=0.05)
    assert await done.end() == "done"
    assert hung.task.cancelled()
    await jobs.close(grace=0.05)
    assert len(jobs) == 0
