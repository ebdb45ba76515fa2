"""Answers as a person reads them in a terminal."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# How the further lines of a row begin.
GAP = " " * 4


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns in line; the last one is not padded."""
    return "\n".join(Columns(heads).lines(rows))


def pairs(rows: Sequence[tuple[str, str]]) -> str:
    """One fact a line, each behind its name."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {printable(value)}".rstrip() for name, value in rows)


class Columns:
    """Columns in line for rows that come by and by: each is as wide as the widest cell it had so far.

    A row that is wider than `most`, if that is said, goes on in further lines, which begin with a gap.
    """

    def __init__(self, heads: Sequence[str], most: int | None = None) -> None:
        self._heads: list[Sequence[str]] = [heads]
        self._widths = [0] * len(heads)
        self._most = most

    def lines(self, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        """The rows as lines, before the first of them the heads."""
        every = [[printable(cell) for cell in row] for row in (*self._heads, *rows)]
        self._heads = []
        for row in every:
            self._widths = [max(width, _width(cell)) for width, cell in zip(self._widths, row, strict=True)]
        for row in every:
            yield from (line.rstrip() for line in self._folded(row) if line.strip())

    def _folded(self, row: Sequence[str]) -> Iterator[str]:
        line, used = "", 0
        for cell, width in zip(row, self._widths, strict=True):
            if line and self._most is not None and used + width > self._most:
                yield line
                line, used = GAP, len(GAP)
            line += cell + " " * (width - _width(cell) + 2)
            used += width + 2
        yield line


def printable(text: str) -> str:
    """Without what a terminal would take for an order."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _width(text: str) -> int:
    """How many columns of a terminal a text takes: letters of some scripts are two wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def job_rows(rows: Sequence[Any], names: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Jobs as `koci-proxy jobs` prints them, with the `names` of the keys of those ids."""
    return [
        (row.id, row.status, row.model, names.get(row.owner, row.owner), moment(row.created_at), row.attention or "")
        for row in rows
    ]


def moment(seconds: float) -> str:
    """A time in UTC, as every other time here is."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def day(seconds: float) -> str:
    return moment(seconds)[:10]


def explanation(answer: Mapping[str, Any]) -> str:
    """What `koci-proxy explain` prints."""
    lines = [f"{answer['model']}: asked {answer['asked']}, size policy {answer['policy']}"]
    lines += [f"  note: {note}" for note in answer["notes"]]
    for at, target in enumerate(answer["targets"], 1):
        lines += ["", f"{at}. {target['target']} ({target['dialect']}), keys {', '.join(target['keys'])}"]
        lines += [f"   {line}" for line in _target(target)]
    return "\n".join(lines)


def _target(target: Mapping[str, Any]) -> list[str]:
    if "refused" in target:
        return [f"refused: {target['refused']}"]
    size, request = target["size"], target["request"]
    expected = f", expected {size['expected']}" if size["expected"] else ""
    lines = [f"size: sent {size['sent']}{expected}"]
    lines += [f"seconds: {target['seconds']:g}"] if target.get("seconds") is not None else []
    lines += [f"note: {note}" for note in target["notes"]]
    lines += [f"price: {target['price']} credits", f"calls: {target['calls']}", f"{request['method']} {request['url']}"]
    lines += [f"{name}: {value}" for name, value in request["headers"].items()]
    lines += json.dumps(request["body"], indent=2, ensure_ascii=False).splitlines()
    return lines
