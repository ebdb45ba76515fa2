"""App keys: made once, found by digest, dead within a second of being revoked."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from koci_proxy import Caller, Fault
from koci_proxy.callers import REMEMBERED, TRUST, Callers, Row

pytestmark = pytest.mark.anyio
STRANGER = "sk-koci_" + "a" * 43


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(folder: Path, clock: Clock | None = None) -> AsyncIterator[Callers]:
    callers = Callers(f"sqlite:///{folder / 'data' / 'koci.db'}", timer=clock or Clock())
    await callers.open()
    try:
        yield callers
    finally:
        await callers.close()


async def test_a_key_is_found_by_its_plain_text_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as callers:
        plain, caller = await callers.make("shop")
        other, _ = await callers.make("shop")
        assert await callers.find(plain) == caller == Caller(caller.id, "shop")
        assert await callers.find(other) != caller
        rows = await callers.listing()
    assert plain.startswith("sk-koci_")
    assert len(plain) == 51
    assert rows[0] == Row(caller.id, "app", "shop", f"{plain[:12]}…{plain[-4:]}", rows[0].created_at, None)
    assert len({row.id for row in rows}) == 2
    everything = b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())
    assert plain.encode() not in everything
    assert plain[12:-4].encode() not in everything


async def test_keys_outlive_the_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as callers:
        plain, caller = await callers.make("shop")
    async with opened(tmp_path) as callers:
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
async def test_no_stranger_gets_in(tmp_path: Path, plain: str) -> None:
    async with opened(tmp_path) as callers:
        await callers.make("shop")
        await callers.admin_token()
        assert await callers.find(plain) is None
        assert not await callers.is_admin(plain)


async def test_a_revoked_key_is_dead_at_once_here(tmp_path: Path) -> None:
    async with opened(tmp_path) as callers:
        plain, caller = await callers.make("shop")
        assert await callers.find(plain)
        assert await callers.revoke(caller.id)
        assert await callers.find(plain) is None
        assert not await callers.revoke(caller.id)
        assert [row.revoked_at is not None for row in await callers.listing()] == [True]


async def test_a_revoked_key_is_dead_within_a_second_elsewhere(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as here, opened(tmp_path) as elsewhere:
        plain, caller = await here.make("shop")
        assert await here.find(plain)
        assert await elsewhere.revoke("shop")
        clock.now = TRUST - 0.01
        assert await here.find(plain) == caller
        clock.now = TRUST + 0.01
        assert await here.find(plain) is None


async def test_a_key_made_elsewhere_is_known_within_a_second(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as here, opened(tmp_path) as elsewhere:
        plain, caller = await elsewhere.make("shop")
        database = sqlite3.connect(tmp_path / "data" / "koci.db", isolation_level=None)
        database.execute("UPDATE keys SET kind = 'late'")
        assert await here.find(plain) is None
        database.execute("UPDATE keys SET kind = 'app'")
        database.close()
        assert await here.find(plain) is None  # still remembered as unknown
        clock.now = TRUST + 0.01
        assert await here.find(plain) == caller


async def test_another_process_may_revoke(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom koci_proxy.callers import Callers\n"
        "async def main():\n  callers = Callers(sys.argv[1])\n  await callers.open()\n"
        "  done = await callers.revoke('shop')\n  await callers.close()\n  sys.exit(not done)\nasyncio.run(main())\n"
    )
    url = f"sqlite:///{tmp_path / 'data' / 'koci.db'}"
    clock = Clock()
    async with opened(tmp_path, clock) as callers:
        plain, _ = await callers.make("shop")
        assert await callers.find(plain)
        process = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, url], check=False)
        assert process.returncode == 0
        clock.now = TRUST + 0.01
        assert await callers.find(plain) is None


async def test_the_memory_is_bounded_and_holds_no_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as callers:
        plain, _ = await callers.make("shop")
        await callers.find(plain)
        for number in range(50):
            await callers.find(f"sk-koci_{number:043}")
        assert callers._known.maxsize == callers._unknown.maxsize == REMEMBERED
        assert len(callers._unknown) == 50
        assert len(callers._known) == 1
        assert plain not in repr(vars(callers))


async def test_revoking_by_a_name_that_several_share(tmp_path: Path) -> None:
    async with opened(tmp_path) as callers:
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


@pytest.mark.parametrize("name", ["", "  "])
async def test_a_key_needs_a_name(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path) as callers:
        with pytest.raises(Fault) as caught:
            await callers.make(name)
    assert (caught.value.kind, caught.value.field) == ("bad_request", "name")


async def test_the_admin_token_is_made_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as callers:
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


async def test_two_that_start_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'data' / 'koci.db'}"
    several = [Callers(url) for _ in range(4)]
    await asyncio.gather(*(callers.open() for callers in several))
    tokens = await asyncio.gather(*(callers.admin_token() for callers in several))
    assert len([token for token in tokens if token]) == 1
    made = await asyncio.gather(*(callers.make(f"shop{at}") for at, callers in enumerate(several)))
    found = [await several[0].find(plain) for plain, _ in made]
    assert found == [caller for _, caller in made]
    await asyncio.gather(*(callers.close() for callers in several))


async def test_in_memory() -> None:
    callers = Callers("sqlite://")
    await callers.open()
    plain, caller = await callers.make("shop")
    assert await callers.find(plain) == caller
    await callers.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense secret", "cannot be used"),
        ("oracle9://me:secret@db/koci", "cannot be used"),
        ("mysql+aiomysql://me:secret@db/koci", "aiomysql"),
        ("sqlite:////dev/null/koci.db", "cannot be used"),
    ],
)
async def test_a_database_that_cannot_be_had(url: str, words: str) -> None:
    with pytest.raises(Fault) as caught:
        await Callers(url).open()
    assert caught.value.kind == "internal"
    assert words in caught.value.message
    assert "secret" not in caught.value.message


async def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "koci.db").write_bytes(b"not a database" * 1000)
    callers = Callers(f"sqlite:///{tmp_path / 'koci.db'}")
    with pytest.raises(Fault, match="the state database does not answer"):
        await callers.open()
    await callers.close()
