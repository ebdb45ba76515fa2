"""Complaints: what is wrong in a file of the house, where it stands, and the nearest right word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    """One mistake. `line` and `column` count from 1; `key` is the dotted way to it, "" for the file as a whole."""

    file: str
    line: int
    column: int
    key: str
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        return place + (f"{self.key}: {self.what}" if self.key else self.what)


class ConfigError(ValueError):
    """The files of a house do not hold together; `complaints` are all that is wrong, sorted by place."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = tuple(sorted(set(complaints)))
        super().__init__("\n".join(str(complaint) for complaint in self.complaints))


def dotted(path: Path) -> str:
    """("models", "image-2", "to", 0) -> "models.image-2.to[0]"."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like this one; None when none comes near."""
    lowered = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), lowered, n=3)
    # Half alike is a slip only if the beginning is right: "paint-2" means "paint-image-2", "listen" is not "aliases".
    sure = [
        *get_close_matches(word.lower(), found, n=1, cutoff=0.7),
        *(near for near in found if near[:1] == word[:1].lower()),
    ]
    return lowered[sure[0]] if sure else None


def hint(word: str, known: Iterable[str]) -> str:
    """The tail of a complaint about an unknown word: the nearest right one, else all of them."""
    names = sorted(known)
    near = nearest(word, names)
    if near:
        return f" — did you mean '{near}'?"
    return f"; known: {', '.join(names)}" if names else ""


def spoken(value: Any) -> str:
    """A value of a file as it is named in a complaint."""
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 60 else f"'{value[:57]}…'"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "nothing" if value is None else str(value)
