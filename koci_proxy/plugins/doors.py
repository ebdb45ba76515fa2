"""The names a dialect must or may have, by the side it faces, and what its functions are called with."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from difflib import SequenceMatcher, get_close_matches
from types import ModuleType
from typing import Any

# Towards an app, and towards a vendor.
DOOR = ("schema", "parse", "render", "fail", "frame", "fail_frame", "catalogue", "KEEP_ALIVE", "END", "DELIVER")
VENDOR = ("encode", "decode")
_VERBS = {DOOR: ("parse", "render"), VENDOR: VENDOR}

# Every function of a side -> the arguments it is called with, in order.
CALLS: Mapping[tuple[str, ...], Mapping[str, tuple[str, ...]]] = {
    VENDOR: {
        "encode": ("job", "target"),
        "decode": ("reply", "job", "target"),
        "event": ("frame", "job", "target"),
        "poll": ("ticket", "job", "target"),
        "cancel": ("ticket", "job", "target"),
        "words": ("job", "target"),
        "left_out": ("job", "target"),
    },
    DOOR: {
        "schema": ("call",),
        "parse": ("call",),
        "render": ("result", "job"),
        "fail": ("fault",),
        "frame": ("event", "job"),
        "made": ("event", "job"),
        "fail_frame": ("fault", "job"),
        "named": ("field", "job"),
        "catalogue": ("names", "listing"),
        "balance": ("credits",),
        "accepted": ("state",),
        "progress": ("state",),
        "story": ("state",),
        "listed": ("states", "lookup", "more"),
        "deleted": ("state",),
        "talked": ("talk", "rows"),
        "end": ("job",),
        "begun": ("upload", "url"),
        "uploaded": ("upload", "id", "link", "kept"),
    },
}
# Names that a side may have and that are no functions.
_VALUES: Mapping[tuple[str, ...], tuple[str, ...]] = {VENDOR: (), DOOR: ("BOOKS", "KEYLESS", "REQUEST_ID_HEADERS")}
_KNOWN = frozenset(name for side in (DOOR, VENDOR) for name in (*side, *CALLS[side], *_VALUES[side]))

SAME = 0.85  # how alike a name must be to one that a dialect need not have: `delete` is a slip, `history` none
SHORTEST = 4  # letters of a name that can be told from a slip: `end` is near to too much


def faces(module: ModuleType, side: tuple[str, ...]) -> bool:
    """Whether a dialect faces that side, `DOOR` or `VENDOR`: it has one of its two verbs, or half of its names."""
    has = [name for name in side if hasattr(module, name)]
    return len(has) * 2 >= len(side) or any(verb in has for verb in _VERBS[side])


def flaws(module: ModuleType) -> list[str]:
    """What is wrong with a dialect's names and functions, one line each; empty when all is well.

    One side may be left out whole.
    """
    own = [name for name in vars(module) if _may_be_meant(module, name)]
    found = []
    for side in (DOOR, VENDOR):
        if faces(module, side):
            missing = [name for name in side if not hasattr(module, name)]
            found += [_slip(name, get_close_matches(name, own, n=1)) or f"{name!r} is missing" for name in missing]
            found += _further_slips(module, side, own) + _misfits(module, side)
        else:
            close = {verb: get_close_matches(verb, own, n=1, cutoff=0.8) for verb in _VERBS[side]}
            # `parsed` or `encoder` is a helper's name, not a slip.
            found += [_slip(verb, names) for verb, names in close.items() if names and not names[0].startswith(verb)]
    if not found and not any(faces(module, side) for side in (DOOR, VENDOR)):
        return [f"no dialect: it needs {', '.join(VENDOR)} to face a vendor, or {', '.join(DOOR)} to face an app"]
    return found


def _slip(name: str, close: list[str]) -> str:
    return f"no name {close[0]!r} in a dialect — did you mean {name!r}?" if close else ""


def _further_slips(module: ModuleType, side: tuple[str, ...], own: Collection[str]) -> list[str]:
    """Names near to one that the dialect could have and has not."""
    absent = [name for name in (*CALLS[side], *_VALUES[side]) if name not in side and not hasattr(module, name)]
    return [_slip(name, [each]) for name in absent for each in own if _is_slip(each, name)]


def _is_slip(written: str, name: str) -> bool:
    if len(name) < SHORTEST or written.startswith(name):
        return False
    return sorted(written) == sorted(name) or SequenceMatcher(None, written, name).ratio() >= SAME


def _misfits(module: ModuleType, side: tuple[str, ...]) -> list[str]:
    has = [(name, wanted) for name, wanted in CALLS[side].items() if hasattr(module, name)]
    return [line for name, wanted in has if (line := _misfit(name, getattr(module, name), wanted))]


def _misfit(name: str, value: Any, wanted: tuple[str, ...]) -> str:
    """Why a function cannot be called as it will be."""
    if not callable(value) or inspect.iscoroutinefunction(value):
        return f"{name} must be a plain function"
    if not inspect.isfunction(value):
        return ""
    signature = inspect.signature(value)
    try:
        signature.bind(*wanted)
    except TypeError:
        return f"{name}({', '.join(signature.parameters)}) cannot be called with ({', '.join(wanted)})"
    return ""


def _may_be_meant(module: ModuleType, name: str) -> bool:
    """Whether a name stands for something of the module's own that nobody asked for."""
    if name.startswith("_") or name in _KNOWN:
        return False
    value = getattr(module, name)
    return name.isupper() or (inspect.isfunction(value) and value.__module__ == module.__name__)
