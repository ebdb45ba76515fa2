"""The book of app keys: who may come in, by the digest of a key that nobody can read back."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cachetools import TTLCache

from .faults import Fault
from .types import Caller

if TYPE_CHECKING:
    from sqlalchemy import URL, Table
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

logger = logging.getLogger(__name__)

PREFIX = "sk-koci_"
# 32 random bytes in base64url: no SDK or header objects to any of its characters.
_PLAIN = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")
# How long a found key (or one not found) is taken for granted, in seconds: a revoked key lives no longer than this.
TRUST = 1.0
REMEMBERED = 10_000
# The asynchronous driver of each kind of database; a URL may also name its own (`postgresql+psycopg://…`).
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


@dataclass(frozen=True, slots=True)
class Row:
    """A key as it may be shown: `kind` is `app` or `admin`, `hint` its first and last letters, times Unix seconds."""

    id: str
    kind: str
    name: str
    hint: str
    created_at: float
    revoked_at: float | None


class Callers:
    """The keys in one database, shared by every process that opens it.

    A key has 256 random bits, so a fast digest protects it as well as a slow one would. Raises `Fault` internal when
    the database cannot be opened or does not answer.
    """

    def __init__(self, url: str, *, timer: Callable[[], float] = time.monotonic) -> None:
        """`url` is a SQLAlchemy URL such as `sqlite:///data/koci.db`; `timer` counts the seconds of `TRUST`."""
        self._url = url
        # Strangers' guesses have a memory of their own, where they push out no known key.
        self._known: TTLCache[bytes, Caller] = TTLCache(REMEMBERED, TRUST, timer)
        self._unknown: TTLCache[bytes, bool] = TTLCache(REMEMBERED, TRUST, timer)
        self._engine: AsyncEngine | None = None
        self._keys: Table

    async def open(self) -> None:
        """Open the database; make its folder and table where there is none."""
        # Imported here: it takes longer than all the rest of the proxy, and most commands need no database.
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.schema import CreateTable

        try:
            url = _url(self._url)
            self._engine = create_async_engine(url, hide_parameters=True, **_engine_options(url))
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OSError) as error:
            # The URL itself may hold a password.
            raise Fault("internal", f"the state database cannot be used: {_words(error, self._url)}") from error
        self._keys = _keys()
        if url.get_backend_name() == "sqlite":
            await self._write_ahead()
        async with self._transaction() as connection:
            # Not `create_all`: it looks first and makes then, and another process may come in between.
            await connection.execute(CreateTable(self._keys, if_not_exists=True))

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def find(self, plain: str) -> Caller | None:
        """Whose key this is; None for an unknown or revoked one, or an admin token."""
        if not _PLAIN.fullmatch(plain):
            return None
        digest = _digest(plain)
        if digest in self._unknown:
            return None
        caller = self._known.get(digest)
        if caller is None:
            caller = await self._look_up(digest)
            if caller is None:
                self._unknown[digest] = True
            else:
                self._known[digest] = caller
        return caller

    async def _look_up(self, digest: bytes) -> Caller | None:
        row = await self._live(digest, "app")
        return Caller(row.id, row.name) if row is not None else None

    async def is_admin(self, plain: str) -> bool:
        """Whether this is a live admin token; asked of the database every time."""
        return bool(_PLAIN.fullmatch(plain)) and await self._live(_digest(plain), "admin") is not None

    async def _live(self, digest: bytes, kind: str) -> Any:
        keys = self._keys
        wanted = (keys.c.digest == digest.hex()) & (keys.c.kind == kind) & keys.c.revoked_at.is_(None)
        async with self._transaction() as connection:
            return (await connection.execute(keys.select().where(wanted))).one_or_none()

    async def make(self, name: str) -> tuple[str, Caller]:
        """A new app key, in plain text for this once, and its caller. Names may repeat, as when a key is renewed."""
        if not name.strip():
            raise Fault("bad_request", "a key needs a name", field="name")
        plain, values = _new("app", name)
        async with self._transaction() as connection:
            await connection.execute(self._keys.insert().values(values))
        self._unknown.pop(_digest(plain), None)
        return plain, Caller(values["id"], name)

    async def admin_token(self) -> str | None:
        """A new admin token in plain text if there is no live one, else None."""
        from sqlalchemy import literal, select

        keys = self._keys
        plain, values = _new("admin", "admin")
        there = keys.select().where((keys.c.kind == "admin") & keys.c.revoked_at.is_(None)).exists()
        # One statement: of two processes that start at once only one makes a token.
        columns = [keys.c[name] for name in values]
        row = select(*(literal(value, column.type) for column, value in zip(columns, values.values(), strict=True)))
        async with self._transaction() as connection:
            done = await connection.execute(keys.insert().from_select(columns, row.where(~there)))
            return plain if done.rowcount else None

    async def revoke(self, id_or_name: str) -> bool:
        """Revoke the live key of that id, else the one of that name; False when there is none.

        Raises `Fault` conflict when several live keys share the name. A revoked key is dead within `TRUST` everywhere.
        """
        keys = self._keys
        live = keys.c.revoked_at.is_(None)
        rows: Sequence[Any] = ()
        async with self._transaction() as connection:
            for column in (keys.c.id, keys.c.name):
                rows = rows or (await connection.execute(keys.select().where(live & (column == id_or_name)))).all()
        if not rows:
            return False
        if len(rows) > 1:
            ids = ", ".join(row.id for row in rows)
            raise Fault("conflict", f"{len(rows)} live keys are named {id_or_name!r}: name one by its id, {ids}")
        async with self._transaction() as connection:
            one = keys.update().where(live & (keys.c.id == rows[0].id))
            await connection.execute(one.values(revoked_at=time.time()))
        self._known.clear()
        return True

    async def listing(self) -> list[Row]:
        """All keys ever made, oldest first."""
        keys = self._keys
        async with self._transaction() as connection:
            rows = await connection.execute(keys.select().order_by(keys.c.created_at, keys.c.id))
        return [Row(row.id, row.kind, row.name, row.hint, row.created_at, row.revoked_at) for row in rows]

    async def _write_ahead(self) -> None:
        """Let readers go on while one writes. SQLite does not wait for its turn to switch: whoever is busy in the file
        just now has switched it, or the next to open it will."""
        from sqlalchemy.exc import DatabaseError

        assert self._engine is not None, "open() comes first"
        async with self._engine.connect() as connection:
            plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
            with suppress(DatabaseError):  # what is wrong with the file itself the next statement says
                await plain.exec_driver_sql("PRAGMA journal_mode=WAL")

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        from sqlalchemy.exc import SQLAlchemyError

        assert self._engine is not None, "open() comes first"
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            logger.exception("the state database does not answer")
            raise Fault("internal", "the state database does not answer") from error


def _new(kind: str, name: str) -> tuple[str, dict[str, Any]]:
    """A fresh key and its row."""
    plain = PREFIX + secrets.token_urlsafe(32)
    return plain, {
        "id": secrets.token_hex(8),
        "kind": kind,
        "name": name,
        "digest": _digest(plain).hex(),
        "hint": f"{plain[: len(PREFIX) + 4]}…{plain[-4:]}",
        "created_at": time.time(),
        "revoked_at": None,
    }


def _digest(plain: str) -> bytes:
    return hashlib.sha256(plain.encode()).digest()


def _keys() -> Table:
    from sqlalchemy import Column, Float, MetaData, String, Table

    return Table(
        "keys",
        MetaData(),
        Column("id", String(16), primary_key=True),
        Column("kind", String(8), nullable=False),
        Column("name", String(200), nullable=False),
        Column("digest", String(64), nullable=False, unique=True),
        Column("hint", String(40), nullable=False),
        Column("created_at", Float, nullable=False),
        Column("revoked_at", Float),
    )


def _url(text: str) -> URL:
    """A URL with its asynchronous driver; the folder of a SQLite file is made."""
    from sqlalchemy import make_url

    url = make_url(text)
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return url


def _engine_options(url: URL) -> dict[str, Any]:
    # SQLite: seconds to wait while another process writes. Others: a connection may have died since its last use.
    return {"connect_args": {"timeout": 10}} if url.get_backend_name() == "sqlite" else {"pool_pre_ping": True}


def _words(error: Exception, secret: str) -> str:
    return str(error).replace(secret, "***")
