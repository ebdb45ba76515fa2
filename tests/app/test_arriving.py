"""The server's protocol: bodies in pieces as they came, no more of them than a reader takes, and every end."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from .served import PIECE, Later, Reading, answer, chunked, done, head, sent, served, sized


@pytest.mark.parametrize("size", [0, 1, PIECE, 1_000_000, 9_000_000])
@pytest.mark.parametrize("spelled", [sized, chunked])
def test_a_body_comes_whole_and_in_small_pieces(size: int, spelled: Callable[[bytes], bytes]) -> None:
    async def main() -> None:
        app, body = Reading(), secrets.token_bytes(size)
        async with served(app) as (reader, writer):
            for _ in range(2):  # the connection is kept
                app.messages.clear()
                writer.write(spelled(body))
                assert (await done(reader)).startswith(b"HTTP/1.1 200 OK")
                assert app.body == body
                assert max(len(each["body"]) for each in app.messages) <= PIECE
                assert [each["more_body"] for each in app.messages].count(False) == 1

    asyncio.run(main())


def test_requests_behind_one_another_have_their_own_bodies() -> None:
    async def main() -> None:
        app = Reading()
        async with served(app) as (reader, writer):
            writer.write(sized(b"one") + sized(b"two") + chunked(b"three"))
            for _ in range(3):
                await done(reader)
        assert app.body == b"onetwothree"

    asyncio.run(main())


OFFERS = [
    b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAB",  # Java's HttpClient
    b"connection: Upgrade\r\nconnection: keep-alive\r\nupgrade: websocket\r\nsec-websocket-version: 13",
]


@pytest.mark.parametrize("offer", OFFERS, ids=["h2c", "websocket"])
@pytest.mark.parametrize("step", [1, 50, PIECE])
@pytest.mark.parametrize("spelled", [sized, chunked])
def test_an_offer_of_another_protocol_is_let_go_by(offer: bytes, step: int, spelled: Callable[[bytes], bytes]) -> None:
    async def main() -> None:
        app = Reading()
        bodies = [b"one", b"", secrets.token_bytes(200 if step == 1 else 200_000), b"four"]
        said = b"".join(spelled(body).replace(b"host: here", b"host: here\r\n" + offer) for body in bodies)
        async with served(app) as (reader, writer):
            for at in range(0, len(said), step):
                writer.write(said[at : at + step])
                await writer.drain()
            for _ in bodies:
                assert (await done(reader)).startswith(b"HTTP/1.1 200 OK")
            assert app.body == b"".join(bodies)
            writer.write(sized(b"five"))
            await done(reader)
            assert app.body.endswith(b"fourfive")

    asyncio.run(main())


@pytest.mark.parametrize("offer", ["", "connection: upgrade\r\nupgrade: h2c"], ids=["", "offered"])
@pytest.mark.parametrize("there", ["there:443", "/", "*", "http://here/x"])
def test_a_tunnel_is_refused(there: str, offer: str) -> None:
    async def main() -> None:
        app = Reading()
        async with served(app) as (reader, writer):
            writer.write(f"CONNECT {there} HTTP/1.1\r\nhost: there:443\r\n{offer}".encode().strip() + b"\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 405 Method Not Allowed")
        assert not app.messages

    asyncio.run(main())


def test_an_app_that_does_not_read_is_not_sent_more() -> None:
    async def main() -> None:
        app, total = Later(), 64 << 20
        async with served(app) as (reader, writer):
            writer.write(head(f"content-length: {total}"))
            sending = asyncio.create_task(sent(writer, total))
            assert not (await asyncio.wait({sending}, timeout=1))[0]
            app.go.set()
            await sending
            await done(reader)
            assert len(app.body) == total

    asyncio.run(main())


def test_an_app_hears_that_its_caller_has_gone() -> None:
    async def main() -> None:
        app = Reading()
        async with served(app) as (_, writer):
            writer.write(head("content-length: 1000") + b"half")
            writer.write_eof()
            await asyncio.wait_for(app.gone.wait(), 10)
        assert app.messages[0]["body"] == b"half"

    asyncio.run(main())


def test_a_caller_that_asks_first_is_told_to_go_on() -> None:
    async def main() -> None:
        app = Reading()
        async with served(app) as (reader, writer):
            writer.write(head("content-length: 3", "expect: 100-continue"))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"one")
            await done(reader)
        assert app.body == b"one"

    asyncio.run(main())


@pytest.mark.parametrize("reads", [True, False])
def test_a_connection_is_kept_only_where_a_body_that_was_to_be_asked_for_has_come(reads: bool) -> None:
    """Whoever is refused at once sends no body: what it says next would be taken for one."""

    async def main() -> None:
        reading = Reading()

        async def refusing(scope: Any, receive: Any, send: Any) -> None:
            await answer(send, b"done")

        async with served(reading if reads else refusing) as (reader, writer):
            writer.write(head("content-length: 3", "expect: 100-continue"))
            if reads:
                await reader.readuntil(b"100 Continue\r\n\r\n")
                writer.write(b"one" + sized(b"two"))
                assert b"connection: close" not in await done(reader)
                await done(reader)
                assert reading.body == b"onetwo"
            else:
                assert b"connection: close" in await done(reader)
                assert await reader.read() == b""

    asyncio.run(main())


def test_the_one_that_is_answered_hears_that_its_caller_has_gone_though_another_came_behind_it() -> None:
    async def main() -> None:
        read, gone = asyncio.Event(), asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (await receive())["type"] != "http.disconnect":
                read.set()
            gone.set()

        async with served(app) as (_reader, writer):
            writer.write(sized(b"one") + sized(b"two"))
            await read.wait()
            writer.close()
            await asyncio.wait_for(gone.wait(), 20)

    asyncio.run(main())
