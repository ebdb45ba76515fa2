"""Hooks: addresses that take whatever is posted to them, for tests of webhooks. All under `/_sandbox/hooks`, which is
one, and so is each path below it.

| call | what |
|---|---|
| `POST hooks/NAME` | 204; with `?status=500` that in its place, with `&times=2` only for the first two posts to NAME |
| `GET hooks/NAME` | `{"hooks": […]}`, oldest first; with `?least=2` once there are two |
| `DELETE hooks/NAME` | forgets them |

Each has `at` in Unix seconds, its `headers`, its `body` as text, and the `status` that it was answered with.
"""

from __future__ import annotations

import time
from typing import Any

from .body import Receive, Scope, query_of, whole, write
from .desk import plain
from .nouns import Answer
from .sending import pause

PATH = "/_sandbox/hooks"
MOST = 1_000  # posts kept under each name
LOOK = 0.02  # seconds between two looks for one that is waited for


class Hooks:
    """What was posted, by name."""

    def __init__(self) -> None:
        self._kept: dict[str, list[dict[str, Any]]] = {}

    async def answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """None when the caller left."""
        kept = self._kept.setdefault(scope["path"], [])
        query = query_of(scope)
        numbers = {name: int(query[name]) for name in ("status", "times", "least") if query.get(name, "").isdecimal()}
        if scope["method"] == "GET":
            while len(kept) < numbers.get("least", 0):
                if not await pause(LOOK, receive):
                    return None
            return Answer(200, write({"hooks": kept}))
        if scope["method"] == "DELETE":
            kept.clear()
            return Answer(204, ())
        if scope["method"] != "POST":
            return plain(405, "a hook is for POST, GET and DELETE")
        body = await whole(receive)
        if body is None:
            return None
        bad = len(kept) < numbers.get("times", MOST)
        status = numbers.get("status", 204) if bad else 204
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        kept.append({"at": time.time(), "headers": headers, "body": body.decode("utf-8", "replace"), "status": status})
        del kept[:-MOST]
        return Answer(status, ())
