"""Statements of every call, put into SQL once: putting one together costs more than the database takes to run it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json import JSONEncoder
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import JSON, ColumnElement, Dialect, Float, bindparam, cast, func
from sqlalchemy.dialects import postgresql, sqlite

from .file import Direct

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

# A connection to write with: `Direct` for a SQLite file, else SQLAlchemy's own.
Writing: TypeAlias = "AsyncConnection | Direct"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a statement is written with on one kind of database: its `insert`, and the time (Unix seconds) by the clock
    that all processes share, unless a value `now` is given.
    """

    insert: Any
    now: ColumnElement[float]


_NOW: ColumnElement[float] = bindparam("now", type_=Float)
_KINDS = {
    "sqlite": Kind(sqlite.insert, _NOW),
    "postgresql": Kind(
        postgresql.insert, func.coalesce(_NOW, cast(func.extract("epoch", func.clock_timestamp()), Float))
    ),
}


@dataclass(frozen=True, slots=True)
class Done:
    """The rows a statement gave back, their values as the driver has them, and how many rows it touched."""

    rows: Sequence[Any]
    count: int


_encode = JSONEncoder().encode


def _json(value: Any) -> str | None:
    return None if value is None else _encode(value)


class _Sql:
    """A statement as SQLite's driver takes it."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        fixed = compiled.params
        self._slots = []
        for name in compiled.positiontup or ():
            impl = compiled.binds[name].type.dialect_impl(dialect) if name in compiled.binds else None
            process = None if impl is None else _json if isinstance(impl, JSON) else impl.bind_processor(dialect)
            self._slots.append((name, fixed.get(name), process))

    def values(self, given: Mapping[str, Any]) -> list[Any]:
        values = []
        for name, fixed, process in self._slots:
            value = given.get(name, fixed)
            values.append(value if process is None else process(value))
        return values


class Prepared:
    """A statement whose `bindparam`s get their values each time; named otherwise than the columns they go to."""

    def __init__(self, build: Callable[[Kind], Any]) -> None:
        self._build = build
        self._statements: dict[str, tuple[Any, frozenset[str]]] = {}
        self._sql: _Sql | None = None

    async def run(self, connection: Writing, **values: Any) -> Done:
        """Run it once. Without a value `now` the time is now."""
        if isinstance(connection, Direct):
            sql = self._sql or self._compiled(connection.dialect)
            values.setdefault("now", None)
            if values["now"] is None:
                values["now"] = time.time()
            cursor = connection.driver.execute(sql.text, sql.values(values))
            return Done(cursor.fetchall(), cursor.rowcount)
        statement, names = self._statement(connection.dialect)
        if "now" in names and values.get("now") is None:
            values["now"] = time.time() if connection.dialect.name == "sqlite" else None
        result: Any = await connection.execute(statement, {name: values[name] for name in names})
        return Done(result.fetchall() if result.returns_rows else (), result.rowcount)

    async def run_many(self, connection: Writing, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each row of values."""
        if isinstance(connection, Direct):
            sql = self._sql or self._compiled(connection.dialect)
            connection.driver.executemany(sql.text, [sql.values(row) for row in rows])
        else:
            await connection.execute(self._statement(connection.dialect)[0], rows)

    def _compiled(self, dialect: Dialect) -> _Sql:
        self._sql = _Sql(self._statement(dialect)[0], dialect)
        return self._sql

    def _statement(self, dialect: Dialect) -> tuple[Any, frozenset[str]]:
        found = self._statements.get(dialect.name)
        if found is None:
            statement = self._build(_KINDS[dialect.name])
            compiled = statement.compile(dialect=dialect)
            names = frozenset(name for name, bind in compiled.binds.items() if bind.required)
            found = self._statements[dialect.name] = statement, names
        return found
