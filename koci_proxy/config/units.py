"""Units of the YAML files: times with a unit become seconds, mebibytes become bytes, pixels become pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..facts import Bounds

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
MEBIBYTE = 1024 * 1024


def seconds(value: float | str) -> float:
    """10 -> 10.0, "500ms" -> 0.5, "30d" -> 2592000.0. The schema has checked the form."""
    if not isinstance(value, str):
        return float(value)
    number = value.rstrip("mshdw")
    return float(number) * _SECONDS[value[len(number) :]]


def mebibytes(value: float) -> int:
    """MiB -> bytes."""
    return int(value * MEBIBYTE)


def pixels(value: str) -> tuple[int, int]:
    """ "2048x1152" -> (2048, 1152)."""
    width, _, height = value.partition("x")
    return int(width), int(height)


def optional(value: Any, unit: Any) -> Any:
    """A value in its unit; None stays None."""
    return None if value is None else unit(value)


def bounds(written: Mapping[str, Any]) -> Bounds:
    """Limits as they are written, credits in thousandths; names of other things are passed over."""
    day = written.get("credits_per_day")
    return Bounds(
        per_minute=written.get("per_minute"),
        pictures_per_minute=written.get("pictures_per_minute"),
        at_once=written.get("at_once"),
        credits_per_day=None if day is None else round(day * 1000),
    )
