"""A sheet is one file of the house as far as it is sound: read, filled with variables, held against its schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as Folder
from typing import Any

from . import shape, yaml
from .complain import Complaint, Path
from .interpolate import Filled, fill


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file. `complaints` are those of its syntax and shape; missing variables stand in `filled.failed`."""

    document: yaml.Document
    filled: Filled
    complaints: tuple[Complaint, ...] = ()
    spoilt: frozenset[Path] = field(default=frozenset())

    @property
    def value(self) -> Any:
        return self.filled.value

    def sound(self, path: Path = (), *, filled: bool = True) -> bool:
        """Whether nothing at, under or around a path is spoilt; with `filled`, nor any variable missing there."""
        bad = [*self.spoilt, *(self.filled.failed if filled else ())]
        return not any(one[: len(path)] == path or path[: len(one)] == one for one in bad)

    def part(self, name: str, default: Any) -> Any:
        """A top-level part; the default where it is left out or not sound."""
        return self.value.get(name, default) if self.sound((name,)) else default

    def unfilled(self, *within: Path) -> list[Complaint]:
        """Complaints about the missing variables at or under these paths."""
        return [
            self.document.about(path, what)
            for path, what in self.filled.failed.items()
            if any(path[: len(one)] == one for one in within)
        ]

    def outside(self, part: str) -> list[str]:
        """What variables put into a top-level part."""
        return [piece for path, found in self.filled.outside.items() if path[0] == part for piece in found]


def open_sheet(path: Folder, name: str, schema: Folder, environ: Mapping[str, str], folder: Folder) -> Sheet:
    """Read a file that complaints call `name`; relative `${file:…}` begin at `folder`. What is in it never raises."""
    text = _text(path, name)
    if isinstance(text, Complaint):
        return Sheet(yaml.Document(name), Filled(None), (text,), frozenset({()}))
    document = yaml.read(name, text)
    if document.value is None:
        empty = Complaint(name, 1, 1, "", "the file is empty")
        return Sheet(document, Filled(None), document.complaints or (empty,), frozenset({()}))
    filled = fill(document.value, environ, folder)
    found = list(shape.breaches(document, filled, schema))
    complaints = (*document.complaints, *(breach.complaint for breach in found))
    return Sheet(document, filled, complaints, frozenset(b.spoilt for b in found if b.spoilt is not None))


def _text(path: Folder, name: str) -> str | Complaint:
    try:
        content = path.read_bytes()
    except OSError as error:
        return Complaint(name, 1, 1, "", f"cannot be read: {error.strerror}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Complaint(name, line, error.start - content.rfind(b"\n", 0, error.start), "", "is not UTF-8 text")
