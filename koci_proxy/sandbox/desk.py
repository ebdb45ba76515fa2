"""The desk, where tests ask what was sent and say what is to go wrong: all under `/_sandbox/`, without a key.

| call | what |
|---|---|
| `GET calls` | the report below; `DELETE` begins it anew |
| `GET last` | the last request as it arrived, without secrets and without the bytes of files |
| `POST faults` | `{"fault", "key", "times", "on"}`: for one key or all, for so many calls, for one kind of them |
| `DELETE faults` | forgets those |
| `hooks` | see `hooks.py` |

A fault that stands for all with `on: download` also befalls links that are fetched without a key.

The report, all counted since it was begun:

| field | what |
|---|---|
| `calls` | the last 10,000 calls to vendors, oldest first: at, shape, kind, method, path, key_tail, status, model, … |
| `total`, `by_key`, `by_shape` | how many; a key by its last four letters |
| `by_kind` | shape -> how many calls were a `submit`, a `look`, a `download`, a `cancel` |
| `orders` | shape -> how many calls were worked on; not those refused, nor those sent again under an Idempotency-Key |
| `tasks` | shape -> how many of those became tasks, each counted once however often it is looked at |
| `fetches` | how often a link to a picture or film was fetched without a key |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .body import write
from .calls import Calls
from .mischief import Plot
from .nouns import Answer, Ask
from .tasks import Tasks

BASES = "/openai/v1 /aioagi/v1 /google/v1beta /anthropic/v1 /linkai/v1 /ark/api/v3 /koukoutu"
FAULT = {"fault": str, "key": str, "times": int, "on": str}


def answer(ask: Ask, calls: Calls, tasks: Tasks, plot: Plot) -> Answer:
    """What the desk says; 404 for whatever is not its own."""
    match ask.method, ask.path:
        case "GET", "/_sandbox/calls":
            return _json({**calls.report(), "tasks": dict(tasks.begun)})
        case "DELETE", "/_sandbox/calls":
            calls.reset()
            tasks.begun.clear()
            return _json({"reset": True})
        case "GET", "/_sandbox/last":
            return _json(calls.last) if calls.last else plain(404, "nothing was sent yet")
        case "POST", "/_sandbox/faults":
            return _set_fault(plot, ask.fields)
        case "DELETE", "/_sandbox/faults":
            plot.clear()
            return _json({"cleared": True})
    return plain(404, f"{ask.method} {ask.path} is not served here; bases: {BASES}")


def plain(status: int, message: str) -> Answer:
    """A bad answer of no vendor."""
    return Answer(status, (json.dumps({"error": message}).encode(),))


def _json(value: Mapping[str, Any]) -> Answer:
    return Answer(200, write(value))


def _set_fault(plot: Plot, fields: Any) -> Answer:
    if not isinstance(fields, dict) or not all(isinstance(fields[name], FAULT.get(name, ())) for name in fields):
        words = '"key": only for this key, "times": only so many calls, "on": only such calls'
        return plain(400, f'expected {{"fault": what, {words}}}')
    try:
        plot.set(fields.get("fault", ""), fields.get("key"), fields.get("times"), fields.get("on"))
    except ValueError as error:
        return plain(400, str(error))
    return _json({"set": fields})
