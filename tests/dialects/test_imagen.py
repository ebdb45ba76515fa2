"""Imagen's predict as a door: recorded requests, what is bent, and the form of the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.types import Job, Result, Size

from .wires import DIALECTS, asked, captured, picture, plain, post, target

gemini = DIALECTS["gemini"]
PATH = "models/imagen-4.0-generate-001:predict"
JOB = Job(
    "imagen-4.0-generate-001",
    "fox",
    deliver="base64",
    dialect="gemini",
    options={"_door": "predict", "_modalities": ("IMAGE",)},
)


def parse(path: str = PATH, **parameters: Any) -> Job:
    job = asked(
        "gemini", post(path, {"instances": [{"prompt": "fox"}], "parameters": {"sampleCount": 1, **parameters}})
    )
    assert isinstance(job, Job)
    return job


# (parameters, what differs from JOB, notes)
PARSED: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({}, {}, []),
    ({"sampleCount": 3}, {"n": 3}, []),
    ({"sampleCount": None}, {"n": 4}, ["sampleCount: defaulted (4, as Imagen does)"]),
    ({"aspectRatio": "16:9", "sampleImageSize": "2K"}, {"size": Size("2K", "16:9")}, []),
    ({"sampleImageSize": "1k"}, {"size": Size("1K")}, ["sampleImageSize: renamed (1k → 1K)"]),
    (
        {"outputOptions": {"mimeType": "image/jpeg", "compressionQuality": 80}},
        {"format": "jpeg", "compression": 80},
        [],
    ),
    ({"output_options": {"mime_type": "image/png"}}, {"format": "png"}, []),
    ({"seed": 3}, {"options": {**JOB.options, "generationConfig.seed": 3}}, []),
    ({"includeRaiReason": False}, {}, []),
    ({"includeRaiReason": True}, {"options": {**JOB.options, "_reasons": True}}, []),
    (
        {"negativePrompt": "n", "addWatermark": False, "personGeneration": "ALLOW_ADULT"},
        {},
        [
            f"parameters.{name}: left out (a word of Imagen alone)"
            for name in ("negativePrompt", "addWatermark", "personGeneration")
        ],
    ),
]


@pytest.mark.parametrize(("parameters", "changes", "notes"), PARSED)
def test_parse(parameters: dict[str, Any], changes: dict[str, Any], notes: list[str]) -> None:
    job = parse(**parameters)
    assert [str(note) for note in job.notes] == notes
    assert replace(job, notes=()) == replace(JOB, **changes)


def test_the_recorded_request() -> None:
    [call] = captured("gemini/genai-py-1.47.0-imagen-predict")
    job = asked("gemini", call)
    assert (job.model, job.prompt, job.n, job.size) == ("imagen-4.0-generate-001", "p", 2, Size("2K", "16:9"))


def test_vertex_clients_ask_under_their_own_path() -> None:
    assert parse("publishers/google/models/m:predict").model == "m"


# (body, field)
BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "instances"),
    ({"instances": []}, "instances"),
    ({"instances": [{"prompt": "a"}, {"prompt": "b"}]}, "instances"),
    ({"instances": [{"prompt": " "}]}, "instances[0].prompt"),
    ({"instances": [{"prompt": "a", "image": {"bytesBase64Encoded": "AAAA"}}]}, "instances[0].image"),
    ({"instances": [{"prompt": "a"}], "parameters": {"sampleCount": 11}}, "parameters.sampleCount"),
    ({"instances": [{"prompt": "a"}], "parameters": {"aspectRatio": "16:0"}}, "parameters.aspectRatio"),
    ({"instances": [{"prompt": "a"}], "parameters": {"storageUri": "gs://b"}}, "parameters.storageUri"),
    (
        {"instances": [{"prompt": "a"}], "parameters": {"outputOptions": {"mimeType": "image/tiff"}}},
        "parameters.outputOptions.mimeType",
    ),
]


@pytest.mark.parametrize(("body", "field"), BAD)
def test_bad_input_names_its_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        asked("gemini", post(PATH, body))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


def test_render() -> None:
    reply = gemini.render(Result((picture(), picture(8, 8)), text="not for this door"), JOB)
    predictions = plain(reply.body)["predictions"]
    assert [list(each) for each in predictions] == [["mimeType", "bytesBase64Encoded"]] * 2
    assert predictions[0]["mimeType"] == "image/png"
    assert predictions[0]["bytesBase64Encoded"].startswith("iVBOR")


def test_why_some_were_refused_is_said_where_the_app_asks() -> None:
    result = Result((picture(),), extras={"refused": ("too sharp", "too blunt")})
    assert len(plain(gemini.render(result, JOB).body)["predictions"]) == 1
    [made, *refused] = plain(gemini.render(result, parse(includeRaiReason=True)).body)["predictions"]
    assert set(made) == {"mimeType", "bytesBase64Encoded"}
    assert refused == [{"raiFilteredReason": "too sharp"}, {"raiFilteredReason": "too blunt"}]


def test_towards_a_vendor_of_the_same_dialect_only_words_that_it_knows_go_on() -> None:
    body = plain(gemini.encode(parse(seed=3, negativePrompt="n"), target("gemini", wire="tier_ratio")).body)
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "fox"}]}],
        "generationConfig": {"seed": 3, "responseModalities": ["IMAGE"]},
    }
