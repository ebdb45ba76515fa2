"""Ark's films: what goes to a vendor, what its tasks come to, and the way there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.types import AUTO, Job, JobState, Media, Note, Result, Size, Ticket
from koci_proxy.wire import Call, Json, Raw, Reply

from .wires import DIALECTS, answered, asked, picture, plain, target, unplaced

ark = DIALECTS["ark"]
LINK, FILM = "https://cdn.example/a.png", "https://cdn.example/a.mp4"
TEXT = {"type": "text", "text": "fox"}
JOB = Job("seedance", "fox", task="video", dialect="ark", options={"_async": True})
WIRE = target("ark", {"seconds": None}, "tier_ratio")


def image(role: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": LINK}, "role": role}


def own(**options: Any) -> dict[str, Any]:
    return {"options": {**options, "_async": True}}


# --- towards a vendor -----------------------------------------------------------------------------------------------

HD = {"resolution": "720p", "ratio": "16:9"}
LEAST = {"model": "the-model", "content": [TEXT], "watermark": False}
FRAMED = replace(WIRE, wire={"framed": ["the-model"]})


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, {}),
        ({"size": Size("720p", "16:9", 1280, 720), "seconds": 5.0}, HD | {"duration": 5}),
        ({"size": Size("4K")}, {"resolution": "4k"}),
        ({"seconds": 4.5}, {"duration": 5}),
        (own(watermark=True, seed=7), {"watermark": True, "seed": 7}),
        (own(ratio="adaptive", duration=-1), {"ratio": "adaptive", "duration": -1}),
        ({"seconds": 5.0, "size": Size("720p", "16:9")} | own(ratio="adaptive", duration=-1), HD | {"duration": 5}),
        (own(content=[{"type": "audio_url"}]), {"content": [TEXT, {"type": "audio_url"}]}),
        ({"dialect": "openai"} | own(seed=7), {}),
        ({"prompt": "fox --dur 12 --hd true"}, {"content": [{"type": "text", "text": "fox --hd true"}]}),
        ({"prompt": "", "inputs": (Media(url=LINK),), "roles": ("first",)}, {"content": [image("first_frame")]}),
        (
            {"inputs": (Media(url=LINK), Media(url=LINK)), "roles": ("first", "last")},
            {"content": [TEXT, image("first_frame"), image("last_frame")]},
        ),
        ({"inputs": (Media(url=LINK),)}, {"content": [TEXT, image("reference_image")]}),
        (
            {"inputs": (Media(url=FILM),), "roles": ("video",)},
            {"content": [TEXT, {"type": "video_url", "video_url": {"url": FILM}, "role": "reference_video"}]},
        ),
    ],
)
def test_encode(changes: dict[str, Any], more: dict[str, Any]) -> None:
    call = ark.encode(replace(JOB, **changes), WIRE)
    assert (call.method, call.path, plain(call.body)) == ("POST", "contents/generations/tasks", LEAST | more)


def test_a_held_picture_a_friendly_name_and_a_card_without_lengths() -> None:
    vendor = replace(
        target("ark"), model="seedance-2.0", wire={"models": {"seedance-2.0": "doubao-seedance-2-0-260128"}}
    )
    body = plain(ark.encode(replace(JOB, inputs=(picture(),), seconds=5.0), vendor).body)
    assert body["model"] == "doubao-seedance-2-0-260128"
    assert body["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert "duration" not in body


def test_a_model_whose_ratio_is_that_of_the_first_frame() -> None:
    job = replace(JOB, size=Size("720p", "16:9"), inputs=(Media(url=LINK),), roles=("first",))
    assert plain(ark.encode(job, WIRE).body)["ratio"] == "16:9"
    assert "ratio" not in plain(ark.encode(job, FRAMED).body)
    assert plain(ark.encode(replace(job, inputs=(), roles=()), FRAMED).body)["ratio"] == "16:9"
    [note] = ark.decode(ended(), job, FRAMED).notes
    assert str(note) == "size: left out (16:9: the film has the ratio of its first frame)"


def reply(**body: Any) -> Reply:
    return Reply(200, {}, Json({"id": "cgt-20260809211822-9lklw", **body}))


def ended(**more: Any) -> Reply:
    """An answer as users of ModelArk print it."""
    body = {
        "model": "dreamina-seedance-2-5-260628",
        "status": "succeeded",
        "content": {"video_url": FILM},
        "usage": {"completion_tokens": 1296900, "total_tokens": 1296900},
        "created_at": 1786281507,
        "updated_at": 1786282564,
        "seed": 99588,
        "resolution": "720p",
        "ratio": "16:9",
        "duration": 30,
        "framespersecond": 24,
        "generate_audio": True,
        "output_format": "mp4",
    }
    return reply(**body | more)


def test_a_film_that_is_done() -> None:
    assert ark.decode(ended(), JOB, WIRE) == Result(
        (Media(url=FILM),),
        usage={"input_tokens": 0, "output_tokens": 1296900, "total_tokens": 1296900},
        created=1786281507,
        extras={"seed": 99588, "resolution": "720p", "ratio": "16:9", "duration": 30, "framespersecond": 24},
    )


def test_the_last_frame_comes_where_it_was_asked_for() -> None:
    both = ended(content={"video_url": FILM, "last_frame_url": LINK})
    asking = replace(JOB, **own(return_last_frame=True))
    assert ark.decode(both, JOB, WIRE).media == (Media(url=FILM),)
    assert ark.decode(both, asking, WIRE).media == (Media(url=FILM), Media(url=LINK))
    assert ark.decode(ended(), asking, WIRE).media == (Media(url=FILM),)


def test_words_that_were_taken_off_the_prompt_are_noted() -> None:
    [note] = ark.decode(ended(), replace(JOB, prompt="fox --dur 12 --rs 1080p"), WIRE).notes
    assert note == Note("prompt", "left out", "its words for resolution, duration: ask for them as fields")


@pytest.mark.parametrize(
    "state", [{}, {"status": "queued"}, {"status": "running"}, {"status": "processing"}, {"status": []}]
)
def test_a_task_under_way(state: dict[str, Any]) -> None:
    ticket = ark.decode(reply(**state), JOB, WIRE)
    assert ticket == Ticket({"id": "cgt-20260809211822-9lklw"}, None, 10.0)
    assert ark.decode(reply(**state), JOB, replace(WIRE, wire={"every": 1})).wait == 1.0
    path = "contents/generations/tasks/cgt-20260809211822-9lklw"
    assert ark.poll(ticket, JOB, WIRE) == Call("GET", path)
    assert ark.cancel(ticket, JOB, WIRE) == Call("DELETE", path)


def failed(code: str, words: str = "why", status: str = "failed") -> Reply:
    return reply(status=status, error={"code": code, "message": words})


@pytest.mark.parametrize(
    ("reply", "kind", "stage", "words"),
    [
        (failed("OutputVideoSensitiveContentDetected"), "refused", "accepted", "why"),
        (failed("OutputAudioSensitiveContentDetected.PolicyViolation"), "refused", "accepted", "why"),
        (failed("InputVideoRiskDetection"), "refused", "accepted", "why"),
        (failed("InvalidParameter.TaskTypeConstraint"), "bad_request", "accepted", "why"),
        (failed("InternalServiceError"), "empty", "accepted", "why"),
        (failed("RateLimitExceeded"), "empty", "accepted", "why"),
        (reply(status="failed", error=None), "empty", "accepted", "the task failed"),
        (reply(status="expired"), "empty", "accepted", "the task expired"),
        (reply(status="cancelled"), "empty", "accepted", "the task was cancelled"),
        (ended(content=None), "empty", "accepted", "there is no film"),
        (ended(content={"video_url": 7}), "garbled", "accepted", None),
        (reply(id="../keys"), "garbled", "accepted", "there is no id of a task"),
        (Reply(200, {}, Json([])), "garbled", "accepted", None),
        (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled", "accepted", None),
        (Reply(429, {}, Json({"error": {"code": "QuotaExceeded", "message": "x"}})), "key_spent", "answered", "x"),
        (Reply(404, {}, Json({"error": {"code": "ModelNotOpen", "message": "x"}})), "unserved", "answered", "x"),
        (Reply(502, {}, Raw(b"<html>", "text/html")), "down", "answered", None),
    ],
)
def test_what_comes_to_nothing(reply: Reply, kind: str, stage: str, words: str | None) -> None:
    with pytest.raises(Fault) as caught:
        ark.decode(reply, JOB, WIRE)
    assert (caught.value.kind, caught.value.stage) == (kind, stage)
    if words is not None:
        assert caught.value.vendor == words


# --- the way there and back -----------------------------------------------------------------------------------------

media = st.builds(picture, st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([0, 20_000]))
inputs = st.lists(
    st.tuples(media | st.just(Media(url=LINK)), st.sampled_from(["first", "last", "reference", "video"])), max_size=3
)
tiers = st.sampled_from([None, "480p", "720p", "1080p", "4K"])
ratios = st.sampled_from([None, "16:9", "1:1", "21:9"])


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_characters="-", exclude_categories=["Cs"]), min_size=1).filter(
        lambda text: bool(text.strip())
    ),
    inputs,
    st.just(AUTO) | st.builds(Size, tiers, ratios),
    st.none() | st.integers(1, 600).map(float),
    st.dictionaries(st.sampled_from(["x_a", "x_b"]), st.booleans() | st.text(max_size=5), max_size=2),
    st.none() | st.integers(0, 2**32 - 1),
)
def test_parse_reads_the_film_that_encode_writes(
    prompt: str, made: Any, size: Size, seconds: float | None, options: dict[str, Any], seed: int | None
) -> None:
    job = Job(
        "the-model",
        prompt,
        task="video",
        inputs=tuple(each for each, _ in made),
        roles=tuple(role for _, role in made),
        size=size,
        seconds=seconds,
        dialect="ark",
        options={**options, **({} if seed is None else {"seed": seed}), "_async": True},
    )
    assert unplaced(asked("ark", ark.encode(job, WIRE))) == job


@settings(deadline=None)
@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.fixed_dictionaries(
        {"resolution": st.sampled_from(["480p", "4k"]), "ratio": st.sampled_from(["16:9", "1:1"])},
        optional={"seed": st.integers(0, 9), "duration": st.integers(1, 15), "framespersecond": st.just(24)},
    ),
    st.booleans(),
)
def test_decode_reads_the_film_that_progress_writes(out: int, more: int, extras: dict[str, Any], last: bool) -> None:
    usage = {"input_tokens": more if out else 0, "output_tokens": out, "total_tokens": out + more if out else 0}
    frame = (Media(url=LINK, mime="image/png"),) if last else ()
    result = Result((Media(url=FILM), *frame), usage=usage, created=5, extras=extras)
    job = replace(JOB, **own(return_last_frame=True))
    read = ark.decode(
        answered(ark.progress(JobState(f"req_{7:024x}", job, "succeeded", 5.0, result=result))), job, WIRE
    )
    assert read == replace(result, media=tuple(Media(url=each.url) for each in result.media))
