"""Text with placeholders: `{name}`, `{name|default}`, `{name!}` for one that must have a value, `{{` for a brace."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_HOLE = re.compile(r"([A-Za-z0-9_.-]+)(?:(!)|\|(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hole:
    """A placeholder; `must` says that there is no call without its value."""

    name: str
    default: str | None = None
    must: bool = False


@lru_cache(maxsize=1024)
def split(text: str) -> tuple[str | Hole, ...]:
    """The text as pieces and placeholders in turn. `ValueError` says what cannot be read."""
    pieces: list[str | Hole] = []
    for token in _TOKEN.finditer(text):
        found = token.group()
        if found in ("{", "}"):
            raise ValueError(f"'{found}' has no other end (a brace that means itself is written twice)")
        if token.group(1) is None:
            pieces.append({"{{": "{", "}}": "}"}.get(found, found))
            continue
        named = _HOLE.fullmatch(token.group(1))
        if not named:
            raise ValueError(f"'{found}' is no placeholder (a brace that means itself is written twice)")
        pieces.append(Hole(named[1], named[3], named[2] is not None))
    return tuple(pieces)


def holes(text: str) -> list[Hole]:
    """The placeholders of a text in order."""
    return [piece for piece in split(text) if isinstance(piece, Hole)]


def strangers(text: str, known: Iterable[str]) -> list[str]:
    """The names that are none of the known ones; a known `options.*` stands for every name under `options.`."""
    known = tuple(known)
    open_ended = tuple(name[:-1] for name in known if name.endswith(".*"))
    return [
        hole.name
        for hole in holes(text)
        if hole.name not in known
        and not any(hole.name.startswith(head) and len(hole.name) > len(head) for head in open_ended)
    ]
