"""Conversations: each belongs to the caller that made it, and holds its pictures in order."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import pytest

from koci_proxy import Fault
from koci_proxy.state import Callers, Conversations, Database, conversations
from koci_proxy.state.conversations import TITLE, Conversation

from .opened import opened

pytestmark = pytest.mark.anyio
LINK = {"prompt": "a fox", "image_url": "https://x.example/1.png", "thumbnail_url": "https://x.example/2.png"}


@asynccontextmanager
async def talking(url: str) -> AsyncIterator[Conversations]:
    async with opened(url) as database:
        yield Conversations(database)


async def test_a_conversation_with_its_pictures_in_order(url: str) -> None:
    async with talking(url) as talks:
        made = await talks.make("shop", "foxes")
        assert str(uuid.UUID(made.id)) == made.id
        assert await talks.show("shop", made.id) == made == Conversation(made.id, "foxes", made.created_at)
        await talks.add("shop", made.id, {**LINK, "model": "image-2"})
        await talks.add("shop", made.id.upper(), {**LINK, "model": "hd", "thumbnail_url": None, "prompt": "a\0b"})
    async with talking(url) as talks:
        first, second = (await talks.show("shop", made.id)).pictures
        assert (first.prompt, first.model, first.image_url) == ("a fox", "image-2", LINK["image_url"])
        assert (second.model, second.thumbnail_url, second.prompt) == ("hd", "", "ab")
        assert made.created_at <= first.created_at <= second.created_at


async def test_each_sees_its_own(url: str) -> None:
    async with talking(url) as talks:
        mine = [await talks.make("shop", title) for title in ("one", "two")]
        other = await talks.make("other")
        assert {talk.id for talk in await talks.listing("shop")} == {talk.id for talk in mine}
        assert [talk.title for talk in await talks.listing("other")] == [other.title] == [""]
        assert await talks.listing("nobody") == ()
        await talks.check("other", other.id)


async def test_the_newest_comes_first_and_a_listing_has_an_end(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "SHOWN", 3)
    times = count()
    monkeypatch.setattr(time, "time", lambda: float(next(times)))
    async with talking(url) as talks:
        made = [await talks.make("shop", str(at)) for at in range(5)]
        assert [talk.title for talk in await talks.listing("shop")] == ["4", "3", "2"]
        for at in range(5):
            await talks.add("shop", made[0].id, {**LINK, "prompt": str(at)})
        shown = await talks.show("shop", made[0].id)
        assert [picture.prompt for picture in shown.pictures] == ["2", "3", "4"]


@pytest.mark.parametrize(
    "id", ["another's", "", "x", "../..", "é" * 36, "\0", str(uuid.UUID(int=7)), uuid.UUID(int=7).hex, "' OR 1=1 --"]
)
async def test_what_is_not_ones_own_is_not_there(url: str, id: str) -> None:
    async with talking(url) as talks:
        other = await talks.make("other")
        id = other.id if id == "another's" else id
        for refused in (talks.show("shop", id), talks.check("shop", id), talks.add("shop", id, LINK)):
            with pytest.raises(Fault, match="no such conversation") as caught:
                await refused
            assert (caught.value.kind, caught.value.field) == ("not_found", "conversation_id")
        assert (await talks.show("other", other.id)).pictures == ()


async def test_a_title_has_an_end(url: str) -> None:
    async with talking(url) as talks:
        assert (await talks.make("shop", "x" * TITLE)).title == "x" * TITLE
        with pytest.raises(Fault) as caught:
            await talks.make("shop", "x" * (TITLE + 1))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "title")


async def test_texts_that_no_database_holds(url: str) -> None:
    async with talking(url) as talks:
        made = await talks.make("shop", "a\0b\ud800")
        await talks.add("shop", made.id, {**LINK, "prompt": "a\0b\udfff"})
        shown = await talks.show("shop", made.id)
    assert (made.title, shown.title, shown.pictures[0].prompt) == ("ab?", "ab?", "ab?")


async def test_several_processes_open_and_write_at_once_beside_the_keys(url: str) -> None:
    several = [Database(url) for _ in range(4)]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(database.open() for database in several))
        for database in several:
            stack.push_async_callback(database.close)
        _, caller = await Callers(several[0]).make("shop")
        talks = [Conversations(database) for database in several]
        made = await talks[0].make(caller.id)
        await asyncio.gather(*(one.add(caller.id, made.id, LINK) for one in talks))
        assert len((await talks[1].show(caller.id, made.id)).pictures) == 4
