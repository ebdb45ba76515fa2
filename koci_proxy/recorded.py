"""Nouns written down as JSON and read back: a job, its result, a ticket or a fault, for whoever goes on with it later.

The bytes of a picture are not written: it must lie in the store by then, or it comes back without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

from .faults import Fault
from .types import Job, Media, Note, Result, Size, Ticket

_NOUNS: Mapping[str, type] = {noun.__name__: noun for noun in (Job, Media, Note, Result, Size, Ticket)}
_FAULT = ("kind", "message", "field", "code", "retry_after", "vendor", "stage", "details")
_SCALARS = frozenset({type(None), bool, int, float, str})
# What each field of a noun is by default; `MISSING`, which equals nothing, where it has no default.
_DEFAULTS = {
    noun: [
        (field.name, field.default if field.default_factory is MISSING else field.default_factory())
        for field in fields(noun)
    ]
    for noun in _NOUNS.values()
}
# The key that says what an object was; apps may use it too, so a mapping of theirs that has it is wrapped.
_MARK = "$"


def write(value: Any) -> Any:
    """A value of nouns, mappings, tuples, lists and scalars as plain JSON. Raises TypeError for anything else."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind in _DEFAULTS:
        return _noun(replace(value, data=None) if kind is Media and value.data is not None else value)
    if kind is tuple:
        return {_MARK: "tuple", "of": [write(each) for each in value]}
    if kind is list:
        return [write(each) for each in value]
    if kind is dict or isinstance(value, Mapping):
        plain = {str(name): write(each) for name, each in value.items()}
        return {_MARK: "Mapping", "of": plain} if _MARK in plain else plain
    if isinstance(value, Fault):
        kept = {name: write(getattr(value, name)) for name in _FAULT}
        return {_MARK: "Fault", **{name: each for name, each in kept.items() if each is not None}}
    if isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"{kind.__name__} cannot be written down")


def _noun(value: Any) -> dict[str, Any]:
    """What is as it is by default is left out, so that a row written today is read by a version with more fields."""
    written: dict[str, Any] = {_MARK: type(value).__name__}
    for name, default in _DEFAULTS[type(value)]:
        each = getattr(value, name)
        if each is not default and each != default:
            written[name] = each if type(each) in _SCALARS else write(each)
    return written


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
    return (media for media in _media(value) if media.data is not None)


def keys(value: Any) -> Iterator[str]:
    """The key of every picture in a value that lies in the store."""
    return (media.key for media in _media(value) if media.key is not None)


def _media(value: Any) -> Iterator[Media]:
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is Media:
        yield value
    elif kind is Job or kind is Result:
        for name, _ in _DEFAULTS[kind]:
            each = getattr(value, name)
            if each and type(each) not in _SCALARS:
                yield from _media(each)
    elif kind is dict or isinstance(value, Mapping):
        for each in value.values():
            if type(each) not in _SCALARS:
                yield from _media(each)
    elif kind is tuple or kind is list:
        for each in value:
            yield from _media(each)


def exchanged(value: Any, by: Callable[[Media], Media]) -> Any:
    """The same value with every picture replaced by what `by` makes of it."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is Media:
        return by(value)
    if kind is Job or kind is Result:
        changed = {}
        for name, _ in _DEFAULTS[kind]:
            old = getattr(value, name)
            if old and type(old) not in _SCALARS and (new := exchanged(old, by)) is not old:
                changed[name] = new
        return replace(value, **changed) if changed else value
    if kind is dict or isinstance(value, Mapping):
        changed = {}
        for name, old in value.items():
            if type(old) not in _SCALARS and (new := exchanged(old, by)) is not old:
                changed[name] = new
        return {**value, **changed} if changed else value
    if kind is tuple or kind is list:
        some = [exchanged(each, by) for each in value]
        return value if all(new is old for new, old in zip(some, value, strict=True)) else kind(some)
    return value
