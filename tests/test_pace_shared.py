"""Limits over one Redis: several processes, holders that die, and a Redis that is not there."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from koci_proxy.faults import Fault
from koci_proxy.pace import Pace, Rule, limiter, stores

from .redis_server import Server, redis_server
from .test_pace import opened, turns

pytestmark = pytest.mark.anyio
REQUESTS = Rule("requests of this key", "key/a/requests", 5)


@pytest.fixture
def server() -> Iterator[Server]:
    with redis_server() as made:
        yield made


async def test_who_is_told_to_stop_on_the_way_in_keeps_no_place(server: Server) -> None:
    async with opened(server.url) as pace:

        async def call() -> None:
            async with pace.slot("key/a", 1):
                await asyncio.Event().wait()

        for at in range(12):
            task = asyncio.create_task(call())
            await turns(at)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.gather(*pace._loose)
            async with pace.slot("key/a", 1):
                pass


async def test_a_long_call_keeps_its_place(server: Server) -> None:
    async with opened(server.url) as here, opened(server.url) as there:
        until = time.monotonic() + 1.2
        async with here.slot("key/a", 1, ttl=0.3):
            while time.monotonic() < until:
                with pytest.raises(Fault):
                    async with there.slot("key/a", 1):
                        raise AssertionError
        async with there.slot("key/a", 1):
            pass


HOLDER = """
import asyncio, sys
from koci_proxy.pace import Pace

async def main():
    pace = Pace(sys.argv[1])
    await pace.open()
    async with pace.slot("key/a", 2, ttl=1.0):
        print("in", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_place_of_a_dead_holder_is_free_again(server: Server) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, server.url, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"in\n"
    async with opened(server.url) as pace, pace.slot("key/a", 2):
        with pytest.raises(Fault):
            async with pace.slot("key/a", 2):
                raise AssertionError
        holder.kill()
        await holder.wait()
        refused = 0
        async with asyncio.timeout(10):
            while True:
                try:
                    async with pace.slot("key/a", 2):
                        break
                except Fault:
                    refused += 1
        assert refused


PRESSER = """
import asyncio, json, sys, time
from koci_proxy.pace import Pace, Rule

async def main():
    pace = Pace(sys.argv[1])
    await pace.open()
    print("ready", flush=True)
    sys.stdin.readline()
    rules = [Rule("requests", "minute", 60), Rule("requests", "wide", 10**6)]
    moving = Rule("requests", "moving", 60, per_seconds=1)
    until, tried, minute, moved = time.time() + 3.0, 0, 0, []

    async def press():
        nonlocal tried, minute
        while time.time() < until:
            tried += 1
            taken = await pace.take(rules)
            minute += taken.ok
            if (await pace.take([moving])).ok:
                moved.append(time.time())

    await asyncio.gather(*(press() for _ in range(30)))
    await pace.close()
    print(json.dumps([tried, minute, moved]))

asyncio.run(main())
"""


async def test_two_processes_on_one_redis_keep_one_limit(server: Server) -> None:
    command = (sys.executable, "-c", PRESSER, server.url)
    pipe = asyncio.subprocess.PIPE
    both = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe) for _ in range(2)]
    for one in both:
        assert one.stdout is not None
        assert await one.stdout.readline() == b"ready\n"
    said = [json.loads(out) for out, _ in await asyncio.gather(*(one.communicate(b"\n") for one in both))]
    assert all(tried > 200 for tried, _, _ in said)
    assert abs(sum(minute for _, minute, _ in said) - 60) <= 1.2
    moved = sorted(at for _, _, times in said for at in times)
    assert len(moved) >= 3 * 60 * 0.98
    slack = 0.05  # between being let through and looking at the clock
    assert all(later - first > 1.0 - slack for first, later in zip(moved, moved[61:], strict=False))


async def test_without_redis_limits_hold_here(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(server.url) as pace:
        assert [(await pace.take([REQUESTS])).ok for _ in range(5)] == [True] * 5
        async with pace.slot("key/a", 2, ttl=0.1):
            server.stop()
            taken = await asyncio.gather(*(pace.take([REQUESTS]) for _ in range(20)))
            assert sum(one.ok for one in taken) == 5
            async with pace.slot("key/a", 1):
                with pytest.raises(Fault, match="calls at once"):
                    async with pace.slot("key/a", 1):
                        raise AssertionError
            assert await pace.counted("call-1", 60.0)
            assert not await pace.counted("call-1", 60.0)
            assert caplog.text.count("Redis does not answer") == 1
        server.start()
        assert not (await pace.take([REQUESTS])).ok
        monkeypatch.setattr(limiter, "AGAIN", 0.0)
        pace._silent_until = 0.0
        assert (await pace.take([REQUESTS])).ok
        assert caplog.text.count("Redis answers again") == 1


async def test_a_redis_that_hangs_is_not_waited_for(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stores, "PATIENCE", 0.2)
    async with opened(server.url) as pace:
        assert (await pace.take([REQUESTS])).ok
        server.process.send_signal(signal.SIGSTOP)
        begun = time.monotonic()
        taken = await asyncio.gather(*(pace.take([REQUESTS]) for _ in range(10)))
        assert sum(one.ok for one in taken) == 5
        assert time.monotonic() - begun < 5
        server.process.send_signal(signal.SIGCONT)
    assert "Redis does not answer" in caplog.text


async def test_nobody_needs_redis_to_begin(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.stop()
    async with opened(server.url.replace("unix://", "unix://:pass-word@")) as pace:
        assert (await pace.take([REQUESTS])).ok
    server.start()
    assert "Redis does not answer" in caplog.text
    assert "pass-word" not in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1", "redis://me:pass-word@host:port/0", "pass-word", ""])
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(Fault, match="redis://, rediss://, unix:// or valkey://") as caught:
        await Pace(url).open()
    assert caught.value.kind == "internal"
    assert "pass-word" not in repr(caught.value)


async def test_valkey_is_spoken_to_as_redis(server: Server) -> None:
    connected = stores.connect("valkey://me:secret@kv.example:6380/2")
    told = connected.connection_pool.connection_kwargs
    assert (told["host"], told["port"], told["db"], told["username"]) == ("kv.example", 6380, 2, "me")
    await connected.aclose(close_connection_pool=True)
