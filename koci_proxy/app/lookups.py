"""What an app asks about its jobs: how one stands, its story as it goes on, its film, and its end."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from ..faults import Fault
from ..state.jobs import Row
from ..types import Caller, JobState, Lookup, Media
from . import answer, naming
from .files import send_bytes, send_file
from .ordering import KEEP_ALIVE
from .rows import media_of, state_of
from .watched import Watched

if TYPE_CHECKING:
    from .door import Visit


async def answer_lookup(visit: Visit, lookup: Lookup, caller: Caller) -> None:
    """Answer in the platform's own dialect; `Fault` not_found for a job that is not the caller's."""
    runner, dialect = visit.hall.runner, visit.dialect
    if lookup.verb == "list":
        rows, more = await runner.book.listing(caller.id, lookup)
        await visit.reply(dialect.listed([_state(visit, row) for row in rows], lookup, more))
        return
    row = await visit.hall.runner.book.find(caller.id, lookup.id)
    if row is None or (lookup.task is not None and row.task != lookup.task):
        raise Fault("not_found", "there is no such job under this API key, or it was kept long enough", field="id")
    match lookup.verb:
        case "show":
            headers = None if row.result is None else row.result["headers"]
            await visit.reply(dialect.progress(_state(visit, row)), headers)
        case "follow":
            await _follow(visit, row, dialect)
        case "content":
            await _content(visit, row, lookup)
        case "delete":
            await runner.cancel(row)
            gone = await runner.book.find(caller.id, row.id) or row
            for media in media_of(gone):
                runner.store.drop(media.key or "")
            await runner.forget(gone)
            await visit.reply(dialect.deleted(_state(visit, gone)))


def _state(visit: Visit, row: Row) -> JobState:
    """A job as it stands, its addresses on the platform that is asked now, and in its words."""
    state = replace(state_of(row, visit.hall.runner.store), links=f"{visit.base}/{visit.platform}")
    return naming.told(state, visit.dialect)


async def _follow(visit: Visit, row: Row, dialect: ModuleType) -> None:
    """The state as it is now, and again at each change, up to the end."""
    await visit.begin({})
    if visit.scope["method"] == "HEAD":  # whoever asks how it would begin waits for no end
        await answer.end_stream(visit.send, b"")
        return
    async for each in answer.with_pauses(Watched(visit.hall.runner, row).rows(), KEEP_ALIVE):
        if each is None:
            await answer.piece(visit.send, dialect.KEEP_ALIVE)
        else:
            await answer.frames(visit.send, dialect.story(_state(visit, each)))
    await answer.end_stream(visit.send, dialect.END)


async def _content(visit: Visit, row: Row, lookup: Lookup) -> None:
    """The bytes of a film or picture, or of the part of them that was asked for."""
    if not row.ended:
        message = f"it is not ready: the job is {row.status}"
        raise Fault("not_found", message, field="id", code="not_ready")
    media = media_of(row)
    if lookup.index >= len(media):
        message = "there is no such file" if media else f"there is no file: the job is {row.status}"
        raise Fault("not_found", message, field="id")
    store, key = visit.hall.runner.store, media[lookup.index].key or ""
    path = store.path(key)
    if path is None:
        raise Fault("gone", "the file was kept long enough, and is gone", field="id")
    head, asked, named = visit.scope["method"] == "HEAD", visit.headers, visit.named()
    if lookup.variant == "thumbnail":
        poster, name = await _poster(visit, store.media(key)), f"{path.name}.poster"
        sent = await send_bytes(visit.send, poster, name, "image/webp", asked, named, head=head)
    else:
        mime = media[lookup.index].mime or "application/octet-stream"
        sent = await send_file(visit.send, path, mime, asked, named, head=head)
    visit.status, visit.sent = sent


async def _poster(visit: Visit, media: Media) -> bytes:
    poster = await visit.engine.shell.pixels.poster(media)
    return b"" if poster.data is None else b"".join(poster.data.pieces())
