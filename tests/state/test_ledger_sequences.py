"""Whatever happens in whatever order, the books balance: random sequences on every kind of database, and a kill."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from koci_proxy import Fault
from koci_proxy.state import Database, Ledger
from koci_proxy.state.holds import BACK, give_back, hold, settle, settle_share
from koci_proxy.state.ledger import Account
from koci_proxy.state.tables import accounts, entries, holds, keys
from tests.postgres import postgres

from .opened import opened

OWNERS = ("a", "b")
JOBS = 5
PARTS = 3
KINDS = (
    "hold",
    "hold",
    "settle",
    "settle",
    "share",
    "back",
    "release",
    "top_up",
    "adjust",
    "killed hold",
    "killed settle",
)
ACTIONS = st.tuples(st.sampled_from(KINDS), st.integers(0, JOBS - 1), st.integers(0, 12))


@dataclass(frozen=True)
class Sequence:
    """Two keys, `credit` of which the first one begins with and the other has none; what each job may cost; and rounds
    of actions that are done at once, a restart after some of them.
    """

    credit: int
    costs: tuple[int, ...]
    rounds: tuple[tuple[tuple[tuple[str, int, int], ...], bool], ...]


SEQUENCES = st.builds(
    Sequence,
    credit=st.integers(1, 30),
    costs=st.tuples(*[st.integers(0, 10)] * JOBS),
    rounds=st.lists(
        st.tuples(st.lists(ACTIONS, min_size=1, max_size=6).map(tuple), st.sampled_from((False, False, False, True))),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@dataclass
class Run:
    """One sequence on a database, and what the books must show by the answers it got."""

    database: Database
    told: Sequence
    restarts: bool
    charged: dict[int, int] = field(default_factory=dict)
    given: Counter[str] = field(default_factory=Counter)
    seen: Mapping[str, Account] = field(default_factory=dict)

    async def run(self) -> None:
        self.ledger = Ledger(self.database)
        await self.database.write(self._empty)
        await self._top_up(OWNERS[0], self.told.credit)
        for actions, restart in self.told.rounds:
            await asyncio.gather(*(self._do(*action) for action in actions))
            await self._check()
            if restart and self.restarts:
                await self.database.close()
                await self.database.open()
        for job in range(JOBS):
            await self._release(job)
        await self._check()
        assert [account.held for account in (await self.ledger.accounts()).values()] == [0] * len(self.seen)

    async def _empty(self, connection: Any) -> None:
        for table in (accounts, holds, entries):
            await connection.execute(table.delete())

    async def _do(self, kind: str, job: int, amount: int) -> None:
        match kind:
            case "hold":
                await self.database.write(lambda one: self._hold(one, job))
            case "settle":
                if await self.database.write(lambda one: settle(one, self._id(job), amount, 1.0)):
                    self.charged[job] = self.charged.get(job) or min(amount, self.told.costs[job])
            case "share":
                charge = await self.database.write(lambda one: settle_share(one, self._id(job), amount % PARTS, PARTS))
                self.charged[job] = self.charged.get(job) or charge
            case "back":
                now = self.database.now()
                back = await self.database.write(lambda one: give_back(one, self._id(job), amount % PARTS, now))
                self.given[OWNERS[job % 2]] += back
            case "release":
                await self._release(job)
            case "top_up" if amount:
                await self._top_up(OWNERS[0], amount)
            case "adjust" if amount:
                await self._adjust(OWNERS[job % 2], amount * (-1) ** job)
            case "killed hold" | "killed settle":
                await self._killed(kind, job, amount)

    def _id(self, job: int) -> str:
        return f"job{job}"

    async def _hold(self, connection: Any, job: int) -> bool:
        return await hold(connection, OWNERS[job % 2], self._id(job), self.told.costs[job], 1.0)

    async def _release(self, job: int) -> None:
        await self.database.write(lambda one: settle(one, self._id(job), 0))

    async def _top_up(self, owner: str, amount: int) -> None:
        await self.ledger.top_up(owner, amount)
        self.given[owner] += amount

    async def _adjust(self, owner: str, amount: int) -> None:
        try:
            await self.ledger.adjust(owner, amount)
        except Fault as fault:
            assert "no more than that can be taken" in fault.message  # noqa: PT017
        else:
            self.given[owner] += amount

    async def _killed(self, kind: str, job: int, amount: int) -> None:
        """A transaction that nobody finishes."""

        async def half(connection: Any) -> None:
            if kind == "killed hold":
                await self._hold(connection, job)
            else:
                await settle(connection, self._id(job), amount, 1.0)
            raise Fault("conflict", "killed")

        with pytest.raises(Fault, match="killed"):
            await self.database.write(half)

    async def _check(self) -> None:
        assert await self.ledger.totals() == []
        lines, more = await self.ledger.statement()
        assert not more
        charges = {entry.job: -entry.amount for entry in lines if entry.kind == "charge"}
        assert charges == {self._id(job): charge for job, charge in self.charged.items() if charge}
        for job, charge in self.charged.items():
            backs = [entry.amount for entry in lines if entry.note == f"{BACK} {self._id(job)}"]
            assert min(backs, default=1) > 0
            assert sum(backs) <= charge
        self.seen = await self.ledger.accounts()
        for owner, account in self.seen.items():
            spent = sum(entry.amount for entry in lines if entry.owner == owner and entry.kind == "charge")
            assert account.balance + account.held == self.given[owner] + spent
            assert account.limited == (owner == OWNERS[0])
            assert account.balance >= 0 or not account.limited


@contextmanager
def many_runs(url: str, restarts: bool) -> Iterator[Callable[[Sequence], None]]:
    """Runs of sequences one after another on one database."""
    database = Database(url)
    with asyncio.Runner() as runner:
        runner.run(database.open())
        for owner in OWNERS:
            row = {"id": owner, "kind": "app", "name": "", "digest": owner, "hint": "", "created_at": 0.0}
            runner.run(database.write(partial(_add_key, row)))
        yield lambda told: runner.run(Run(database, told, restarts).run())
        runner.run(database.close())


async def _add_key(row: dict[str, Any], connection: Any) -> None:
    await connection.execute(keys.insert().values(row))


def random(most: int) -> Any:
    return settings(max_examples=most, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def test_in_memory() -> None:
    with many_runs("sqlite://", restarts=False) as run:
        random(700)(given(SEQUENCES)(run))()


def test_in_a_file(tmp_path: Path) -> None:
    with many_runs(f"sqlite:///{tmp_path / 'koci.db'}", restarts=True) as run:
        random(300)(given(SEQUENCES)(run))()


def test_on_a_server() -> None:
    with postgres() as url, many_runs(url, restarts=True) as run:
        random(100)(given(SEQUENCES)(run))()


SPENDER = """
import asyncio, sys
from koci_proxy.state import Database
from koci_proxy.state.holds import hold, settle

async def spend(database, job):
    if await database.write(lambda one: hold(one, "a", job, 7, 1.0)):
        if await database.write(lambda one: settle(one, job, 4, 1.0)):
            print(job, flush=True)

async def main():
    database = Database(sys.argv[1])
    await database.open()
    for at in range(100_000):
        await asyncio.gather(*(spend(database, f"{at}.{one}") for one in range(5)))

asyncio.run(main())
"""


@pytest.mark.anyio
async def test_a_process_that_is_killed_leaves_books_that_balance(url: str) -> None:
    async with opened(url) as database:
        row = {"id": "a", "kind": "app", "name": "", "digest": "a", "hint": "", "created_at": 0.0}
        await database.write(partial(_add_key, row))
        ledger = Ledger(database)
        await ledger.top_up("a", 10**9)
        command = (sys.executable, "-c", SPENDER, url)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        said = [await process.stdout.readline() for _ in range(60)]
        process.kill()
        said += (await process.stdout.read()).splitlines()
        await process.wait()
        assert await ledger.totals() == []
        lines, _ = await ledger.statement("a", limit=100_000)
        charged = {entry.job for entry in lines if entry.kind == "charge"}
        assert {line.decode().strip() for line in said} <= charged
        for one in await ledger.stale(2.0):
            assert await database.write(partial(_release, one.job))
        assert await ledger.totals() == []


async def _release(job: str, connection: Any) -> bool:
    return await settle(connection, job, 0)
