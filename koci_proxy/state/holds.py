"""Holds: what a job may cost is taken out of a balance before anything is spent, and settled by what came.

These work in a transaction of the caller's, so that a job and its money are written together or not at all. Locks are
always taken in one order: a job's row, its hold, its account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, literal, not_, or_, select

from .prepared import Prepared, Writing
from .tables import accounts, entries, holds
from .texts import clean

DAY = 86_400
# What stands in the books beside the charge of a job that was ended, and before its number where some is given back.
ENDED = "cancelled while the upstream was at work on it"
BACK = "given back:"
# The kinds of entries that come of jobs.
SPENT = ("charge", "refund")

Now = float | ColumnElement[float]

_HOLD = Prepared(
    lambda kind: (
        kind.insert(holds)
        .values(job=bindparam("of"), owner=bindparam("whose"), amount=bindparam("much"), at=kind.now)
        .on_conflict_do_nothing()
        .returning(holds.c.job)
    )
)
_TAKE = Prepared(
    lambda kind: (
        accounts.update()
        .where(accounts.c.owner == bindparam("whose"))
        .where(or_(not_(accounts.c.limited), accounts.c.balance >= bindparam("much")))
        .values(balance=accounts.c.balance - bindparam("much"), held=accounts.c.held + bindparam("much"))
    )
)
_ACCOUNT = Prepared(
    lambda kind: (
        kind.insert(accounts)
        .values(owner=bindparam("whose"), balance=0, held=0, limited=False)
        .on_conflict_do_nothing()
    )
)
_RELEASE = Prepared(
    lambda kind: holds.delete().where(holds.c.job == bindparam("of")).returning(holds.c.owner, holds.c.amount)
)
_CHARGE = Prepared(
    lambda kind: (
        kind.insert(entries)
        .values(owner=bindparam("whose"), at=kind.now, kind="charge", amount=bindparam("much"), job=bindparam("of"))
        .values(model=bindparam("what"), pictures=bindparam("many"), note=bindparam("words"), by="")
        .on_conflict_do_nothing(index_elements=["job"])
        .returning(entries.c.number)
    )
)
_GIVE_BACK = Prepared(
    lambda kind: (
        accounts.update()
        .where(accounts.c.owner == bindparam("whose"))
        .values(held=accounts.c.held - bindparam("much"), balance=accounts.c.balance + bindparam("back"))
    )
)


async def hold(connection: Writing, owner: str, job: str, amount: int, now: float | None = None) -> bool:
    """Take an amount out of a balance for a job; False, and nothing changed, where the balance does not suffice.

    Nothing is held for an amount of 0. A job that has its hold already keeps it as it is. Without `now` it is the
    time of the clock that all processes share.
    """
    if amount <= 0:
        return True
    if not (await _HOLD.run(connection, of=job, whose=owner, much=amount, now=now)).rows:
        return True
    if (await _TAKE.run(connection, whose=owner, much=amount)).count:
        return True
    await make_account(connection, owner)  # none yet, or not enough in it
    if (await _TAKE.run(connection, whose=owner, much=amount)).count:
        return True
    await _RELEASE.run(connection, of=job)
    return False


async def balance(connection: Writing, owner: str) -> int:
    """What an owner could have held now; 0 for an account that has never been used."""
    found = select(accounts.c.balance).where(accounts.c.owner == owner)
    return int((await connection.execute(found)).scalar() or 0)


async def over_day(connection: Writing, owner: str, most: int, now: Now) -> bool:
    """Whether what was charged since midnight, UTC, and what is held now are together more than `most`.

    Asked after `hold`, in the same transaction: the account is locked by then, so of calls that meet here each sees
    what those before it hold. Where it is True, `settle` the hold for nothing.
    """
    at = float((await connection.execute(select(_moment(now)))).scalar_one())
    held = select(accounts.c.held).where(accounts.c.owner == owner).scalar_subquery()
    today = spent(owner, at - at % DAY).scalar_subquery()
    row = (await connection.execute(select(func.coalesce(held, 0), today))).one()
    return int(row[0]) + int(row[1]) > most


async def settle(
    connection: Writing,
    job: str,
    charge: int,
    now: float | None = None,
    *,
    model: str = "",
    pictures: int = 0,
    note: str = "",
) -> bool:
    """Charge a job for what came, at most what is held for it, and give back the rest.

    False, and nothing changed, where nothing is held for it (any more): to settle twice is to settle once. A job that
    has been charged is never charged again, whatever is held for it later.
    """
    charged = await _close(connection, job, lambda held: charge, now, model=model, pictures=pictures, note=note)
    return charged is not None


async def settle_share(connection: Writing, job: str, pictures: int, of: int, *, model: str = "") -> int:
    """Charge a job that is ended for so many of its pictures, by their share of what is held and rounded up.

    The rest is given back. What was charged.
    """
    charged = await _close(
        connection, job, lambda held: _share(held, pictures, of), None, model=model, pictures=pictures, note=ENDED
    )
    return charged or 0


async def _close(
    connection: Writing,
    job: str,
    price: Callable[[int], int],
    now: float | None,
    *,
    model: str,
    pictures: int,
    note: str,
) -> int | None:
    """Take away the hold of a job, and charge its `price` by what was held; what was charged, None without a hold."""
    gone = (await _RELEASE.run(connection, of=job)).rows
    if not gone:
        return None
    owner, held = gone[0]
    charged = min(max(price(held), 0), held)
    if charged:
        words = {"what": clean(model)[:200], "many": pictures, "words": clean(note)}
        if not (await _CHARGE.run(connection, whose=owner, much=-charged, of=job, now=now, **words)).rows:
            charged = 0
    await _GIVE_BACK.run(connection, whose=owner, much=held, back=held - charged)
    return int(charged)


async def give_back(connection: Writing, job: str, pictures: int, now: Now) -> int:
    """Leave of what `settle_share` charged no more than the share of so many pictures; what was given back now.

    An entry of its own says so. To give back twice is to give back once.
    """
    ended = (entries.c.job == job) & (entries.c.note == ENDED)
    charge = (await connection.execute(entries.select().where(ended))).one_or_none()
    if charge is None:
        return 0
    account = accounts.c.owner == charge.owner
    await connection.execute(accounts.select().where(account).with_for_update())
    words = f"{BACK} {job}"
    refunds = (entries.c.owner == charge.owner) & (entries.c.kind == "refund")
    same = refunds & (entries.c.number > charge.number) & (entries.c.note == words)
    given = (await connection.execute(select(func.coalesce(func.sum(entries.c.amount), 0)).where(same))).scalar_one()
    back = -charge.amount - _share(-charge.amount, pictures, charge.pictures) - int(given)
    if back <= 0:
        return 0
    values = {"owner": charge.owner, "at": now, "kind": "refund", "amount": back, "job": None}
    values |= {"model": charge.model, "pictures": 0, "note": words, "by": ""}
    await connection.execute(entries.insert().values(values))
    await connection.execute(accounts.update().where(account).values(balance=accounts.c.balance + back))
    return int(back)


def _share(amount: int, pictures: int, of: int) -> int:
    return -(-amount * min(pictures, of) // of) if of else 0


async def make_account(connection: Writing, owner: str) -> None:
    """An owner's account, empty and without a limit, where there is none yet."""
    await _ACCOUNT.run(connection, whose=owner)


def spent(owner: str, since: float) -> Select[Any]:
    """What an owner was charged since a time in Unix seconds, less what was given back since."""
    wanted = (entries.c.owner == owner) & entries.c.kind.in_(SPENT) & (entries.c.at >= since)
    return select(func.coalesce(-func.sum(entries.c.amount), 0)).where(wanted)


def _moment(now: Now) -> ColumnElement[float]:
    return literal(now) if isinstance(now, float | int) else now
