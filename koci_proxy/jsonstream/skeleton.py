"""The skeleton of a JSON body: all of it but its pictures, and how it becomes values within bounds."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, NoReturn

from ..malformed import Malformed
from ..types import Media

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},:]', re.DOTALL)
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_PLACE_WITHIN = 65_536
_NAME_WITHIN = 100


def values(skeleton: bytes, media: Mapping[str, Media], max_depth: int) -> Any:
    """The body's values, each placeholder replaced by its `Media`. Raises `Malformed`."""
    if _is_deeper(skeleton, max_depth):
        raise Malformed(f"the JSON body is nested more than {max_depth} deep", kind="too_deep")
    try:
        text = skeleton.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Malformed("the JSON body is not UTF-8", place(skeleton[: error.start])) from error
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_number)
    except json.JSONDecodeError as error:
        raise _malformed(error, text, exact=not media) from error
    except Malformed:
        raise
    except ValueError as error:  # the language's own bound on the digits of an integer
        raise Malformed("the JSON body holds a number that is too large") from error
    return _filled(value, media) if media else value


def place(skeleton: bytes) -> str | None:
    """The name of the next value of an unfinished skeleton: "b64_json", or "images[1]" within a list."""
    if len(skeleton) > _PLACE_WITHIN:
        return None
    inside: list[int | None] = []  # of each open bracket: the index within a list, None within an object
    names: list[str] = [""]
    last = ""
    for token in _TOKEN.findall(skeleton.decode(errors="replace")):
        if token in "[{":
            inside.append(0 if token == "[" else None)
            names.append(names[-1])
        elif token in "]}":
            if inside:
                inside.pop()
                names.pop()
        elif token == ":":
            names[-1] = last
        elif token == ",":
            if inside and (index := inside[-1]) is not None:
                inside[-1] = index + 1
        else:
            last = token[1:-1]
    index = inside[-1] if inside else None
    name = names[-1][:_NAME_WITHIN] + ("" if index is None else f"[{index}]")
    return name or None


def _is_deeper(skeleton: bytes, max_depth: int) -> bool:
    """Whether more brackets are open at once. Up to the first flaw strings end here where they end for the parser."""
    if skeleton.count(b"[") + skeleton.count(b"{") <= max_depth:
        return False
    brackets = _STRING.sub(b"", skeleton).translate(None, _NO_BRACKETS)
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0) > max_depth


def _malformed(error: json.JSONDecodeError, text: str, exact: bool) -> Malformed:
    """`exact`: no picture was taken out, so that the parser's line and column are the sender's."""
    words = (error.msg[:1].lower() + error.msg[1:]).removesuffix(" at")
    where = f" at line {error.lineno}, column {error.colno}" if exact else ""
    return Malformed(f"the body is not valid JSON: {words}{where}", place(text[: error.pos].encode()))


def _filled(value: Any, media: Mapping[str, Media]) -> Any:
    if isinstance(value, str):
        return media.get(value, value)
    if isinstance(value, list):
        return [_filled(item, media) for item in value]
    if isinstance(value, dict):
        if not media.keys().isdisjoint(value):
            raise Malformed("the JSON body has a field name as long as a picture", kind="too_large")
        return {name: _filled(item, media) for name, item in value.items()}
    return value


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Malformed("the JSON body holds a number that is too large")
    return number


def _refuse(word: str) -> NoReturn:
    raise Malformed(f"the body is not valid JSON: it holds {word}")
