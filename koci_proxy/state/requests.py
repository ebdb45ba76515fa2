"""The request log: one row a call, never a picture or a key, and a prompt only where the house wants it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, String, bindparam, delete, func, select, true

from ..address import keyless
from ..faults import Fault
from .database import Database
from .prepared import Prepared, Writing
from .tables import requests
from .texts import clean

log = logging.getLogger(__name__)

# Rows are written together this often, in seconds: what a process that is killed had not written yet is lost.
EVERY = 0.25
# More than this many are not held back for a database that does not answer.
HELD = 10_000
# Rows removed in one transaction.
BATCH = 500
# How a value says that it cannot be written, whatever the database does; one of them may have told it on.
UNFIT = (ValueError, TypeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Entry:
    """One call. `at` is in Unix seconds; `seconds` from its first byte to the last of the answer; sizes as text.

    `outcome` is `ok` or the kind of fault; `attempts` are the calls to vendors, each [target, outcome, seconds].
    `price` is what was charged, in thousandths of a credit; `job` the job that was joined, another request's.
    """

    id: str
    at: float
    key: str = ""
    key_name: str = ""
    platform: str = ""
    method: str = ""
    path: str = ""
    model: str = ""
    task: str = ""
    target: str = ""
    status: int = 0
    outcome: str = "ok"
    asked: str = ""
    sent: str = ""
    got: str = ""
    pictures: int = 0
    attempts: Sequence[Any] = ()
    price: int = 0
    usage: Any = field(default_factory=dict)
    seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    job: str = ""
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows: those of a key (id or name), a model, an outcome or a status, at or after `since`, before `until`."""

    key: str | None = None
    model: str | None = None
    outcome: str | None = None
    status: int | None = None
    since: float | None = None
    until: float | None = None
    failed: bool = False


_NAMES = tuple(Entry.__dataclass_fields__)
_TEXTS = {name: each.type.length for name in _NAMES if isinstance((each := requests.c[name]).type, String)}
_ADD = Prepared(
    lambda kind: requests.insert().values(
        {name: bindparam(f"new_{name}", type_=requests.c[name].type) for name in _NAMES}
    )
)


class RequestLog:
    """The log in one database, shared by every process that opens it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: list[Entry] = []

    def add(self, entry: Entry) -> None:
        """Hold a row for the next writing."""
        if len(self._held) < HELD:
            self._held.append(entry)

    async def write(self) -> None:
        """Write what is held, for ever; what cannot be written now is held on to."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.flush()
            except Fault as fault:  # the database has said so itself
                log.debug("the request log waits: %s", fault)

    async def flush(self) -> None:
        """Write what is held now. A row that cannot be written keeps no other back."""
        held = len(self._held)
        if not held:
            return
        try:
            await self._write(self._held[:held])
        except (Fault, *UNFIT) as error:
            if not _unfit(error):
                raise
            await self._write_each(held)
        else:
            del self._held[:held]

    async def _write_each(self, count: int) -> None:
        """Write the first so many of what is held, each by itself; drop those that cannot be written."""
        for _ in range(count):
            try:
                await self._write(self._held[:1])
            except (Fault, *UNFIT) as error:
                if not _unfit(error):
                    raise
                log.error("%s is left out of the request log, it cannot be written: %s", self._held[0].id, error)
            del self._held[0]

    async def _write(self, entries: Sequence[Entry]) -> None:
        rows = [_row(entry) for entry in entries]

        async def written(connection: Writing) -> None:
            await _ADD.run_many(connection, rows)

        await self._database.write(written)

    async def newest(self, asked: Asked, most: int) -> list[tuple[int, Entry]]:
        """The newest rows that fit, oldest of them first, each with its number."""
        found = await self._rows(_fits(asked), requests.c.number.desc(), most)
        return found[::-1]

    async def after(self, number: int, asked: Asked, most: int = 1000) -> list[tuple[int, Entry]]:
        """The rows that fit and were written after the one of that number."""
        return await self._rows(_fits(asked) & (requests.c.number > number), requests.c.number, most)

    async def _rows(self, wanted: ColumnElement[bool], order: Any, most: int) -> list[tuple[int, Entry]]:
        async with self._database.read() as connection:
            rows = await connection.execute(requests.select().where(wanted).order_by(order).limit(most))
            return [(row.number, _entry(row)) for row in rows]

    async def totals(self, asked: Asked) -> list[tuple[str, str, int, int, int]]:
        """Per key and model: calls, pictures, and thousandths of a credit charged."""
        columns = requests.c.key_name, requests.c.model
        sums = func.count(), func.sum(requests.c.pictures), func.sum(requests.c.price)
        asking = select(*columns, *sums).where(_fits(asked)).group_by(*columns).order_by(*columns)
        async with self._database.read() as connection:
            return [(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in await connection.execute(asking)]

    async def sweep(self, before: float) -> int:
        """Remove rows of before that time, in small batches; how many."""
        old = select(requests.c.number).where(requests.c.at < before).limit(BATCH)
        some = delete(requests).where(requests.c.number.in_(old.scalar_subquery()))

        async def swept(connection: Writing) -> int:
            done: Any = await connection.execute(some)
            return int(done.rowcount)

        removed = count = await self._database.write(swept)
        while count == BATCH:
            count = await self._database.write(swept)
            removed += count
        return removed


def _unfit(error: BaseException | None) -> bool:
    """Whether a value is at fault; a driver, and what stands before it, tell that on in errors of their own."""
    while error is not None and not isinstance(error, UNFIT):
        error = getattr(error, "orig", None) or error.__cause__
    return error is not None


def _row(entry: Entry) -> dict[str, Any]:
    """The values of a row as every database can hold them, and without keys."""
    row = {name: getattr(entry, name) for name in _NAMES}
    together = repr(list(row.values()))  # where a backslash stands for whatever cannot be printed
    plain = together.isascii() and not ("\\" in together or "nan" in together or "inf" in together)
    if not plain or keyless(together) != together:  # else there is no need to look into each
        row |= {name: _fit(row[name]) for name in (*_TEXTS, "attempts", "usage")}
    for name, longest in _TEXTS.items():
        if longest is not None:
            row[name] = row[name][:longest]
    return {f"new_{name}": value for name, value in row.items()}


def _fit(value: Any) -> Any:
    """A text without keys, numbers as far as JSON has a word for them, and whatever holds them."""
    match value:
        case str():
            return keyless(clean(value))
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {_fit(name): _fit(each) for name, each in value.items()}
        case list() | tuple():
            return [_fit(each) for each in value]
        case _:
            return value


def _entry(row: Any) -> Entry:
    return Entry(**{name: value for name, value in row._mapping.items() if name != "number"})


def _fits(asked: Asked) -> ColumnElement[bool]:
    fits: ColumnElement[bool] = true()
    if asked.key is not None:
        fits &= (requests.c.key == asked.key) | (requests.c.key_name == asked.key)
    for name in ("model", "outcome", "status"):
        if getattr(asked, name) is not None:
            fits &= requests.c[name] == getattr(asked, name)
    if asked.failed:
        fits &= requests.c.outcome != "ok"
    if asked.since is not None:
        fits &= requests.c.at >= asked.since
    if asked.until is not None:
        fits &= requests.c.at < asked.until
    return fits
