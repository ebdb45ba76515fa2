"""Conversations: each belongs to the caller that made it, and holds its pictures in order."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from koci_proxy import Fault, conversations
from koci_proxy.callers import Callers
from koci_proxy.conversations import TITLE, Conversation, Conversations

pytestmark = pytest.mark.anyio
LINK = {"prompt": "a fox", "image_url": "https://x.example/1.png", "thumbnail_url": "https://x.example/2.png"}


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'data' / 'koci.db'}"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Conversations]:
    talks = Conversations(url(folder))
    await talks.open()
    try:
        yield talks
    finally:
        await talks.close()


async def test_a_conversation_with_its_pictures_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as talks:
        made = await talks.make("shop", "foxes")
        assert str(uuid.UUID(made.id)) == made.id
        assert await talks.show("shop", made.id) == made == Conversation(made.id, "foxes", made.created_at)
        await talks.add("shop", made.id, {**LINK, "model": "image-2"})
        await talks.add("shop", made.id.upper(), {**LINK, "model": "hd", "thumbnail_url": None, "prompt": "a\0b"})
    async with opened(tmp_path) as talks:
        first, second = (await talks.show("shop", made.id)).pictures
        assert (first.prompt, first.model, first.image_url) == ("a fox", "image-2", LINK["image_url"])
        assert (second.model, second.thumbnail_url, second.prompt) == ("hd", "", "ab")
        assert made.created_at <= first.created_at <= second.created_at


async def test_each_sees_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path) as talks:
        mine = [await talks.make("shop", title) for title in ("one", "two")]
        other = await talks.make("other")
        assert {talk.id for talk in await talks.listing("shop")} == {talk.id for talk in mine}
        assert [talk.title for talk in await talks.listing("other")] == [other.title] == [""]
        assert await talks.listing("nobody") == ()
        await talks.check("other", other.id)


async def test_the_newest_comes_first_and_a_listing_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "SHOWN", 3)
    times = count()
    monkeypatch.setattr(time, "time", lambda: float(next(times)))
    async with opened(tmp_path) as talks:
        made = [await talks.make("shop", str(at)) for at in range(5)]
        assert [talk.title for talk in await talks.listing("shop")] == ["4", "3", "2"]
        for at in range(5):
            await talks.add("shop", made[0].id, {**LINK, "prompt": str(at)})
        shown = await talks.show("shop", made[0].id)
        assert [picture.prompt for picture in shown.pictures] == ["2", "3", "4"]


@pytest.mark.parametrize(
    "id", ["another's", "", "x", "../..", "é" * 36, "\0", str(uuid.UUID(int=7)), uuid.UUID(int=7).hex, "' OR 1=1 --"]
)
async def test_what_is_not_ones_own_is_not_there(tmp_path: Path, id: str) -> None:
    async with opened(tmp_path) as talks:
        other = await talks.make("other")
        id = other.id if id == "another's" else id
        for refused in (talks.show("shop", id), talks.check("shop", id), talks.add("shop", id, LINK)):
            with pytest.raises(Fault, match="no such conversation") as caught:
                await refused
            assert (caught.value.kind, caught.value.field) == ("not_found", "conversation_id")
        assert (await talks.show("other", other.id)).pictures == ()


async def test_a_title_has_an_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as talks:
        assert (await talks.make("shop", "x" * TITLE)).title == "x" * TITLE
        with pytest.raises(Fault) as caught:
            await talks.make("shop", "x" * (TITLE + 1))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "title")


async def test_several_processes_open_and_write_at_once_beside_the_keys(tmp_path: Path) -> None:
    several = [Conversations(url(tmp_path)) for _ in range(4)]
    callers = Callers(url(tmp_path))
    await asyncio.gather(callers.open(), *(talks.open() for talks in several))
    _, caller = await callers.make("shop")
    made = await several[0].make(caller.id)
    await asyncio.gather(*(talks.add(caller.id, made.id, LINK) for talks in several))
    assert len((await several[1].show(caller.id, made.id)).pictures) == 4
    await asyncio.gather(callers.close(), *(talks.close() for talks in several))


@pytest.mark.parametrize(
    ("address", "words"),
    [("nonsense secret", "cannot be used"), ("oracle9://me:secret@db/koci", "cannot be used")],
)
async def test_a_database_that_cannot_be_had(address: str, words: str) -> None:
    with pytest.raises(Fault, match=words) as caught:
        await Conversations(address).open()
    assert caught.value.kind == "internal"
    assert "secret" not in caught.value.message


async def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "koci.db").write_bytes(b"not a database" * 1000)
    talks = Conversations(f"sqlite:///{tmp_path / 'koci.db'}")
    with pytest.raises(Fault, match="the state database does not answer"):
        await talks.open()
    await talks.close()
