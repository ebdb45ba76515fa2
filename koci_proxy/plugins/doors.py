"""The names a dialect must have, by the side it faces."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from types import ModuleType

# Towards an app, and towards a vendor.
DOOR = ("schema", "parse", "render", "fail", "frame", "fail_frame", "catalogue", "KEEP_ALIVE", "END", "DELIVER")
VENDOR = ("encode", "decode")
_VERBS = {DOOR: ("parse", "render"), VENDOR: VENDOR}


def faces(module: ModuleType, side: tuple[str, ...]) -> bool:
    """Whether a dialect faces that side, `DOOR` or `VENDOR`: it has one of its two verbs, or half of its names."""
    has = [name for name in side if hasattr(module, name)]
    return len(has) * 2 >= len(side) or any(verb in has for verb in _VERBS[side])


def flaws(module: ModuleType) -> list[str]:
    """What is wrong with a dialect's names, one line each; empty when all is well. One side may be left out whole."""
    own = [name for name in vars(module) if _may_be_meant(module, name)]
    found = []
    for side in (DOOR, VENDOR):
        if faces(module, side):
            missing = [name for name in side if not hasattr(module, name)]
            found += [_slip(name, get_close_matches(name, own, n=1)) or f"{name!r} is missing" for name in missing]
        else:
            close = {verb: get_close_matches(verb, own, n=1, cutoff=0.8) for verb in _VERBS[side]}
            # `parsed` or `encoder` is a helper's name, not a slip.
            found += [_slip(verb, names) for verb, names in close.items() if names and not names[0].startswith(verb)]
    if not found and not any(faces(module, side) for side in (DOOR, VENDOR)):
        return [f"no dialect: it needs {', '.join(VENDOR)} to face a vendor, or {', '.join(DOOR)} to face an app"]
    return found


def _slip(name: str, close: list[str]) -> str:
    return f"no name {close[0]!r} in a dialect — did you mean {name!r}?" if close else ""


def _may_be_meant(module: ModuleType, name: str) -> bool:
    """Whether a name stands for something of the module's own that nobody asked for."""
    if name.startswith("_") or name in DOOR or name in VENDOR:
        return False
    value = getattr(module, name)
    return name.isupper() or (inspect.isfunction(value) and value.__module__ == module.__name__)
