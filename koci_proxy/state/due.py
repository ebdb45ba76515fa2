"""Which webhooks are due: one statement that claims them, put together once, as it is asked every second."""

from __future__ import annotations

from sqlalchemy import Float, Integer, bindparam, func, select

from ..types import UNDER_WAY
from .tables import jobs

# How long whoever claimed one has to tell it, in seconds.
TURN = 90.0

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
