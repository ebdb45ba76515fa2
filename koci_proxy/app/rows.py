"""The row of a job as others want it: as what it began as, as its end, and as a dialect tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .. import recorded
from ..faults import Fault
from ..state.jobs import NewJob, Row
from ..store import Store
from ..types import JobState, Media, Result


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that ended well: what came, the headers that say what became of the wish, who served it, and its price."""

    result: Result
    headers: Mapping[str, str]
    target: str
    price: int = 0

    def told(self, *, joined: bool = False) -> dict[str, Any]:
        """What the request log keeps of it; who joined a job pays nothing."""
        parts = dict(part.split("=", 1) for part in self.headers.get("x-koci-size", "").split("; ") if "=" in part)
        return {
            "target": self.target,
            "sent": parts.get("sent", "")[:40],
            "got": parts.get("got", "")[:80],
            "pictures": len(self.result.media),
            "price": 0 if joined else self.price,
            "usage": dict(self.result.usage),
        }


def new_of(row: Row) -> NewJob:
    """A row as the job it began as."""
    return NewJob(**{name: getattr(row, name) for name in NewJob.__dataclass_fields__})


def ended_of(row: Row) -> Ended:
    """The end of a row as whoever waits for it gets it. Raises its `Fault`; gone for one that was cancelled."""
    if row.fault is not None:
        fault: Fault = recorded.read(row.fault)
        raise fault
    if row.result is None:
        raise Fault("gone", f"the job {row.id} was {row.status}", stage="answered")
    kept = row.result
    result: Result = recorded.read(kept["result"])
    if any(media.key is None and media.url is None for media in (*result.media, *result.thumbnails)):
        message = f"the job {row.id} was answered once; its pictures could not be kept, as the disk was full"
        raise Fault("gone", message, code="disk_full", stage="accepted")
    return Ended(result, kept["headers"], kept["target"], kept.get("price", 0))


def media_of(row: Row) -> tuple[Media, ...]:
    """What a job made; nothing where it failed or is not done."""
    return () if row.result is None else recorded.read(row.result["result"]).media


def state_of(row: Row, store: Store) -> JobState:
    """A row as a dialect tells it; each picture has its link."""
    result: Result | None = None if row.result is None else recorded.read(row.result["result"])
    if result is not None:
        result = replace(result, media=tuple(linked(media, row, store) for media in result.media))
    return JobState(
        id=row.id,
        job=recorded.read(row.wish),
        status=row.status,
        created_at=row.created_at,
        links=row.links,
        number=row.number or "",
        progress=row.progress,
        ended_at=row.ended_at,
        expires_at=row.expires_at,
        result=result,
        fault=None if row.fault is None else recorded.read(row.fault),
    )


def linked(media: Media, row: Row, store: Store) -> Media:
    if media.url is not None or media.key is None:
        return media
    return replace(media, url=store.link(media.key, row.links.rpartition("/")[0]))
