"""The book of jobs: leases, fenced writes, names of calls, and who may see what. On each kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.state import Database
from koci_proxy.state import jobs as room
from koci_proxy.state.jobs import Charge, JobBook, Lost, Money, NewJob
from koci_proxy.state.ledger import Ledger
from koci_proxy.types import Lookup

from .opened import JOB as NEW
from .opened import opened

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with opened(url) as database:
        yield database


def new(letter: str, **more: Any) -> NewJob:
    return replace(NEW, id="req_" + letter * 24, **more)


async def test_a_job_is_found_by_its_owner_alone(database: Database) -> None:
    book = JobBook(database, "one")
    made = await book.begin(replace(NEW, number="123456789012345"))
    assert made is not None
    assert (made.status, made.worker, made.story, made.parts) == ("running", "one", [], {})
    assert made.lease > made.created_at
    assert await book.find("shop", NEW.id) == made == await book.find("shop", "123456789012345")
    assert await book.find("other", NEW.id) is None


async def test_of_equal_names_one_job_begins(database: Database) -> None:
    books = [JobBook(database, f"w{at}") for at in range(8)]
    begun = await asyncio.gather(*(book.begin(new("bcdefghi"[at], repeat_key="k")) for at, book in enumerate(books)))
    assert sum(row is not None for row in begun) == 1
    named = await books[0].named("shop", "k")
    assert named in begun
    assert await books[0].begin(new("j", owner="other", repeat_key="k")) is not None
    assert await books[0].named("nobody", "k") is None


async def test_nameless_jobs_do_not_meet(database: Database) -> None:
    book = JobBook(database, "one")
    assert await book.begin(new("a")) is not None
    assert await book.begin(new("b")) is not None


async def test_whoever_lost_the_lease_writes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = JobBook(database, "one"), JobBook(database, "two")
    monkeypatch.setattr(room, "LEASE", -1.0)  # a lease that is over as soon as it begins
    await one.begin(NEW)
    monkeypatch.undo()
    (taken,) = await two.claim(10)
    assert (taken.id, taken.worker) == (NEW.id, "two")
    assert await one.claim(10) == []
    with pytest.raises(Lost):
        await one.change(NEW.id, progress=50.0)
    with pytest.raises(Lost):
        await one.end(NEW.id, "succeeded", 900.0)
    assert await one.beat([NEW.id]) == set()
    assert await two.beat([NEW.id]) == {NEW.id}
    await two.end(NEW.id, "succeeded", 900.0, result={"x": 1})
    row = await two.find("shop", NEW.id)
    assert row is not None
    assert (row.status, row.result, row.progress, row.worker) == ("succeeded", {"x": 1}, None, None)
    assert row.ended_at is not None
    assert row.expires_at is not None
    assert row.expires_at - row.ended_at == pytest.approx(900, abs=1)


async def test_an_end_is_an_end(database: Database) -> None:
    book = JobBook(database, "one")
    await book.begin(NEW)
    await book.end(NEW.id, "succeeded", None)
    with pytest.raises(Lost):
        await book.end(NEW.id, "failed", None)
    assert await book.cancel("shop", NEW.id, None) is None
    assert await book.claim(10) == []


async def test_two_claimers_share_the_silent_jobs(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    one = JobBook(database, "one")
    monkeypatch.setattr(room, "LEASE", -1.0)
    for letter in "abcdefgh":
        await one.begin(new(letter))
    monkeypatch.undo()
    taken = await asyncio.gather(*(JobBook(database, f"w{at}").claim(3) for at in range(4)))
    ids = [row.id for rows in taken for row in rows]
    assert len(ids) == len(set(ids)) == 8


async def test_released_jobs_are_free_at_once(database: Database) -> None:
    one, two = JobBook(database, "one"), JobBook(database, "two")
    await one.begin(NEW)
    assert await two.claim(10) == []
    await two.release([NEW.id])
    assert await two.claim(10) == []
    await one.release([NEW.id])
    assert [row.id for row in await two.claim(10)] == [NEW.id]


async def test_a_cancelled_job_is_its_workers_no_more(database: Database) -> None:
    book = JobBook(database, "one")
    await book.begin(replace(NEW, repeat_key="k"))
    assert await book.cancel("other", NEW.id, 900.0) is None
    cancelled = await book.cancel("shop", NEW.id, 900.0)
    assert cancelled is not None
    assert (cancelled[0].status, cancelled[1]) == ("running", 0)
    assert await book.beat([NEW.id]) == set()
    assert await book.named("shop", "k") is None
    row = await book.find("shop", NEW.id)
    assert row is not None
    assert (row.status, row.ended) == ("cancelled", True)


@pytest.mark.parametrize(("owed", "price"), [((0, 3), 0), ((1, 3), 2334), ((2, 3), 4667), ((3, 3), 7000), ((0, 0), 0)])
async def test_a_cancelled_job_is_charged_what_is_owed_of_it(
    database: Database, owed: tuple[int, int], price: int
) -> None:
    """And what came to nothing after all is given back, however often that is said; nothing once it has ended."""
    book, books = JobBook(database, "one"), Ledger(database)
    await book.begin(NEW, Money(7000))
    cancelled = await book.cancel("shop", NEW.id, None, lambda row: owed)
    assert cancelled is not None
    assert cancelled[1] == price
    account = await books.account("shop")
    assert (account.balance, account.held) == (-price, 0)
    assert await book.cancel("shop", NEW.id, None, lambda row: (3, 3)) is None
    with pytest.raises(Lost):
        await book.end(NEW.id, "succeeded", None, Charge(7000))
    assert [await book.give_back(NEW.id, pictures) for pictures in (3, owed[0], 0, 0)] == [0, 0, price, 0]
    account = await books.account("shop")
    assert (account.balance, account.spent_today) == (0, 0)
    assert await books.totals() == []


async def test_what_a_job_came_to_is_not_given_back(database: Database) -> None:
    book = JobBook(database, "one")
    await book.begin(NEW, Money(7000))
    await book.end(NEW.id, "succeeded", None, Charge(7000, "picture", 1))
    assert await book.cancel("shop", NEW.id, None, lambda row: (1, 1)) is None
    assert await book.give_back(NEW.id, 0) == 0
    assert (await Ledger(database).account("shop")).balance == -7000


@pytest.mark.parametrize("seen", [False, True], ids=["marked", "seen by an operator"])
async def test_what_was_given_up_for_lost_and_comes_after_all_is_kept(database: Database, seen: bool) -> None:
    book = JobBook(database, "one")
    await book.begin(NEW)
    await book.end(NEW.id, "failed", None, attention="it may have been paid for", fault={"$": "Fault"})
    assert not seen or await book.seen(NEW.id)
    await book.recover(NEW.id, None, status="succeeded", result={"x": 1})
    row = await book.find("shop", NEW.id)
    assert row is not None
    assert (row.status, row.result, row.attention, row.fault) == ("succeeded", {"x": 1}, None, None)
    await book.recover(NEW.id, None, status="succeeded", result={"x": 2})
    assert (await book.find("shop", NEW.id) or row).result == {"x": 1}


async def test_what_comes_after_all_may_be_marked_anew(database: Database) -> None:
    book = JobBook(database, "one")
    await book.begin(NEW)
    await book.end(NEW.id, "failed", None, attention="its answer was lost", fault={"$": "Fault"})
    await book.recover(NEW.id, None, status="partial", result={"x": 1}, attention="1 of 2 calls was lost")
    row = await book.find("shop", NEW.id)
    assert row is not None
    assert (row.status, row.attention, row.fault) == ("partial", "1 of 2 calls was lost", None)


async def test_pages_of_jobs(database: Database) -> None:
    book = JobBook(database, "one")
    for letter in "abcde":
        await book.begin(new(letter, task="video" if letter != "c" else "generate"))
    await book.begin(new("f", owner="other", task="video"))
    films = Lookup("list", task="video", limit=3)
    first, more = await book.listing("shop", films)
    assert ([row.id[-1] for row in first], more) == (["e", "d", "b"], True)
    rest, more = await book.listing("shop", replace(films, after=first[-1].id))
    assert ([row.id[-1] for row in rest], more) == (["a"], False)
    oldest, more = await book.listing("shop", Lookup("list", newest=False, limit=2))
    assert ([row.id[-1] for row in oldest], more) == (["a", "b"], True)
    onwards, _ = await book.listing("shop", Lookup("list", newest=False, limit=9, after=oldest[-1].id))
    assert [row.id[-1] for row in onwards] == ["c", "d", "e"]


async def test_what_was_kept_long_enough_is_told(database: Database) -> None:
    book = JobBook(database, "one")
    for letter, keep in (("a", -1.0), ("b", 900.0), ("c", None)):
        await book.begin(new(letter))
        await book.end(new(letter).id, "succeeded", keep)
    assert [row.id[-1] for row in await book.expired(10)] == ["a"]
    await book.delete(new("a").id)
    assert await book.expired(10) == []
    assert await book.find("shop", new("a").id) is None


async def test_a_job_that_is_deleted_is_told_of_first(database: Database) -> None:
    book, like = JobBook(database, "one"), replace(NEW, repeat_key="k", repeat_of="o")
    await book.begin(replace(like, webhook="https://shop.example.com/hook"))
    await book.end(NEW.id, "failed", 900.0, webhook_at=0.0)
    await book.delete(NEW.id)
    await book.recover(NEW.id, 900.0, status="succeeded", result={"x": 1})
    assert await book.find("shop", NEW.id) is await book.named("shop", "k") is await book.like("shop", "o", 900) is None
    assert await book.listing("shop", Lookup("list")) == ([], False)
    assert await book.begin(replace(like, id=new("b").id)) is not None
    assert await book.expired(10) == []
    (row,) = await book.due(10, 4)
    assert (row.id, row.owner, row.status, row.version) == (NEW.id, "shop", "failed", 2)
    await book.told(NEW.id, 1, again_in=None)
    assert [row.id for row in await book.expired(10)] == [NEW.id]
    await book.delete(NEW.id)
    assert await book.versions([NEW.id]) == {}


async def test_a_webhook_is_due_for_one_of_all(database: Database) -> None:
    one, two = JobBook(database, "one"), JobBook(database, "two")
    await one.begin(replace(NEW, webhook="https://shop.example.com/hook"))
    assert await one.due(10, 4) == []
    await one.end(NEW.id, "succeeded", None, webhook_at=0.0)
    due = [row.id for rows in await asyncio.gather(one.due(10, 4), two.due(10, 4)) for row in rows]
    assert due == [NEW.id]
    await one.told(NEW.id, 1, again_in=-1.0)
    (again,) = await two.due(10, 4)
    assert again.webhook_tries == 1
    await two.told(NEW.id, 2, again_in=None)
    assert await one.due(10, 4) == []


async def test_no_caller_holds_up_the_webhooks_of_others(database: Database) -> None:
    book = JobBook(database, "one")
    for at, (letter, owner) in enumerate({"a": "bad", "b": "bad", "c": "bad", "d": "good", "e": "other"}.items()):
        await book.begin(replace(new(letter, owner=owner), webhook="https://x.example/"))
        await book.end(new(letter).id, "succeeded", None, webhook_at=float(at))

    async def due(most: int, each: int, without: Sequence[str] = ()) -> list[str]:
        return sorted(row.id[-1] for row in await book.due(most, each, without))

    assert await due(2, 1) == ["a", "d"]
    assert await due(10, 1, ["other"]) == ["b"]
    assert await due(10, 2) == ["c", "e"]
    assert await due(10, 2) == []


async def test_versions_count_writes(database: Database) -> None:
    book = JobBook(database, "one")
    await book.begin(NEW)
    assert await book.versions([NEW.id, "req_none"]) == {NEW.id: 0}
    await book.change(NEW.id, progress=10.0, story=[[1.0, "running", 10]])
    assert await book.versions([NEW.id]) == {NEW.id: 1}
    row = await book.find("shop", NEW.id)
    assert row is not None
    assert (row.progress, row.story) == (10.0, [[1.0, "running", 10]])


async def test_an_operator_sees_what_may_have_been_paid_for(database: Database) -> None:
    book = JobBook(database, "one")
    for letter in "ab":
        await book.begin(new(letter))
    await book.end(new("b").id, "failed", None, attention="sent, and its answer was lost")
    assert [row.id for row in await book.newest(10)] == [new("b").id, new("a").id]
    assert [row.id for row in await book.newest(10, attention=True)] == [new("b").id]
    assert not await book.seen(new("a").id)
    assert await book.seen(new("b").id)
    assert await book.newest(10, attention=True) == []
