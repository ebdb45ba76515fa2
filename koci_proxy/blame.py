"""Blame is whose doing a vendor's refusal is: a kind of fault read from status, code and body, and how long to wait."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import Any

from .facts import FaultRule

_STATUS: Mapping[int, str] = {
    400: "bad_request",
    401: "key_refused",
    402: "key_spent",
    403: "key_refused",
    408: "slow",
    411: "bad_request",
    413: "too_large",
    414: "bad_request",
    415: "wrong_type",
    416: "bad_request",
    422: "bad_request",
    425: "down",
    429: "key_busy",
    431: "bad_request",
    499: "down",
    504: "slow",
    524: "slow",
}

_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|h|m|s))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)")
_UNITS: Mapping[str, float] = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

# Seconds that a vendor may ask us to wait.
LONGEST = 86_400.0


def judge(rules: Sequence[FaultRule], status: int, code: str | None, body: Any) -> str | None:
    """The kind of the first rule that fits an answer, None when no rule does.

    Every condition a rule sets must hold. `path` leads through the body by dots, a number or `*` stands for a place in
    a list ("error.details.*.reason"); without `value` it is enough that something is there. `code` and `value` may hold
    a `*` for any characters.
    """
    return next((rule.kind for rule in rules if _fits(rule, status, code, body)), None)


def _fits(rule: FaultRule, status: int, code: str | None, body: Any) -> bool:
    if rule.status is not None and rule.status != status:
        return False
    if rule.code is not None and (code is None or not same(code, rule.code)):
        return False
    if rule.path is None:
        return True
    found = at(body, rule.path)
    return bool(found) if rule.value is None else any(same(value, rule.value) for value in found)


def at(body: Any, path: str) -> list[Any]:
    """What stands at a dotted path of a body, without nulls; `*` and numbers lead into lists."""
    return [value for value in _walk(body, path.split(".")) if value is not None]


def same(found: Any, wanted: Any) -> bool:
    """Whether a value is the one a rule names; 409 and "409" are one, since vendors and YAML disagree about quotes."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, dict | list):
        return bool(found == wanted)
    if "*" in str(wanted):
        return fnmatchcase(str(found), str(wanted).replace("[", "[[]"))
    return str(found) == str(wanted)


def _walk(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _walk(value[path[0]], path[1:])
    elif isinstance(value, list) and path[0] == "*":
        for item in value:
            yield from _walk(item, path[1:])
    elif isinstance(value, list) and path[0].isdecimal() and int(path[0]) < len(value):
        yield from _walk(value[int(path[0])], path[1:])


def default_kind(status: int) -> str:
    """The kind of a vendor's error status that no rule of its provider file names.

    A vendor's 404 or 405 is no fault of the app: our routes name a model or path the vendor does not have.
    """
    if status in _STATUS:
        return _STATUS[status]
    if status >= 500:
        return "down"
    return "unserved" if status >= 400 else "garbled"


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds a vendor asks us to wait (header names in lower case; `now` is Unix time, for HTTP dates).

    `retry-after-ms` goes before `retry-after`, as the SDKs have it; zero, the past and nonsense count as absent, more
    than a day as a day.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds:
        return within_a_day(milliseconds / 1000)
    text = headers.get("retry-after")
    return within_a_day(_number(text) or _until(text, now))


def within_a_day(seconds: float | None) -> float | None:
    """What counts of the wait that a vendor asks for: at most a day, and None for what is no time at all."""
    return min(seconds, LONGEST) if seconds is not None and math.isfinite(seconds) else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _until(text: str | None, now: float) -> float | None:
    try:
        seconds = parsedate_to_datetime(text or "").timestamp() - now
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def retry_delay(body: Any) -> float | None:
    """Seconds from the `retryDelay` ("3.5s") that RPC errors carry among `error.details`, at most a day, else None."""
    delays = (duration(value) for value in _walk(body, ("error", "details", "*", "retryDelay")))
    return within_a_day(max((delay for delay in delays if delay), default=None))


def duration(text: Any) -> float | None:
    """Seconds of a duration such as "3.5s", "6m0s" or "250ms"; None when it is none, or more than a number holds."""
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return seconds if math.isfinite(seconds) else None
