"""The words of an Ark film: what a task's fields are called at the end of its text, and ids, there and back.

Read off the samples of Ark's users, 2025-05 to 2026-09; older ones write `fox --rs 720p --dur 5` where newer ones have
fields. ASSUMED: only what stands behind the prompt counts. Ark swallows words it does not know, so they are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Word -> the field of the body that says the same.
COMMANDS: Mapping[str, str] = {
    **dict.fromkeys(("resolution", "rs"), "resolution"),
    **dict.fromkeys(("ratio", "rt"), "ratio"),
    **dict.fromkeys(("duration", "dur"), "duration"),
    **dict.fromkeys(("framespersecond", "fps"), "framespersecond"),
    **dict.fromkeys(("camerafixed", "cf"), "camera_fixed"),
    **dict.fromkeys(("watermark", "wm"), "watermark"),
    "frames": "frames",
    "seed": "seed",
}
MOST = 32  # words that are read off one text

_NUMBER = re.compile(r"-?[0-9]{1,10}")
_OURS = re.compile(r"cgt-([0-9a-f]{24})")


def commands(text: str) -> tuple[str, dict[str, Any]]:
    """A text without the words at its end that stand for fields, and those fields; the last of a name counts."""
    prompt, fields, others = text, dict[str, Any](), list[str]()
    for _ in range(MOST):
        *head, word, value = ("", "", *prompt.rsplit(None, 2))[-3:]
        if not word.startswith("--"):
            break
        prompt, name = head[0], COMMANDS.get(word.removeprefix("--").lower())
        if name is None:
            others.insert(0, f"{word} {value}")
        else:
            fields.setdefault(name, _typed(value))
    return (" ".join(filter(None, (prompt, *others))), fields) if fields else (text, {})


def _typed(word: str) -> Any:
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    return int(word) if _NUMBER.fullmatch(word) else word


def spelled(job_id: str) -> str:
    """A job's id as Ark spells one: "req_…" -> "cgt-…"."""
    return "cgt-" + job_id.removeprefix("req_")


def job_id(task: str) -> str:
    """The job that a task's id names; any other text stands for itself, and no job has it."""
    found = _OURS.fullmatch(task)
    return f"req_{found[1]}" if found else task
