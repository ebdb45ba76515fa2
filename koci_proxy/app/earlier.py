"""Earlier jobs of a caller that a new one goes on with, named by their ids."""

from __future__ import annotations

from dataclasses import replace

from .. import recorded
from ..faults import Fault
from ..state.jobs import JobBook, Row
from ..types import Caller, Job, Media
from .rows import media_of


async def with_films(wish: Job, caller: Caller, book: JobBook) -> Job:
    """Earlier jobs that a wish names, as the films that they made. `Fault` not_found, bad_request."""
    source = wish.options.get("_from")
    if source:
        row = await _own(source, caller, book)
        made: Job = recorded.read(row.wish)
        wish = replace(
            wish,
            model=wish.model or row.model,
            size=made.size if wish.size.is_auto else wish.size,
            seconds=wish.seconds or made.seconds,
            inputs=(Media(key=source), *wish.inputs),
            roles=("video", *wish.roles),
            options={name: value for name, value in wish.options.items() if name != "_from"},
        )
    if not wish.inputs:
        return wish
    inputs = [await _film(media, caller, book) for media in wish.inputs]
    return replace(wish, inputs=tuple(inputs))


async def _film(media: Media, caller: Caller, book: JobBook) -> Media:
    if media.key is None or not media.key.startswith("req_"):
        return media
    row = await _own(media.key, caller, book)
    made = media_of(row)
    if not made:
        raise Fault("bad_request", f"there is no film to go on with: that video is {row.status}", field="video")
    return Media(key=made[0].key)


async def _own(id: str, caller: Caller, book: JobBook) -> Row:
    row = await book.find(caller.id, id)
    if row is None:
        raise Fault("not_found", "there is no video of that id under this API key", field="video")
    if not row.ended:
        raise Fault("bad_request", f"that video is not ready: it is {row.status}", field="video")
    return row
