"""The state database: opened once, brought to the newest tables by itself, read by many and written in turn."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Float, cast, func, literal, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from ..facts import DATABASES, ESCAPED
from ..faults import SILENT, Fault
from .file import File, is_busy
from .migrations import upgrade
from .outage import Outage, is_mistake

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

# The driver of each kind of database; a URL may also name its own (`postgresql+psycopg://…`).
DRIVERS = dict(zip(DATABASES, ("sqlite", "postgresql+asyncpg", "postgresql+asyncpg"), strict=True))
# Seconds to wait while another process writes to the same SQLite file, and for a server to take a connection.
TURN = 10.0
# What many requests want written at once goes to SQLite in one transaction, which costs one wait for the disk.
TOGETHER = 64
# Seconds for a database that did not answer to do so, when somebody asks how it is.
PROBE = 2.0

End = TypeVar("End")
Work = Callable[[Any], Awaitable[Any]]


class Database:
    """One database, shared by every process that opens it.

    Raises `Fault` internal when it cannot be opened, with the reason, for the operator, and for a statement that it
    refuses; unserved (code `state_silent`) when it does not answer later on, where the words for the app say no more
    than that.
    """

    def __init__(self, url: str) -> None:
        """`url` is a SQLAlchemy URL such as `sqlite:///data/koci.db` or `postgresql://user@host/name`."""
        self._written = url
        self.made: str | None = None  # the SQLite file, where it was not there before
        self._told = _Told(self)
        self.outage = Outage()
        self._ready = False
        self._single = True
        self._queue: list[tuple[Work, asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._file: File | None = None
        self._engine: AsyncEngine | None = None

    async def open(self) -> None:
        """Open the database; make its folder and its tables, or bring them up to date."""
        try:
            await self._connect()
            await self.write(upgrade)
            self._ready = True
        except BaseException as error:
            await self.close()
            if isinstance(error, Fault) and isinstance(error.__cause__, _TROUBLES):
                what = "cannot be used" if self._single else "does not answer"
                raise self._useless(error.__cause__, what) from error.__cause__
            raise

    async def _connect(self) -> None:
        try:
            url = _url(self._written)
            self._single = url.get_backend_name() == "sqlite"
            if self._single:
                self.made = _made(url)
                self._file = File(url, TURN)
            else:
                self._engine = _engine(url)
        except (*_TROUBLES, ModuleNotFoundError) as error:
            raise self._useless(error) from error
        try:
            with self._told:
                if self._file is not None:
                    self._file.open()
                elif self._engine is not None:
                    async with self._engine.connect():
                        pass
        except TypeError as error:  # how a driver says that it has no such parameter
            raise self._useless(error) from error

    def _useless(self, error: BaseException, what: str = "cannot be used") -> Fault:
        """Why there is no such database. The URL is shown without its password."""
        return Fault("internal", f"{masked(self._written)} {what}: {_why(error).replace(self._written, '***')}")

    async def trouble(self) -> str | None:
        """Why nothing can be done with it just now; where the last work failed, it is asked once more."""
        if self.outage.away:
            with suppress(Fault, TimeoutError):
                async with asyncio.timeout(PROBE):
                    await self.write(lambda connection: connection.execute(select(1)))
        return self.outage.what if self.outage.away else None

    async def close(self) -> None:
        """Close it when all that is being written is written."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        if self._file is not None:
            self._file.close()
        if self._engine is not None:
            await self._engine.dispose()
        self._file = self._engine = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        """A connection to read with: SQLAlchemy's `AsyncConnection`, or one that has its `execute`."""
        if self._file is not None:
            with self._told:
                async with self._file.read() as connection:
                    yield connection
            return
        assert self._engine is not None, "open() comes first"
        with self._told:
            async with self._engine.begin() as connection:
                yield connection

    async def write(self, work: Callable[[Any], Awaitable[End]], *, spent: bool = False) -> End:
        """Do work in a transaction of its own or together with that of others: all of it is written, or nothing.

        The work may be begun twice, so it changes nothing but the database. It goes on when who asked for it is gone.
        Where something may be `spent` on what it writes of, the stage of its fault says so.
        """
        try:
            return await self._written_down(work)
        except Fault as fault:
            if spent and fault.code == SILENT:
                raise fault.changed(stage="sent") from fault.__cause__
            raise

    async def _written_down(self, work: Callable[[Any], Awaitable[End]]) -> End:
        if not self._single:
            return await asyncio.shield(self._begun(self._alone(work)))
        done: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._queue.append((work, done))
        if self._writing is None or self._writing.done():
            self._writing = self._begun(self._drain())
        return await done

    def _begun(self, work: Coroutine[Any, Any, End]) -> asyncio.Task[End]:
        """Work that goes on, and is waited for at the end, whoever else may be gone."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _drain(self) -> None:
        while self._queue:
            batch, self._queue = self._queue[:TOGETHER], self._queue[TOGETHER:]
            end: Any = None
            if len(batch) > 1:
                (end,) = await asyncio.gather(self._together([work for work, _ in batch]), return_exceptions=True)
            if isinstance(end, list):
                for (_, done), one in zip(batch, end, strict=True):
                    _settle(done, one)
                continue
            # One of them cannot be done: each has its own chance, but where the file is another's for as long as one
            # waits for it, the next would wait in vain as well.
            end = None
            for work, done in batch:
                if not _locked_out(end):
                    (end,) = await asyncio.gather(self._alone(work), return_exceptions=True)
                _settle(done, end)

    async def _together(self, works: list[Work]) -> list[Any]:
        if self._file is not None:
            ends = await self._file.together(works)
        else:
            assert self._engine is not None, "open() comes first"
            async with self._engine.begin() as connection:
                ends = [await work(connection) for work in works]
        self.outage.ends()
        return ends

    async def _alone(self, work: Callable[[Any], Awaitable[End]]) -> End:
        with self._told:
            end: End = (await self._together([work]))[0]
        return end

    def now(self) -> ColumnElement[float]:
        """The time in Unix seconds by the one clock that all processes share: the database's, where it is a server."""
        if self._single:
            return literal(time.time())
        return cast(func.extract("epoch", func.clock_timestamp()), Float)


_TROUBLES = (SQLAlchemyError, sqlite3.Error, OSError)


class _Told:
    """What the database says of itself is for the log; a caller hears that it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, _TROUBLES):
            return
        outage, opened = self._database.outage, self._database._ready  # else who opens it says why, in one line
        if is_mistake(error):
            if opened:
                outage.refused(error)
            raise Fault("internal", "the state database refused a statement") from error
        if opened:
            outage.begins(error, _why(error))
        raise outage.fault() from error


def masked(url: str) -> str:
    """A URL as it may be shown: whatever could be a part of a password is gone, also where it was written wrong."""
    if "://" not in url:
        return "the state database"
    shown = re.sub(r"^([^:/]+://[^:/@]*):.*@", r"\1:***@", url)
    return re.sub(r"((?:^|[?&])[^=&?]*password=)[^&]*", r"\1***", shown)


def _why(error: BaseException) -> str:
    """The cause in a line, as an operator reads it."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, socket.gaierror):
        return f"its host cannot be found ({ESCAPED})"
    if isinstance(cause, TimeoutError):
        return f"nothing came for {TURN:g} seconds"
    if isinstance(cause, TypeError) and (name := re.search(r"keyword argument '(\w+)'", str(cause))):
        return f"it has no parameter {name[1]!r}"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno)
    return next(iter(str(cause).splitlines()), type(cause).__name__)


def _settle(done: asyncio.Future[Any], end: Any) -> None:
    if done.done():  # whoever asked is gone
        return
    if isinstance(end, BaseException):
        done.set_exception(end)
    else:
        done.set_result(end)


def _locked_out(end: Any) -> bool:
    """Whether a write failed because another process did not let go of the file."""
    return isinstance(end, Fault) and is_busy(end.__cause__)


def _url(text: str) -> URL:
    """A URL with its asynchronous driver."""
    try:
        url = make_url(text)
    except ValueError:
        # What it says shows a part of the password.
        words = f"the port in its URL is no number ({ESCAPED})"
        raise Fault("internal", f"the state database cannot be used: {words}") from None
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        words = f"it can be sqlite:// or postgresql://, not {url.get_backend_name()}://"
        raise Fault("internal", f"the state database cannot be used: {words}")
    if url.drivername == "postgresql+asyncpg":  # which has its own name for what all others call so
        url = url.set(query={"ssl" if name == "sslmode" else name: value for name, value in url.query.items()})
    return url


def _made(url: URL) -> str | None:
    """The SQLite file of a URL if it had to be made; what is wrong with the path is said before a thread begins."""
    if _in_memory(url) or url.database is None:
        return None
    file = Path(url.database)
    there = file.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    sqlite3.connect(file).close()
    return None if there else str(file)


def _in_memory(url: URL) -> bool:
    return url.database in (None, "", ":memory:")


def _engine(url: URL) -> AsyncEngine:
    """A server may have died meanwhile."""
    from sqlalchemy.ext.asyncio import create_async_engine  # brings the object mapper with it: eight MB, for servers

    waits = {"connect_args": {"timeout": TURN}} if url.get_driver_name() == "asyncpg" else {}
    return create_async_engine(url, hide_parameters=True, pool_pre_ping=True, pool_size=10, **waits)
