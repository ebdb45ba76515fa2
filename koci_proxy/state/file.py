"""A SQLite file: what is written runs where it is asked for, and only the disk is waited for in a thread.

A statement that writes takes microseconds. To hand each to a thread and back takes longer, and under load every step
of the other thread waits for the interpreter's lock, which the event loop holds.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Engine, NullPool, Pool, StaticPool, create_engine, event
from sqlalchemy.engine import URL

End = TypeVar("End")

# So many may read at once.
READERS = 4


class Direct:
    """A connection to be used as an `AsyncConnection` is, whose statements have run when `execute` is awaited."""

    __slots__ = ("driver", "sync")

    def __init__(self, sync: Connection) -> None:
        self.sync = sync
        self.driver: sqlite3.Connection = sync.connection.driver_connection  # type: ignore[assignment]

    @property
    def dialect(self) -> Dialect:
        return self.sync.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        return self.sync.execute(statement, parameters)

    async def run_sync(self, work: Callable[[Connection], End]) -> End:
        return work(self.sync)


class Elsewhere:
    """A connection to read with, whose statements run in a thread: some look at many rows."""

    def __init__(self, sync: Connection, threads: ThreadPoolExecutor) -> None:
        self._sync, self._threads = sync, threads
        self._running: asyncio.Future[Any] | None = None

    @property
    def dialect(self) -> Dialect:
        return self._sync.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> Any:
        """All rows of it, as a result that can be read without the connection."""

        def run() -> Any:
            return self._sync.execute(statement, parameters).freeze()()

        self._running = asyncio.get_running_loop().run_in_executor(self._threads, run)
        return await asyncio.shield(self._running)

    def leave(self, idle: list[Connection]) -> None:
        """Lay the connection by, or, where whoever asked has gone in the middle of a statement, close it at its end."""
        running = self._running
        if running is None or running.done():
            idle.append(self._sync)
        else:
            running.add_done_callback(self._close)

    def _close(self, done: asyncio.Future[Any]) -> None:
        if not done.cancelled():
            done.exception()  # nobody's by now
        self._sync.close()


class File:
    """A SQLite file, or a database in memory: its one connection that writes, and some that read."""

    def __init__(self, url: URL, turn: float) -> None:
        """`turn` is how many seconds to wait while another process writes."""
        self._turn = turn
        self._memory = url.database in (None, "", ":memory:")
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="koci-write")
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="koci-read")
        self._places = asyncio.Semaphore(READERS)
        self._alone = asyncio.Lock()
        self._idle: list[Connection] = []
        self._readers = _engine(url, turn, NullPool)
        self._writer = _engine(url, turn, StaticPool)
        self._connection: Direct | None = None

        @event.listens_for(self._writer, "connect")
        def _by_hand(connection: Any, record: Any) -> None:
            connection.isolation_level = None
            # Readers go on while one writes. SQLite does not wait for its turn to switch: whoever is busy in the file
            # just now has switched it, or the next to open it will; what is wrong with the file a statement will say.
            with suppress(sqlite3.DatabaseError):
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA journal_mode=WAL")

    def open(self) -> None:
        """Raises what SQLAlchemy raises."""
        self._connection = Direct(self._writer.connect())

    def close(self) -> None:
        for connection in (*self._idle, *([self._connection.sync] if self._connection else ())):
            connection.close()
        self._idle.clear()
        self._connection = None
        self._writer.dispose()
        self._disk.shutdown()
        self._threads.shutdown()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Direct | Elsewhere]:
        """A connection to read with. What is in memory is read where it is written, and not in between."""
        assert self._connection is not None, "open() comes first"
        if self._memory:
            async with self._alone:
                yield self._connection
            return
        async with self._places:
            elsewhere = Elsewhere(self._idle.pop() if self._idle else await self._connected(), self._threads)
            try:
                yield elsewhere
            finally:
                elsewhere.leave(self._idle)

    async def _connected(self) -> Connection:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._readers.connect)

    async def together(self, works: Sequence[Callable[[Any], Awaitable[Any]]]) -> list[Any]:
        """Do works in one transaction: all of it is on the disk when this returns, or nothing."""
        connection = self._connection
        assert connection is not None, "open() comes first"
        async with self._alone:
            await self._begin(connection)
            try:
                ends = [await work(connection) for work in works]
                await asyncio.get_running_loop().run_in_executor(self._disk, self._commit, connection.driver)
            except BaseException:
                connection.driver.rollback()
                connection.sync.rollback()
                raise
            if connection.sync.in_transaction():
                connection.sync.commit()  # SQLAlchemy's own count of them; the driver has none open by now
        return ends

    async def _begin(self, connection: Direct) -> None:
        """Begin a transaction; where another process is in the way, it is waited for in the thread."""
        try:
            self._begun(connection.driver, 0.0)
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._disk, self._begun, connection.driver, self._turn)

    def _begun(self, driver: sqlite3.Connection, patience: float) -> None:
        driver.execute(f"PRAGMA busy_timeout={round(patience * 1000)}")
        # Else two that read first and write then would wait for each other.
        driver.execute("BEGIN IMMEDIATE")

    def _commit(self, driver: sqlite3.Connection) -> None:
        driver.execute(f"PRAGMA busy_timeout={round(self._turn * 1000)}")
        driver.commit()


def _engine(url: URL, turn: float, pool: type[Pool]) -> Engine:
    return create_engine(
        url.set(drivername="sqlite"),
        hide_parameters=True,
        poolclass=pool,
        connect_args={"timeout": turn, "check_same_thread": False},
    )


def is_busy(error: BaseException | None) -> bool:
    """Whether another process did not let go of the file."""
    cause = getattr(error, "orig", error)
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
