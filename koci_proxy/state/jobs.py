"""Jobs as rows: what was asked, how far each is, and what came of it; who works on one holds a lease on it.

A row under way is written only by the process that holds its lease, and every such write says so: a process that was
taken for dead cannot write over what another has done since.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, bindparam, case, or_, select, true

from .. import prices
from ..faults import Fault
from ..types import UNDER_WAY, Lookup, Status
from . import due, holds
from .database import Database
from .prepared import Prepared, Writing
from .tables import jobs

# How long a job is its holder's without a word from it, in seconds; said anew every third of that.
LEASE = 10.0
DAY = 86_400.0

_ID = re.compile(r"req_[0-9a-f]{24}|[0-9]{15}")
_OPEN = or_(*(jobs.c.status == status for status in sorted(UNDER_WAY)))


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job about to begin. `wish` is the job as written down, `parts` its calls to vendors by number, as text.

    `repeat_key` is the caller's own name for the call (a digest of its Idempotency-Key), `repeat_of` a digest of what
    it sent. A `background` job has nobody on the line who waits.
    """

    id: str
    owner: str
    platform: str
    links: str
    task: str
    model: str
    wish: Mapping[str, Any]
    background: bool = False
    number: str | None = None
    repeat_key: str | None = None
    repeat_of: str | None = None
    webhook: str | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)
    story: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A job as it stands in the database; times are Unix seconds by the database's clock, `lease` when its lease ends.

    `story` is a list of [time, status, progress]; `attention` is why an operator should look at it.
    """

    id: str
    number: str | None
    owner: str
    platform: str
    links: str
    task: str
    model: str
    background: bool
    wish: Any
    status: Status
    progress: float | None
    parts: dict[str, Any]
    story: list[Any]
    result: Any
    fault: Any
    attention: str | None
    worker: str | None
    lease: float
    repeat_key: str | None
    repeat_of: str | None
    webhook: str | None
    webhook_at: float | None
    webhook_tries: int
    version: int
    created_at: float
    ended_at: float | None
    expires_at: float | None

    @property
    def ended(self) -> bool:
        return self.status not in UNDER_WAY


@dataclass(frozen=True, slots=True)
class Money:
    """What a job may cost at most, and what its caller may spend a day (None: no bound), in thousandths of a credit."""

    hold: int = 0
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What a job that ended costs, in thousandths of a credit, and what for."""

    amount: int = 0
    model: str = ""
    pictures: int = 0


FREE, NOTHING = Money(), Charge()
# Of a job that is ended: how many pictures are paid for all the same, and of how many.
Owed = Callable[[Row], tuple[int, int]]

_NEW = tuple(NewJob.__dataclass_fields__)
_BLANK = dict.fromkeys(Row.__dataclass_fields__) | {"webhook_tries": 0, "version": 0}
_BEGIN = Prepared(
    lambda kind: (
        kind.insert(jobs)
        .values({name: _given(name) for name in (*_NEW, "status", "worker")})
        .values(lease=kind.now + bindparam("term", type_=Float), created_at=kind.now, webhook_tries=0, version=0)
        .on_conflict_do_nothing(index_elements=["owner", "repeat_key"])
        .returning(jobs.c.created_at, jobs.c.lease)
    )
)


def _given(column: str) -> ColumnElement[Any]:
    """A value for a column, given when the statement is run."""
    return bindparam(f"new_{column}", type_=jobs.c[column].type)


@cache
def _change(columns: tuple[str, ...], last: bool) -> Prepared:
    """Writes these columns of a job that is `mine` and under way; with `last` it ends there, and is let go."""
    mine = (jobs.c.id == bindparam("of")) & (jobs.c.worker == bindparam("mine")) & _OPEN
    values = {"version": jobs.c.version + 1, **{name: _given(name) for name in columns}}
    if not last:
        return Prepared(lambda kind: jobs.update().where(mine).values(values))
    keep = bindparam("keep", type_=Float)
    return Prepared(
        lambda kind: (
            jobs.update()
            .where(mine)
            .values({**values, "worker": None, "ended_at": kind.now, "expires_at": kind.now + keep})
        )
    )


class Lost(Exception):
    """The job is another's by now, or has been ended from outside: nothing more may be written of it."""


class JobBook:
    """The jobs in one database, as one process (`worker`) sees and works on them."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self.worker = worker

    async def begin(self, new: NewJob, money: Money = FREE) -> Row | None:
        """Write down a new job, ours to work on, and hold what it may cost, both or neither.

        None when the caller has one of the same `repeat_key` already. `Fault` no_credit where its credits do not
        suffice, too_fast where it has spent what it may in a day.
        """
        # A commit may land though the database could not say so: then it is carried, and another may not know it.
        alone = new.background and not (new.repeat_key or new.repeat_of)
        return await self._database.write(lambda connection: self._begin(connection, new, money), spent=alone)

    async def _begin(self, connection: Writing, new: NewJob, money: Money) -> Row | None:
        values = {name: getattr(new, name) for name in _NEW}
        values |= {"status": "queued" if new.background else "running", "worker": self.worker, "story": list(new.story)}
        given = {f"new_{name}": value for name, value in values.items()}
        written = await _BEGIN.run(connection, term=LEASE, **given)
        if not written.rows:
            return None
        if money.hold:
            await self._hold(connection, new, money)
        created_at, lease = written.rows[0]
        return Row(**{**_BLANK, **values, "created_at": created_at, "lease": lease})

    async def _hold(self, connection: Writing, new: NewJob, money: Money) -> None:
        if not await holds.hold(connection, new.owner, new.id, money.hold):
            left = await holds.balance(connection, new.owner)
            message = f"this may cost {prices.show(money.hold)} credits, and {prices.show(left)} are left on this key"
            raise Fault("no_credit", message, code="insufficient_credits", stage="not_sent")
        if money.per_day is not None and await holds.over_day(
            connection, new.owner, money.per_day, self._database.now()
        ):
            message = f"{prices.show(money.per_day)} credits a day is the limit of this key, and this would pass it"
            wait = DAY - time.time() % DAY
            raise Fault("too_fast", message, code="credits_per_day", retry_after=wait, stage="not_sent")

    async def change(self, id: str, **values: Any) -> None:
        """Write columns of a job that is ours and under way; `Lost` when it is not (any more)."""
        spent = any(value.keys() & {"ticket", "result", "fault"} for value in values.get("parts", {}).values())
        if not await self._database.write(lambda connection: self._changed(connection, id, values), spent=spent):
            raise Lost(id)

    async def _changed(
        self, connection: Writing, id: str, values: Mapping[str, Any], *, last: bool = False, keep: float | None = None
    ) -> bool:
        """Write columns of a row of ours under way; the `last` write lets go of it, kept for so many seconds."""
        named = {f"new_{name}": value for name, value in values.items()}
        if last:
            named["keep"] = keep
        return bool((await _change(tuple(values), last).run(connection, of=id, mine=self.worker, **named)).count)

    async def end(self, id: str, status: Status, keep: float | None, charge: Charge = NOTHING, **values: Any) -> None:
        """The last write of a job that is ours: its end, what it costs, and how many seconds it is kept.

        `Lost` as for `change`; then nothing is charged.
        """

        async def ended(connection: Writing) -> bool:
            if not await self._changed(connection, id, {**values, "status": status}, last=True, keep=keep):
                return False
            await holds.settle(connection, id, charge.amount, model=charge.model, pictures=charge.pictures)
            return True

        if not await self._database.write(ended, spent=status != "failed" or "attention" in values):
            raise Lost(id)

    async def recover(self, id: str, keep: float | None, **values: Any) -> None:
        """What came after all of a job that another process ended as failed: it was paid for, so it is kept.

        What an operator should still know of it is the `attention` among the values.
        """
        lost = (jobs.c.id == id) & (jobs.c.status == "failed") & due.SHOWN
        expires = None if keep is None else self._database.now() + keep
        more = {"attention": None, **values, "fault": None, "expires_at": expires, "version": jobs.c.version + 1}
        one = jobs.update().where(lost).values(more)
        await self._database.write(lambda connection: connection.execute(one), spent=True)

    async def find(self, owner: str, id: str) -> Row | None:
        """A caller's job by its id or number; None for one that is another's, as for one that is not."""
        if not _ID.fullmatch(id):
            return None
        return await self._one((jobs.c.owner == owner) & ((jobs.c.id == id) | (jobs.c.number == id)))

    async def named(self, owner: str, repeat_key: str) -> Row | None:
        """The job that a caller named so."""
        return await self._one((jobs.c.owner == owner) & (jobs.c.repeat_key == repeat_key))

    async def like(self, owner: str, repeat_of: str, within: float) -> Row | None:
        """A caller's newest job of the same content that is under way, or ended within so many seconds."""
        fresh = _OPEN | (jobs.c.ended_at > self._database.now() - within)
        return await self._one((jobs.c.owner == owner) & (jobs.c.repeat_of == repeat_of) & fresh)

    async def _one(self, wanted: ColumnElement[bool]) -> Row | None:
        async with self._database.read() as connection:
            newest = jobs.select().where(wanted & due.SHOWN).order_by(jobs.c.created_at.desc(), jobs.c.id).limit(1)
            row = (await connection.execute(newest)).one_or_none()
        return None if row is None else _row(row)

    async def listing(self, owner: str, asked: Lookup) -> tuple[list[Row], bool]:
        """A caller's jobs as a `Lookup` asks for them, and whether there are more. An unknown `after` begins anew."""
        wanted = (jobs.c.owner == owner) & due.SHOWN
        if asked.task is not None:
            wanted &= jobs.c.task == asked.task
        order = (jobs.c.created_at.desc(), jobs.c.id.desc()) if asked.newest else (jobs.c.created_at, jobs.c.id)
        async with self._database.read() as connection:
            if asked.after and _ID.fullmatch(asked.after):
                found = select(jobs.c.created_at, jobs.c.id).where(wanted & (jobs.c.id == asked.after))
                last = (await connection.execute(found)).one_or_none()
                wanted &= _behind(last, asked.newest) if last is not None else True
            rows = (await connection.execute(jobs.select().where(wanted).order_by(*order).limit(asked.limit + 1))).all()
        return [_row(row) for row in rows[: asked.limit]], len(rows) > asked.limit

    async def versions(self, ids: Collection[str]) -> dict[str, int]:
        """How often each of these jobs was written; those that are gone are missing."""
        async with self._database.read() as connection:
            wanted = select(jobs.c.id, jobs.c.version).where(jobs.c.id.in_(ids))
            return {row.id: row.version for row in await connection.execute(wanted)}

    async def beat(self, ids: Collection[str]) -> set[str]:
        """Renew our leases on these jobs; which of them are still ours."""
        mine = jobs.c.id.in_(ids) & (jobs.c.worker == self.worker) & _OPEN
        renewed = jobs.update().where(mine).values(lease=self._database.now() + LEASE).returning(jobs.c.id)

        async def beaten(connection: Writing) -> set[str]:
            return {row.id for row in await connection.execute(renewed)}

        return await self._database.write(beaten)

    async def claim(self, most: int) -> list[Row]:
        """Take up to so many jobs whose holder has fallen silent; they are ours now."""
        now = self._database.now()
        silent = select(jobs.c.id).where(_OPEN & (jobs.c.lease < now)).order_by(jobs.c.lease).limit(most)
        free = silent.with_for_update(skip_locked=True)
        taken = jobs.update().where(jobs.c.id.in_(free)).values(worker=self.worker, lease=now + LEASE)

        async def claimed(connection: Writing) -> list[Row]:
            return [_row(row) for row in await connection.execute(taken.returning(*jobs.c))]

        return await self._database.write(claimed)

    async def release(self, ids: Collection[str]) -> None:
        """Let go of jobs of ours, for another to take up at once."""
        mine = jobs.c.id.in_(ids) & (jobs.c.worker == self.worker) & _OPEN
        freed = jobs.update().where(mine).values(lease=0.0, worker=None)
        await self._database.write(lambda connection: connection.execute(freed))

    async def cancel(
        self, owner: str, id: str, keep: float | None, owed: Owed = lambda row: (0, 1)
    ) -> tuple[Row, int] | None:
        """End a caller's job that is under way, and charge what is `owed` of it; the rest that is held is given back.

        What it was before, and what it costs in thousandths of a credit; None when there is none under way.
        """
        wanted = (jobs.c.owner == owner) & (jobs.c.id == id) & _OPEN
        now = self._database.now()
        values: dict[str, Any] = {"status": "cancelled", "ended_at": now, "version": jobs.c.version + 1}
        values |= {"repeat_key": None, "repeat_of": None, "expires_at": None if keep is None else now + keep}
        values["webhook_at"] = case((jobs.c.webhook.is_not(None), 0.0), else_=None)

        async def cancelled(connection: Writing) -> tuple[Row, int] | None:
            found = (await connection.execute(jobs.select().where(wanted).with_for_update())).one_or_none()
            if found is None:
                return None
            row = _row(found)
            story = [*row.story, [time.time(), "cancelled", None]]
            await connection.execute(jobs.update().where(wanted).values({**values, "story": story}))
            return row, await holds.settle_share(connection, id, *owed(row), model=row.model)

        return await self._database.write(cancelled)

    async def give_back(self, id: str, pictures: int) -> int:
        """Leave of what a job was charged as it was cancelled the price of so many pictures; what is given back."""
        now = self._database.now()
        return await self._database.write(lambda connection: holds.give_back(connection, id, pictures, now))

    async def delete(self, id: str) -> None:
        """Remove a job; one whose caller is still to be told of it is only hidden until that is done."""
        await self._database.write(lambda connection: due.remove(connection, id, self._database.now()))

    async def expired(self, most: int) -> list[Row]:
        """Jobs that ended, were kept long enough, and of which nobody is still to be told."""
        told = jobs.c.webhook_at.is_(None)
        return await self._some(~_OPEN & told & (jobs.c.expires_at < self._database.now()), most)

    async def due(self, most: int, each: int, without: Collection[str] = ()) -> list[Row]:
        """Ended jobs whose caller is to be told by a webhook now, at most so many of `each` caller, and none of those
        `without`; each is ours to tell for the next 90 seconds.
        """

        async def claimed(connection: Writing) -> list[Row]:
            now = (await connection.execute(select(self._database.now()))).scalar_one()
            asked = {"now": now, "most": most, "each": each, "without": list(without)}
            return [_row(row) for row in await connection.execute(due.CLAIM, asked)]

        return await self._database.write(claimed)

    async def told(self, id: str, tries: int, again_in: float | None) -> None:
        """A webhook was tried so often by now; again in so many seconds, or never."""
        at = None if again_in is None else self._database.now() + again_in
        values = {"webhook_at": at, "webhook_tries": tries}
        one = jobs.update().where(jobs.c.id == id).values(values)
        await self._database.write(lambda connection: connection.execute(one))

    async def newest(self, most: int, *, attention: bool = False) -> list[Row]:
        """All callers' jobs, newest first; those alone that an operator should look at."""
        return await self._some(jobs.c.attention.is_not(None) if attention else true(), most)

    async def seen(self, id: str) -> bool:
        """An operator has looked at a job that wanted attention; False when there is no such job."""
        marked = (jobs.c.id == id) & jobs.c.attention.is_not(None)
        done: Any = await self._database.write(
            lambda connection: connection.execute(jobs.update().where(marked).values(attention=None))
        )
        return bool(done.rowcount)

    async def _some(self, wanted: ColumnElement[bool], most: int) -> list[Row]:
        async with self._database.read() as connection:
            rows = await connection.execute(
                jobs.select().where(wanted).order_by(jobs.c.created_at.desc(), jobs.c.id).limit(most)
            )
            return [_row(row) for row in rows]


def _behind(last: Any, newest: bool) -> ColumnElement[bool]:
    """Rows that come after one in the order of the list."""
    at, id = jobs.c.created_at, jobs.c.id
    if newest:
        return or_(at < last.created_at, and_(at == last.created_at, id < last.id))
    return or_(at > last.created_at, and_(at == last.created_at, id > last.id))


def _row(row: Any) -> Row:
    values = dict(row._mapping)
    for name in ("wish", "parts", "story", "result", "fault"):
        if isinstance(values[name], str):  # what RETURNING gives back of a JSON column, SQLite's way
            values[name] = json.loads(values[name])
    return Row(**values)
