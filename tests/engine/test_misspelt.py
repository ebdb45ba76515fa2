"""A field that an app misspelt: the note that it is left out says which one was meant."""

from __future__ import annotations

from typing import Any

import pytest

from koci_proxy.engine.spoken import same_words
from koci_proxy.facts import Card
from koci_proxy.faults import Fault
from koci_proxy.media import from_bytes
from koci_proxy.types import Job, Target
from koci_proxy.wire import Call, Json
from plugins.dialects import anthropic, ark, gemini, linkai, openai

OTHER = Target("claude", "m", "anthropic", Card("m"))
SAYS: list[tuple[Any, str, dict[str, Any], list[str]]] = [
    (openai, "images/generations", {"aspect_ration": "16:9"}, ["aspect_ration: 'aspect_ratio'"]),
    (openai, "images/generations", {"Qualty": "high", "moderation": "low"}, ["Qualty: 'quality'", "moderation"]),
    (linkai, "images/generations", {"image": "https://a.example/a.png"}, ["image: 'images'"]),
    (ark, "api/v3/images/generations", {"outputformat": "png", "seed": 1}, ["outputformat: 'output_format'", "seed"]),
]


def notes(dialect: Any, path: str, body: dict[str, Any]) -> list[str]:
    """What is noted of a body where the vendor has none of its words: as `field: 'meant'`, or the field alone."""
    job = dialect.parse(Call("POST", path, body=Json(body)))
    assert isinstance(job, Job)
    told = same_words(job, OTHER, anthropic)
    assert not [name for name in told.options if name.startswith("_slips")]
    return [
        f"{note.field}: {note.detail.removeprefix('did you mean ').removesuffix('?')}"
        if "did you mean" in (note.detail or "")
        else note.field
        for note in told.notes
        if note.what == "left out"
    ]


@pytest.mark.parametrize(("dialect", "path", "more", "wanted"), SAYS)
def test_a_slip_is_told_by_what_was_meant(dialect: Any, path: str, more: dict[str, Any], wanted: list[str]) -> None:
    assert notes(dialect, path, {"model": "m", "prompt": "a fox", **more}) == wanted


CONFIGS: list[tuple[dict[str, Any], list[str]]] = [
    ({"imageConfig": {"imagesize": "2K"}}, ["generationConfig.imageConfig.imagesize: 'imageSize'"]),
    (
        {"imageConfig": {"imagesize": "2K", "personGeneration": "x"}, "candidatCount": 2},
        [
            *("generationConfig.imageConfig.imagesize: 'imageSize'", "generationConfig.imageConfig.personGeneration"),
            "generationConfig.candidatCount: 'candidateCount'",
        ],
    ),
    (
        {"responseFormat": {"image": {"aspectratio": "1:1"}}},
        ["generationConfig.responseFormat.image.aspectratio: 'aspectRatio'"],
    ),
    ({"imageConfig": {"personGeneration": "x"}}, ["generationConfig.imageConfig"]),
]


@pytest.mark.parametrize(("config", "wanted"), CONFIGS)
def test_a_slip_inside_an_object_is_named_itself(config: dict[str, Any], wanted: list[str]) -> None:
    body = {"contents": [{"parts": [{"text": "a fox"}]}], "generationConfig": config}
    assert notes(gemini, "models/m:generateContent", body) == wanted


def test_a_slip_in_a_chat() -> None:
    said = [{"role": "user", "content": "a fox", "contents": "x"}]
    body = {"model": "m", "messages": said, "qualitty": "high", "image_config": {"aspect_ration": "1:1"}}
    found = notes(openai, "chat/completions", body)
    assert found == [
        "messages[0].contents: 'content'",
        "image_config.aspect_ration: 'aspect_ratio'",
        "qualitty: 'quality'",
    ]


def test_a_picture_under_a_misspelt_name_is_refused_with_the_right_one() -> None:
    body = {"model": "m", "prompt": "a fox", "image": from_bytes(b"abc")}
    job = linkai.parse(Call("POST", "images/generations", body=Json(body)))
    assert isinstance(job, Job)
    with pytest.raises(Fault, match="image is not known to this model; did you mean 'images'\\?") as caught:
        same_words(job, OTHER, anthropic)
    assert caught.value.field == "image"
