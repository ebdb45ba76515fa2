"""The books: held, settled and released to the thousandth, on each kind of database."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from koci_proxy import Fault
from koci_proxy.state import Callers, Database, Ledger
from koci_proxy.state.holds import DAY, hold, over_day, settle
from koci_proxy.state.ledger import MOST, Account, Hold, Imbalance
from koci_proxy.state.tables import accounts, entries

from .opened import opened

pytestmark = pytest.mark.anyio
NOW = 1_000_000.0


class Books:
    """A ledger with one key, and its moves each in a transaction of its own."""

    def __init__(self, database: Database, owner: str) -> None:
        self.database, self.owner = database, owner
        self.ledger = Ledger(database)

    async def hold(self, job: str, amount: int, now: float = NOW) -> bool:
        return await self.database.write(lambda one: hold(one, self.owner, job, amount, now))

    async def settle(self, job: str, charge: int, now: float = NOW, **more: Any) -> bool:
        return await self.database.write(lambda one: settle(one, job, charge, now, **more))

    async def release(self, job: str) -> bool:
        return await self.database.write(lambda one: settle(one, job, 0))

    async def now(self) -> tuple[int, int]:
        """Balance and held."""
        account = await self.ledger.account(self.owner)
        assert await self.ledger.totals() == []
        return account.balance, account.held


@pytest.fixture
async def books(url: str) -> AsyncIterator[Books]:
    async with opened(url) as database:
        _, caller = await Callers(database).make("shop")
        yield Books(database, caller.id)


async def test_hold_and_settle_with_what_came(books: Books) -> None:
    await books.ledger.top_up(books.owner, 10_000, "paid", "ann")
    assert await books.hold("a", 8000)
    assert await books.now() == (2000, 8000)
    assert await books.settle("a", 3500, model="picture", pictures=2, note="2 of 4")
    assert await books.now() == (6500, 0)
    (charge, top_up), more = await books.ledger.statement(books.owner)
    assert not more
    assert (charge.kind, charge.amount, charge.job, charge.model) == ("charge", -3500, "a", "picture")
    assert (charge.pictures, charge.note, charge.at) == (2, "2 of 4", NOW)
    assert (top_up.kind, top_up.amount, top_up.note, top_up.by, top_up.job) == ("top_up", 10_000, "paid", "ann", None)
    assert abs(top_up.at - time.time()) < 60


async def test_what_fails_costs_nothing(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    assert await books.hold("a", 5000)
    assert await books.release("a")
    assert await books.now() == (5000, 0)
    assert not await books.release("a")
    assert not await books.settle("a", 5000)
    assert await books.now() == (5000, 0)
    assert len((await books.ledger.statement(books.owner))[0]) == 1


async def test_what_does_not_suffice_changes_nothing(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    assert not await books.hold("a", 5001)
    assert await books.now() == (5000, 0)
    assert not await books.settle("a", 5001)
    assert await books.hold("a", 5000)
    assert not await books.hold("b", 1)
    assert await books.now() == (0, 5000)


async def test_settling_twice_is_settling_once(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    await books.hold("a", 4000)
    ends = await asyncio.gather(*(books.settle("a", 4000) for _ in range(8)), books.release("a"))
    assert sum(ends) == 1
    assert await books.now() in [(1000, 0), (5000, 0)]


async def test_a_charge_is_never_more_than_was_held(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    await books.hold("a", 4000)
    await books.settle("a", 9999)
    await books.hold("b", 500)
    await books.settle("b", -7)
    assert await books.now() == (1000, 0)


async def test_a_job_is_charged_once_whatever_is_held_for_it_later(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    for _ in range(2):
        assert await books.hold("a", 2000)
        assert await books.settle("a", 2000)
    assert await books.now() == (3000, 0)


async def test_a_job_holds_once(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    assert all(await asyncio.gather(*(books.hold("a", 2000) for _ in range(5))))
    assert await books.now() == (3000, 2000)


async def test_what_is_free_makes_no_entry(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5)
    assert await books.hold("a", 0)
    assert not await books.settle("a", 0)
    assert await books.ledger.stale(NOW + 1) == []
    assert await books.now() == (5, 0)


async def test_a_key_without_credits_is_charged_without_a_check(books: Books) -> None:
    assert await books.ledger.account(books.owner) == Account(books.owner)
    assert await books.hold("a", 7000)
    assert await books.settle("a", 4000)
    assert await books.now() == (-4000, 0)
    assert not (await books.ledger.account(books.owner)).limited


@pytest.mark.parametrize(
    ("used", "held", "given", "expected"),
    [
        (4000, 0, 1000, (1000, 0)),
        (4000, 300, 1000, (700, 300)),
        (4000, 3000, 1000, (0, 3000)),
        (0, 0, 1000, (1000, 0)),
    ],
)
async def test_the_first_credits_begin_at_what_is_given(
    books: Books, used: int, held: int, given: int, expected: tuple[int, int]
) -> None:
    await books.hold("a", 4000)
    await books.settle("a", used)
    await books.hold("b", held)
    assert (await books.ledger.top_up(books.owner, given)).limited
    assert await books.now() == expected
    assert not await books.hold("c", expected[0] + 1)
    await books.ledger.top_up(books.owner, 50)
    assert await books.now() == (expected[0] + 50, expected[1])


async def test_a_correction_never_takes_what_is_not_there(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    await books.hold("a", 1500)
    with pytest.raises(Fault, match=r"the balance is 3\.5 credits \(1\.5 more are held .*\)") as caught:
        await books.ledger.adjust(books.owner, -3501)
    assert (caught.value.kind, caught.value.field) == ("bad_request", "amount")
    assert (await books.ledger.adjust(books.owner, -3500, "a slip", "ann")).balance == 0
    assert (await books.ledger.adjust(books.owner, 20)).balance == 20
    assert await books.now() == (20, 1500)


async def test_unlimited_again(books: Books) -> None:
    await books.ledger.top_up(books.owner, 1000)
    assert not (await books.ledger.unlimit(books.owner)).limited
    assert await books.hold("a", 3000)
    await books.settle("a", 3000)
    assert (await books.ledger.adjust(books.owner, -500)).balance == -2500
    assert (await books.ledger.top_up(books.owner, 100)).balance == 100
    assert await books.now() == (100, 0)


@pytest.mark.parametrize("amount", [0, -1, MOST + 1, 2**70])
async def test_amounts_that_cannot_be_given(books: Books, amount: int) -> None:
    with pytest.raises(Fault) as caught:
        await books.ledger.top_up(books.owner, amount)
    assert (caught.value.kind, caught.value.field) == ("bad_request", "amount")
    for wrong in (0, 2**70, -(2**70)):
        with pytest.raises(Fault, match=r"adjustment is not 0|no balance"):
            await books.ledger.adjust(books.owner, wrong)
    assert await books.ledger.account(books.owner) == Account(books.owner)


async def test_nobody_gets_credits_who_has_no_key(books: Books) -> None:
    callers = Callers(books.database)
    await callers.admin_token()
    (admin,) = [row.id for row in await callers.listing() if row.kind == "admin"]
    for owner in ("nobody", admin):
        for move in (partial(books.ledger.top_up, owner, 5), partial(books.ledger.adjust, owner, 5)):
            with pytest.raises(Fault, match="no app key") as caught:
                await move()
            assert (caught.value.kind, caught.value.field) == ("not_found", "owner")
    assert await books.ledger.accounts() == {}


async def test_credit_for_37_of_100(books: Books) -> None:
    await books.ledger.top_up(books.owner, 37 * 4000 + 3999)
    held = await asyncio.gather(*(books.hold(f"job{at}", 4000) for at in range(100)))
    assert sum(held) == 37
    assert await books.now() == (3999, 37 * 4000)
    await asyncio.gather(*(books.settle(f"job{at}", 4000) for at in range(100)))
    assert await books.now() == (3999, 0)


async def test_an_abandoned_transaction_moves_nothing(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    await books.hold("b", 1000)

    async def half(connection: Any) -> None:
        assert await hold(connection, books.owner, "a", 1000, NOW)
        assert await settle(connection, "b", 1000, NOW)
        raise Fault("conflict", "killed")

    with pytest.raises(Fault, match="killed"):
        await books.database.write(half)
    assert await books.now() == (4000, 1000)
    assert await books.ledger.stale(NOW + 1) == [Hold("b", books.owner, 1000, NOW)]


async def test_the_database_itself_refuses_a_balance_below_zero(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5)
    for statement in ("UPDATE accounts SET balance = -1", "UPDATE accounts SET held = -1"):
        with pytest.raises(Fault, match="refused a statement"):
            await books.database.write(partial(_say, statement))


async def _say(statement: str, connection: Any) -> None:
    await connection.execute(text(statement))


async def test_what_a_day_may_cost(books: Books) -> None:
    day = 10 * DAY
    await books.hold("old", 5000, day - 1.0)
    await books.settle("old", 5000, day - 1.0)
    await books.hold("new", 3000, day + 1.0)
    await books.settle("new", 3000, day + 1.0)

    async def held(job: str, connection: Any) -> bool:
        assert await hold(connection, books.owner, job, 1000, day + 2.0)
        over = await over_day(connection, books.owner, 5500, day + 2.0)
        if over:
            await settle(connection, job, 0)
        return not over

    done = await asyncio.gather(*(books.database.write(partial(held, f"j{at}")) for at in range(10)))
    assert sum(done) == 2
    assert await books.ledger.spent(books.owner, day) == 3000
    assert await books.ledger.spent(books.owner, 0.0) == 8000
    assert await books.now() == (-10_000, 2000)


async def test_what_was_spent_today(books: Books) -> None:
    now = time.time()
    for job, at in (("a", now), ("b", now - 3 * DAY)):
        await books.hold(job, 1000, at)
        await books.settle(job, 1000, at)
    account = await books.ledger.account(books.owner)
    assert account == Account(books.owner, -2000, 0, False, 1000)
    assert await books.ledger.accounts() == {books.owner: account}


async def test_pages_of_a_statement(books: Books) -> None:
    for at in range(5):
        await books.hold(f"j{at}", 1 + at, NOW)
        await books.settle(f"j{at}", 1 + at, NOW + at)
    say = partial(books.ledger.statement, books.owner)
    first, more = await say(limit=2)
    assert ([entry.job for entry in first], more) == (["j4", "j3"], True)
    rest, more = await say(after=first[-1].number)
    assert ([entry.job for entry in rest], more) == (["j2", "j1", "j0"], False)
    onwards, more = await say(newest=False, limit=2, after=rest[-1].number)
    assert ([entry.job for entry in onwards], more) == (["j1", "j2"], True)
    between, more = await say(since=NOW + 1, until=NOW + 3)
    assert ([entry.job for entry in between], more) == (["j2", "j1"], False)
    assert (await books.ledger.statement("other"))[0] == []
    assert len((await books.ledger.statement())[0]) == 5


async def test_what_has_a_name_is_booked_once(books: Books) -> None:
    async def top_up(amount: int = 5000, note: str = "invoice 7", owner: str = books.owner) -> Account:
        return await books.ledger.top_up(owner, amount, note, "ann", once="inv-7")

    assert [account.balance for account in await asyncio.gather(*(top_up() for _ in range(8)))] == [5000] * 8
    await books.hold("a", 1000)
    assert (await books.ledger.adjust(books.owner, -500, once="slip")).balance == 3500
    assert [(await each).balance for each in (top_up(), books.ledger.adjust(books.owner, -500, once="slip"))] == [
        3500,
        3500,
    ]
    for other in (
        top_up(5001),
        top_up(note="invoice 8"),
        books.ledger.adjust(books.owner, 5000, "invoice 7", once="inv-7"),
    ):
        with pytest.raises(Fault, match="use a new name") as caught:
            await other
        assert (caught.value.kind, caught.value.code) == ("conflict", "idempotency_key_reused")
    _, another = await Callers(books.database).make("another")
    assert (await top_up(owner=another.id)).balance == 5000
    assert len((await books.ledger.statement())[0]) == 3
    assert await books.now() == (3500, 1000)


async def test_what_was_written_off_goes_with_a_name_once(books: Books) -> None:
    await books.hold("a", 3000)
    await books.settle("a", 3000)
    for _ in range(2):
        assert (await books.ledger.top_up(books.owner, 1000, once="first")).balance == 1000
    assert len((await books.ledger.statement(books.owner))[0]) == 3


@pytest.mark.parametrize(
    "note", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1+1", " =1+1", "＝1+1", "\u3000＋1", "－1", "＠x"]
)
async def test_no_note_is_a_formula(books: Books, note: str) -> None:
    await books.ledger.top_up(books.owner, 9000, note)
    text = "".join([line async for line in books.ledger.export(books.owner)])
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["note"] == f"'{note}"


async def test_the_books_as_csv(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koci_proxy.state.ledger.PAGE", 2)
    await books.ledger.top_up(books.owner, 9000, '=HYPERLINK("x"), "quoted"\0\ud800', "ann")
    for at in range(4):
        await books.hold(f"j{at}", 1500)
        await books.settle(f"j{at}", 1500, NOW + at, model="picture", pictures=1)
    lines = [line async for line in books.ledger.export(books.owner, since=NOW)]
    rows = list(csv.DictReader(lines))
    assert [row["credits"] for row in rows] == ["9", "-1.5", "-1.5", "-1.5", "-1.5"]
    assert rows[0]["note"] == '\'=HYPERLINK("x"), "quoted"?'
    assert (rows[1]["time"], rows[1]["owner"], rows[1]["job"]) == ("1970-01-12T13:46:40Z", books.owner, "j0")
    assert (rows[1]["model"], rows[1]["pictures"], rows[1]["kind"]) == ("picture", "1", "charge")
    assert all(line.endswith("\r\n") for line in lines)
    assert len([line async for line in books.ledger.export(until=NOW + 2)]) == 3
    assert len([line async for line in books.ledger.export("other")]) == 1


async def test_books_that_do_not_balance_are_told(books: Books) -> None:
    await books.ledger.top_up(books.owner, 5000)
    await books.hold("a", 1000)
    assert await books.ledger.totals() == []
    lost = {"owner": "lost", "at": NOW, "kind": "adjust", "amount": 7}
    lost |= {"model": "", "pictures": 0, "note": "", "by": ""}
    await books.database.write(lambda one: one.execute(entries.insert().values(lost)))
    await books.database.write(lambda one: one.execute(accounts.update().values(balance=4001, held=999)))
    assert await books.ledger.totals() == [
        Imbalance(books.owner, 4001, 999, 5000, 1000),
        Imbalance("lost", 0, 0, 7, 0),
    ]


async def test_open_holds_of_long_ago(books: Books) -> None:
    for at, job in enumerate("abc"):
        await books.hold(job, 10, NOW + at)
    assert [one.job for one in await books.ledger.stale(NOW + 2)] == ["a", "b"]
    assert [one.job for one in await books.ledger.stale(NOW + 9, most=1)] == ["a"]
