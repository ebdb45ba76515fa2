"""The state database: written in turn, whole or not at all, and silent about its password."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
import traceback
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from koci_proxy import Fault
from koci_proxy.state import Callers, Database
from koci_proxy.state import database as module
from koci_proxy.state.database import TOGETHER, Work
from koci_proxy.state.outage import SILENT, Outage
from koci_proxy.state.tables import conversations
from tests.postgres import postgres

from .opened import opened

pytestmark = pytest.mark.anyio
REFUSED = "the state database refused a statement"


def making(id: str) -> Work:
    """Work that makes one row."""
    row = {"id": id, "owner": "shop", "title": "", "created_at": 0.0}
    return lambda connection: connection.execute(conversations.insert().values(row))


async def ids(database: Database) -> list[str]:
    async with database.read() as connection:
        return sorted((await connection.execute(select(conversations.c.id))).scalars())


class Slow:
    """Work that makes one row, and is in the middle of it until it is told to go on."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, connection: AsyncConnection) -> str:
        self.begun.set()
        await self.go_on.wait()
        await making(self.id)(connection)
        return self.id


async def turns(times: int = 20) -> None:
    """Let others run."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_all_of_many_writes_at_once_land(url: str) -> None:
    names = sorted(f"{at:03}" for at in range(200))
    said: list[str] = []
    async with opened(url) as database:
        if database._file is not None and database._file._connection is not None:
            database._file._connection.driver.set_trace_callback(said.append)
        await asyncio.gather(*(database.write(making(name)) for name in names))
        assert await ids(database) == names
    if url.startswith("sqlite"):
        assert said.count("COMMIT") == -(-200 // TOGETHER)


async def test_each_is_told_its_own_end(url: str) -> None:
    async def returning(at: int, connection: AsyncConnection) -> Any:
        return (await connection.execute(text(f"SELECT {at}"))).scalar()

    async with opened(url) as database:
        ends = await asyncio.gather(*(database.write(partial(returning, at)) for at in range(100)))
    assert ends == list(range(100))


async def test_what_fails_fails_alone(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def half(connection: AsyncConnection) -> None:
        await making("half")(connection)
        raise Fault("not_found", "no such thing")

    works = [making(f"{at:02}") for at in range(40)]
    async with opened(url) as database:
        await database.write(making("twice"))
        writes = (database.write(work) for work in (*works[:20], half, making("twice"), *works[20:]))
        ends = await asyncio.gather(*writes, return_exceptions=True)
        assert await ids(database) == [*(f"{at:02}" for at in range(40)), "twice"]
    failed = [end for end in ends if isinstance(end, BaseException)]
    assert [repr(end) for end in failed] == [
        repr(Fault("not_found", "no such thing")),
        repr(Fault("internal", REFUSED)),
    ]
    [record] = caplog.records
    assert "IntegrityError" in caplog.text
    assert record.getMessage() == REFUSED


async def test_who_waits_for_another_process_does_not_wait_again_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "TURN", 0.01)
    async with opened(f"sqlite:///{tmp_path / 'koci.db'}") as database:
        other = sqlite3.connect(tmp_path / "koci.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writes = (database.write(making(f"{at:02}")) for at in range(TOGETHER + 10))
        ends = await asyncio.gather(*writes, return_exceptions=True)
        assert {repr(end) for end in ends} == {repr(Outage().fault())}
        assert caplog.messages == [f"{SILENT}: database is locked"]
        other.execute("ROLLBACK")
        other.close()
        await database.write(making("later"))
        assert await ids(database) == ["later"]


async def test_a_write_goes_on_when_who_asked_is_gone_and_closing_waits_for_it(url: str) -> None:
    database = Database(url)
    await database.open()
    slow = Slow("slow")
    asked = asyncio.create_task(database.write(slow))
    behind = asyncio.create_task(database.write(making("behind")))
    await slow.begun.wait()
    for task in (asked, behind):
        task.cancel()
    await asyncio.gather(asked, behind, return_exceptions=True)
    assert asked.cancelled()
    assert behind.cancelled()
    given_up, closing = (asyncio.create_task(database.close()) for _ in range(2))
    await turns()
    given_up.cancel()
    await turns()
    assert given_up.cancelled()
    assert not closing.done()
    slow.go_on.set()
    await closing
    async with opened(url) as database:
        assert await ids(database) == ["behind", "slow"]


async def test_a_write_that_fails_when_who_asked_is_gone_is_nobodys(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def failing(connection: AsyncConnection) -> None:
        await slow(connection)
        raise Fault("not_found", "no such thing")

    slow = Slow("slow")
    async with opened(url) as database:
        asked = asyncio.create_task(database.write(failing))
        await slow.begun.wait()
        asked.cancel()
        slow.go_on.set()
        await asyncio.gather(asked, return_exceptions=True)
    async with opened(url) as database:
        assert await ids(database) == []
    assert caplog.records == []


async def test_nothing_of_a_write_is_seen_before_it_is_whole(url: str) -> None:
    async def two(connection: AsyncConnection) -> None:
        await making("first")(connection)
        await slow(connection)

    slow = Slow("second")
    async with opened(url) as database:
        writing = asyncio.create_task(database.write(two))
        await slow.begun.wait()
        assert await ids(database) == []
        slow.go_on.set()
        await writing
        assert await ids(database) == ["first", "second"]


async def test_a_file_is_read_while_it_is_written_and_outlives_the_power(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'koci.db'}") as database:
        async with database.read() as connection:
            assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        full = await database.write(lambda connection: connection.execute(text("PRAGMA synchronous")))
        assert full.scalar() == 2


async def test_in_memory_all_share_one_database() -> None:
    async with opened("sqlite://") as database:
        callers = Callers(database)
        made = await asyncio.gather(*(callers.make(f"shop{at}") for at in range(10)))
        found = await asyncio.gather(*(callers.find(plain) for plain, _ in made))
        assert found == [caller for _, caller in made]


async def test_the_clock(url: str) -> None:
    async def twice(connection: AsyncConnection) -> list[float]:
        return [(await connection.execute(select(database.now()))).scalar_one() for _ in range(2)]

    async with opened(url) as database:
        before = time.time()
        first, second = await database.write(twice)
        assert isinstance(first, float)
        assert before - 1 <= first < second <= time.time() + 1
        await database.write(making("now"))
        late = conversations.update().values(created_at=database.now() + 60)
        await database.write(lambda connection: connection.execute(late))
        async with database.read() as connection:
            at = (await connection.execute(select(conversations.c.created_at))).scalar_one()
        assert before + 59 <= at <= time.time() + 61


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense secret", "the state database cannot be used"),
        ("oracle9://me:secret@db/koci", r"sqlite:// or postgresql://, not oracle9://"),
        ("mysql+aiomysql://me:secret@db/koci", r"not mysql://"),
        ("postgresql://me:p@secret:word@db/koci", "@ as %40"),
        ("postgresql://me:secret@db:54x/koci", "is no number"),
        ("postgresql+psycopg2://me:secret@db/koci", "psycopg2"),
        ("sqlite:////dev/null/koci.db", "cannot be used"),
        ("postgresql://me:secret@127.0.0.1/koci?sslmod=require", "cannot be used: it has no parameter 'sslmod'"),
        (
            "postgresql://me:secret@127.0.0.1:1/koci",
            r"^postgresql://me:\*\*\*@127.0.0.1:1/koci does not answer: Connection refused$",
        ),
        ("postgres://me:secret@127.0.0.1:1/koci?sslmode=require", "does not answer: Connection refused"),
        ("postgresql://me:se@secret@no-host.invalid/koci", "no-host.invalid/koci .* host cannot be found .* @ as %40"),
        ("postgresql://127.0.0.1:1/koci?password=secret", r"koci\?password=\*\*\* does not answer"),
        ("postgresql://me:secret@/koci?host=/dev/null", "does not answer: Not a directory"),
        ("postgresql://me:secret@/koci?sslmode=perhaps", "does not answer: `sslmode` parameter must be one of"),
        ("sqlite:////tmp", "sqlite:////tmp cannot be used: unable to open"),
    ],
)
async def test_a_database_that_cannot_be_had(
    url: str, words: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    database = Database(url)
    with pytest.raises(Fault, match=words) as caught:
        await database.open()
    assert caught.value.kind == "internal"
    assert "secret" not in caught.value.message
    assert "secret" not in caplog.text
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert not caplog.records  # it is one line, and no traceback
    assert database._file is None
    assert database._engine is None


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "koci.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(Fault, match=r"koci.db cannot be used: file is not a database$"):
        await Database(f"sqlite:///{tmp_path / 'koci.db'}").open()


async def test_a_server_without_that_database_or_user() -> None:
    with postgres() as url:
        name = url.partition("?")[0].rpartition("/")[2]
        for wrong, why in (
            (url.replace(f"/{name}?", "/nodb?"), 'database "nodb" does not exist'),
            (url.replace("//postgres:", "//nobody:secret"), 'role "nobody" does not exist'),
        ):
            with pytest.raises(Fault, match=f"does not answer: {why}$") as caught:
                await Database(wrong).open()
            assert "secret" not in caught.value.message


async def test_whether_a_file_was_made_is_known(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'koci.db'}"
    async with opened(url) as database:
        assert database.made == str(tmp_path / "koci.db")
    async with opened(url) as database:
        assert database.made is None


async def test_trouble_is_known_until_something_works_again(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(connection: AsyncConnection) -> None:
        raise ConnectionResetError("gone")

    async with opened(url) as database:
        await database.write(making("one"))
        assert await database.trouble() is None
        with pytest.raises(Fault):  # the mistake of one statement is none of the database
            await database.write(making("one"))
        assert not database.outage.away
        with pytest.raises(Fault):
            await database.write(broken)
        assert database.outage.away
        assert await database.trouble() is None  # asked once more, it answers
        with pytest.raises(Fault), mock.patch.object(database, "_together", broken):
            await database.write(making("two"))
        with mock.patch.object(database, "_together", broken):
            assert await database.trouble() == SILENT
        await database.write(making("two"))
        assert not database.outage.away


async def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "TURN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Fault, match=r"does not answer: nothing came for 0.1 seconds$"):
            await Database(f"postgresql://me:secret@{address}/koci?sslmode=disable").open()
    assert "secret" not in caplog.text
