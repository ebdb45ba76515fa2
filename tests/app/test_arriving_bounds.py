"""The server's protocol: what no app may do without end, which is to begin a request, to fall silent, to queue."""

from __future__ import annotations

import asyncio
import gc
import secrets
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from uvicorn.server import ServerState

from .served import PIECE, Later, Reading, answer, chunked, done, head, sent, served, sized

ENDLESS = b"a: b\r\n" * 40_000
LONG = b"x" * 200_000
TOO_LONG = [
    ("a header", head(f"a: {'x' * 66_000}"), 431),
    ("the name of a header", head(f"{'x' * 66_000}: a"), 431),
    ("many headers", head(*["a: b"] * 12_000), 431),
    ("a header without an end", head()[:-2] + b"a: " + LONG, 431),
    ("headers without an end", head()[:-2] + ENDLESS, 431),
    ("a URL", head().replace(b"/", b"/" + LONG[:66_000], 1), 414),
    ("a URL without an end", b"GET /" + LONG, 414),
    ("lines with nothing in them", b"\r\n" * 100_000, 431),
    ("trailers", chunked(b"one")[:-2] + ENDLESS, 431),
    ("a trailer without an end", chunked(b"one")[:-2] + b"a: " + LONG, 431),
    ("the head of a chunk", head("transfer-encoding: chunked") + b"3;a=" + LONG, 431),
]


@pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("first", [b"", sized(b"one"), sized(bytes(PIECE - 100))], ids=["", "kept", "kept, much"])
@pytest.mark.parametrize(("what", "said", "status"), TOO_LONG, ids=[row[0] for row in TOO_LONG])
def test_a_head_has_a_bound(
    what: str, said: bytes, status: int, first: bytes, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def main() -> None:
        app = Reading()
        async with served(app) as (reader, writer):
            if first:
                writer.write(first)
                await done(reader)
                app.messages.clear()
            writer.write(said)
            told = await reader.read()
        assert told.startswith(b"HTTP/1.1 %d " % status)
        assert told.count(b"HTTP/1.1") == 1
        assert app.body in (b"", b"one")

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


def test_a_head_as_large_as_may_be_is_read() -> None:
    async def main() -> None:
        app, body = Reading(), secrets.token_bytes(100_000)
        large = head(f"a: {'x' * 65_000}", f"content-length: {len(body)}") + body
        async with served(app) as (reader, writer):
            for _ in range(5):
                writer.write(large)
            for _ in range(5):
                await done(reader)
        assert app.body == body * 5

    asyncio.run(main())


def test_no_answer_is_torn_by_a_refusal() -> None:
    """What is wrong with a second request is no part of the answer to the first."""

    async def main() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"99")]})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass

        async with served(app) as (reader, writer):
            writer.write(head("content-length: 0"))
            await reader.readuntil(b"begun")
            writer.write(head()[:-2] + ENDLESS)
            assert await rest(reader) == b""

    asyncio.run(main())


def test_requests_behind_one_another_are_not_taken_without_end() -> None:
    async def main() -> None:
        closed, begun = asyncio.Event(), []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            begun.append(scope)
            await closed.wait()

        async with served(app) as (reader, writer):
            writer.write(head("content-length: 0") * 1000)
            assert await rest(reader) == b""
            closed.set()
        assert len(begun) == 1

    asyncio.run(main())


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side closes, or breaks off over what it has not read."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


class Clock(asyncio.SelectorEventLoop):
    """Time that a test lets pass at once."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def timed(main: Callable[[Clock], Awaitable[None]]) -> None:
    async def whole() -> None:
        clock = asyncio.get_running_loop()
        assert isinstance(clock, Clock)
        await main(clock)

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(whole())


async def until(holds: Callable[[], bool]) -> None:
    """Lets everybody else run until something holds."""
    while not holds():  # noqa: ASYNC110 - what is waited for sets no event
        await asyncio.sleep(0)


async def passes(clock: Clock, seconds: float) -> None:
    """So many seconds in which nothing is said; what was due in them is done."""
    for _ in range(10):
        clock.ahead += seconds / 10
        for _ in range(3):
            await asyncio.sleep(0)


def heard_by(state: ServerState) -> Any:
    """The protocol of the one connection."""
    [http] = state.connections
    return http


@pytest.mark.parametrize(
    ("said", "told"), [(b"", b""), (b"POST / HTT", b"HTTP/1.1 408"), (head()[:-2], b"HTTP/1.1 408")]
)
def test_half_a_head_has_its_time(said: bytes, told: bytes) -> None:
    async def main(clock: Clock) -> None:
        state = ServerState()
        async with served(Reading(), state) as (reader, writer):
            writer.write(said)
            await until(lambda: bool(state.connections))
            await passes(clock, 29)
            assert not reader.at_eof()
            await passes(clock, 2)
            assert (await reader.read()).partition(b" R")[0] == told

    timed(main)


@pytest.mark.parametrize("said", [b"\r\n", b"P", head()[:-2]])
def test_half_a_head_has_its_time_where_the_connection_was_kept(said: bytes) -> None:
    """From its first byte on; until that comes the server's own clock runs."""

    async def main(clock: Clock) -> None:
        state = ServerState()
        async with served(Reading(), state) as (reader, writer):
            for _ in range(3):
                writer.write(sized(b"one"))
                await done(reader)
                await passes(clock, 74)
            writer.write(said)
            await until(lambda: heard_by(state).timeout_keep_alive_task is None)
            await passes(clock, 29)
            assert not reader.at_eof()
            await passes(clock, 2)
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")

    timed(main)


def test_no_clock_keeps_a_connection_that_was_closed() -> None:
    async def main() -> None:
        state = ServerState()
        async with served(Reading(), state) as (reader, writer):
            writer.write(sized(b"one"))
            await done(reader)
            http = weakref.ref(heard_by(state))
            writer.close()
            await until(lambda: not state.connections)
            gc.collect()
            assert http() is None

    asyncio.run(main())


def test_a_request_that_is_whole_has_all_the_time_it_takes() -> None:
    async def main(clock: Clock) -> None:
        app = Later()
        async with served(app) as (reader, writer):
            for _ in range(2):
                app.go.clear()
                writer.write(sized(b"one"))
                await passes(clock, 1000)
                app.go.set()
                await done(reader)

    timed(main)


def test_a_body_may_come_slowly_but_not_fall_silent() -> None:
    async def main(clock: Clock) -> None:
        app = Reading()
        async with served(app) as (reader, writer):
            writer.write(head("content-length: 1000"))
            for count in range(1, 5):
                writer.write(b"x")
                await until(lambda count=count: len(app.body) == count)  # type: ignore[misc]
                await passes(clock, 59)
            await passes(clock, 2)
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
            await app.gone.wait()
        assert app.body == b"xxxx"

    timed(main)


def test_a_caller_that_is_told_to_stop_is_not_silent() -> None:
    async def main(clock: Clock) -> None:
        app, state, total = Later(), ServerState(), 8 << 20
        async with served(app, state) as (reader, writer):
            writer.write(head(f"content-length: {total}"))
            sending = asyncio.create_task(sent(writer, total))
            await until(lambda: bool(state.connections) and heard_by(state).flow.read_paused)
            await passes(clock, 1000)
            app.go.set()
            await sending
            await done(reader)
        assert len(app.body) == total

    timed(main)


def test_a_silence_counts_from_when_a_body_may_come() -> None:
    async def main(clock: Clock) -> None:
        app, state = Later(), ServerState()
        async with served(app, state) as (reader, writer):
            await until(lambda: bool(state.connections))
            await passes(clock, 29)
            writer.write(head("content-length: 3"))
            await until(lambda: heard_by(state).cycle is not None)
            await passes(clock, 59)
            app.go.set()
            await passes(clock, 59)
            writer.write(b"one")
            await done(reader)

    timed(main)


def test_a_caller_that_waits_to_be_asked_is_not_silent() -> None:
    async def main(clock: Clock) -> None:
        app, state = Later(), ServerState()
        async with served(app, state) as (reader, writer):
            writer.write(head("content-length: 3", "expect: 100-continue"))
            await until(lambda: bool(state.connections) and heard_by(state).cycle is not None)
            await passes(clock, 1000)
            app.go.set()
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await passes(clock, 59)
            writer.write(b"one")
            await done(reader)

    timed(main)


def test_the_rest_of_a_body_that_nobody_wants_has_its_time_too() -> None:
    """Its request was answered: there is nothing more to say."""

    async def main(clock: Clock) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await answer(send, b"done")

        async with served(app) as (reader, writer):
            writer.write(head("content-length: 1000") + b"half")
            await done(reader)
            await passes(clock, 61)
            assert await rest(reader) == b""

    timed(main)


@pytest.mark.parametrize("closing", [b"", b"connection: close\r\n"], ids=["kept", "closing"])
def test_who_takes_nothing_of_what_it_asked_for_is_let_go(closing: bytes) -> None:
    async def main(clock: Clock) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await answer(send, bytes(64 << 20))

        state = ServerState()
        async with served(app, state) as (_reader, writer):
            writer.write(head("content-length: 0").replace(b"\r\n\r\n", b"\r\n" + closing + b"\r\n"))
            await until(lambda: bool(state.connections) and heard_by(state).cycle is not None)
            await until(lambda: heard_by(state).transport.get_write_buffer_size() > 0)
            await passes(clock, 55)
            assert state.connections
            await passes(clock, 20)
            await until(lambda: not state.connections)

    timed(main)
