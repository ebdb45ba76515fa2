"""Webhooks: one app that does not answer holds up nobody else's, and none is left behind when it stops."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from koci_proxy import Job, recorded
from koci_proxy.app import webhooks
from koci_proxy.app.webhooks import AT_ONCE, EACH, PAUSES, Webhooks
from koci_proxy.state import Callers, Database
from koci_proxy.state.jobs import JobBook, NewJob
from tests.state.opened import opened

pytestmark = pytest.mark.anyio
DEAD, ALIVE = "https://dead.example/", "https://alive.example/"


class Posts:
    """In place of the fetcher: who is dead never answers."""

    def __init__(self) -> None:
        self.out: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.begun = asyncio.Event()
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.out[url] += 1
        self.begun.set()
        self.most[url] = max(self.most[url], self.out[url])
        try:
            if url == DEAD:
                await asyncio.Event().wait()
            self.heard.put_nowait(headers["webhook-id"])
        finally:
            self.out[url] -= 1


class Book(JobBook):
    """A book of jobs that says how each try ended."""

    ends: asyncio.Queue[tuple[str, int, float | None]]

    async def told(self, id: str, tries: int, again_in: float | None) -> None:
        await super().told(id, tries, again_in)
        self.ends.put_nowait((id, tries, again_in))


class Post:
    """A book of jobs, and the webhooks that tell of them."""

    def __init__(self, database: Database) -> None:
        self.book, self.callers, self.posts = Book(database, "one"), Callers(database), Posts()
        self.book.ends = asyncio.Queue()
        runner: Any = SimpleNamespace(book=self.book, store=None)
        fetcher: Any = self.posts
        self.webhooks = Webhooks(runner, self.callers, fetcher)

    async def ended(self, owner: str, url: str, letters: str) -> list[str]:
        ids = ["req_" + format(ord(letter), "x") * 12 for letter in letters]
        for id in ids:
            wish = recorded.write(Job(model="picture", prompt="a fox", task="generate"))
            new = NewJob(id, owner, "openai", "", "generate", "picture", wish, webhook=url)
            await self.book.begin(new)
            await self.book.end(id, "failed", None, webhook_at=float(len(ids)))
        return ids


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with opened("sqlite://") as database:
        made = Post(database)
        telling = asyncio.create_task(made.webhooks.tell())
        yield made
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        assert not made.posts.out.total(), "what was under way goes on"


async def test_an_app_that_does_not_answer_holds_up_nobody(post: Post) -> None:
    _, bad = await post.callers.make("bad")
    _, good = await post.callers.make("good")
    await post.ended(bad.id, DEAD, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    async with asyncio.timeout(10):
        await post.posts.begun.wait()
        (id,) = await post.ended(good.id, ALIVE, "0")
        assert await post.posts.heard.get() == id
    assert EACH <= post.posts.most[DEAD] < 2 * EACH < AT_ONCE


async def test_who_does_not_answer_is_asked_again_later(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "PATIENCE", 0.01)
    _, bad = await post.callers.make("bad")
    ids = await post.ended(bad.id, DEAD, "ABCDEFGHIJ")
    async with asyncio.timeout(10):
        ends = [await post.book.ends.get() for _ in ids]
    assert sorted(ends) == [(id, 1, PAUSES[0]) for id in sorted(ids)]
    assert post.posts.most[DEAD] < 2 * EACH


async def test_a_job_that_cannot_be_told_holds_up_no_other(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = Webhooks._data

    def broken(self: Webhooks, row: Any) -> object:
        if row.owner == bad.id:
            raise ValueError("a row that nobody can read")
        return said(self, row)

    monkeypatch.setattr(Webhooks, "_data", broken)
    _, bad = await post.callers.make("bad")
    _, good = await post.callers.make("good")
    await post.ended(bad.id, ALIVE, "A")
    (id,) = await post.ended(good.id, ALIVE, "0")
    async with asyncio.timeout(10):
        assert await post.posts.heard.get() == id
    assert "a webhook could not be told" in caplog.text
