"""Pools of vendor keys out of `keys:` in `routes.yaml`. No complaint ever shows a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..facts import KeyPool
from .complain import Complaint, Path, hint
from .providers import Shelf
from .sheet import Sheet

SANDBOX_KEY = "sandbox-key"


def pools(sheet: Sheet, shelf: Shelf, used: frozenset[str]) -> tuple[dict[str, KeyPool], list[Complaint]]:
    """The pools of the providers that some model uses. A variable that is missing elsewhere does not matter."""
    found: dict[str, KeyPool] = {}
    complaints: list[Complaint] = []
    for name, value in _written(sheet).items():
        path: Path = ("keys", name)
        if name not in shelf.providers:
            complaints.append(sheet.document.complaint(path, "unknown provider" + hint(name, shelf.providers)))
        elif name in used:
            wrong = [*sheet.unfilled(path), *(_wrong(sheet, path, value) if sheet.sound(path) else ())]
            complaints += wrong
            if not wrong and sheet.sound(path):
                found[name] = _pool(name, value)
    for name in used - set(_written(sheet)):
        provider = shelf.providers.get(name)
        if provider and provider.sandbox:
            found[name] = _pool(name, SANDBOX_KEY)
    return found, complaints


def secrets(sheet: Sheet) -> Iterator[str]:
    """Every key that is written or was filled in, of all pools."""
    for name, value in _written(sheet).items():
        if sheet.sound(("keys", name)):
            yield from _keys(value)


def _written(sheet: Sheet) -> Mapping[str, Any]:
    value = sheet.value.get("keys", {})
    return value if isinstance(value, dict) else {}


def _keys(value: Any) -> list[str]:
    of = value["of"] if isinstance(value, dict) else value
    return [of] if isinstance(of, str) else list(of)


def _pool(name: str, value: Any) -> KeyPool:
    keys = _keys(value)
    pace = value if isinstance(value, dict) else {}
    return KeyPool(
        provider=name,
        names=tuple(f"{name}#{number}" for number in range(1, len(keys) + 1)),
        secrets=tuple(keys),
        weights=tuple(float(weight) for weight in pace.get("weights", [])),
        at_once=pace.get("at_once"),
        per_minute=pace.get("per_minute"),
    )


def _wrong(sheet: Sheet, path: Path, value: Any) -> Iterator[Complaint]:
    keys = _keys(value)
    if isinstance(value, dict):
        path = (*path, "of")
        weights = value.get("weights")
        if weights is not None and len(weights) != len(keys):
            what = f"{len(weights)} weights for {len(keys)} keys: each key needs one"
            yield sheet.document.about((*path[:-1], "weights"), what)
    single = isinstance(value["of"] if isinstance(value, dict) else value, str)
    for index, key in enumerate(keys):
        place = path if single else (*path, index)
        if not key.isascii() or not key.isprintable() or " " in key:
            yield sheet.document.about(place, "this key holds a space or a letter that no header can carry")
