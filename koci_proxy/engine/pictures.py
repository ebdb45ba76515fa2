"""Pictures on the way: those the app sent are brought in and checked, those the vendor made are delivered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from ..faults import Fault
from ..types import Delivery, Job, Media, Result
from .shell import Shell


async def gather(job: Job, shell: Shell) -> Job:
    """Bring in what the app linked to, before any vendor is called. `Fault` bad_request with the field."""
    inputs = await asyncio.gather(*(_bring(media, f"images[{at}]", shell) for at, media in enumerate(job.inputs)))
    mask = await _bring(job.mask, "mask", shell) if job.mask is not None else None
    return replace(job, inputs=tuple(inputs), mask=mask)


async def _bring(media: Media, field: str, shell: Shell) -> Media:
    if media.url is not None:
        media = await shell.fetcher.fetch(media.url, shell.spools.sink(), field=field, blame="app")
    if media.mime is None or not media.mime.startswith("image/"):
        raise Fault("bad_request", "this is not a picture: send a PNG, JPEG, WebP or GIF file", field=field)
    return media


async def fetch(result: Result, shell: Shell) -> Result:
    """Bring in what the vendor linked to, and see that every picture is one.

    The pictures are paid for by now: a failure here is never a reason to order them again.
    """
    media = await asyncio.gather(*(_fetch(each, shell) for each in result.media))
    return replace(result, media=tuple(media))


async def _fetch(media: Media, shell: Shell) -> Media:
    try:
        if media.url is not None:
            media = await shell.fetcher.fetch(media.url, shell.spools.sink(), blame="upstream")
    except Fault as fault:
        raise Fault(fault.kind, fault.message, vendor=fault.vendor, stage="accepted") from fault
    if media.mime is None or not media.mime.startswith(("image/", "video/")):
        raise Fault("garbled", "the upstream answer holds something that is not a picture", stage="accepted")
    return media


async def deliver(media: Sequence[Media], form: Delivery, base: str, shell: Shell) -> tuple[Media, ...]:
    """As the app wants them: bytes stay bytes; for links the bytes go to the store and each media gets its URL too."""
    if form == "base64":
        return tuple(media)
    return tuple([await _link(each, base, shell) for each in media])


async def _link(media: Media, base: str, shell: Shell) -> Media:
    stored = await shell.store.put(media)
    if stored.key is None:
        raise Fault("internal", "a picture could not be stored")
    return replace(stored, data=None, key=None, url=shell.store.link(stored.key, base))
