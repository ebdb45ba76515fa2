"""Keys and jobs of before there were credits are all there afterwards, and may do what they might."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, text

from koci_proxy import Caller
from koci_proxy.state import Callers, Conversations, Database, Ledger
from koci_proxy.state.jobs import JobBook, NewJob
from koci_proxy.state.migrations import settings

from .opened import opened
from .test_migrations import DIGEST, PLAIN, check_up_to_date

pytestmark = pytest.mark.anyio
OLD_KEY = (
    "INSERT INTO keys (id, kind, name, digest, hint, created_at, revoked_at)"
    " VALUES (:id, :kind, :name, :digest, 'sk-koci_aaaa…aaaa', 1.5, :revoked_at)"
)
OLD_JOB = (
    "INSERT INTO jobs (id, owner, platform, links, task, model, background, wish, status, parts, story, lease,"
    " webhook_tries, version, created_at) VALUES (:id, 'aa', 'openai', '', 'generate', 'picture', :background, '{}',"
    " 'succeeded', '{}', '[]', 0, 0, 0, 2.5)"
)
JOB = "req_" + "a" * 24


def older(connection: Connection) -> None:
    command.upgrade(settings(connection), "0002")


async def left_by_an_older_version(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def upgrade(connection: Any) -> None:
        await connection.run_sync(older)

    with monkeypatch.context() as patched:
        patched.setattr("koci_proxy.state.database.upgrade", upgrade)
        async with opened(url) as database:
            await database.write(old_rows)


async def old_rows(connection: Any) -> None:
    rows: tuple[dict[str, Any], ...] = (
        {"id": "aa", "kind": "app", "name": "shop", "digest": DIGEST, "revoked_at": None},
        {"id": "bb", "kind": "app", "name": "gone", "digest": "b" * 64, "revoked_at": 2.5},
        {"id": "cc", "kind": "admin", "name": "admin", "digest": "c" * 64, "revoked_at": None},
    )
    for row in rows:
        await connection.execute(text(OLD_KEY), row)
    await connection.execute(text(OLD_JOB), {"id": JOB, "background": False})


async def test_old_rows_survive(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await left_by_an_older_version(url, monkeypatch)
    async with opened(url) as database:
        await check_up_to_date(database)
        callers, ledger = Callers(database), Ledger(database)
        assert await callers.find(PLAIN) == Caller("aa", "shop")
        rows = {row.id: row for row in await callers.listing()}
        assert {id: (row.kind, row.name, row.revoked_at) for id, row in rows.items()} == {
            "aa": ("app", "shop", None),
            "bb": ("app", "gone", 2.5),
            "cc": ("admin", "admin", None),
        }
        assert (rows["aa"].models, rows["aa"].limits, rows["aa"].expires_at) == (None, {}, None)
        assert await callers.admin_token() is None
        assert await ledger.accounts() == {}
        assert (await ledger.top_up("aa", 5)).balance == 5
        new, _ = await callers.rotate("aa", 60.0)
        assert await callers.find(new) == await callers.find(PLAIN)
        await check_jobs(database)


async def check_jobs(database: Database) -> None:
    book = JobBook(database, "one")
    row = await book.find("aa", JOB)
    assert row is not None
    assert (row.status, row.created_at, row.model) == ("succeeded", 2.5, "picture")
    new = NewJob(
        id="req_" + "b" * 24, owner="aa", platform="openai", links="", task="generate", model="picture", wish={}
    )
    assert await book.begin(new) is not None
    assert await Conversations(database).listing("aa") == ()


async def test_two_keys_never_share_a_digest(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        for name in ("one", "two"):
            await callers.make(name)
            await callers.rotate(name, 60.0)
        with pytest.raises(Exception, match="refused a statement"):
            await database.write(lambda one: one.execute(text("UPDATE keys SET old_digest = 'd'")))
