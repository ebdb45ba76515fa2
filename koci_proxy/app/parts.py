"""The parts of a job as its row has them: by number, for how many pictures each is, and what came of its call.

`n` is written of every part before the first call, and `target` once its call goes out. Then come `ticket`, `result`
or, where a call came to nothing that may have been paid for, `fault`; a call that cost nothing is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from .. import recorded
from ..engine import Past
from ..faults import Fault

Parts = Mapping[str, Any]
LOST = Fault(
    "down",
    "this process was stopped while the job was under way, and the upstream's answer was lost",
    stage="sent",
    code="lost",
)


def pasts_of(parts: Parts) -> dict[int, Past]:
    """The calls that were made, by the numbers of their parts."""
    return {
        int(part): Past(**{name: recorded.read(each) for name, each in value.items() if name != "n"})
        for part, value in parts.items()
        if "target" in value
    }


def is_out(value: Mapping[str, Any]) -> bool:
    """Whether the call of a part was made, and nothing is known of what became of it."""
    return "target" in value and not ("ticket" in value or "result" in value or "fault" in value)


def without_unknown(parts: Parts) -> dict[str, Any]:
    """The parts with all those given up of which nothing is known."""
    return {part: {**value, "fault": recorded.write(LOST)} if is_out(value) else value for part, value in parts.items()}


def lost(parts: Parts) -> str | None:
    """What an operator should know of the calls of which nothing came though they may have been paid for."""
    silent = [value.get("fault") for value in parts.values() if "target" in value and "result" not in value]
    faults = [fault for fault in silent if fault is None or fault["kind"] != "refused"]
    if not faults:
        return None
    why = next((fault["message"] for fault in faults if fault is not None), "nothing came of it")
    return f"{len(faults)} of {len(parts)} upstream calls: {why}; it may have been paid for"


def owed(parts: Parts, stopped: Collection[str]) -> tuple[int, int]:
    """How many pictures of a job that is ended now are paid for all the same, and of how many.

    A vendor makes what it was asked for. Nothing is owed for a call that came to nothing, nor for one that its vendor
    `stopped`, by the names of the attempts.
    """
    asked = (value for value in parts.values() if "target" in value and "fault" not in value)
    due = sum(value.get("n", 1) for value in asked if value["attempt"] not in stopped)
    return due, sum(value.get("n", 1) for value in parts.values())


def counted(parts: Parts, n: int, most: Callable[[str], int]) -> dict[str, Any]:
    """The parts of a job for `n` pictures with how many each is for, in a row that was written before parts said so.

    `most` tells how many pictures a target makes at a call. What is left of `n` is a part that was not begun.
    """
    if all("n" in value for value in parts.values()):
        return dict(parts)
    known, left = {}, n
    for part, value in parts.items():
        each = most(value["target"])
        guess = max(min(each, n - each * int(part)), 1)
        count = value["job"].get("n", 1) if "job" in value else guess
        known[part] = {"n": count, **value}
        left -= count
    if left > 0:
        known[str(1 + max(map(int, parts)))] = {"n": left}
    return known
