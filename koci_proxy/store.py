"""The shelf of delivered pictures: a folder of files under unguessable names, and the links to them."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from .faults import Fault, Stage
from .media import EXTENSIONS as media_types
from .media import sniff
from .types import PIECE, Media, Spool

log = logging.getLogger(__name__)

Done = TypeVar("Done")

_KEPT = ("image/png", "image/jpeg", "image/webp", "image/gif", "video/mp4", "video/quicktime", "video/webm")
EXTENSIONS = {mime: media_types[mime] for mime in _KEPT}
MIMES = {extension: mime for mime, extension in EXTENSIONS.items()}
# 130 random bits in lower-case base32, and the type of the bytes.
_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567" * 8
_KEY = re.compile(r"[a-z2-7]{26}\.(?:" + "|".join(MIMES) + ")")
# A signed link to a picture that is kept for ever is good for this long, in seconds.
WEEK = 7 * 86_400.0
# Larger ones than this many bytes are not written while the event loop waits.
SMALL = 256 * 1024
# What was being written when a process died may lie about for so long, in seconds.
LEFTOVER = 3600.0
_HEAD = 65_536
# The disk is full where less than this many bytes are free, and less than this share of a small disk.
FLOOR, SHARE = 64 * 1024 * 1024, 20
# Seconds that what was said of the disk is believed, and that room on it is waited for: then somebody has seen to it.
BELIEVED, PATIENCE = 1.0, 900.0
# Seconds between two tries to write, the first and the longest.
FIRST, LONGEST = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class Kept:
    """The spool of a picture on the shelf."""

    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def pieces(self, length: int = PIECE, start: int = 0) -> Iterator[bytes]:
        with self.path.open("rb", buffering=0) as file:
            file.seek(start)
            while piece := file.read(length):
                yield piece


class Store:
    """A folder of pictures, each at `<folder>/<first two letters>/<id>.<extension>`; safe to share between processes.

    `keep` is how long a picture stays, in seconds, None for ever. With `signed` a link carries an end and a signature
    made with `secret`; when none is given it is kept in `<folder>/.secret`.
    """

    def __init__(
        self, folder: Path, *, keep: float | None = None, signed: bool = False, secret: bytes | None = None
    ) -> None:
        self.folder = folder
        self._folder = str(folder)
        self.keep = keep
        self._secret = (secret or kept_secret(folder)) if signed else None
        self._seen, self._full = -BELIEVED, False

    @property
    def full(self) -> bool:
        """Whether there is so little room that nothing should be ordered which must be kept."""
        now = time.monotonic()
        if now >= self._seen + BELIEVED:
            self._seen = now
            with contextlib.suppress(FileNotFoundError):  # the folder is made with its first picture
                disk = shutil.disk_usage(self._folder)
                self._full = disk.free < min(FLOOR, disk.total // SHARE)
        return self._full

    def check(self) -> None:
        """`Fault` down where the disk is full: said before a vendor is asked for what could not be kept."""
        if self.full:
            raise crammed("not_sent")

    async def put(self, media: Media) -> Media:
        """Shelve a picture that we hold the bytes of; what comes back has its key in their place.

        Raises `Fault` garbled for bytes that are no picture or film of a known type.
        """
        if media.key is not None:
            return media
        if media.data is None:
            raise Fault("internal", "only bytes can be stored: a linked picture must be fetched first")
        mime = media.mime if media.mime in EXTENSIONS else sniff(_head(media.data)).mime
        if mime not in EXTENSIONS:
            raise Fault(
                "garbled", f"the upstream sent {mime or 'something unknown'}, which is no picture that can be kept"
            )
        key = f"{secrets.token_bytes(26).translate(_LETTERS).decode()}.{EXTENSIONS[mime]}"
        size = media.data.size
        if size > SMALL:
            await asyncio.to_thread(_publish, media.data, self._place(key))
        else:
            _publish(media.data, self._place(key))
        return replace(media, data=None, key=key, mime=mime, size=size)

    def path(self, key: str) -> Path | None:
        """Where a picture lies; None for one that is not here, and for anything that is no key of ours."""
        if not _KEY.fullmatch(key):
            return None
        path = self._place(key)
        return path if path.is_file() else None

    def find(self, id: str) -> str | None:
        """The key of a picture by its id or key; None for one that is not here. Looks for each kind of file in turn."""
        if self.path(id):
            return id
        keys = (f"{id}.{extension}" for extension in MIMES)
        return next((key for key in keys if self.path(key)), None)

    def media(self, key: str) -> Media:
        """A picture read back from the shelf. `Fault` not_found."""
        path = self.path(key)
        if path is None:
            raise Fault("not_found", "there is no such picture, or it has expired")
        spool = Kept(path)
        looks = sniff(_head(spool))
        mime = looks.mime or MIMES[path.suffix[1:]]
        return Media(data=spool, mime=mime, width=looks.width, height=looks.height, size=spool.size)

    def link(self, key: str, base: str, now: float | None = None) -> str:
        """The URL of a picture under `base`; `now` is in Unix seconds."""
        url = f"{base.rstrip('/')}/storage/images/{key}"
        if self._secret is None:
            return url
        expires = int((time.time() if now is None else now) + (self.keep or WEEK))
        return f"{url}?expires={expires}&signature={_sign(self._secret, key, expires)}"

    def verify(self, key: str, query: Mapping[str, str], now: float | None = None) -> bool:
        """Whether a link's query opens that picture now. Where links are not signed every key of ours does."""
        if self._secret is None:
            return True
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not re.fullmatch(r"[0-9]{1,12}", expires) or not signature.isascii():
            return False
        right = _sign(self._secret, key, int(expires))
        return hmac.compare_digest(right, signature) and int(expires) > (time.time() if now is None else now)

    def drop(self, key: str) -> None:
        """Take a picture off the shelf before its time; one that is not there is no matter."""
        path = self.path(key)
        if path is not None:
            path.unlink(missing_ok=True)

    def sweep(self, now: float | None = None) -> int:
        """Remove what was kept long enough, and halves that dead processes left; how many. Looks at every file."""
        now = time.time() if now is None else now
        return sum(self._drop(file, now) for file in self.folder.glob("??/*"))

    def _drop(self, file: Path, now: float) -> bool:
        limit = self.keep if _KEY.fullmatch(file.name) else LEFTOVER if file.name.startswith(".") else None
        # Another process may sweep the same folder.
        with contextlib.suppress(FileNotFoundError):
            if limit is not None and file.stat().st_mtime < now - limit:
                file.unlink()
                return True
        return False

    def _place(self, key: str) -> Path:
        return Path(f"{self._folder}/{key[:2]}/{key}")


async def patiently(work: Callable[[], Awaitable[Done]]) -> Done:
    """Do what writes to the disk, again and again while it cannot be written: what is kept there was paid for.

    `Fault` down where that takes too long.
    """
    waited, wait = 0.0, FIRST
    while True:
        try:
            return await work()
        except OSError as error:
            if waited + wait > PATIENCE:
                raise crammed("accepted") from error
            log.error("what was paid for cannot be kept, and is kept in %g s: %s", wait, error)
        await asyncio.sleep(wait)
        waited, wait = waited + wait, min(wait * 2, LONGEST)


def crammed(stage: Stage) -> Fault:
    return Fault("down", "the disk of this house is full", code="disk_full", stage=stage)


def _publish(spool: Spool, path: Path) -> None:
    """Puts a spool's bytes at a path. One that can do it itself does, often without a copy; of the others, which are
    small, the file is there at once: nobody knows its name before it is whole.
    """
    publish = getattr(spool, "publish", None)
    if publish is not None:
        publish(path)
        return
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        handle = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, flags, 0o600)
    try:
        with open(handle, "wb") as file:
            file.writelines(spool.pieces())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _head(spool: Spool) -> bytes:
    return next(spool.pieces(_HEAD), b"")


def _sign(secret: bytes, key: str, expires: int) -> str:
    return hmac.new(secret, f"{key}\n{expires}".encode(), "sha256").hexdigest()


def kept_secret(folder: Path) -> bytes:
    """The secret of all processes that share a folder, readable by its owner alone; made where there is none."""
    path = folder / ".secret"
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".secret.{secrets.token_hex(4)}")
    if not path.exists():
        handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        # A link, not a rename: whoever comes second takes the secret of the first, and nobody reads half a one.
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)
        beside.unlink()
    return path.read_bytes()
