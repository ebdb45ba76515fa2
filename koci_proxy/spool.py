"""The place where pictures lie while a request is under way: small ones in memory, large ones in files."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from io import FileIO
from pathlib import Path
from typing import Literal, TypeVar

from .media import Looks, sniff
from .types import PIECE, Media, Sink

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


log = logging.getLogger(__name__)

Done = TypeVar("Done")

# Smaller writes cost more. Larger ones take larger blocks of memory, which a virtual machine has to ask its host for.
_WRITE = 98_304
# Set aside on the disk at once: as much as is taken already, but within these bounds.
_LEAST, _MOST = 262_144, 8_388_608
_PLENTY = 64  # times as much must be free: what is set aside for one picture must not fail another
_MANY = 512  # pieces that one write of the system takes
_HEAD = 65_536  # what is looked at before bytes leave the memory


class InMemory:
    """A spool of at most a few hundred KiB, or of what was paid for while the disk was full."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        return len(self._content)

    def pieces(self, length: int = PIECE, start: int = 0) -> Iterator[bytes]:
        for at in range(start, len(self._content), length):
            yield self._content[at : at + length]

    def publish(self, path: Path) -> None:
        """Puts the bytes at `path`, whole or not at all."""
        _copy(self.pieces(), path)


class OnDisk:
    """A spool in a file, which is given up when nobody holds the spool any more, unless it was published."""

    __slots__ = ("__weakref__", "_file", "_finalizer", "_held", "_path", "_room", "_size", "_spools", "_written")

    def __init__(self, spools: Spools) -> None:
        self._spools = spools  # keeps the folder
        self._size = 0
        self._written = 0
        self._held: list[bytes | bytearray | memoryview] = []
        self._path, self._file = spools.spare.opened() or _made(spools.place() / secrets.token_hex(8))
        self._room: int | None = os.fstat(self._file.fileno()).st_size  # None where none can be set aside
        self._finalizer = weakref.finalize(self, _drop, self._file, self._path, spools.spare)

    @property
    def size(self) -> int:
        return self._size

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """Keeps the piece itself, uncopied, until there are enough of them for a write."""
        self._held.append(piece)
        self._size += len(piece)
        if self._size - self._written >= _WRITE or len(self._held) >= _MANY:
            self._flush()

    def _flush(self) -> None:
        if self._room is not None and self._size > self._room:
            more = min(max(self._room, self._size - self._room, _LEAST), _MOST)
            self._room = self._room + more if preallocate(self._file.fileno(), self._room, more) else None
        _write(self._file, self._held)
        self._held.clear()
        self._written = self._size

    def seal(self) -> None:
        """No more is written; from here on it can be read."""
        self._flush()
        self._file.truncate()  # what was set aside for more, or is left of a longer one before it
        self._file.close()

    def recalled(self) -> bytearray:
        """All that was written so far, back from a file that takes no more."""
        with open(self._path, "rb", buffering=0) as file:
            content = bytearray(file.read(self._written))
        for piece in self._held:
            content += piece
        return content

    def drop(self) -> None:
        self._finalizer()

    def pieces(self, length: int = PIECE, start: int = 0) -> Iterator[bytes]:
        with open(self._path, "rb", buffering=0) as file:
            file.seek(start)
            while piece := file.read(length):
                yield piece

    def publish(self, path: Path) -> None:
        """Puts the bytes at `path`, whole or not at all; by a rename where that can be. Reading goes on as before."""
        if not self._finalizer.alive:  # it lies published elsewhere already
            _copy(self.pieces(), path)
            return
        try:
            _in_folder(lambda: os.replace(self._path, path), path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(self.pieces(), path)
            self._path.unlink()
        self._path = path
        self._finalizer.detach()


class _Filling:
    """A picture that is still coming in. One that is `paid` for goes on in memory where the disk takes no more."""

    __slots__ = ("_disk", "_held", "_looks", "_memory", "_paid", "_spools")

    def __init__(self, spools: Spools, memory: int, *, paid: bool) -> None:
        self._spools = spools
        self._memory = memory
        self._paid = paid
        self._held = bytearray()
        self._looks = Looks()
        self._disk: OnDisk | None = None

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        if self._disk is None:
            self._held += piece
            if len(self._held) > max(self._memory, _HEAD):
                self._spill()
            return
        try:
            self._disk.write(piece)
        except OSError as error:
            self._recall(error)

    def finish(self) -> Media:
        if len(self._held) > self._memory:
            self._spill()
        if self._disk is not None:
            try:
                self._disk.seal()
            except OSError as error:
                self._recall(error)
        spool: InMemory | OnDisk
        if self._disk is None:
            content = bytes(self._held)
            looks = sniff(content)
            spool = InMemory(content)
        else:
            looks = self._looks
            spool = self._disk
        return Media(spool, mime=looks.mime, width=looks.width, height=looks.height, size=spool.size)

    def abort(self) -> None:
        self._held.clear()
        if self._disk is not None:
            self._disk.drop()

    def _spill(self) -> None:
        self._looks = sniff(bytes(self._held))
        try:
            self._disk = OnDisk(self._spools)
            self._disk.write(self._held)
        except OSError as error:
            self._recall(error)
        else:
            self._held = bytearray()

    def _recall(self, error: OSError) -> None:
        if not self._paid:
            raise error
        log.error("a picture that was paid for is held in memory: %s", error)
        self._memory = sys.maxsize
        if self._disk is not None:
            self._held = self._disk.recalled()
            self._disk.drop()
            self._disk = None


class _Spare:
    """Files that nobody holds any more, at most `most` bytes of them: the next pictures are written over them.

    A new file's bytes go to pages fresh from the system, which costs several times what writing them does.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._files: list[tuple[Path, int]] = []

    def opened(self) -> tuple[Path, FileIO] | None:
        """One of them, to be written from its start; None when there is none."""
        while self._files:
            # Another thread may be faster, or whoever clears the disk.
            with contextlib.suppress(IndexError, FileNotFoundError):
                path = self._files.pop()[0]
                return path, _opened(path, "wb", without=os.O_CREAT | os.O_TRUNC)
        return None

    def keep(self, path: Path) -> bool:
        """Whether there is room for one more."""
        size = path.stat().st_size
        if size + sum(length for _, length in tuple(self._files)) > self._most:
            return False
        self._files.append((path, size))
        return True


class Spools:
    """All spools of this process: up to `memory` bytes of each stay in memory, the rest go to files under `folder`.

    A file that nobody holds any more is kept to be written over, up to `spare` bytes in all, and goes with the process.
    The folder is shared with other processes: each makes a folder of its own in it and holds a lock there for as long
    as it lives, and the system takes the lock back however it dies.
    """

    def __init__(self, folder: Path, memory: int = 64 * 1024, spare: int = 64 * 1024 * 1024) -> None:
        self._folder = folder
        self._memory = memory
        self.spare = _Spare(spare)
        self._place: Path | None = None

    def sink(self) -> Sink:
        """A fresh sink. Its `Media` holds a spool with `publish(path)` besides what every spool has."""
        return _Filling(self, self._memory, paid=False)

    def paid_sink(self) -> Sink:
        """A fresh sink for what comes only once: while the disk is full memory takes all of it, and says so."""
        return _Filling(self, self._memory, paid=True)

    def place(self) -> Path:
        """The folder of this process, made when the first file needs it. Only its owner may look into it."""
        if self._place is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._place, lock = _claim(self._folder)
            weakref.finalize(self, _leave, self._place, lock)
        return self._place

    def sweep(self) -> int:
        """Removes what dead processes left behind; how many of them there were. To be called at start."""
        return sum(_clear(place) for place in self._folder.glob("spool-*") if place != self._place)


def _claim(folder: Path) -> tuple[Path, int]:
    """A new locked folder. Another process's sweep may come between any two steps: then a next one is made."""
    for _ in range(16):
        place = folder / f"spool-{secrets.token_hex(8)}"
        place.mkdir(mode=0o700)
        try:
            lock = os.open(place / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except FileNotFoundError:
            continue
        try:
            _lock(lock)
        except OSError:
            os.close(lock)
            continue
        if (place / "lock").exists():
            return place, lock
        os.close(lock)
    raise OSError(errno.ENOLCK, "no lock can be taken in the spool folder", str(folder))


def _clear(place: Path) -> bool:
    """Removes a folder whose lock nobody holds."""
    try:
        lock = os.open(place / "lock", os.O_RDWR)
    except OSError:  # just being made, or just gone
        return False
    try:
        _lock(lock)
    except OSError:
        os.close(lock)
        return False
    _leave(place, lock)
    return True


def _leave(place: Path, lock: int) -> None:
    shutil.rmtree(place, ignore_errors=True)
    os.close(lock)


def _drop(file: FileIO, path: Path, spare: _Spare) -> None:
    file.close()
    with contextlib.suppress(FileNotFoundError):
        if not spare.keep(path):
            path.unlink()


def _made(path: Path) -> tuple[Path, FileIO]:
    """A new file that only its owner may read."""
    return path, _opened(path, "xb")


def _opened(path: Path, mode: Literal["wb", "xb"], without: int = 0) -> FileIO:
    """A file to be written, opened with the flags of a mode but for some."""
    return FileIO(path, mode, opener=lambda name, flags: os.open(name, flags & ~without, 0o600))


def _write(file: FileIO, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
    if sys.platform == "win32":
        rest = b"".join(pieces)
    elif (written := os.writev(file.fileno(), pieces)) == sum(map(len, pieces)):
        return
    else:
        rest = b"".join(pieces)[written:]  # the disk is full, which the next one says
    while rest:
        rest = rest[file.write(rest) :]


def _copy(pieces: Iterator[bytes], path: Path) -> None:
    """Writes beside `path` first and renames, so that no reader ever sees half a file."""
    folder, name = os.path.split(path)
    beside = f"{folder}/.{name}.{secrets.token_hex(4)}"
    handle = _in_folder(lambda: os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), path)
    try:
        with open(handle, "wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _in_folder(step: Callable[[], Done], path: Path) -> Done:
    """A step in the folder of a path, which is made where it is missing."""
    try:
        return step()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return step()


def preallocate(handle: int, at: int, length: int) -> bool:
    """Make a file reach to `at + length` bytes, with blocks for all of it; whether that was done.

    ext4 then takes a large picture in two thirds of the time. It is not done where the disk has no plenty of room, nor
    by systems and file systems that do not know how.
    """
    found = _fallocate()
    if found is None:
        return False
    disk = os.fstatvfs(handle)
    return disk.f_bavail * disk.f_frsize >= _PLENTY * length and found(handle, 0, at, length) == 0


@cache
def _fallocate() -> Callable[[int, int, int, int], int] | None:
    """Linux's own `fallocate(2)`. The `posix_fallocate` that Python has writes to every block where that fails."""
    try:
        import ctypes  # half a MB that only large pictures need

        library = ctypes.CDLL(None)
        found = getattr(library, "fallocate64", None) or library.fallocate
    except (ImportError, TypeError, OSError, AttributeError):  # Windows, macOS
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    called: Callable[[int, int, int, int], int] = found
    return called
