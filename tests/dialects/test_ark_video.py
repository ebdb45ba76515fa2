"""Ark's films: what its SDK sends, and what it hears of its tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.types import Job, JobState, Lookup, Media, Note, Result, Size, Status
from koci_proxy.wire import Call, data_uri

from .wires import DIALECTS, asked, picture, plain, post, target, unplaced

ark = DIALECTS["ark"]
PATH = "api/v3/contents/generations/tasks"
HEX = "0123456789abcdef01234567"
LINK, FILM = "https://cdn.example/a.png", "https://cdn.example/a.mp4"
TEXT = {"type": "text", "text": "fox"}
JOB = Job("seedance", "fox", task="video", dialect="ark", options={"_async": True})
WIRE = target("ark", {"seconds": None}, "tier_ratio")


SOUND = "https://cdn.example/a.mp3"


def film(role: str) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": FILM}, "role": role}


def image(role: str | None = None, link: Any = LINK) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": link}} | ({"role": role} if role else {})


def parse(*content: Any, **fields: Any) -> Job:
    return unplaced(asked("ark", post(PATH, {"model": "seedance", "content": list(content) or [TEXT]} | fields)))


def own(**options: Any) -> dict[str, Any]:
    return {"options": {**options, "_async": True}}


# --- what an app asks -----------------------------------------------------------------------------------------------

FRAMES = (Note("frames", "emulated", "60 → 2.5 seconds"),)
# What volcengine-python-sdk 5.0.53 sends where nothing but these is set.
NULLS = dict.fromkeys(
    (
        *("safety_identifier", "callback_url", "return_last_frame", "service_tier", "execution_expires_after"),
        *("priority", "generate_audio", "draft", "camera_fixed", "watermark", "seed", "resolution", "ratio"),
        *("duration", "frames", "tools", "output_format", "omni_reference_task_type"),
    )
)


@pytest.mark.parametrize(
    ("content", "fields", "changes"),
    [
        ((), NULLS, {}),
        (
            (),
            {"resolution": "720p", "ratio": "16:9", "duration": 5},
            {"size": Size("720p", "16:9"), "seconds": 5.0},
        ),
        ((), {"resolution": "4k"}, {"size": Size("4K")}),
        ((), {"ratio": "9:16"}, {"size": Size(None, "9:16")}),
        ((), {"ratio": "adaptive", "duration": -1, "seed": -1}, own(ratio="adaptive", duration=-1)),
        ((), {"frames": 60, "duration": 5}, {"seconds": 2.5, "notes": FRAMES}),
        ((), {"seed": 7, "watermark": True, "camera_fixed": True}, own(seed=7, watermark=True, camera_fixed=True)),
        ((), {"seed": 0, "watermark": False, "camera_fixed": False}, own(seed=0)),
        (
            (),
            {"generate_audio": False, "tools": [{"type": "web_search"}], "_mark": 1},
            own(generate_audio=False, tools=[{"type": "web_search"}]),
        ),
        ((TEXT, image()), {}, {"inputs": (Media(url=LINK),), "roles": ("first",)}),
        ((image(),), {}, {"prompt": "", "inputs": (Media(url=LINK),), "roles": ("first",)}),
        (
            (TEXT, image("last_frame"), image("first_frame", data_uri(picture(more=20_000)))),
            {},
            {"inputs": (Media(url=LINK), picture(more=20_000)), "roles": ("last", "first")},
        ),
        (
            (TEXT, image("reference_image"), film("reference_video")),
            {},
            {"inputs": (Media(url=LINK), Media(url=FILM)), "roles": ("reference", "video")},
        ),
        (
            (TEXT, image("reference_image"), {"type": "audio_url", "audio_url": {"url": SOUND}}),
            {},
            {"inputs": (Media(url=LINK),), "roles": ("reference",)}
            | own(content=[{"type": "audio_url", "audio_url": {"url": SOUND}, "role": "reference_audio"}]),
        ),
        (({"type": "text", "text": "a"}, {"type": "text", "text": "b"}), {}, {"prompt": "a\nb"}),
    ],
)
def test_parse(content: tuple[Any, ...], fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert parse(*content, **fields) == replace(JOB, **changes)


@pytest.mark.parametrize(
    ("text", "prompt", "changes"),
    [
        ("fox --rs 720p --rt 16:9 --dur 5", "fox", {"size": Size("720p", "16:9"), "seconds": 5.0}),
        (
            "two  spaces\n--resolution 1080p  --duration 10 --seed 11 --camerafixed true --watermark TRUE",
            "two  spaces",
            {"size": Size("1080p"), "seconds": 10.0} | own(seed=11, camera_fixed=True, watermark=True),
        ),
        ("fox --fps 24 --cf false --wm false", "fox", own(framespersecond=24)),
        ("fox --frames 60", "fox", {"seconds": 2.5, "notes": FRAMES}),
        ("fox --ratio adaptive --dur -1", "fox", own(ratio="adaptive", duration=-1)),
        ("fox --dur 5 --dur 8", "fox", {"seconds": 8.0}),
        ("fox --dur 5 --hd true", "fox --hd true", {"seconds": 5.0}),
        ("fox  --hd true", "fox  --hd true", {}),
        ("--dur 5 is how long", "--dur 5 is how long", {}),
        ("fox --dur", "fox --dur", {}),
        ("--dur 5", "", {"inputs": (Media(url=LINK),), "roles": ("first",), "seconds": 5.0}),
    ],
)
def test_words_at_the_end_of_the_text(text: str, prompt: str, changes: dict[str, Any]) -> None:
    pictures = [image()] if "inputs" in changes else []
    assert parse({"type": "text", "text": text}, *pictures) == replace(JOB, prompt=prompt, **changes)


def test_only_so_many_words_are_read() -> None:
    job = parse({"type": "text", "text": "fox" + " --dur 5" * 40})
    assert (job.prompt, job.seconds) == ("fox" + " --dur 5" * 8, 5.0)


def test_a_field_beats_the_word_and_nobody_is_called_back() -> None:
    job = parse(
        {"type": "text", "text": "fox --dur 5 --rs 720p"}, duration=8, resolution="720p", callback_url="https://a/b"
    )
    assert (job.seconds, job.size) == (8.0, Size("720p"))
    beaten, left = job.notes
    assert beaten == Note("--duration", "left out", "5: the field says 8")
    assert str(left).startswith("callback_url: left out (ask GET contents/")
    assert "callback_url" not in job.options


@pytest.mark.parametrize(
    ("content", "fields", "field"),
    [
        ((), {"model": None}, "model"),
        (({"type": "text", "text": " "},), {}, "content"),
        (({"type": "text", "text": "--dur 5"},), {}, "content"),
        ((), {"content": None}, "content"),
        (({"type": "draft_task", "draft_task": {"id": "cgt-1"}},), {}, "content[0].type"),
        (({"text": "fox"},), {}, "content[0].type"),
        ((TEXT, {"type": "image_url", "image_url": LINK}), {}, "content[1].image_url"),
        ((TEXT, {"type": "image_url"}), {}, "content[1].image_url.url"),
        ((TEXT, image(link="@@@@")), {}, "content[1].image_url.url"),
        ((TEXT, image("start_frame")), {}, "content[1].role"),
        ((TEXT, image("first_frame"), image()), {}, "content[2].role"),
        (
            (TEXT, {"type": "audio_url", "audio_url": {"url": "data:audio/mp3;base64,AAAA"}}),
            {},
            "content[1].audio_url.url",
        ),
        ((), {"resolution": "x"}, "resolution"),
        ((), {"ratio": "720p"}, "ratio"),
        ((), {"duration": 0}, "duration"),
        ((), {"duration": 5.5}, "duration"),
        ((), {"frames": 0}, "frames"),
        ((), {"seed": -2}, "seed"),
        ((), {"watermark": "no"}, "watermark"),
        (({"type": "text", "text": "fox --dur long"},), {}, "duration"),
        (({"type": "text", "text": "fox --cf maybe"},), {}, "camera_fixed"),
    ],
)
def test_bad_input_names_its_field(content: tuple[Any, ...], fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(*content, **fields)
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


@pytest.mark.parametrize(
    ("method", "tail", "lookup"),
    [
        ("GET", f"/cgt-{HEX}", Lookup("show", f"req_{HEX}", task="video")),
        ("DELETE", f"/cgt-{HEX}", Lookup("delete", f"req_{HEX}", task="video")),
        ("GET", "/cgt-20260514183217-t8rzv", Lookup("show", "cgt-20260514183217-t8rzv", task="video")),
        ("GET", f"/cgt-{HEX.upper()}", Lookup("show", f"cgt-{HEX.upper()}", task="video")),
    ],
)
def test_questions_after_one_task(method: str, tail: str, lookup: Lookup) -> None:
    assert asked("ark", Call(method, PATH + tail)) == lookup
    assert ark.schema(Call(method, PATH + tail)) is None


def test_a_body_only_where_a_task_is_begun() -> None:
    assert ark.schema(Call("POST", "contents/generations/tasks")) == "ark-tasks"
    assert ark.schema(Call("GET", "api/plan/v3/contents/generations/tasks")) is None


@pytest.mark.parametrize(
    ("method", "tail", "kind", "words"),
    [
        ("PUT", "", "wrong_method", "takes POST, GET, not PUT"),
        ("POST", "/cgt-1", "wrong_method", "takes GET, DELETE, not POST"),
        ("POST", "/cgt-1/cancel", "not_found", "there is no path"),
    ],
)
def test_no_such_call(method: str, tail: str, kind: str, words: str) -> None:
    for verb in (ark.schema, ark.parse):
        with pytest.raises(Fault, match=words) as caught:
            verb(Call(method, PATH + tail))
        assert caught.value.kind == kind


# --- what an app hears ----------------------------------------------------------------------------------------------

MADE = Media(url=FILM, mime="video/mp4", width=1248, height=704, seconds=5.042)
RESULT = Result((MADE,), usage={"input_tokens": 0, "output_tokens": 108900, "total_tokens": 108900})


def state(status: Status = "succeeded", number: int = 0, **changes: Any) -> JobState:
    whole: dict[str, Any] = {"created_at": 5.4, "ended_at": 9.9} | changes
    return JobState(f"req_{number:024x}", replace(JOB, size=Size("720p", "16:9")), status, **whole)


def task(state: JobState) -> dict[str, Any]:
    return dict(plain(ark.progress(state).body))


def test_a_task_is_begun() -> None:
    assert plain(ark.accepted(replace(state("queued"), id=f"req_{HEX}")).body) == {"id": f"cgt-{HEX}"}


WAITING = {
    "id": "cgt-" + "0" * 24,
    "model": "seedance",
    "status": "queued",
    "error": None,
    "content": None,
    "usage": None,
    "created_at": 5,
    "updated_at": 5,
    "seed": None,
    "resolution": "720p",
    "ratio": "16:9",
    "duration": None,
    "framespersecond": None,
    "revised_prompt": None,
    "service_tier": "default",
}
DONE = {
    "status": "succeeded",
    "content": {"video_url": FILM, "last_frame_url": None},
    "usage": {"completion_tokens": 108900, "total_tokens": 108900},
    "updated_at": 9,
    "duration": 5,
}


@pytest.mark.parametrize(
    ("state", "more"),
    [
        (state("queued", ended_at=None), {}),
        (state("running", ended_at=None, progress=40.0), {"status": "running"}),
        (state(result=RESULT), DONE),
        (state("partial", result=RESULT), DONE),
        (
            state(result=replace(RESULT, media=(MADE, Media(url=LINK, mime="image/png")))),
            DONE | {"content": {"video_url": FILM, "last_frame_url": LINK}},
        ),
        (
            state(result=replace(RESULT, usage={}, extras={"seed": 7, "framespersecond": 24, "duration": 6})),
            DONE
            | {"usage": {"completion_tokens": 0, "total_tokens": 0}, "seed": 7, "framespersecond": 24, "duration": 6},
        ),
        (
            state("refused", fault=Fault("refused", "no", code="OutputVideoSensitiveContentDetected.PolicyViolation")),
            {"status": "failed", "updated_at": 9}
            | {"error": {"code": "OutputVideoSensitiveContentDetected.PolicyViolation", "message": "no"}},
        ),
        (
            state("failed", fault=Fault("down", "the upstream failed")),
            {"status": "failed", "updated_at": 9}
            | {"error": {"code": "InternalServiceError", "message": "the upstream failed"}},
        ),
        (
            state("failed"),
            {"status": "failed", "updated_at": 9}
            | {"error": {"code": "InternalServiceError", "message": "the task failed"}},
        ),
        (state("cancelled"), {"status": "cancelled", "updated_at": 9}),
        (state("expired"), {"status": "expired", "updated_at": 9}),
    ],
)
def test_a_task_as_it_stands(state: JobState, more: dict[str, Any]) -> None:
    reply = ark.progress(state)
    assert (reply.status, plain(reply.body)) == (200, WAITING | more)


def test_a_film_says_what_was_changed() -> None:
    noted = replace(RESULT, notes=(Note("seconds", "bent", "7 → 8"),))
    assert task(state(result=noted))["notes"] == ["seconds: bent (7 → 8)"]
    assert "notes" not in task(state(result=RESULT))


def test_a_task_repeats_what_was_asked_of_it() -> None:
    words = {"generate_audio": False, "draft": True, "service_tier": "flex", "camera_fixed": True, "seed": 3}
    told = task(replace(state("queued"), job=replace(JOB, options=words, seconds=8.0)))
    assert (told["generate_audio"], told["draft"], told["service_tier"], told["seed"]) == (False, True, "flex", 3)
    assert (told["duration"], told["resolution"], told["ratio"]) == (8, None, None)
    assert "camera_fixed" not in told


@pytest.mark.parametrize(
    ("pixels", "resolution", "ratio"),
    [
        ((864, 480), "480p", "9:5"),
        ((1280, 720), "720p", "16:9"),
        ((960, 960), "720p", "1:1"),
        ((1112, 834), "720p", "4:3"),
        ((1088, 1920), "1080p", "9:16"),
        ((3840, 2160), "4k", "16:9"),
    ],
)
def test_the_size_is_that_of_the_film(pixels: tuple[int, int], resolution: str, ratio: str) -> None:
    film = Media(url=FILM, width=pixels[0], height=pixels[1])
    told = task(state(result=Result((film,))))
    assert (told["resolution"], told["ratio"]) == (resolution, ratio)
    wished = task(replace(state("queued"), job=replace(JOB, size=Size(width=pixels[0], height=pixels[1]))))
    assert (wished["resolution"], wished["ratio"]) == (resolution, ratio)


def listed(states: list[JobState], more: bool = False, **query: str) -> tuple[int, list[str], int]:
    """(total, the last letter of each id, how many tasks are asked for)."""
    lookup = asked("ark", Call("GET", PATH, {name.replace("__", "."): value for name, value in query.items()}))
    assert (lookup.verb, lookup.task, lookup.newest) == ("list", "video", True)
    body = plain(ark.listed(states[: lookup.limit], lookup, more).body)
    return body["total"], [item["id"][-1] for item in body["items"]], lookup.limit


FIVE = [
    state("queued", 1),
    state("succeeded", 2, result=RESULT),
    state("failed", 3),
    state("queued", 4),
    state("running", 5),
]


@pytest.mark.parametrize(
    ("query", "more", "answer"),
    [
        ({}, False, (5, ["1", "2", "3", "4", "5"], 10)),
        ({"page_size": "2"}, True, (3, ["1", "2"], 2)),
        ({"page_size": "2", "page_num": "2"}, True, (5, ["3", "4"], 4)),
        ({"page_size": "2", "page_num": "3"}, False, (5, ["5"], 6)),
        ({"page_num": "9"}, False, (5, [], 90)),
        ({"filter__status": "queued", "page_size": "1", "page_num": "2"}, False, (2, ["4"], 1000)),
        ({"filter__model": "other"}, False, (0, [], 1000)),
        ({"filter__service_tier": "default"}, False, (5, ["1", "2", "3", "4", "5"], 1000)),
        ({"filter__task_ids": f"cgt-{2:024x}"}, False, (1, ["2"], 1000)),
        ({"filter__task_ids": f"cgt-{2:024x},cgt-{5:024x}"}, False, (2, ["2", "5"], 1000)),
        ({"filter__status": "", "other": "x"}, False, (5, ["1", "2", "3", "4", "5"], 10)),
    ],
)
def test_a_page_of_tasks(query: dict[str, str], more: bool, answer: tuple[int, list[str], int]) -> None:
    assert listed(FIVE, more, **query) == answer


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"page_num": "0"}, "page_num"),
        ({"page_num": "²"}, "page_num"),
        ({"page_size": "501"}, "page_size"),
        ({"page_size": "x"}, "page_size"),
        ({"page_num": "3", "page_size": "500"}, "page_num"),
    ],
)
def test_a_page_that_is_none(query: dict[str, str], field: str) -> None:
    with pytest.raises(Fault) as caught:
        ark.parse(Call("GET", PATH, query))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


def test_a_deleted_task() -> None:
    reply = ark.deleted(state("cancelled"))
    assert (reply.status, plain(reply.body)) == (200, {})


@given(st.text(st.sampled_from("0123456789abcdef"), min_size=24, max_size=24))
def test_an_id_comes_back(digits: str) -> None:
    begun = plain(ark.accepted(replace(state("queued"), id=f"req_{digits}")).body)["id"]
    assert asked("ark", Call("GET", f"{PATH}/{begun}")).id == f"req_{digits}"
