"""Migrations: whatever a database holds, opening it gives it the tables of this version, and takes nothing away."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from koci_proxy import Caller, Fault
from koci_proxy.state import Callers, Conversations, Database, migrations
from koci_proxy.state.database import DRIVERS
from koci_proxy.state.migrations import HEAD, settings
from koci_proxy.state.tables import metadata

from .opened import opened

pytestmark = pytest.mark.anyio
PLAIN = "sk-koci_" + "a" * 43
DIGEST = hashlib.sha256(PLAIN.encode()).hexdigest()
TALK = "8a1f3b9e-6c1d-4a5e-9b57-2f0d1c3e4a5b"
KEYS = (
    "CREATE TABLE keys (id VARCHAR(16) NOT NULL, kind VARCHAR(8) NOT NULL, name VARCHAR(200) NOT NULL,"
    " digest VARCHAR(64) NOT NULL, hint VARCHAR(40) NOT NULL, created_at FLOAT NOT NULL, revoked_at FLOAT,"
    " PRIMARY KEY (id), UNIQUE (digest))",
    f"INSERT INTO keys VALUES ('00000000000000aa', 'app', 'shop', '{DIGEST}', 'sk-koci_aaaa…aaaa', 1.5, NULL)",
)
TALKS = (
    "CREATE TABLE conversations (id VARCHAR(36) NOT NULL, owner VARCHAR(16) NOT NULL, title VARCHAR(200) NOT NULL,"
    " created_at FLOAT NOT NULL, PRIMARY KEY (id))",
    "CREATE INDEX ix_conversations_owner ON conversations (owner)",
    "CREATE TABLE conversation_pictures (number {number} NOT NULL, conversation VARCHAR(36) NOT NULL,"
    " prompt TEXT NOT NULL, model VARCHAR(200) NOT NULL, image_url TEXT NOT NULL, thumbnail_url TEXT NOT NULL,"
    " created_at FLOAT NOT NULL, PRIMARY KEY (number), FOREIGN KEY(conversation) REFERENCES conversations (id))",
    "CREATE INDEX ix_conversation_pictures_conversation ON conversation_pictures (conversation)",
    f"INSERT INTO conversations VALUES ('{TALK}', '00000000000000aa', 'foxes', 2.5)",
    "INSERT INTO conversation_pictures (conversation, prompt, model, image_url, thumbnail_url, created_at)"
    f" VALUES ('{TALK}', 'a fox', 'image-2', 'https://x.example/1.png', '', 3.5)",
)


async def made_by_hand(url: str, *statements: str) -> None:
    """What an older version left: its tables, its rows, no count of migrations."""
    head, _, rest = url.partition("://")
    if head == "sqlite":
        Path(rest[1:]).parent.mkdir()
        with closing(sqlite3.connect(rest[1:])) as file, file:
            for statement in statements:
                file.execute(statement.replace("{number}", "INTEGER"))
        return
    engine = create_async_engine(f"{DRIVERS[head]}://{rest}")
    async with engine.begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement.replace("{number}", "SERIAL"))
    await engine.dispose()


def differences(connection: Connection) -> list[Any]:
    """What Alembic would still change."""
    options = {"compare_type": True, "compare_server_default": True}
    found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    return found


async def count(database: Database) -> Any:
    async with database.read() as connection:
        return (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars().all()


async def check_up_to_date(database: Database) -> None:
    assert await count(database) == [HEAD]
    names = await looked(database, lambda plain: inspect(plain).get_table_names())
    assert set(names) == {*metadata.tables, "alembic_version"}
    assert await looked(database, differences) == []


async def looked(database: Database, work: Callable[[Connection], Any]) -> Any:
    return await database.write(lambda connection: connection.run_sync(work))


async def test_an_empty_database(url: str) -> None:
    async with opened(url) as database:
        await check_up_to_date(database)
        _, caller = await Callers(database).make("shop")
    async with opened(url) as database:
        await check_up_to_date(database)
        assert [row.id for row in await Callers(database).listing()] == [caller.id]


async def test_a_database_of_before_there_were_migrations(url: str) -> None:
    await made_by_hand(url, *KEYS, *TALKS)
    async with opened(url) as database:
        await check_up_to_date(database)
        callers, talks = Callers(database), Conversations(database)
        assert await callers.find(PLAIN) == Caller("00000000000000aa", "shop")
        [picture] = (await talks.show("00000000000000aa", TALK)).pictures
        assert (picture.prompt, picture.model, picture.created_at) == ("a fox", "image-2", 3.5)
        await talks.add("00000000000000aa", TALK, {"prompt": "more"})
        assert [one.prompt for one in (await talks.show("00000000000000aa", TALK)).pictures] == ["a fox", "more"]


async def test_a_database_of_before_there_were_conversations(url: str) -> None:
    await made_by_hand(url, *KEYS)
    async with opened(url) as database:
        await check_up_to_date(database)
        assert await Callers(database).find(PLAIN)
        assert await Conversations(database).listing("shop") == ()


async def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    async with opened(url) as database:
        newer = text("UPDATE alembic_version SET version_num = '9999'")
        await database.write(lambda connection: connection.execute(newer))
    with pytest.raises(Fault, match=f"newer koci-proxy .*9999, ours of {HEAD}") as caught:
        await Database(url).open()
    assert caught.value.kind == "internal"


async def test_the_newest_is_the_one_that_is_looked_for(url: str) -> None:
    async with opened(url) as database:
        script = await looked(database, lambda plain: ScriptDirectory.from_config(settings(plain)))
    assert script.get_heads() == [HEAD]
    assert [one.revision for one in script.walk_revisions()] == [f"{at:04}" for at in range(int(HEAD), 0, -1)]


async def test_a_folder_may_have_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened("sqlite://") as database:
        monkeypatch.setattr(migrations, "__file__", "/a%20b %(c)s/__init__.py")
        config = await looked(database, settings)
    assert config.get_main_option("script_location") == "/a%20b %(c)s"


def test_processes_that_open_a_new_database_at_once(url: str) -> None:
    program = (
        "import asyncio, sys\nfrom koci_proxy.state import Database\n"
        "async def main():\n  database = Database(sys.argv[1])\n  await database.open()\n  await database.close()\n"
        "print('ready', flush=True)\nsys.stdin.read()\nasyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, url]
    several = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for one in several:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in several:
        assert one.stdin is not None
        one.stdin.close()
    for one in several:
        with one:
            assert one.wait(60) == 0


async def test_an_empty_database_goes_through_every_version_where_it_has_to(url: str) -> None:
    await made_by_hand(url, "CREATE TABLE another (id INTEGER PRIMARY KEY)")
    async with opened(url) as database:
        await database.write(lambda connection: connection.execute(text("DROP TABLE another")))
        await check_up_to_date(database)


def test_who_finds_it_up_to_date_does_not_load_what_changes_it(url: str) -> None:
    program = (
        "import asyncio, sys\nfrom koci_proxy.state import Database\n"
        "async def main():\n  database = Database(sys.argv[1])\n  await database.open()\n  await database.close()\n"
        "asyncio.run(main())\nprint('alembic' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, url]
    said = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)]
    assert said == ["False\n", "False\n"]
