"""The studio: pictures and films drawn in at most two threads at a time, and kept for who asks for the same again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from hashlib import blake2b

from . import films
from .nouns import Order, Picture, Seen
from .pictures import draw, draw_padded, look
from .previews import previewed

MIB = 1024 * 1024
KEEP = 256 * MIB  # bytes of pictures kept, their base64 included


class Studio:
    """Draws orders whose references have been fetched and looked at."""

    def __init__(self) -> None:
        self._two = asyncio.Semaphore(2)
        self._kept: OrderedDict[Hashable, Picture] = OrderedDict()
        self._bytes = 0

    async def look(self, references: tuple[bytes, ...], mask: bytes | None) -> tuple[tuple[Seen, ...], Seen | None]:
        """Decode references and mask. Raises Broken."""
        if not references:
            return (), None
        async with self._two:
            seen = [await asyncio.to_thread(_looked, data, index) for index, data in enumerate(references)]
            return tuple(seen), await asyncio.to_thread(look, mask, -1) if mask is not None else None

    async def draw(self, order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> tuple[Picture, ...]:
        """All `n` pictures of an order, in order."""
        return tuple([await self._one(order, index, seen, mask) for index in range(order.n)])

    async def pad(self, order: Order, mib: int) -> tuple[Picture, ...]:
        """The same prepared picture of `mib` MiB `n` times: it is drawn once and shared, never copied."""
        plain = replace(order, prompt="", model="", references=(), mask=None)
        key = ("bench", plain.width, plain.height, plain.mime, plain.transparent, mib)
        return (await self._shared(key, lambda: draw_padded(plain, mib * MIB)),) * order.n

    async def film(self, order: Order, seen: tuple[Seen, ...], mib: int = 0) -> Picture:
        """The film of an order, in a file of `mib` MiB where that is not 0."""
        key = ("film", mib, *_film_key(order, seen))

        def made() -> Picture:
            plain = films.film(order, seen)
            return films.pad(plain, mib * MIB) if mib else plain

        return await self._shared(key, made)

    async def poster(self, order: Order, seen: tuple[Seen, ...], what: str) -> Picture:
        """The first frame of an order's film, or a spritesheet of it."""
        return await self._shared((what, *_film_key(order, seen)), lambda: films.poster(order, seen, what))

    async def preview(self, pictures: tuple[Picture, ...], count: int) -> tuple[Picture, ...]:
        """The same pictures, each with so many previews."""
        async with self._two:
            return tuple([await asyncio.to_thread(previewed, made, count) for made in pictures])

    async def _one(self, order: Order, index: int, seen: tuple[Seen, ...], mask: Seen | None) -> Picture:
        if seen:  # a key for these would have to hold the references themselves
            async with self._two:
                return await asyncio.to_thread(draw, order, index, seen, mask)
        key = (order.width, order.height, order.mime, order.transparent, order.prompt, order.model, order.stamp, index)
        found = self._find(key)
        if found is None:
            async with self._two:
                found = await asyncio.to_thread(draw, order, index, seen, mask)
            self._keep(key, found)
        return found

    async def _shared(self, key: Hashable, make: Callable[[], Picture]) -> Picture:
        """What is kept under a key, made in a thread when nothing is."""
        found = self._find(key)
        if found is None:
            async with self._two:
                found = self._find(key)
                if found is None:
                    found = await asyncio.to_thread(make)
                    self._keep(key, found)
        return found

    def _find(self, key: Hashable) -> Picture | None:
        found = self._kept.get(key)
        if found:
            self._kept.move_to_end(key)
        return found

    def _keep(self, key: Hashable, made: Picture) -> None:
        if key in self._kept:
            return
        self._kept[key] = made
        self._bytes += cost(made)
        while self._bytes > KEEP and len(self._kept) > 1:
            self._bytes -= cost(self._kept.popitem(last=False)[1])


def cost(made: Picture) -> int:
    """Bytes a picture holds once its base64 has been made too."""
    return made.size * 7 // 3


def digest(data: bytes) -> bytes:
    """What tells one reference from another once its bytes are gone."""
    return blake2b(data, digest_size=16).digest()


def _film_key(order: Order, seen: tuple[Seen, ...]) -> tuple[Hashable, ...]:
    size = (order.width, order.height, order.seconds)
    return (order.prompt, *size, order.model, order.stamp, *(one.data for one in seen))


def _looked(data: bytes, index: int) -> Seen:
    return films.look(data, index) if films.is_film(data) else look(data, index)
