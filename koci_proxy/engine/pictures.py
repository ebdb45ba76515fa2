"""Pictures and films on the way: what the app sent is brought in and checked, what the vendor made is delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qsl

from .. import fit
from ..faults import Fault
from ..media import breaks_off, is_film
from ..store import SMALL, patiently
from ..types import Delivery, Job, Media, Note, Result
from .shell import Shell

# A picture behind a vendor's link is paid for: it is asked for again after so many seconds each.
WAITS = (0.25, 1.0, 3.0, 8.0)


async def gather(job: Job, base: str, shell: Shell) -> Job:
    """Bring in what the app linked to, before any vendor is called. `Fault` bad_request with the field.

    Links under `base` are our own: they are read from the store. A film belongs where its role is `video`, a picture
    anywhere else.
    """
    if not job.inputs and job.mask is None:
        return job
    given = zip(job.inputs, fit.input_names(job), fit.roles(job), strict=True)
    inputs = await asyncio.gather(*(_bring(media, name, base, shell, role == "video") for media, name, role in given))
    mask = await _bring(job.mask, "mask", base, shell) if job.mask is not None else None
    return replace(job, inputs=tuple(inputs), mask=mask)


async def _bring(media: Media, field: str, base: str, shell: Shell, film: bool = False) -> Media:
    if media.url is not None:
        media = _own(media.url, field, base, shell) or media
    if media.url is not None:
        media = await shell.fetcher.fetch(media.url, shell.spools.sink(), field=field, blame="app")
    if media.key is not None:
        media = await _kept(media.key, field, shell)
    if film and not is_film(media):
        raise Fault("bad_request", "this is not a film: send an MP4, QuickTime or WebM file", field=field)
    if not film and not (media.mime or "").startswith("image/"):
        raise Fault("bad_request", "this is not a picture: send a PNG, JPEG, WebP or GIF file", field=field)
    if await _breaks_off(media):
        raise Fault("bad_request", "this picture breaks off: its end is missing", field=field)
    return await shell.pixels.look(media, field)


async def _breaks_off(media: Media) -> bool:
    """Whether a picture is only half there. A vendor would say so too, in words of its own and after a long upload."""
    return await asyncio.to_thread(breaks_off, media) if (media.size or 0) > SMALL else breaks_off(media)


def _own(url: str, field: str, base: str, shell: Shell) -> Media | None:
    """What a link names that we gave out ourselves, None for any other; `Fault` when it leads nowhere any more."""
    place = f"{base.rstrip('/')}/storage/images/"
    if not url.startswith(place):
        return None
    key, _, query = url.removeprefix(place).partition("?")
    if not shell.store.verify(key, dict(parse_qsl(query))):
        raise Fault("bad_request", "this link's signature is wrong or has expired", field=field)
    try:
        return shell.store.media(key)
    except Fault as fault:
        raise fault.changed(kind="bad_request", field=field) from fault  # no path of the app's is missing, but a value


async def _kept(key: str, field: str, shell: Shell) -> Media:
    """A file that was handed in before, by its name without an ending."""
    found = await asyncio.to_thread(shell.store.find, key)
    if found is None:
        raise Fault("not_found", f"there is no file {key!r}, or it has expired", field=field)
    return shell.store.media(found)


async def fetch(result: Result, shell: Shell, home: str | None = None) -> Result:
    """Bring in what the vendor linked to, and see that every picture is one, and how large and long a film is.

    `home` is the address of its provider: what it links to there is fetched wherever that is.
    They are paid for by now: a failure here is never a reason to order them again, nor to keep back the others.
    """
    ends = await asyncio.gather(
        *(patiently(partial(_fetch, each, shell, home)) for each in result.media), return_exceptions=True
    )
    media = tuple(end for end in ends if isinstance(end, Media))
    notes = result.notes
    for end in ends:
        if isinstance(end, Fault) and media:
            notes += (Note("n", "left out", f"a picture could not be had: {end.message}"),)
        elif isinstance(end, BaseException):
            raise end
    return replace(result, media=media, notes=notes)


async def early(media: Media, sent: Job, home: str, wish: Job, base: str, shell: Shell) -> Media | None:
    """A picture as the app gets it while others of its job are still made; None where that is for the end to say."""
    if wish.compression is not None or wish.thumbnails:
        return None
    try:
        result = await finish(await fetch(Result((media,)), shell, home), wish, sent, shell)
        [ready] = await deliver(result.media, wish.deliver, base, shell)
    except Fault:
        return None  # it is met again at the end, and told
    return None if result.notes else ready


async def _fetch(media: Media, shell: Shell, home: str | None) -> Media:
    if media.key is not None:
        return media  # delivered early
    for wait in (*WAITS, None):
        try:
            if media.url is None:
                fetched = media
            else:
                fetched = await shell.fetcher.fetch(media.url, shell.spools.sink(), blame="upstream", home=home)
            if fetched.mime is None or not fetched.mime.startswith(("image/", "video/")):
                raise Fault("garbled", "the upstream answer holds something that is not a picture")
            return await shell.pixels.look(fetched)
        except Fault as fault:
            if wait is None or media.url is None:
                raise Fault(fault.kind, fault.message, vendor=fault.vendor, stage="accepted") from fault
            await asyncio.sleep(wait)
    raise AssertionError("the last try returns or raises")


async def finish(result: Result, wish: Job, sent: Job, shell: Shell) -> Result:
    """What the app wished of its pictures and the vendor did not do: another format, small copies.

    The pictures are paid for: one that cannot be worked on is delivered as it is, with a note. A film is never turned
    into another format; its small copy is its first frame.
    """
    media, notes = result.media, result.notes
    if wish.format is not None:
        compression = wish.compression if sent.compression is None else None  # else the vendor has seen to it
        media, notes = await _each(
            media, notes, "format", lambda each: shell.pixels.as_format(each, wish.format or "", compression)
        )
    small: tuple[Media, ...] = ()
    if wish.thumbnails:
        small, notes = await _each(media, notes, "thumbnail", lambda each: _small(each, shell))
    return replace(result, media=media, thumbnails=small, notes=notes)


async def _small(media: Media, shell: Shell) -> Media:
    return await (shell.pixels.poster(media) if is_film(media) else shell.pixels.thumbnail(media))


async def _each(
    media: Sequence[Media], notes: tuple[Note, ...], field: str, work: Callable[[Media], Awaitable[Media]]
) -> tuple[tuple[Media, ...], tuple[Note, ...]]:
    done: list[Media] = []
    for each in media:
        try:
            done.append(await work(each))
        except Fault as fault:
            done.append(each)
            notes += (Note(field, "left out", fault.message),)
    return tuple(done), notes


async def deliver(media: Sequence[Media], form: Delivery, base: str, shell: Shell) -> tuple[Media, ...]:
    """As the app wants them: bytes stay bytes; for links the bytes go to the store and each media gets its URL too."""
    if form == "base64":
        return tuple(media)
    return tuple([await _link(each, base, shell) for each in media])


async def _link(media: Media, base: str, shell: Shell) -> Media:
    if media.key is not None and media.url is not None:
        return media  # delivered early, by this link
    stored = await patiently(partial(shell.store.put, media))
    if stored.key is None:
        raise Fault("internal", "a picture could not be stored")
    return replace(stored, data=None, url=shell.store.link(stored.key, base))
