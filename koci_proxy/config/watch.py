"""The watch over a house's files: wakes whoever reloads when `routes.yaml`, a provider, a plugin or a secret in a file
has changed.
"""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path as Folder

from watchfiles import Change, awatch

from .interpolate import named

DEBOUNCE = 80  # milliseconds that changes are gathered
LOOK = 500  # milliseconds after which we look ourselves: a network mount may send no word of a change
BESIDE = ("providers", "plugins")
ENDINGS = (".yaml", ".yml", ".py")

Seen = dict[Folder, tuple[int, int, int]]


async def changes(path: Folder, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield after each change of `routes.yaml`, of `providers/` or `plugins/` beside it, or of a file that is named by
    `${file:…}`, until `stop` is set.

    Folders are watched, not files: a write in place, a rename over the file and a swapped symbolic link are all seen.
    What is written elsewhere, such as pictures under `data/`, wakes nobody. Secrets lie in folders of others, which
    may be busy, or none that we may watch: those files are looked at.
    """
    eye = _Eye(path)
    while not stop.is_set():
        folders = _folders(path)
        watched = awatch(
            *folders,
            watch_filter=eye.opens,
            recursive=False,
            debounce=DEBOUNCE,
            step=20,
            stop_event=stop,
            rust_timeout=LOOK,
            yield_on_timeout=True,
        )
        async with aclosing(watched) as wakes:
            async for _ in wakes:
                if eye.surprised():
                    yield
                if _folders(path) != folders:  # one has come or gone, perhaps with files nobody told us of
                    break


class _Eye:
    """What was seen of a house's files when they were last looked at."""

    def __init__(self, path: Folder) -> None:
        self._path = path
        self._house: Seen = {}
        self._secrets: Seen = {}
        self._named: frozenset[Folder] = frozenset()
        self._looked = 0.0
        self.surprised()

    def opens(self, change: Change, file: str) -> bool:
        """A log that grows beside `routes.yaml` is none of ours; what comes, goes or is swapped may be.

        While such a log grows the watch is never silent, and the look at what it does not tell of is due all the same.
        """
        due = time.monotonic() > self._looked + LOOK / 1000
        return due or change is not Change.modified or file.endswith(ENDINGS)

    def surprised(self) -> bool:
        """Look, and say whether anything is not as it was."""
        house = _look(_files(self._path))
        same = house == self._house
        if not same:
            self._named = frozenset(_secrets(self._path, house))
        secrets = _look(self._named)
        same = same and secrets == self._secrets
        self._house, self._secrets, self._looked = house, secrets, time.monotonic()
        return not same


def _folders(path: Folder) -> list[Folder]:
    """The folders to be watched, those behind symbolic links included."""
    found = {path.parent, path.resolve().parent}
    for name in BESIDE:
        root = path.parent / name
        found.update(folder for folder in (root, *root.rglob("*")) if folder.is_dir() and folder.name != "__pycache__")
    return sorted(folder for folder in found if folder.is_dir())


def _files(path: Folder) -> Iterator[Folder]:
    yield path
    for name in BESIDE:
        for ending in ENDINGS:
            yield from (path.parent / name).rglob(f"*{ending}")


def _secrets(path: Folder, house: Iterable[Folder]) -> Iterator[Folder]:
    """The files that the YAML files of a house name by `${file:…}`, also those that are not there yet."""
    for file in house:
        if file.suffix != ".py":
            try:
                text = file.read_text("utf-8", errors="replace")
            except OSError:  # gone while we looked
                continue
            yield from named(text, path.parent)


def _look(files: Iterable[Folder]) -> Seen:
    """What tells one state of the files from the next: time of change, length, and which file it is."""
    seen: Seen = {}
    for file in files:
        try:
            found = file.stat()
        except (OSError, ValueError):  # gone while we looked, not there yet, or no name that a file can have
            continue
        if stat.S_ISREG(found.st_mode):
            seen[file] = (found.st_mtime_ns, found.st_size, found.st_ino)
    return seen
