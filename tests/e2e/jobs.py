"""What the tests of jobs share: an app's headers, the story of a job up to its end, a key of somebody else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from .processes import Sandbox

SECONDS = 60.0


class Served(Protocol):
    """A house that runs, whoever started it."""

    @property
    def url(self) -> str: ...

    @property
    def key(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a job's story."""

    id: str
    name: str
    data: Any


def auth(house: Served, **more: str) -> dict[str, str]:
    """An app's headers; more of them by their names, with `_` for `-`."""
    return {"authorization": f"Bearer {house.key}", **{name.replace("_", "-"): value for name, value in more.items()}}


def number(id: str) -> str:
    """The house's own name of a job, of what any wire calls it."""
    return f"req_{id.rpartition('/')[2].rpartition('_')[2].rpartition('-')[2]}"


def events(text: str) -> list[Event]:
    """The events of a story; what only keeps it alive is none."""
    told = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            told.append(Event(lines.get("id", ""), lines.get("event", ""), json.loads(lines["data"])))
    return told


def story(house: Served, id: str, path: str = "/v1/jobs", **headers: str) -> list[Event]:
    """What is told of a job, listened to until the house ends it."""
    answer = httpx.get(f"{house.url}{path}/{number(id)}/events", headers=auth(house, **headers), timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    return events(answer.text)


def end(house: Served, id: str) -> Any:
    """A job as it ended, whatever its wire calls it."""
    return story(house, id)[-1].data["job"]


def orders(vendor: Sandbox) -> int:
    """How often a vendor was given work; who looks after the jobs of other tests meanwhile is not counted."""
    return sum(kinds.get("submit", 0) for kinds in vendor.calls()["by_kind"].values())


def until(done: Callable[[], object], seconds: float = 20) -> None:
    """Wait for another process to come so far, which it cannot tell us."""
    limit = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < limit


def another_key(folder: Path) -> str:
    """A key of somebody else's for the house in a folder."""
    command = [sys.executable, "-m", "koci_proxy", "keys", "new", "other"]
    told = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return next(word for word in told.split() if word.startswith("sk-koci_"))
