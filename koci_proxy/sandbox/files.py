"""The sandbox's own picture host: links that are fetched by a plain GET without a key, for ten minutes."""

from __future__ import annotations

import itertools
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass

from .nouns import Picture

LIFE = 600.0  # seconds
MOST = 1_000  # pictures
MOST_BYTES = 512 * 1024 * 1024
ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "video/mp4": "mp4"}


@dataclass(slots=True)
class _Kept:
    picture: Picture
    until: float


class Files:
    """Keeps each picture once however often it is linked: every link is new, its first half names the picture."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._names: dict[int, str] = {}
        self._bytes = 0
        self._serial = itertools.count(1)

    def keep(self, picture: Picture, now: float | None = None) -> str:
        """A path under which the picture can be had for LIFE seconds from now."""
        now = time.monotonic() if now is None else now
        name = self._names.get(id(picture))  # the picture is kept, so its id can't be another's
        if name is None:
            name = self._names[id(picture)] = secrets.token_hex(8)
            self._bytes += picture.size
        self._kept[name] = _Kept(picture, now + LIFE)
        self._kept.move_to_end(name)
        while len(self._kept) > 1 and self._too_much(now):
            self._drop(next(iter(self._kept)))
        return f"/files/{name}-{next(self._serial)}.{ENDINGS.get(picture.mime, 'bin')}"

    def find(self, path: str, now: float | None = None) -> Picture | None:
        """The picture a link leads to, None when it is unknown or has expired."""
        kept = self._kept.get(path.removeprefix("/files/").partition("-")[0])
        now = time.monotonic() if now is None else now
        return kept.picture if kept and kept.until > now else None

    def _too_much(self, now: float) -> bool:
        oldest = next(iter(self._kept.values()))
        return len(self._kept) > MOST or self._bytes > MOST_BYTES or oldest.until <= now

    def _drop(self, name: str) -> None:
        gone = self._kept.pop(name).picture
        del self._names[id(gone)]
        self._bytes -= gone.size
