"""The schema check: what apps may send, per dialect, with errors that name the field and the nearest right value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
from jsonschema.protocols import Validator

from ..faults import Fault
from ..types import Media
from ..wire import Form

_LIST = re.compile(r"^(.*)\[\d*\]$")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def _is_string(checker: object, instance: object) -> bool:
    """A long string of a body is a picture by now; to a schema it still is a string."""
    return isinstance(instance, (str, Media))


_TYPES = jsonschema.Draft7Validator.TYPE_CHECKER.redefine("string", _is_string)


def _of_text(word: str) -> Any:
    """A rule about the letters of a string; the letters of a picture are gone, so it binds none."""
    rule: Any = jsonschema.Draft7Validator.VALIDATORS[word]

    def check(validator: Any, wanted: Any, instance: object, schema: Any) -> Iterator[jsonschema.ValidationError]:
        return iter(()) if isinstance(instance, Media) else rule(validator, wanted, instance, schema)

    return check


_RULES = {word: _of_text(word) for word in ("minLength", "maxLength", "pattern")}
_Validator: Any = jsonschema.validators.extend(jsonschema.Draft7Validator, _RULES, type_checker=_TYPES)  # type: ignore[no-untyped-call]


class Schemas:
    """The JSON Schemas of `schemas/apps`, compiled once."""

    def __init__(self, folders: Iterable[Path]) -> None:
        """`folders` in order of precedence: the first that has a schema of a name wins."""
        self._schemas: dict[str, Mapping[str, Any]] = {}
        for folder in reversed(list(folders)):
            for file in sorted((folder / "apps").glob("*.json")):
                self._schemas[file.stem] = json.loads(file.read_text(encoding="utf-8"))
        self._compiled: dict[str, Validator] = {name: _Validator(schema) for name, schema in self._schemas.items()}
        self._quick = {name: jsonschema_rs.Draft7Validator(dict(schema)) for name, schema in self._schemas.items()}

    def check(self, name: str, value: Any) -> None:
        """`Fault` bad_request with the first field that does not fit."""
        _written(value, ())
        if self._fits(name, value):
            return
        errors = sorted(self._compiled[name].iter_errors(value), key=lambda error: [str(step) for step in error.path])
        if errors:
            raise _fault(errors[0])

    def _fits(self, name: str, value: Any) -> bool:
        """A quick yes, which most bodies get; without it (and a picture is nothing it knows) there is a closer look."""
        try:
            return self._quick[name].is_valid(value)
        except (ValueError, TypeError):
            return False

    def coerce(self, name: str, form: Form) -> dict[str, Any]:
        """A multipart form as the JSON it stands for: `image[]` folded to lists, numbers and truths read from text."""
        properties = self._schemas[name].get("properties", {})
        out: dict[str, Any] = {}
        for given, value in form.fields:
            match = _LIST.match(given)
            field = match[1] if match else given
            kinds = _kinds(properties.get(field, {}))
            coerced = _read(value, kinds) if isinstance(value, str) else value
            if match or "array" in kinds or isinstance(out.get(field), list):
                out.setdefault(field, [])
                out[field] = [*out[field], coerced] if isinstance(out[field], list) else [out[field], coerced]
            elif field in out:
                out[field] = [out[field], coerced]
            else:
                out[field] = coerced
        return out


def _written(value: Any, steps: tuple[str | int, ...]) -> None:
    """`Fault` bad_request for half a surrogate pair (a text cut by its length in JavaScript): no file, no database and
    no vendor can be told of it."""
    if isinstance(value, str) and not (value.isascii() or _is_unicode(value)):
        field = _path(steps).encode(errors="replace").decode()
        what = "is not valid Unicode text: it holds half a surrogate pair"
        raise Fault("bad_request", f"{field or 'the body'} {what}", field=field or None, code="invalid_value")
    if isinstance(value, Mapping):
        for name, each in value.items():
            _written(name, (*steps, name))
            _written(each, (*steps, name))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            _written(each, (*steps, at))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """Every JSON type a property may have."""
    own = schema.get("type", [])
    kinds = {own} if isinstance(own, str) else set(own)
    for branch in [*schema.get("anyOf", []), *schema.get("oneOf", [])]:
        kinds |= _kinds(branch)
    return kinds


def _read(text: str, kinds: set[str]) -> Any:
    """Text of a form field as the type its schema names; text that is no such thing stays, for the check to refuse."""
    if "integer" in kinds and re.fullmatch(r"[+-]?\d{1,18}", text):
        return int(text)
    if "number" in kinds and re.fullmatch(r"[+-]?\d{1,18}(\.\d{1,18})?", text):
        return float(text)
    if "boolean" in kinds and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if "null" in kinds and text == "" and "string" not in kinds:
        return None
    return text


def _fault(error: jsonschema.ValidationError) -> Fault:
    while error.context and error.validator in ("anyOf", "oneOf"):
        deepest = max(error.context, key=lambda each: len(each.absolute_path))
        if len(deepest.absolute_path) <= len(error.absolute_path):
            break
        error = deepest
    field = _path(error.absolute_path)
    if error.validator == "required":
        wanted: Any = error.validator_value
        given: Any = error.instance
        missing = next((name for name in wanted if name not in given), "")
        field = f"{field}.{missing}" if field else missing
        return Fault("bad_request", f"{field} is required", field=field, code="missing_required_parameter")
    return Fault("bad_request", f"{field or 'the body'} {_reason(error)}", field=field or None, code="invalid_value")


def _path(steps: Iterable[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _reason(error: jsonschema.ValidationError) -> str:
    """Why a value does not fit, without the value itself: it may be a picture or a secret."""
    wanted: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "type" | "anyOf" | "oneOf":
            kinds = sorted(_kinds(schema) - {"null"})
            return f"must be {' or '.join(_article(kind) for kind in kinds)}, not {_article(_kind(error.instance))}"
        case "enum":
            values = [str(value) for value in wanted if value is not None]
            near = get_close_matches(str(error.instance), values, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"must be one of {', '.join(values)}{hint}"
        case "minimum":
            return f"must be at least {wanted}"
        case "maximum":
            return f"must be at most {wanted}"
        case "minLength" if wanted == 1:
            return "must not be empty"
        case "maxLength":
            return f"must be at most {wanted} characters"
        case "minItems":
            return f"must have at least {wanted} item{'s' if wanted > 1 else ''}"
        case "maxItems":
            return f"must have at most {wanted} items"
        case "pattern":
            return f"must match {wanted}"
        case _:
            return f"does not fit ({error.validator})"


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case Media():
            return "file"
        case list():
            return "array"
        case _:
            return "object"


def _article(kind: str) -> str:
    return kind if kind == "null" else f"{'an' if kind[0] in 'aio' else 'a'} {kind}"
