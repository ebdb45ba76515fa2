"""What the house goes by in a value that a plugin or a dialect gave it, looked at while its author can be named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from ..types import Done, Job, Made, Media, Partial, Result, Size, Ticket
from ..wire import Call, Form, Json, Raw

_MAP = (dict, Mapping)
_MANY = (tuple, list)
# A noun -> those of its fields that would break something far from here, and what they must be.
_FIELDS: Mapping[type, Mapping[str, tuple[type, ...]]] = {
    Job: {
        **dict.fromkeys(("model", "prompt"), (str,)),
        **dict.fromkeys(("quality", "format", "style"), (str, NoneType)),
        **dict.fromkeys(("n", "partials"), (int,)),
        "size": (Size,),
        "seconds": (float, int, NoneType),
        "inputs": _MANY,
        "mask": (Media, NoneType),
        "options": _MAP,
        "notes": (tuple,),
    },
    Call: {
        **dict.fromkeys(("method", "path"), (str,)),
        **dict.fromkeys(("query", "headers"), _MAP),
        "body": (Json, Form, Raw, NoneType),
    },
    Result: {"media": _MANY, "usage": _MAP, "notes": (tuple,)},
    Ticket: {"handle": _MAP},
    Partial: {"media": (Media,)},
    Made: {"media": (Media,)},
    Done: {"result": (Result,)},
}


def flaw(value: Any) -> str:
    """The field of a noun that is not what it must be, and what it is; empty when all are well."""
    for name, kinds in _FIELDS.get(type(value), {}).items():
        each = getattr(value, name)
        if not isinstance(each, kinds):
            return f"{name} is {type(each).__name__}, not {listed(kinds)}"
    match value:
        case Job():
            return f"n is {value.n}" if value.n < 1 else _strays("inputs", value.inputs)
        case Result():
            return _strays("media", value.media)
        case Done():
            return flaw(value.result)
    return ""


def _strays(name: str, media: Sequence[object]) -> str:
    for at, each in enumerate(media):
        if not isinstance(each, Media):
            return f"{name}[{at}] is {type(each).__name__}, not Media"
    return ""


def article(value: object) -> str:
    """A value by its type, as one says it: `a Job`."""
    return f"a {type(value).__name__}"


def listed(kinds: Sequence[type]) -> str:
    """Types as one says them: `Json, Form, Raw or None`; of two names for the same thing the first."""
    return either(["None" if kind is NoneType else kind.__name__ for kind in kinds if kind is not Mapping])


def either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
