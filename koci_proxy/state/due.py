"""Which webhooks are due: one statement that claims them, put together once, as it is asked every second.

And what becomes of a job that its caller deletes before it was told of its end: it is hidden until then.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Float, Integer, bindparam, func, or_, select

from ..types import UNDER_WAY
from .prepared import Writing
from .tables import jobs

# How long whoever claimed one has to tell it, in seconds.
TURN = 90.0
# What stands as the worker of a job that is hidden; no process is called so.
HIDDEN = "deleted"

SHOWN: ColumnElement[bool] = or_(jobs.c.worker.is_(None), jobs.c.worker != HIDDEN)

_NOW = bindparam("now", type_=Float)
_ENDED = jobs.c.status.not_in(sorted(UNDER_WAY)) & (jobs.c.webhook_at < _NOW)
_OTHERS = jobs.c.owner.not_in(bindparam("without", expanding=True))
_PLACE = func.row_number().over(partition_by=jobs.c.owner, order_by=jobs.c.webhook_at).label("place")
_RANKED = select(jobs.c.id, _PLACE).where(_ENDED & _OTHERS).subquery()
_FIRST = select(_RANKED.c.id).where(_RANKED.c.place <= bindparam("each", type_=Integer))
_FREE = (
    select(jobs.c.id)
    .where(_ENDED & jobs.c.id.in_(_FIRST))  # asked again, because another process may have claimed it meanwhile
    .order_by(jobs.c.webhook_at)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
)
# Of all that is due `now` so many (`most`), but of `each` owner no more than that, and none of those `without`.
CLAIM = jobs.update().where(jobs.c.id.in_(_FREE)).values(webhook_at=_NOW + TURN).returning(*jobs.c)


async def remove(connection: Writing, id: str, now: ColumnElement[Any]) -> None:
    """Remove a job; while its caller is still to be told of it, it is hidden instead, and removed by the sweep once
    that is done. It keeps its owner, whose key the webhook is signed with, but not its name, which is free again.
    """
    one, version = jobs.c.id == id, jobs.c.version + 1
    gone = {"worker": HIDDEN, "repeat_key": None, "repeat_of": None, "expires_at": now, "version": version}
    await connection.execute(jobs.update().where(one & jobs.c.webhook_at.is_not(None)).values(gone))
    await connection.execute(jobs.delete().where(one & jobs.c.webhook_at.is_(None)))
