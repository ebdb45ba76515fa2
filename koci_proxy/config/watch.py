"""The watch over a house's files: wakes whoever reloads when `routes.yaml`, a provider or a plugin has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path as Folder

from watchfiles import Change, awatch

DEBOUNCE = 80  # milliseconds that changes are gathered
LOOK = 500  # milliseconds after which we look ourselves: a network mount may send no word of a change
BESIDE = ("providers", "plugins")
ENDINGS = (".yaml", ".yml", ".py")

Seen = dict[Folder, tuple[int, int, int]]


async def changes(path: Folder, stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield after each change of `routes.yaml` or of `providers/` or `plugins/` beside it, until `stop` is set.

    Folders are watched, not files: a write in place, a rename over the file and a swapped symbolic link are all seen.
    What is written elsewhere, such as pictures under `data/`, wakes nobody.
    """
    seen = _look(path)
    while not stop.is_set():
        folders = _folders(path)
        watched = awatch(
            *folders,
            watch_filter=_matters,
            recursive=False,
            debounce=DEBOUNCE,
            step=20,
            stop_event=stop,
            rust_timeout=LOOK,
            yield_on_timeout=True,
        )
        async with aclosing(watched) as wakes:
            async for _ in wakes:
                now = _look(path)
                if now != seen:
                    seen = now
                    yield
                if _folders(path) != folders:  # one has come or gone, perhaps with files nobody told us of
                    break


def _matters(change: Change, file: str) -> bool:
    """A log that grows beside `routes.yaml` is none of ours; what comes, goes or is swapped may be."""
    return change is not Change.modified or file.endswith(ENDINGS)


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


def _look(path: Folder) -> Seen:
    """What tells one state of the files from the next: time of change, length, and which file it is."""
    seen: Seen = {}
    for file in _files(path):
        try:
            stat = file.stat()
        except OSError:  # gone while we looked
            continue
        seen[file] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return seen
