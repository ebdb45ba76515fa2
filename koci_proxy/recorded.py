"""Nouns written down as JSON and read back: a job, its result, a ticket or a fault, for whoever goes on with it later.

The bytes of a picture are not written: it must lie in the store by then, or it comes back without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, replace
from typing import Any

from .faults import Fault
from .types import Job, Media, Note, Result, Size, Ticket

_NOUNS: Mapping[str, type] = {noun.__name__: noun for noun in (Job, Media, Note, Result, Size, Ticket)}
_FAULT = ("kind", "message", "field", "code", "retry_after", "vendor", "stage", "details")
# The key that says what an object was; apps may use it too, so a mapping of theirs that has it is wrapped.
_MARK = "$"


def write(value: Any) -> Any:
    """A value of nouns, mappings, tuples, lists and scalars as plain JSON. Raises TypeError for anything else."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Fault():
            kept = {name: write(getattr(value, name)) for name in _FAULT}
            return {_MARK: "Fault", **{name: each for name, each in kept.items() if each is not None}}
        case Media():
            return _noun(replace(value, data=None))
        case Job() | Note() | Result() | Size() | Ticket():
            return _noun(value)
        case Mapping():
            plain = {str(name): write(each) for name, each in value.items()}
            return {_MARK: "Mapping", "of": plain} if _MARK in plain else plain
        case tuple():
            return {_MARK: "tuple", "of": [write(each) for each in value]}
        case list():
            return [write(each) for each in value]
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written down")


def _noun(value: Any) -> dict[str, Any]:
    """What is as it is by default is left out, so that a row written today is read by a version with more fields."""
    written: dict[str, Any] = {_MARK: type(value).__name__}
    for field in fields(value):
        each = getattr(value, field.name)
        if not _by_default(field, each):
            written[field.name] = write(each)
    return written


def _by_default(field: Field[Any], value: Any) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return default is not MISSING and bool(value == default)


def read(value: Any) -> Any:
    """What `write` wrote. A field that this version does not know is passed over."""
    if isinstance(value, list):
        return [read(each) for each in value]
    if not isinstance(value, dict):
        return value
    mark = value.get(_MARK)
    if mark == "Mapping":
        return {name: read(each) for name, each in value["of"].items()}
    if mark == "tuple":
        return tuple(read(each) for each in value["of"])
    inner = {name: read(each) for name, each in value.items() if name != _MARK}
    if mark == "Fault":
        kind, message = inner.pop("kind"), inner.pop("message")
        return Fault(kind, message, **{name: each for name, each in inner.items() if name in _FAULT})
    noun = _NOUNS.get(mark) if isinstance(mark, str) else None
    if noun is None:
        return inner
    known = {field.name for field in fields(noun)}
    return noun(**{name: each for name, each in inner.items() if name in known})


def held(value: Any) -> Iterator[Media]:
    """Every picture in a value whose bytes we hold."""
    match value:
        case Media(data=data) if data is not None:
            yield value
        case Job() | Result():
            for field in fields(value):
                yield from held(getattr(value, field.name))
        case Mapping():
            for each in value.values():
                yield from held(each)
        case tuple() | list():
            for each in value:
                yield from held(each)


def keys(value: Any) -> Iterator[str]:
    """The key of every picture in a value that lies in the store."""
    match value:
        case Media(key=str() as key):
            yield key
        case Job() | Result():
            for field in fields(value):
                yield from keys(getattr(value, field.name))
        case Mapping():
            for each in value.values():
                yield from keys(each)
        case tuple() | list():
            for each in value:
                yield from keys(each)


def exchanged(value: Any, by: Callable[[Media], Media]) -> Any:
    """The same value with every picture replaced by what `by` makes of it."""
    match value:
        case Media():
            return by(value)
        case Job() | Result():
            changed = {field.name: exchanged(getattr(value, field.name), by) for field in fields(value)}
            return replace(value, **changed)
        case Mapping():
            return {name: exchanged(each, by) for name, each in value.items()}
        case tuple():
            return tuple(exchanged(each, by) for each in value)
        case list():
            return [exchanged(each, by) for each in value]
        case _:
            return value
