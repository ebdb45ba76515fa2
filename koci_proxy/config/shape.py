"""The shape of a file: its value held against its JSON Schema, every breach said in an ops person's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as Folder
from typing import Any

from jsonschema import Draft7Validator, ValidationError

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


@lru_cache(maxsize=8)
def _validator(path: Folder) -> Draft7Validator:
    return Draft7Validator(json.loads(path.read_text("utf-8")))


def breaches(document: Document, filled: Filled, schema: Folder) -> Iterator[Breach]:
    """All that is wrong with the shape of a document. Values are shown as written, never with a variable's value."""
    for error in _validator(schema).iter_errors(filled.value):
        for leaf in _leaves(error, ()):
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
    else:
        shown = spoken(document.raw(path)) + (" with its variables put in" if outside else "")
        yield Breach(document.about(path, _what(leaf, shown)), path)


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
        case "enum":
            return f"{shown} is not known here{hint(leaf.instance, limit)}"
        case "pattern":
            return f"{leaf.schema.get('patternErrorMessage', f'must match {limit}')}, not {shown}"
        case "minimum" | "maximum" | "exclusiveMinimum":
            bound = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "above"}[leaf.word]
            return f"must be {bound} {limit}, not {shown}"
        case "minItems" | "minProperties" | "minLength":
            return "must not be empty"
        case "maxProperties":
            return "must be one name with its options"
        case _:
            return "names the same thing twice"


def _wrong_type(wanted: Sequence[str], instance: Any, shown: str) -> str:
    names = [_TYPES[name] for name in wanted]
    text = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    quotes = isinstance(instance, bool | int | float) and "string" in wanted and "number" not in wanted
    return f"must be {text}, not {shown}" + (" (put it in quotes)" if quotes else "")
