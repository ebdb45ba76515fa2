"""YAML as the house reads it: the 1.2 core schema with a mark for every value, and no second meaning for anything.

Stock YAML 1.1 reads `16:9` as 969 and `on` as true, and takes a doubled key without a word. Here a plain word is a
null, a boolean or a number only where the core schema of YAML 1.2 says so, a key is always text, and a doubled key is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import yaml

from .complain import Complaint, Path, dotted

MAX_DEPTH = 40  # the composer of libyaml recurses in C and kills the process at some 10,000 levels
MAX_VALUES = 200_000  # a file that unfolds its aliases to more is an attack, not a config

_Parser: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,300}\Z")
_BASED = re.compile(r"0o[0-7]{1,300}\Z|0x[0-9a-fA-F]{1,300}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_ODD = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_TAGS = {"tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", "!"}

Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its value, the marks (line, column; from 1) of its values and keys, and what the reader refused."""

    file: str
    value: Any = None
    marks: Mapping[Path, Mark] = field(default_factory=dict)
    keys: Mapping[Path, Mark] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()

    def complaint(self, path: Path, what: str) -> Complaint:
        """A complaint at the key of this path; where it has none, at its value, else at the nearest thing around it."""
        return Complaint(self.file, *self._mark(path, self.keys), dotted(path), what)

    def about(self, path: Path, what: str) -> Complaint:
        """A complaint at the value of this path."""
        return Complaint(self.file, *self._mark(path, self.marks), dotted(path), what)

    def _mark(self, path: Path, first: Mapping[Path, Mark]) -> Mark:
        for length in range(len(path), -1, -1):
            for marks in (first, self.marks):
                if path[:length] in marks:
                    return marks[path[:length]]
        return 1, 1

    def raw(self, path: Path) -> Any:
        """What is written at a path, before any variable was put in: fit to be shown."""
        value = self.value
        for step in path:
            value = value[step]
        return value


class _Refused(Exception):
    """The text cannot be read on from here."""

    def __init__(self, mark: Mark, path: Path, what: str) -> None:
        super().__init__(what)
        self.mark, self.path, self.what = mark, path, what


def read(file: str, text: str) -> Document:
    """Read one file's text; what is wrong with it stands in the document's `complaints`."""
    builder = _Builder(file)
    try:
        builder.feed(yaml.parse(text, Loader=_Parser))
    except _Refused as refused:
        builder.complaints.append(Complaint(file, *refused.mark, dotted(refused.path), refused.what))
    except yaml.YAMLError as error:
        builder.complaints.append(Complaint(file, *_where(error, text), "", _why(error, text)))
    broken = bool(builder.complaints) and not builder.whole
    value = None if broken else builder.value
    return Document(file, value, builder.marks, builder.keys, tuple(builder.complaints))


class _Builder:
    """Values out of events, with their marks."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.marks: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.complaints: list[Complaint] = []
        self.whole = False
        self.anchors: dict[str, Any] = {}
        self.count = 0

    def feed(self, events: Iterator[Any]) -> None:
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(_at(event), (), "a second document begins here; one file holds one")
            elif not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
                self.value = self.node(event, events, ())
        self.whole = True

    def node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        self.marks[path] = _at(event)
        self.count += 1
        if self.count > MAX_VALUES:
            raise _Refused(_at(event), path, f"the file unfolds to more than {MAX_VALUES} values")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, path)
        if len(path) > MAX_DEPTH:
            raise _Refused(_at(event), (), f"nested more than {MAX_DEPTH} levels deep")
        if event.tag is not None and event.tag not in _TAGS:
            raise _Refused(_at(event), path, f"the tag {event.tag} has no meaning here; leave it out")
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self.sequence(events, path)
        else:
            value = self.mapping(events, path)
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        return value

    def alias(self, event: Any, path: Path) -> Any:
        if event.anchor not in self.anchors:
            raise _Refused(_at(event), path, f"no anchor '&{event.anchor}' ends before this alias")
        value = self.anchors[event.anchor]
        self.count += _values(value, MAX_VALUES - self.count)
        if self.count > MAX_VALUES:
            raise _Refused(_at(event), path, f"the file unfolds to more than {MAX_VALUES} values")
        return value

    def scalar(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if not event.implicit[0] or event.tag is not None:
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.match(text):
            return int(text)
        if _BASED.match(text):
            return int(text, 0)
        if _FLOAT.match(text) and isfinite(float(text)):
            return float(text)
        if _FLOAT.match(text) or _ODD.match(text):
            raise _Refused(_at(event), path, f"{text[:60]} is no number that can be worked with")
        return text

    def sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self.node(event, events, (*path, len(items))))
        return items

    def mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise _Refused(_at(event), path, "a key must be a plain word")
            key = event.value
            here = (*path, key)
            if key in items:
                line = self.keys[here][0]
                what = f"written twice; the first is on line {line}"
                self.complaints.append(Complaint(self.file, *_at(event), dotted(here), what))
                self.node(next(events), events, (*here, "again"))
                continue
            self.keys[here] = _at(event)
            items[key] = self.node(next(events), events, here)
        return items


def _values(value: Any, enough: int) -> int:
    """How many values are in this one, counted no further than `enough`."""
    count, waiting = 0, [value]
    while waiting and count <= enough:
        inner = waiting.pop()
        count += 1
        if isinstance(inner, dict):
            waiting.extend(inner.values())
        elif isinstance(inner, list):
            waiting.extend(inner)
    return count


def _at(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _where(error: yaml.YAMLError, text: str) -> Mark:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return mark.line + 1, mark.column + 1
    before = text[: getattr(error, "position", 0) or 0]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _why(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return "holds a character that YAML does not allow (a control character?)"
    line, column = _where(error, text)
    written = [*text.split("\n"), ""][line - 1]
    problem = str(getattr(error, "problem", None) or error)
    if written[column - 1 : column] == "\t":
        return "a tab cannot indent in YAML; use spaces"
    if written[max(column - 2, 0) : column] == "${":
        return "inside [ ] or { } a ${VARIABLE} needs quotes around it"
    if "mapping values are not allowed" in problem:
        return "a second ': ' in one value; put the text in quotes, or check the indentation"
    start = getattr(error, "context_mark", None)
    context = getattr(error, "context", None)
    opened = f" ({context} on line {start.line + 1})" if context and start is not None else ""
    return f"not readable as YAML: {problem}{opened}"
