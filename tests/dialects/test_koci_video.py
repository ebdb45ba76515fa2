"""Films at KoCodeImg's door: what apps send, the questions they ask after, and what they hear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import KINDS, Fault
from koci_proxy.types import Job, JobState, Lookup, Media, Note, Result, Role, Size, Status
from koci_proxy.wire import Call, Form, Json, base64

from .test_nonsense import asked as read
from .test_nonsense import spoilt, tried
from .wires import DIALECTS, asked, picture, plain, post

koci = DIALECTS["koci"]
HEX = "0123456789abcdef01234567"
ID = f"v_{HEX}"
# The page's own sample.
SAMPLE = {
    "model": "veo-3-1",
    "prompt": "日出时分宁静的山间湖泊,电影感航拍",
    "mode": "text2video",
    "size": "16:9",
}
GOOD: dict[str, Any] = {"model": "veo-3-1", "prompt": "fox"}
JOB = Job("veo-3-1", "fox", task="video", dialect="koci", options={"_async": True})
FILM = "https://cdn.example/videos/a.mp4"


def links(count: int) -> list[str]:
    return [f"https://cdn.example/{at}.png" for at in range(count)]


def linked(count: int) -> tuple[Media, ...]:
    return tuple(Media(url=link) for link in links(count))


def test_the_pages_sample() -> None:
    wanted = Job("veo-3-1", SAMPLE["prompt"], task="video", size=Size(ratio="16:9"), dialect="koci")
    for path in ("videos", "videos/"):
        assert asked("koci", post(path, SAMPLE)) == replace(wanted, options={"_async": True})


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {}),
        ({"mode": None, "size": None, "reference_images": None, "input_video_url": None}, {}),
        ({"mode": "", "size": "", "reference_images": [], "input_video_url": ""}, {}),
        ({"mode": "text2video", "reference_images": [""]}, {}),
        ({"model": " veo-omni-flash "}, {"model": "veo-omni-flash"}),
        ({"size": "9:16"}, {"size": Size(ratio="9:16")}),
        ({"size": "1:1"}, {"size": Size(ratio="1:1")}),
        ({"size": "1280x720"}, {"size": Size(width=1280, height=720)}),
        ({"size": "2K 16:9"}, {"size": Size("2K", "16:9")}),
        ({"seconds": 4, "_from": "x"}, {"options": {"seconds": 4, "_async": True}}),
        (
            {"mode": "video_edit", "input_video_url": FILM},
            {"inputs": (Media(url=FILM),), "roles": ("video",)},
        ),
        ({"input_video_url": FILM}, {"inputs": (Media(url=FILM),), "roles": ("video",)}),
        (
            {"mode": "video_edit", "input_video_url": FILM, "reference_images": links(1)},
            {"inputs": (Media(url=FILM), *linked(1)), "roles": ("video", "reference")},
        ),
    ],
)
def test_a_film(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert asked("koci", post("videos", GOOD | fields)) == replace(JOB, **changes)


@pytest.mark.parametrize(
    ("count", "roles"),
    [
        (1, ("first",)),
        (2, ("first", "last")),
        (3, ("reference",) * 3),
        (4, ("reference",) * 4),
        (9, ("reference",) * 9),
    ],
)
@pytest.mark.parametrize("mode", [{}, {"mode": "image2video"}])
def test_what_several_pictures_are(count: int, roles: tuple[Role, ...], mode: dict[str, str]) -> None:
    job = asked("koci", post("videos", GOOD | mode | {"reference_images": links(count)}))
    assert (job.inputs, job.roles) == (linked(count), roles)


def test_pictures_that_are_no_links() -> None:
    large = picture(more=20_000)
    uri = "data:image/png;base64,iVBORw0KGgo="
    job = asked("koci", post("videos", GOOD | {"reference_images": [base64(large), uri]}))
    assert job.inputs[0] == large
    assert (job.inputs[1].mime, job.roles) == ("image/png", ("first", "last"))
    assert asked("koci", post("videos", GOOD | {"reference_images": links(1)[0]})).inputs == linked(1)


@pytest.mark.parametrize("name", ["reference_images", "reference_images[]", "reference_images[0]"])
def test_a_form(name: str) -> None:
    form = Form((*GOOD.items(), ("mode", "image2video"), ("size", "16:9"), (name, links(1)[0]), (name, picture())))
    job = asked("koci", Call("POST", "videos", body=form))
    inputs = (*linked(1), picture())
    assert job == replace(JOB, inputs=inputs, roles=("first", "last"), size=Size(ratio="16:9"))


def test_a_form_with_a_film() -> None:
    film = Media(data=picture().data, mime="video/mp4")
    form = Form((*GOOD.items(), ("mode", "video_edit"), ("reference_images", ""), ("input_video_url", film)))
    job = asked("koci", Call("POST", "videos", body=form))
    assert (job.inputs, job.roles) == ((film,), ("video",))


BAD = [
    ({"model": None}, "model", "must be a"),
    ({"model": " "}, "model", "must not be empty"),
    ({"prompt": ""}, "prompt", "must not be empty"),
    ({"mode": "image2video"}, "reference_images", "is required in mode image2video"),
    ({"mode": "image2video", "reference_images": [""]}, "reference_images", "is required in mode image2video"),
    ({"mode": "video_edit"}, "input_video_url", "is required in mode video_edit"),
    ({"mode": "video_edit", "reference_images": links(1)}, "input_video_url", "is required in mode video_edit"),
    ({"mode": "text2video", "reference_images": links(1)}, "reference_images", "that is mode image2video"),
    ({"mode": "text2video", "input_video_url": FILM}, "input_video_url", "that is mode video_edit"),
    (
        {"mode": "image2video", "reference_images": links(1), "input_video_url": FILM},
        "input_video_url",
        "that is mode video_edit",
    ),
    ({"mode": "text-to-video"}, "mode", "did you mean 'text2video'"),
    ({"mode": "x"}, "mode", "must be one of text2video, image2video, video_edit$"),
    ({"mode": 2}, "mode", "must be a string"),
    ({"size": "wide"}, "size", "16:9"),
    ({"reference_images": links(10)}, "reference_images", "at most 9"),
    ({"reference_images": [*links(1), "@@"]}, "reference_images[1]", "no picture"),
    ({"reference_images": [{"url": FILM}]}, "reference_images[0]", "must be a string"),
    ({"reference_images": [None]}, "reference_images[0]", "must be a string"),
    ({"input_video_url": ID}, "input_video_url", "http.*video_url"),
    ({"input_video_url": [FILM]}, "input_video_url", "must be a string"),
]


@pytest.mark.parametrize(("fields", "field", "word"), BAD)
def test_bad_input_names_its_field(fields: dict[str, Any], field: str, word: str) -> None:
    with pytest.raises(Fault, match=word) as caught:
        asked("koci", post("videos", GOOD | fields))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)
    assert koci.fail(caught.value).status == 400


@pytest.mark.parametrize(("fields", "field"), [(fields, field) for fields, field, _ in BAD])
def test_without_a_schema_too(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        koci.parse(post("videos", GOOD | fields))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


@pytest.mark.parametrize("checked", [True, False])
@settings(deadline=None)
@given(data=st.data())
def test_nonsense(checked: bool, data: st.DataObject) -> None:
    body = SAMPLE | {"mode": "video_edit", "reference_images": [*links(2), "AAAA"], "input_video_url": FILM}
    call = post("videos", data.draw(spoilt(body)))
    came = tried(lambda: read(koci, call, checked))
    if isinstance(came, Fault):
        assert 400 <= koci.fail(came).status < 500
        assert came.message
        return
    assert len(came.roles) == len(came.inputs)


# --- questions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "query", "lookup"),
    [
        ("GET", f"videos/{ID}/stream", {}, Lookup("follow", f"req_{HEX}", task="video")),
        ("GET", f"videos/{ID}/stream/", {}, Lookup("follow", f"req_{HEX}", task="video")),
        ("GET", f"videos/{ID}", {}, Lookup("show", f"req_{HEX}", task="video")),
        ("DELETE", f"videos/{ID}/", {}, Lookup("delete", f"req_{HEX}", task="video")),
        ("GET", "videos/v_xxxxxxxx", {}, Lookup("show", "v_xxxxxxxx", task="video")),
        ("GET", f"videos/v_{HEX.upper()}", {}, Lookup("show", f"v_{HEX.upper()}", task="video")),
        ("GET", "videos", {}, Lookup("list", task="video")),
        ("GET", "videos/", {"limit": "100"}, Lookup("list", task="video", limit=100)),
        (
            "GET",
            "videos",
            {"limit": "7", "after": f"v_{HEX}"},
            Lookup("list", task="video", after=f"req_{HEX}", limit=7),
        ),
        ("GET", "videos", {"limit": "", "after": ""}, Lookup("list", task="video")),
    ],
)
def test_questions(method: str, path: str, query: dict[str, str], lookup: Lookup) -> None:
    call = Call(method, path, query)
    assert koci.schema(call) is None
    assert koci.parse(call) == lookup


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "9" * 5000, "٣"])
def test_a_bad_limit(limit: str) -> None:
    with pytest.raises(Fault, match="from 1 to 100") as caught:
        koci.parse(Call("GET", "videos", {"limit": limit}))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "limit")


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("POST", "video", "not_found", "are: videos,"),
        ("GET", f"videos/{ID}/content", "not_found", "videos/{id}/stream"),
        ("GET", f"videos/{ID}/stream/x", "not_found", "videos/{id}/stream"),
        ("DELETE", "videos", "wrong_method", "POST or GET"),
        ("POST", f"videos/{ID}", "wrong_method", "GET or DELETE"),
        ("POST", f"videos/{ID}/stream", "wrong_method", "takes GET,"),
    ],
)
def test_no_such_call(method: str, path: str, kind: str, word: str) -> None:
    for verb in (koci.schema, koci.parse):
        with pytest.raises(Fault, match=word) as caught:
            verb(Call(method, path))
        assert caught.value.kind == kind


# --- what is heard --------------------------------------------------------------------------------------------------

MADE = Result((Media(url=FILM, mime="video/mp4", seconds=8.0),))
COMPLETE = {"status": "complete", "progress": 100, "video_url": FILM, "video_id": ID}


def stands(status: Status, **more: Any) -> JobState:
    return JobState(f"req_{HEX}", JOB, status, 1_700_000_000.9, **more)


def failed(**error: str) -> dict[str, Any]:
    return {"status": "failed", "error": error, "video_id": ID}


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_film_is_begun(status: Status) -> None:
    reply = koci.accepted(stands(status))
    assert (reply.status, plain(reply.body)) == (200, {"status": "queued", "task_id": ID, "video_id": ID})


TOLD: list[tuple[JobState, dict[str, Any]]] = [
    (stands("queued"), {"status": "processing", "progress": 0}),
    (stands("running", progress=29.6), {"status": "processing", "progress": 30}),
    (stands("running", progress=101), {"status": "processing", "progress": 100}),
    (stands("succeeded", result=MADE), COMPLETE),
    (stands("partial", result=MADE), COMPLETE),
    (
        stands("succeeded", result=replace(MADE, notes=(Note("seconds", "left out"), Note("size", "bent", "16:9")))),
        COMPLETE | {"notes": ["seconds: left out", "size: bent (16:9)"]},
    ),
    (
        stands("refused", fault=Fault("refused", "not that", field="prompt")),
        failed(code="content_refused", message="not that", field="prompt"),
    ),
    (
        stands("failed", fault=Fault("bad_request", "too large", field="reference_images[1]")),
        failed(code="invalid_request", message="too large", field="reference_images[1]"),
    ),
    (
        stands("failed", fault=Fault("bad_request", "no film", field="input_video_url")),
        failed(code="invalid_request", message="no film", field="input_video_url"),
    ),
    (stands("failed", fault=Fault("key_spent", "why", code="x")), failed(code="upstream_unavailable", message="why")),
    (stands("expired", fault=Fault("slow", "too long")), failed(code="expired", message="too long")),
    (stands("expired"), failed(code="expired", message="the video is no longer kept")),
    (stands("expired", result=MADE), failed(code="expired", message="the video is no longer kept")),
    (stands("cancelled"), failed(code="cancelled", message="the video was cancelled")),
]


@pytest.mark.parametrize(("state", "told"), TOLD)
def test_how_a_film_stands(state: JobState, told: dict[str, Any]) -> None:
    [frame] = koci.story(state)
    assert frame.event is None
    assert plain(Json(frame.data)) == told
    asked_for = {"model": "veo-3-1", "prompt": "fox", "created_at": 1_700_000_000}
    row = {"task_id": ID, "video_id": ID, **told, **asked_for}
    reply = koci.progress(state)
    assert (reply.status, plain(reply.body)) == (200, row)
    kept = koci.progress(replace(state, expires_at=1_700_000_001.5))
    assert plain(kept.body) == row | {"expires_at": 1_700_000_001}
    listed = koci.listed([state, state], Lookup("list"), True)
    assert (listed.status, plain(listed.body)) == (200, {"videos": [row, row], "has_more": True})


@pytest.mark.parametrize("kind", KINDS)
def test_every_failure_has_the_word_of_the_plain_error(kind: str) -> None:
    fault = Fault(kind, "why", field="prompt", code="its_own")
    error = plain(koci.fail(fault).body)["error"]
    [frame] = koci.story(stands("failed", fault=fault))
    assert frame.data["error"] == error


def test_a_film_is_deleted() -> None:
    reply = koci.deleted(stands("succeeded", result=MADE))
    assert (reply.status, plain(reply.body)) == (200, {"task_id": ID, "video_id": ID, "deleted": True})


def test_no_films() -> None:
    assert plain(koci.listed([], Lookup("list"), False).body) == {"videos": [], "has_more": False}
