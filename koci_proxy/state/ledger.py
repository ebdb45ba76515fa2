"""The books: what each app key may spend, what is held of it for calls under way, and every entry that made it so.

All amounts are whole thousandths of a credit. At every moment the balance of an account and what is held of it are
together the sum of its entries.
"""

from __future__ import annotations

import csv
import hashlib
import io
import time
import unicodedata
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, Subquery, Table, func, or_, select, true, union

from ..faults import Fault
from ..prices import show
from .database import Database
from .holds import DAY, SPENT, make_account, spent
from .prepared import Writing
from .tables import accounts, entries, holds, keys
from .texts import clean

_SHOWN = [column for column in entries.c if column.name != "once"]

# More than this, in thousandths, is a slip of somebody's finger; far from what a column can hold.
MOST = 10**15
PAGE = 500


@dataclass(frozen=True, slots=True)
class Account:
    """What an app key has: `held` is for calls under way, and is no longer in the balance. `spent_today` counts since
    midnight, UTC. One that is not `limited` is charged without a look at its balance, which may be below zero.
    """

    owner: str
    balance: int = 0
    held: int = 0
    limited: bool = False
    spent_today: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """What is held for a job under way, since when (Unix seconds)."""

    job: str
    owner: str
    amount: int
    at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the books; a charge is negative. `by` is who entered it, `at` in Unix seconds."""

    number: int
    owner: str
    at: float
    kind: Literal["top_up", "adjust", "charge", "refund"]
    amount: int
    job: str | None
    model: str
    pictures: int
    note: str
    by: str


@dataclass(frozen=True, slots=True)
class Imbalance:
    """An account whose balance and held amount are not the sum of its entries, or whose holds are not what is held."""

    owner: str
    balance: int
    held: int
    entries: int
    holds: int


class Ledger:
    """The books in one database, shared by every process that opens it.

    Raises `Fault` not_found (field `owner`) where credits are to be moved on a key that does not exist, and bad_request
    (field `amount`) for an amount that cannot be moved. What is moved `once` by some name is not moved again under it:
    the account stays as it is, or, where something else is to be moved now, it is a `Fault` conflict.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def top_up(self, owner: str, amount: int, note: str = "", by: str = "", once: str | None = None) -> Account:
        """Add credits; from the first time on the account is limited to what it has.

        What an account has used before that is written off, so that it begins with what it is given. What is held for
        calls under way counts against that, as far as it goes.
        """
        if amount <= 0:
            raise Fault("bad_request", "a top-up is above 0; adjust takes credits away", field="amount")

        async def added(connection: Writing) -> None:
            row = await self._locked(connection, owner)
            if await _known(connection, owner, once, "top_up", amount, note):
                return
            debt = 0 if row.limited else max(0, -(row.balance + row.held), -(row.balance + amount))
            await self._move(connection, row, debt + amount, limited=True)
            if debt:
                used = "written off: used before there were credits"
                await self._enter(connection, owner, "adjust", debt, used, by)
            await self._enter(connection, owner, "top_up", amount, note, by, once)

        await self._database.write(added)
        return await self.account(owner)

    async def adjust(self, owner: str, amount: int, note: str = "", by: str = "", once: str | None = None) -> Account:
        """Correct a balance up or down; one that is limited never falls below zero (`Fault` with the balance)."""
        if not amount:
            raise Fault("bad_request", "an adjustment is not 0", field="amount")

        async def adjusted(connection: Writing) -> None:
            row = await self._locked(connection, owner)
            if await _known(connection, owner, once, "adjust", amount, note):
                return
            if row.limited and row.balance + amount < 0:
                held = f" ({show(row.held)} more are held for calls under way)" if row.held else ""
                what = f"the balance is {show(row.balance)} credits{held}; no more than that can be taken"
                raise Fault("bad_request", what, field="amount")
            await self._move(connection, row, amount, limited=row.limited)
            await self._enter(connection, owner, "adjust", amount, note, by, once)

        await self._database.write(adjusted)
        return await self.account(owner)

    async def unlimit(self, owner: str) -> Account:
        """Charge this account from now on without a look at its balance, as one that was never given credits."""

        async def freed(connection: Writing) -> None:
            await self._move(connection, await self._locked(connection, owner), 0, limited=False)

        await self._database.write(freed)
        return await self.account(owner)

    async def _locked(self, connection: Writing, owner: str) -> Any:
        """The account of a key, made if need be, locked until the end of the transaction."""
        known = select(keys.c.id).where((keys.c.id == owner) & (keys.c.kind == "app"))
        if (await connection.execute(known)).first() is None:
            raise Fault("not_found", f"there is no app key with the id {owner!r}", field="owner")
        await make_account(connection, owner)
        locked = accounts.select().where(accounts.c.owner == owner).with_for_update()
        return (await connection.execute(locked)).one()

    async def _enter(
        self, connection: Writing, owner: str, kind: str, amount: int, note: str, by: str, once: str | None = None
    ) -> None:
        values = {"owner": owner, "at": self._database.now(), "kind": kind, "amount": amount, "job": None}
        values |= {"model": "", "pictures": 0, "note": clean(note), "by": clean(by)[:200], "once": _named(owner, once)}
        await connection.execute(entries.insert().values(values))

    async def _move(self, connection: Writing, row: Any, amount: int, *, limited: bool) -> None:
        balance = row.balance + amount
        if max(balance, abs(amount)) > MOST:
            raise Fault("bad_request", f"more than {show(MOST)} credits are no balance", field="amount")
        values = {"balance": balance, "limited": limited}
        await connection.execute(accounts.update().where(accounts.c.owner == row.owner).values(values))

    async def account(self, owner: str) -> Account:
        """What a key has; nothing, and unlimited, for one that was never used."""
        return (await self._accounts(accounts.c.owner == owner)).get(owner, Account(owner))

    async def accounts(self) -> Mapping[str, Account]:
        """All accounts by their owners."""
        return await self._accounts(true())

    async def _accounts(self, wanted: ColumnElement[bool]) -> dict[str, Account]:
        async with self._database.read() as connection:
            at = float((await connection.execute(select(self._database.now()))).scalar_one())
            today = _charges(at - at % DAY).group_by(entries.c.owner).subquery()
            spent = func.coalesce(today.c.spent, 0).label("spent")
            joined = accounts.outerjoin(today, today.c.owner == accounts.c.owner)
            rows = (await connection.execute(select(*accounts.c, spent).select_from(joined).where(wanted))).all()
        return {row.owner: Account(row.owner, row.balance, row.held, bool(row.limited), int(row.spent)) for row in rows}

    async def spent(self, owner: str, since: float) -> int:
        """What a key was charged since a time in Unix seconds; what is held is not charged yet."""
        async with self._database.read() as connection:
            return int((await connection.execute(spent(owner, since))).scalar_one())

    async def statement(
        self,
        owner: str | None = None,
        *,
        since: float | None = None,
        until: float | None = None,
        after: int | None = None,
        limit: int = 100,
        newest: bool = True,
    ) -> tuple[list[Entry], bool]:
        """Entries of a key (or of all), from the newest on or from the oldest, and whether there are more.

        `since` is the first second that counts and `until` the first that does not; `after` is the number of the last
        entry of the page before.
        """
        number = entries.c.number
        wanted = _within(owner, since, until)
        if after is not None:
            wanted &= number < after if newest else number > after
        some = select(*_SHOWN).where(wanted).order_by(number.desc() if newest else number).limit(limit + 1)
        async with self._database.read() as connection:
            rows = (await connection.execute(some)).all()
        return [Entry(**row._mapping) for row in rows[:limit]], len(rows) > limit

    async def export(
        self, owner: str | None = None, since: float | None = None, until: float | None = None
    ) -> AsyncIterator[str]:
        """The entries as CSV (RFC 4180), oldest first, line by line, a header first; amounts in credits, times UTC."""
        yield _line("number", "time", "owner", "kind", "credits", "job", "model", "pictures", "note", "by")
        after, more = 0, True
        while more:
            some, more = await self.statement(owner, since=since, until=until, after=after, limit=PAGE, newest=False)
            for entry in some:
                yield _line(*_cells(entry))
            after = some[-1].number if some else after

    async def totals(self) -> list[Imbalance]:
        """The accounts whose books do not balance, all looked at in one moment: none, unless somebody wrote into the
        tables by hand.
        """
        booked = _sums(entries)
        kept = _sums(holds)
        owners = union(select(accounts.c.owner), select(entries.c.owner), select(holds.c.owner)).subquery()
        joined = owners.outerjoin(accounts, accounts.c.owner == owners.c.owner)
        joined = joined.outerjoin(booked, booked.c.owner == owners.c.owner)
        joined = joined.outerjoin(kept, kept.c.owner == owners.c.owner)
        columns = (accounts.c.balance, accounts.c.held, booked.c.total, kept.c.total)
        balance, held, sum_, in_holds = (func.coalesce(column, 0) for column in columns)
        wrong = or_(balance + held != sum_, held != in_holds)
        found = select(owners.c.owner, balance, held, sum_, in_holds).select_from(joined).where(wrong)
        async with self._database.read() as connection:
            rows = (await connection.execute(found.order_by(owners.c.owner))).all()
        return [Imbalance(row[0], *(int(value) for value in row[1:])) for row in rows]

    async def stale(self, before: float, most: int = 1000) -> list[Hold]:
        """Holds made before a time in Unix seconds that are still open, oldest first."""
        old = holds.select().where(holds.c.at < before).order_by(holds.c.at, holds.c.job).limit(most)
        async with self._database.read() as connection:
            return [Hold(**row._mapping) for row in await connection.execute(old)]


async def _known(connection: Writing, owner: str, once: str | None, kind: str, amount: int, note: str) -> bool:
    """Whether this was moved under that name already. `Fault` conflict where the name was given to another move."""
    if once is None:
        return False
    named = entries.select().where(entries.c.once == _named(owner, once))
    before = (await connection.execute(named)).one_or_none()
    if before is not None and (before.kind, before.amount, before.note) != (kind, amount, clean(note)):
        message = f"this name was given to entry {before.number} of this key, which is another; use a new name"
        raise Fault("conflict", message, field="Idempotency-Key", code="idempotency_key_reused")
    return before is not None


def _named(owner: str, once: str | None) -> str | None:
    return None if once is None else hashlib.sha256(f"{owner} {once}".encode()).hexdigest()


def _charges(since: float) -> Select[Any]:
    """What each owner was charged since a time, less what was given back since."""
    spent = (-func.sum(entries.c.amount)).label("spent")
    return select(entries.c.owner, spent).where(entries.c.kind.in_(SPENT) & (entries.c.at >= since))


def _within(owner: str | None, since: float | None, until: float | None) -> ColumnElement[bool]:
    wanted: ColumnElement[bool] = true()
    if owner is not None:
        wanted &= entries.c.owner == owner
    if since is not None:
        wanted &= entries.c.at >= since
    if until is not None:
        wanted &= entries.c.at < until
    return wanted


def _sums(table: Table) -> Subquery:
    total = func.sum(table.c.amount).label("total")
    return select(table.c.owner, total).group_by(table.c.owner).subquery()


def _cells(entry: Entry) -> tuple[object, ...]:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.at))
    words = (entry.job or "", entry.model, entry.pictures, entry.note, entry.by)
    return (entry.number, at, entry.owner, entry.kind, show(entry.amount), *(_harmless(word) for word in words))


def _harmless(cell: object) -> object:
    """A text that some spreadsheet would take for a formula, as text: full-width and behind white space as well."""
    if not isinstance(cell, str) or not cell:
        return cell
    first = unicodedata.normalize("NFKC", cell.lstrip()[:1])
    return f"'{cell}" if cell[0] in "\t\r\n" or first in ("=", "+", "-", "@") else cell


def _line(*cells: object) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
