"""A word that an app misspelt at a door for films: the note that it is left out says which one was meant."""

from __future__ import annotations

from typing import Any

import pytest

from koci_proxy.engine.spoken import same_words
from koci_proxy.types import Job
from koci_proxy.wire import Call

from .wires import DIALECTS, asked, post, target

FILM = {"model": "m", "prompt": "fox"}
TEXT = {"model": "m", "content": [{"type": "text", "text": "fox"}]}
VEO = "models/veo:predictLongRunning"
HEX = "0123456789abcdef01234567"

SAYS: list[tuple[str, Call, list[str]]] = [
    ("openai", post("videos", FILM | {"secnds": "4"}), ["secnds: left out (did you mean 'seconds'?)"]),
    ("openai", post(f"videos/video_{HEX}/remix", FILM | {"sizes": "x"}), ["sizes: left out (did you mean 'size'?)"]),
    ("koci", post("videos", FILM | {"Size": "16:9"}), ["Size: left out (did you mean 'size'?)"]),
    (
        "ark",
        post("api/v3/contents/generations/tasks", TEXT | {"duratoin": 5}),
        ["duratoin: left out (did you mean 'duration'?)"],
    ),
    (
        "gemini",
        post(VEO, {"instances": [{"prompt": "fox", "lastframe": {}}], "parameters": {"durationSecond": 8}}),
        [
            "parameters.durationSecond: left out (did you mean 'durationSeconds'?)",
            "instances[0].lastframe: left out (did you mean 'lastFrame'?)",
        ],
    ),
    ("openai", post("videos", FILM | {"style": "noir"}), ["style: left out (not known to this model's upstream)"]),
]


@pytest.mark.parametrize(("dialect", "call", "wanted"), SAYS)
def test_a_slip_is_told_by_what_was_meant(dialect: str, call: Call, wanted: list[str]) -> None:
    job: Any = asked(dialect, call)
    assert isinstance(job, Job)
    told = same_words(job, target("linkai"), DIALECTS["linkai"])
    assert [str(note) for note in told.notes if note.what == "left out"] == wanted
    assert "_slips" not in told.options
