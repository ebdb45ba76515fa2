"""A SQLite file as it is written: statements run where they are asked for, and only the disk is waited for elsewhere.

A statement takes microseconds. To hand each to a thread and back takes longer, and under load every step of the other
thread waits for the interpreter's lock, which the event loop holds.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, StaticPool, create_engine, event
from sqlalchemy.engine import URL

End = TypeVar("End")


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


class File:
    """The one connection of this process that writes to a file; to be used by one at a time."""

    def __init__(self, url: URL, turn: float) -> None:
        """`turn` is how many seconds to wait while another process writes."""
        self._turn = turn
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="koci-state")
        self.engine = create_engine(
            url.set(drivername="sqlite"),
            hide_parameters=True,
            poolclass=StaticPool,
            connect_args={"timeout": turn, "check_same_thread": False},
        )
        self._connection: Direct | None = None

        @event.listens_for(self.engine, "connect")
        def _by_hand(connection: Any, record: Any) -> None:
            connection.isolation_level = None
            # Readers go on while one writes. SQLite does not wait for its turn to switch: whoever is busy in the file
            # just now has switched it, or the next to open it will; what is wrong with the file a statement will say.
            with suppress(sqlite3.DatabaseError):
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("PRAGMA journal_mode=WAL")

    def open(self) -> None:
        """Raises what SQLAlchemy raises."""
        self._connection = Direct(self.engine.connect())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.sync.close()
        self._connection = None
        self.engine.dispose()
        self._disk.shutdown()

    async def together(self, works: Sequence[Callable[[Any], Awaitable[Any]]]) -> list[Any]:
        """Do works in one transaction: all of it is on the disk when this returns, or nothing."""
        assert self._connection is not None, "open() comes first"
        connection = self._connection
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


def is_busy(error: BaseException | None) -> bool:
    """Whether another process did not let go of the file."""
    cause = getattr(error, "orig", error)
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
