"""Conversations: threads that an app opens under its key, and the pictures that were made in each."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .faults import Fault

if TYPE_CHECKING:
    from sqlalchemy import URL, Table
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

logger = logging.getLogger(__name__)

TITLE = 200  # characters
# The most that one answer holds: of more than that, the newest.
SHOWN = 1000
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a conversation: what was asked, which model made it, where it lies. Times are Unix seconds."""

    prompt: str
    model: str
    image_url: str
    thumbnail_url: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; its pictures, oldest first, are only there where one conversation is shown."""

    id: str
    title: str
    created_at: float
    pictures: tuple[Picture, ...] = ()


class Conversations:
    """The conversations in one database, shared by every process that opens it.

    Each belongs to the caller that made it; to any other it is not there. Raises `Fault` internal when the database
    cannot be opened or does not answer.
    """

    def __init__(self, url: str) -> None:
        """`url` is a SQLAlchemy URL such as `sqlite:///data/koci.db`."""
        self._url = url
        self._engine: AsyncEngine | None = None
        self._talks: Table
        self._pictures: Table

    async def open(self) -> None:
        """Open the database; make its folder and tables where there are none."""
        # Imported here: it takes longer than all the rest of the proxy, and most commands need no database.
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
        from sqlalchemy.ext.asyncio import create_async_engine
        from sqlalchemy.schema import CreateIndex, CreateTable

        try:
            url = _url(self._url)
            self._engine = create_async_engine(url, hide_parameters=True, **_engine_options(url))
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, OSError) as error:
            # The URL itself may hold a password.
            words = str(error).replace(self._url, "***")
            raise Fault("internal", f"the state database cannot be used: {words}") from error
        self._talks, self._pictures = _tables()
        if url.get_backend_name() == "sqlite":
            await self._write_ahead()
        async with self._transaction() as connection:
            # Not `create_all`: it looks first and makes then, and another process may come in between.
            for table in (self._talks, self._pictures):
                await connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    await connection.execute(CreateIndex(index, if_not_exists=True))

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def make(self, owner: str, title: str = "") -> Conversation:
        """A new conversation of a caller, with a UUID for its id. `Fault` bad_request for a title that is too long."""
        if len(title) > TITLE:
            raise Fault("bad_request", f"title has {len(title)} characters; {TITLE} are the most", field="title")
        made = Conversation(str(uuid.uuid4()), _clean(title), time.time())
        row = {"id": made.id, "owner": owner, "title": made.title, "created_at": made.created_at}
        async with self._transaction() as connection:
            await connection.execute(self._talks.insert().values(row))
        return made

    async def listing(self, owner: str) -> tuple[Conversation, ...]:
        """A caller's conversations, newest first, without their pictures; the newest 1000 of them."""
        talks = self._talks
        mine = talks.select().where(talks.c.owner == owner).order_by(talks.c.created_at.desc(), talks.c.id)
        async with self._transaction() as connection:
            rows = await connection.execute(mine.limit(SHOWN))
        return tuple(Conversation(row.id, row.title, row.created_at) for row in rows)

    async def check(self, owner: str, id: str) -> None:
        """`Fault` not_found when a caller has no such conversation."""
        async with self._transaction() as connection:
            await self._own(connection, owner, id)

    async def show(self, owner: str, id: str) -> Conversation:
        """One conversation with the newest 1000 of its pictures; `Fault` not_found when the caller has none such."""
        table = self._pictures
        of_it = table.select().where(table.c.conversation == id.lower()).order_by(table.c.number.desc()).limit(SHOWN)
        async with self._transaction() as connection:
            talk = await self._own(connection, owner, id)
            rows = (await connection.execute(of_it)).all()
        pictures = (
            Picture(row.prompt, row.model, row.image_url, row.thumbnail_url, row.created_at) for row in reversed(rows)
        )
        return Conversation(talk.id, talk.title, talk.created_at, tuple(pictures))

    async def add(self, owner: str, id: str, picture: Mapping[str, str | None]) -> None:
        """Keep a picture (`prompt`, `model`, `image_url`, `thumbnail_url`) in a conversation; `Fault` as for `show`."""
        names = ("prompt", "model", "image_url", "thumbnail_url")
        row = {name: _clean(picture.get(name) or "") for name in names}
        async with self._transaction() as connection:
            talk = await self._own(connection, owner, id)
            row = {**row, "conversation": talk.id}
            await connection.execute(self._pictures.insert().values(**row, created_at=time.time()))

    async def _own(self, connection: AsyncConnection, owner: str, id: str) -> Any:
        """The row of a conversation that is the caller's."""
        talks = self._talks
        wanted = (talks.c.id == id.lower()) & (talks.c.owner == owner)
        row = (await connection.execute(talks.select().where(wanted))).one_or_none() if _is_uuid(id) else None
        if row is None:
            # One that is another's is not told apart from one that nobody has.
            raise Fault(
                "not_found",
                "there is no such conversation under this API key; make one first and use its id",
                field="conversation_id",
                code="conversation_not_found",
            )
        return row

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


def _is_uuid(text: str) -> bool:
    """Whether it is written as our ids are; whatever else an app says is not asked of the database."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _clean(text: str) -> str:
    """Without what some databases cannot hold in a text."""
    return text.replace("\0", "")


def _tables() -> tuple[Table, Table]:
    from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, Text

    both = MetaData()
    talks = Table(
        "conversations",
        both,
        Column("id", String(36), primary_key=True),
        Column("owner", String(16), nullable=False, index=True),
        Column("title", String(TITLE), nullable=False),
        Column("created_at", Float, nullable=False),
    )
    pictures = Table(
        "conversation_pictures",
        both,
        Column("number", Integer, primary_key=True),
        Column("conversation", String(36), ForeignKey("conversations.id"), nullable=False, index=True),
        Column("prompt", Text, nullable=False),
        Column("model", String(200), nullable=False),
        Column("image_url", Text, nullable=False),
        Column("thumbnail_url", Text, nullable=False),
        Column("created_at", Float, nullable=False),
    )
    return talks, pictures


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
