"""The shape of a file: its value held against its JSON Schema, every breach said in an ops person's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as Folder
from typing import Any

from jsonschema import Draft7Validator, SchemaError, ValidationError, validators

from ..placeholders import strangers
from .complain import Complaint, Path, hint, spoken
from .interpolate import Filled
from .yaml import Document

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "nothing",
}


@dataclass(frozen=True, slots=True)
class Breach:
    """A complaint, and the path whose value cannot be worked with because of it, None for none."""

    complaint: Complaint
    spoilt: Path | None


def _placeholders(validator: object, known: Any, instance: object, schema: object) -> Iterator[ValidationError]:
    """A word of our own schemas: text may hold these placeholders and no others."""
    if isinstance(instance, str) and _misplaced(instance, known):
        yield ValidationError("a placeholder is not known")


def _misplaced(text: str, known: Sequence[str]) -> str | None:
    """What is wrong with the placeholders of a text."""
    try:
        names = strangers(text, known)
    except ValueError as error:
        return str(error)
    return f"there is no placeholder {{{names[0]}}} here{hint(names[0], known)}" if names else None


_Validator: Any = validators.extend(Draft7Validator, {"placeholders": _placeholders})  # type: ignore[no-untyped-call]


@lru_cache(maxsize=16)
def _validator(path: Folder, changed: int) -> Any:
    schema = json.loads(path.read_text("utf-8"))
    Draft7Validator.check_schema(schema)
    return _Validator(schema)


def breaches(document: Document, filled: Filled, schema: Folder, under: Path = ()) -> Iterator[Breach]:
    """All that is wrong with the shape of a document, or of the part `under` a path, where nothing is an empty map.

    Values are shown as written, never with a variable's value.
    """
    value = filled.value
    for step in under:
        value = value.get(step, {})
    try:
        validator = _validator(schema, schema.stat().st_mtime_ns)
    except (SchemaError, ValueError) as wrong:
        what = f"its schema {schema.name} is none: {getattr(wrong, 'message', wrong)}"
        yield Breach(document.complaint(under, what), under)
        return
    for error in validator.iter_errors(value):
        for leaf in _leaves(error, under):
            path = leaf.path
            said_by_type = leaf.word == "enum" and not isinstance(leaf.instance, str)
            if not said_by_type and not any(path[:length] in filled.failed for length in range(len(path) + 1)):
                yield from _breach(document, leaf, path in filled.outside)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One error that matters: the word of the schema that was broken, what it says, and the value that broke it."""

    word: str
    limit: Any
    schema: Mapping[str, Any]
    instance: Any
    path: Path
    of_key: bool
    wanted: tuple[str, ...] = ()


def _leaves(error: ValidationError, before: Path) -> Iterator[_Leaf]:
    """The errors that matter inside an error: of an `anyOf` those of the branch that was meant."""
    path = (*before, *error.relative_path)
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    for inners in branches.values():
        if not any(inner.validator == "type" and not inner.relative_path for inner in inners):
            for inner in inners:
                yield from _leaves(inner, path)
            return
    yield _Leaf(
        word=str(error.validator),
        limit=error.validator_value,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
        instance=error.instance,
        path=path,
        of_key="propertyNames" in list(error.relative_schema_path)[-2:-1],
        wanted=tuple(str(inner.validator_value) for inner in error.context or () if inner.validator == "type"),
    )


def _breach(document: Document, leaf: _Leaf, outside: bool) -> Iterator[Breach]:
    path = leaf.path
    if leaf.of_key:
        here = (*path, leaf.instance)
        yield Breach(document.complaint(here, _wrong_name(leaf)), here)
    elif leaf.word == "additionalProperties":
        known = leaf.schema.get("properties", {})
        for key in [key for key in leaf.instance if key not in known]:
            yield Breach(document.complaint((*path, key), "unknown key" + hint(key, known)), None)
    elif leaf.word == "required":
        for key in [key for key in leaf.limit if key not in leaf.instance]:
            yield Breach(document.complaint(path, f"'{key}' is missing"), path or None)
    elif leaf.word == "placeholders" and outside:
        yield Breach(document.about(path, "with its variables put in it holds a brace that is no placeholder"), path)
    else:
        shown = spoken(document.raw(path)) + (" with its variables put in" if outside else "")
        yield Breach(document.about(path, _what(leaf, shown) + _unquoted(document, leaf)), path)


def _unquoted(document: Document, leaf: _Leaf) -> str:
    """The hint for `x: {name}`, which YAML reads as a map of one key and no value."""
    if leaf.word != "type" or leaf.instance is not None or not leaf.path:
        return ""
    alone = document.raw(leaf.path[:-1]) == {leaf.path[-1]: None}
    return f" (text that begins with a brace needs quotes: '{{{leaf.path[-1]}}}')" if alone else ""


def _wrong_name(leaf: _Leaf) -> str:
    if leaf.word == "enum":
        return "unknown key" + hint(leaf.instance, leaf.limit)
    return f"as a key it {leaf.schema.get('patternErrorMessage', 'must not be empty')}"


def _what(leaf: _Leaf, shown: str) -> str:
    """One breach in words. `patternErrorMessage` is the schema's own wording; editors show it too."""
    limit = leaf.limit
    match leaf.word:
        case "type":
            return _wrong_type([limit] if isinstance(limit, str) else limit, leaf.instance, shown)
        case "anyOf":
            return _wrong_type(leaf.wanted, leaf.instance, shown)
        case "placeholders":
            return _misplaced(leaf.instance, limit) or ""
        case "enum":
            return f"{shown} is not known here{hint(leaf.instance, limit)}"
        case "pattern":
            return f"{leaf.schema.get('patternErrorMessage', f'must match {limit}')}, not {shown}"
        case "minimum" | "maximum" | "exclusiveMinimum":
            bound = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above"}[leaf.word]
            return f"must be {bound} {limit}, not {shown}"
        case "const" if isinstance(leaf.instance, int | float) and "errorMessage" in leaf.schema:
            return _unitless(leaf, shown)
        case "minItems" | "minProperties" | "minLength":
            return "must not be empty"
        case "maxProperties":
            return "must be one name with its options"
        case _:
            return "names the same thing twice"


def _unitless(leaf: _Leaf, shown: str) -> str:
    """A time without its unit, which only 0 can do without: what was meant as days must not be taken for seconds."""
    if leaf.instance > 0:
        return f"{shown} has no unit: write {shown}s, {shown}m, {shown}h or {shown}d"
    return f"{leaf.schema['errorMessage']}, not {shown}"


def _wrong_type(wanted: Sequence[str], instance: Any, shown: str) -> str:
    names = [_TYPES[name] for name in wanted]
    text = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    quotes = isinstance(instance, bool | int | float) and "string" in wanted and "number" not in wanted
    return f"must be {text}, not {shown}" + (" (put it in quotes)" if quotes else "")
