"""The sandbox's book: every call it was sent, counted, and the last one as it arrived."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from .body import shortened
from .nouns import Ask

SECRET_HEADERS = frozenset({"authorization", "x-goog-api-key", "x-api-key", "proxy-authorization", "cookie"})
KEEP = 10_000


def kind_of(ask: Ask) -> str:
    """What a call is for: submit, look, download or cancel, as `mischief.ON` has them."""
    if ask.path.endswith((":download", "/content")):
        return "download"
    if ask.method in ("GET", "HEAD") or ask.path.endswith("/query"):
        return "look"
    return "cancel" if ask.method == "DELETE" else "submit"


class Calls:
    """Counts what arrives. A call is written down before it is answered: its status is None until then.

    `last` is the last request as `summary` shows it: no picture's bytes are kept. `orders` counts by shape what was
    really worked on: refused calls and calls sent again under an idempotency key are not in it. `fetches` counts links
    that were fetched without a key.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEEP)
        self._by_key: Counter[str] = Counter()
        self._by_shape: Counter[str] = Counter()
        self._by_kind: dict[str, Counter[str]] = {}
        self._total = 0
        self.orders: Counter[str] = Counter()
        self.fetches = 0
        self.last: Mapping[str, Any] | None = None

    def enter(self, shape: str, ask: Ask, key: str | None, model: str) -> dict[str, Any]:
        """Write a call down; the caller sets its `status` when it answers."""
        tail = (key or "")[-4:]
        kind = kind_of(ask)
        call = {
            "at": time.time(),
            "shape": shape,
            "kind": kind,
            "method": ask.method,
            "path": ask.path,
            "key_tail": tail,
            "status": None,
            "model": model,
            "fields": field_names(ask),
            "bytes_in": ask.body_size,
        }
        self._calls.append(call)
        self._by_key[tail] += 1
        self._by_shape[shape] += 1
        self._by_kind.setdefault(shape, Counter())[kind] += 1
        self._total += 1
        self.last = summary(shape, ask)
        return call

    def report(self) -> dict[str, Any]:
        """The last calls, oldest first, and totals since the last reset (not bound by how many are kept)."""
        return {
            "calls": list(self._calls),
            "total": self._total,
            "by_key": dict(self._by_key),
            "by_shape": dict(self._by_shape),
            "by_kind": {shape: dict(kinds) for shape, kinds in self._by_kind.items()},
            "orders": dict(self.orders),
            "fetches": self.fetches,
        }


def summary(shape: str, ask: Ask) -> Mapping[str, Any]:
    """A request as it arrived: no secrets in its headers, JSON with long strings cut, no bytes of files."""
    return {
        "shape": shape,
        "method": ask.method,
        "path": ask.path,
        "query": {name: "***" if name == "key" else value for name, value in ask.query.items()},
        "headers": {name: value for name, value in ask.headers.items() if name not in SECRET_HEADERS},
        "bytes_in": ask.body_size,
        "json": None if ask.form else shortened(ask.fields),
        "form": shortened(ask.fields) if ask.form else None,
        "files": [
            {"name": file.name, "filename": file.filename, "type": file.mime, "size": len(file.data)}
            for file in ask.uploads
        ],
        "broken": ask.broken,
    }


def field_names(ask: Ask) -> list[str]:
    names = list(ask.fields) if isinstance(ask.fields, dict) else []
    return names + [file.name for file in ask.uploads]
