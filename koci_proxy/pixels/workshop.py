"""The workshop: what the engine asks of pictures, done in two threads at most, or not at all where it need not be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from .. import fit
from ..facts import Card, InputRules
from ..faults import Fault
from ..media import FORMATS, LOSSY, is_film
from ..types import Job, Media, Note, Role, Sinks
from .canvas import Wish, change, looks_alpha, may_be_tilted, wxh
from .films import measure, poster
from .masks import Convention, translate

T = TypeVar("T")

AT_ONCE = 2
THUMBNAIL = 512
# A mask of an app stands for what is to change where it is transparent: so it is in every dialect that has masks.
OF_APPS: Convention = "alpha"


class Pixels:
    """The workshop. A picture that has nothing to be done comes back as the very same `Media`, mostly undecoded.

    `field` is the app's input that is worked on: a broken file there is a `Fault` bad_request. Without one it is the
    vendor's: garbled, at the stage *accepted*, because the picture has been paid for.
    """

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pixels")

    async def upright(self, media: Media, field: str | None = None) -> Media:
        """Turned as its EXIF orientation says."""
        return (await self._work(media, Wish(), field))[0] if may_be_tilted(media) else media

    async def shrunk(
        self, media: Media, max_edge: int | None, max_bytes: int | None = None, field: str | None = None
    ) -> Media:
        """At most `max_edge` pixels an edge and `max_bytes` large, in its own type."""
        wish = Wish(max_edge=max_edge, max_bytes=max_bytes)
        return (await self._work(media, wish, field))[0] if _too_much(media, wish) else media

    async def converted(
        self, media: Media, mime: str, compression: int | None = None, field: str | None = None
    ) -> Media:
        """In another type. A `compression` (0-100, where 100 is best) is a reason to write a lossy file anew."""
        quality = compression if mime in LOSSY else None
        if media.mime == mime and quality is None:
            return media
        return (await self._work(media, Wish((mime,), quality=quality), field))[0]

    async def as_format(self, media: Media, format: str, compression: int | None = None) -> Media:
        """What the vendor made in the file format that the app asked for; a film stays what it is."""
        if format not in FORMATS:
            raise Fault("bad_request", f"{format!r} cannot be made here, only {', '.join(FORMATS)}", field="format")
        return media if is_film(media) else await self.converted(media, FORMATS[format], compression)

    async def thumbnail(self, media: Media, edge: int = THUMBNAIL) -> Media:
        """A WebP of at most `edge` pixels an edge."""
        return (await self._work(media, Wish(("image/webp",), max_edge=edge, quality=80), None))[0]

    async def look(self, media: Media, field: str | None = None) -> Media:
        """A film with the pixels and the seconds that its bytes show; a picture as it is."""
        known = not is_film(media) or (media.pixels and media.seconds is not None)
        return media if known else await self._run(measure, media, field)

    async def poster(self, media: Media, edge: int = THUMBNAIL) -> Media:
        """A film's first frame as a WebP of at most `edge` pixels an edge."""
        return await self._run(poster, self._sinks, media, edge)

    async def looks_alpha(self, media: Media, field: str | None = None) -> bool:
        """Whether any pixel is transparent, be it in part."""
        return await self._run(looks_alpha, media, field)

    async def mask_as(
        self, media: Media, have: Convention, want: Convention, like: Media, size: tuple[int, int] | None = None
    ) -> Media:
        """A mask in another convention, brought to `size` if one is given.

        `Fault` bad_request with the field `mask` for one that is not as large as `like`, the picture it belongs to, and
        for one of the convention `alpha` without a transparent pixel.
        """
        return await self._run(translate, self._sinks, media, have, want, like, size)

    async def fit_inputs(self, job: Job, card: Card) -> Job:
        """The job with its pictures and its mask as a card wants them, each change noted. A film is left alone.

        `Fault` bad_request with the field `images[0]` or `mask` for one that cannot be made to fit.
        """
        if not job.inputs and job.mask is None:
            return job
        names = fit.input_names(job)
        given = zip(job.inputs, fit.roles(job), names, strict=True)
        ends = await asyncio.gather(*(self._fit(media, role, name, card) for media, role, name in given))
        inputs = tuple(media for media, _ in ends)
        notes = [Note(name, "bent", ", ".join(told)) for name, (_, told) in zip(names, ends, strict=True) if told]
        mask = job.mask
        if mask is not None and card.inputs.mask:
            mask, told = await self._fit_mask(mask, job.inputs, inputs, card.inputs)
            notes += [Note("mask", "emulated", ", ".join(told))] if told else []
        return replace(job, inputs=inputs, mask=mask, notes=(*job.notes, *notes))

    async def _fit(self, media: Media, role: Role, name: str, card: Card) -> tuple[Media, tuple[str, ...]]:
        if role == "video":
            return media, ()
        fault = fit.unfit(media, card, name)
        if fault is not None:
            raise fault
        wish = _wanted(media, card.inputs)
        return await self._work(media, wish, name) if wish else (media, ())

    async def _fit_mask(
        self, mask: Media, sent: tuple[Media, ...], fitted: tuple[Media, ...], rules: InputRules
    ) -> tuple[Media, list[str]]:
        if not sent:
            raise Fault("bad_request", "a mask needs the picture it belongs to", field="mask")
        size = fitted[0].pixels if fitted[0] is not sent[0] else None
        made = await self.mask_as(mask, OF_APPS, rules.mask_edits, sent[0], size)
        if made is mask:
            return mask, []
        told = [f"{OF_APPS} → {rules.mask_edits}"] if rules.mask_edits != OF_APPS else []
        told += [f"{wxh(mask.pixels)} → {wxh(made.pixels)}"] if made.pixels != mask.pixels else []
        return made, told or [f"{mask.mime} → {made.mime}"]

    async def _work(self, media: Media, wish: Wish, field: str | None) -> tuple[Media, tuple[str, ...]]:
        return await self._run(change, self._sinks, media, wish, field)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        """In a thread. Work that nobody waits for any more keeps its thread to the end, so the bound always holds."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _wanted(media: Media, rules: InputRules) -> Wish | None:
    """What has to be done to a reference that `fit.unfit` let pass; None for nothing, or when nothing can be."""
    if media.data is None or media.mime not in FORMATS.values():
        return None
    edge = rules.max_edge if rules.policy != "refuse" else None
    wish = Wish(rules.mimes, edge, rules.max_bytes)
    return wish if media.mime not in rules.mimes or _too_much(media, wish) or may_be_tilted(media) else None


def _too_much(media: Media, wish: Wish) -> bool:
    """Too long or too large; also one of which nobody knows how long it is."""
    wide = wish.max_edge is not None and (media.pixels is None or max(media.pixels) > wish.max_edge)
    return wide or (wish.max_bytes is not None and (media.size or 0) > wish.max_bytes)
