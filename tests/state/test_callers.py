"""App keys: made once, found by digest, dead within a second of being revoked."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from koci_proxy import Caller, Fault
from koci_proxy.state import Callers, Database
from koci_proxy.state.callers import NAME, REMEMBERED, TRUST, Row
from koci_proxy.state.tables import keys

from .opened import opened

pytestmark = pytest.mark.anyio
STRANGER = "sk-koci_" + "a" * 43


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def book(url: str, clock: Clock | None = None) -> AsyncIterator[Callers]:
    async with opened(url) as database:
        yield Callers(database, timer=clock or Clock())


async def test_a_key_is_found_by_its_plain_text_alone(url: str) -> None:
    async with opened(url) as database:
        callers = Callers(database)
        plain, caller = await callers.make("shop")
        other, _ = await callers.make("shop")
        assert await callers.find(plain) == caller == Caller(caller.id, "shop")
        assert await callers.find(other) != caller
        rows = await callers.listing()
        async with database.read() as connection:
            everything = repr((await connection.execute(keys.select())).all())
    assert plain.startswith("sk-koci_")
    assert len(plain) == 51
    assert rows[0] == Row(caller.id, "app", "shop", f"{plain[:12]}…{plain[-4:]}", rows[0].created_at, None)
    assert len({row.id for row in rows}) == 2
    assert plain[12:-4] not in everything


async def test_no_file_holds_a_key(tmp_path: Path) -> None:
    async with book(f"sqlite:///{tmp_path / 'koci.db'}") as callers:
        plain, _ = await callers.make("shop")
        everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"shop" in everything
    assert plain[12:-4].encode() not in everything


async def test_a_caller_by_its_id(url: str) -> None:
    async with book(url) as callers:
        plain, caller = await callers.make("shop")
        assert await callers.by_id(caller.id) == caller
        assert await callers.live(caller.id) == caller
        assert await callers.digest(caller.id) == hashlib.sha256(plain.encode()).digest()
        await callers.revoke(caller.id)
        assert await callers.live(caller.id) is None
        assert await callers.by_id(caller.id) == caller
        assert await callers.digest(caller.id) is None
        assert await callers.by_id("nobody") is None
        assert await callers.digest("nobody") is None


async def test_keys_outlive_the_process(url: str) -> None:
    async with book(url) as callers:
        plain, caller = await callers.make("shop")
    async with book(url) as callers:
        assert await callers.find(plain) == caller


@pytest.mark.parametrize(
    "plain",
    [
        "",
        "sk-koci_",
        STRANGER,
        STRANGER + "a",
        STRANGER[:-1],
        STRANGER + "\n",
        "sk-" + "a" * 48,
        "é" * 51,
        "' OR 1=1 --",
    ],
)
async def test_no_stranger_gets_in(url: str, plain: str) -> None:
    async with book(url) as callers:
        await callers.make("shop")
        await callers.admin_token()
        assert await callers.find(plain) is None
        assert not await callers.is_admin(plain)


async def test_a_revoked_key_is_dead_at_once_here(url: str) -> None:
    async with book(url) as callers:
        plain, caller = await callers.make("shop")
        assert await callers.find(plain)
        assert await callers.revoke(caller.id)
        assert await callers.find(plain) is None
        assert not await callers.revoke(caller.id)
        assert [row.revoked_at is not None for row in await callers.listing()] == [True]


async def test_a_revoked_key_is_dead_within_a_second_elsewhere(url: str) -> None:
    clock = Clock()
    async with book(url, clock) as here, book(url) as elsewhere:
        plain, caller = await here.make("shop")
        assert await here.find(plain)
        assert await elsewhere.revoke("shop")
        clock.now = TRUST - 0.01
        assert await here.find(plain) == caller
        clock.now = TRUST + 0.01
        assert await here.find(plain) is None


async def test_a_key_made_elsewhere_is_known_within_a_second(url: str) -> None:
    clock = Clock()
    async with book(url, clock) as here, opened(url) as elsewhere:
        plain, caller = await Callers(elsewhere).make("shop")
        await elsewhere.write(lambda connection: connection.execute(keys.update().values(kind="late")))
        assert await here.find(plain) is None
        await elsewhere.write(lambda connection: connection.execute(keys.update().values(kind="app")))
        assert await here.find(plain) is None  # still remembered as unknown
        clock.now = TRUST + 0.01
        assert await here.find(plain) == caller


async def test_another_process_may_revoke(url: str) -> None:
    program = (
        "import asyncio, sys\nfrom koci_proxy.state import Callers, Database\n"
        "async def main():\n  database = Database(sys.argv[1])\n  await database.open()\n"
        "  done = await Callers(database).revoke('shop')\n  await database.close()\n  sys.exit(not done)\n"
        "asyncio.run(main())\n"
    )
    clock = Clock()
    async with book(url, clock) as callers:
        plain, _ = await callers.make("shop")
        assert await callers.find(plain)
        process = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, url], check=False)
        assert process.returncode == 0
        clock.now = TRUST + 0.01
        assert await callers.find(plain) is None


async def test_the_memory_is_bounded_and_holds_no_key(url: str) -> None:
    async with book(url) as callers:
        plain, _ = await callers.make("shop")
        await callers.find(plain)
        for number in range(50):
            await callers.find(f"sk-koci_{number:043}")
        assert callers._known.maxsize == callers._unknown.maxsize == REMEMBERED
        assert len(callers._unknown) == 50
        assert len(callers._known) == 1
        assert plain not in repr(vars(callers))


async def test_revoking_by_a_name_that_several_share(url: str) -> None:
    async with book(url) as callers:
        _, old = await callers.make("shop")
        plain, new = await callers.make("shop")
        with pytest.raises(Fault) as caught:
            await callers.revoke("shop")
        assert caught.value.kind == "conflict"
        assert old.id in caught.value.message
        assert new.id in caught.value.message
        assert await callers.revoke(old.id)
        assert await callers.find(plain) == new
        assert await callers.revoke("shop")
        assert not await callers.revoke("shop")


@pytest.mark.parametrize(("name", "words"), [("", "a key needs"), ("  ", "a key needs"), ("x" * (NAME + 1), "200")])
async def test_a_key_needs_a_name_that_can_be_kept(url: str, name: str, words: str) -> None:
    async with book(url) as callers:
        with pytest.raises(Fault, match=words) as caught:
            await callers.make(name)
        assert await callers.listing() == []
        await callers.make("x" * NAME)
    assert (caught.value.kind, caught.value.field) == ("bad_request", "name")


async def test_the_admin_token_is_made_once(url: str) -> None:
    async with book(url) as callers:
        token = await callers.admin_token()
        assert token is not None
        assert token.startswith("sk-koci_")
        assert await callers.admin_token() is None
        assert await callers.is_admin(token)
        assert await callers.find(token) is None
        plain, _ = await callers.make("shop")
        assert not await callers.is_admin(plain)
        assert await callers.revoke("admin")
        assert not await callers.is_admin(token)
        again = await callers.admin_token()
        assert again not in (None, token)


async def test_several_that_start_at_once_make_one_admin_token(url: str) -> None:
    several = [Database(url) for _ in range(4)]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(database.open() for database in several))
        for database in several:
            stack.push_async_callback(database.close)
        books = [Callers(database) for database in several]
        tokens = await asyncio.gather(*(callers.admin_token() for callers in books))
        assert len([token for token in tokens if token]) == 1
        made = await asyncio.gather(*(callers.make(f"shop{at}") for at, callers in enumerate(books)))
        assert [await books[0].find(plain) for plain, _ in made] == [caller for _, caller in made]
