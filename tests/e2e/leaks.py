"""A scan for what must never be written down or shown: keys, base64, and where the vendors are."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# A picture is thousands of letters; a number, a name or a link of ours is never so long.
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{160,}={0,2}")


def found(texts: Mapping[str, str], secrets: Iterable[str], hosts: Iterable[str]) -> list[str]:
    """What stands where it must not: "<place>: <what>" for each."""
    hits = []
    for place, text in texts.items():
        hits += [f"{place}: secret …{secret[-4:]}" for secret in secrets if secret in text]
        hits += [f"{place}: host {host}" for host in hosts if host in text]
        hits += [f"{place}: base64 {hit[0][:40]}…" for hit in BASE64.finditer(text)]
    return hits


def dumped(file: Path) -> str:
    """All that stands in a SQLite file, as text."""
    with sqlite3.connect(file) as connection:
        return "\n".join(connection.iterdump())


def written(folder: Path) -> Iterator[tuple[str, str]]:
    """The text files of a house: its logs."""
    for file in sorted(folder.glob("*.txt")):
        yield file.name, file.read_text(encoding="utf-8", errors="replace")
