"""Films in the OpenAI shape towards a vendor: the order, each look, the film itself, and what its failures mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.media import Bytes, from_bytes
from koci_proxy.types import AUTO, Job, JobState, Media, Note, Result, Role, Size, Status, Ticket
from koci_proxy.wire import Call, Form, Json, Raw, Reply

from .test_nonsense import spoilt, tried
from .wires import DIALECTS, answered, asked, picture, plain, target

openai = DIALECTS["openai"]
HEX = "0123456789abcdef01234567"
ID = f"video_{HEX}"
FILM = from_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2mp41")
TARGET = target("openai", {"seconds": None})
NAMING = replace(TARGET, wire={"model_in_edits": True})
SHORT = replace(TARGET, wire={"every": 0.25})
JOB = Job("film", "fox", task="video", seconds=8.0, size=Size(width=1280, height=720), dialect="openai")


def sent(job: Job) -> tuple[str, Any]:
    call = openai.encode(job, TARGET)
    return call.path, call.body.fields if isinstance(call.body, Form) else plain(call.body)


def made_of(media: Media, role: Role, **changes: Any) -> Job:
    return replace(JOB, inputs=(media,), roles=(role,), **changes)


# --- the order ------------------------------------------------------------------------------------------------------

WORDS = (("prompt", "fox"), ("model", "the-model"), ("size", "1280x720"), ("seconds", "8"))
ONLY = WORDS[:1]


def test_a_film_without_a_file_is_json() -> None:
    assert sent(JOB) == ("videos", dict(WORDS))
    bare = replace(JOB, seconds=None, size=AUTO)
    assert sent(bare) == ("videos", dict(WORDS[:2]))
    assert plain(openai.encode(JOB, target("openai")).body) == dict(WORDS[:3])
    assert sent(replace(JOB, seconds=2.5))[1]["seconds"] == "2.5"


@pytest.mark.parametrize("role", ["first", "reference"])
def test_a_first_frame_is_a_file_of_a_form(role: Role) -> None:
    assert sent(made_of(picture(), role)) == ("videos", (*WORDS, ("input_reference", picture())))
    assert sent(replace(made_of(picture(), role), roles=()))[0] == "videos"


def test_what_there_is_only_a_link_to_goes_as_json() -> None:
    link = "https://x.example/a"
    _, body = sent(made_of(Media(url=link), "first"))
    assert body == dict(WORDS) | {"input_reference": {"image_url": link}}
    assert sent(made_of(Media(url=link), "video")) == ("videos/edits", dict(ONLY) | {"video": link})


def test_a_film_is_edited_or_goes_on() -> None:
    film = made_of(FILM, "video")
    assert sent(film) == ("videos/edits", (*ONLY, ("video", FILM)))
    assert sent(replace(film, options={"_videos": "edits"})) == sent(film)
    longer = replace(film, options={"_videos": "extensions"})
    assert sent(longer) == ("videos/extensions", (*ONLY, ("seconds", "8"), ("video", FILM)))


def test_a_relay_may_want_to_know_whose_film_is_to_change() -> None:
    body = openai.encode(made_of(FILM, "video"), NAMING).body
    assert body == Form((("prompt", "fox"), ("model", "the-model"), ("video", FILM)))


def test_the_apps_own_words_go_on_and_marks_do_not() -> None:
    job = replace(JOB, options={"user": "u", "tags": ["a"], "_async": True, "_keeps": True})
    assert sent(job)[1] == dict(WORDS) | {"user": "u", "tags": ["a"]}
    form = sent(replace(job, inputs=(picture(),)))[1]
    assert ("tags[]", "a") in form
    assert sent(replace(job, dialect="koci"))[1] == dict(WORDS)


@pytest.mark.parametrize(
    ("roles", "field"),
    [(("first", "last"), "input_reference"), (("last",), "input_reference"), (("video", "reference"), "video")],
)
def test_what_the_wire_has_no_place_for_is_refused(roles: tuple[Role, ...], field: str) -> None:
    job = replace(JOB, inputs=(picture(),) * len(roles), roles=roles)
    with pytest.raises(Fault, match="one film or one picture") as caught:
        openai.encode(job, TARGET)
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


# --- the looks and the film -----------------------------------------------------------------------------------------


def look(body: Any, job: Job = JOB, **headers: str) -> Result | Ticket:
    outcome: Result | Ticket = openai.decode(Reply(200, headers, Json(body)), job, TARGET)
    return outcome


TICKETS: list[tuple[dict[str, Any], Ticket]] = [
    ({"id": "a", "status": "queued", "progress": 0}, Ticket({"id": "a"}, 0.0, 2.0)),
    ({"id": "a", "status": "in_progress", "progress": 30, "error": None}, Ticket({"id": "a"}, 30.0, 2.0)),
    ({"id": "a", "status": "processing", "progress": "45%"}, Ticket({"id": "a"}, 45.0, 2.0)),
    ({"id": "a", "status": "NOT_START"}, Ticket({"id": "a"}, None, 2.0)),
    ({"id": "a"}, Ticket({"id": "a"}, None, 2.0)),
    ({"task_id": "a", "status": "queued", "progress": 101}, Ticket({"id": "a"}, None, 2.0)),
    ({"id": "a", "status": "queued", "progress": True}, Ticket({"id": "a"}, None, 2.0)),
    ({"id": "a", "status": "completed", "progress": 7}, Ticket({"id": "a", "content": True}, 100.0, 0.1)),
    ({"id": "a", "status": "SUCCEEDED"}, Ticket({"id": "a", "content": True}, 100.0, 0.1)),
]


@pytest.mark.parametrize(("body", "ticket"), TICKETS)
def test_a_task_is_under_way_until_its_film_can_be_fetched(body: dict[str, Any], ticket: Ticket) -> None:
    assert look(body) == ticket


@pytest.mark.parametrize(
    ("where", "headers", "wait"),
    [
        (TARGET, {}, 2.0),
        (TARGET, {"openai-poll-after-ms": "1500"}, 1.5),
        (TARGET, {"openai-poll-after-ms": "9999999"}, 60.0),
        (TARGET, {"openai-poll-after-ms": "0"}, 2.0),
        (TARGET, {"openai-poll-after-ms": "soon"}, 2.0),
        (SHORT, {"openai-poll-after-ms": "1500"}, 0.25),
    ],
)
def test_how_long_until_the_next_look(where: Any, headers: dict[str, str], wait: float) -> None:
    ticket = openai.decode(Reply(200, headers, Json({"id": "a", "status": "queued"})), JOB, where)
    assert ticket.wait == wait


def test_calls_after_the_order_need_the_ticket_alone() -> None:
    under_way, there = Ticket({"id": "video_1"}), Ticket({"id": "video_1", "content": True})
    assert openai.poll(under_way, JOB, TARGET) == Call("GET", "videos/video_1")
    fetch = openai.poll(there, JOB, TARGET)
    assert (fetch.method, fetch.path, fetch.body) == ("GET", "videos/video_1/content", None)
    assert "application/binary" in fetch.headers["accept"]
    for ticket in (under_way, there):
        assert openai.cancel(ticket, JOB, TARGET) == Call("DELETE", "videos/video_1")


def test_the_film_itself() -> None:
    assert openai.decode(Reply(200, {}, Raw(FILM, "video/mp4")), JOB, TARGET) == Result((FILM,))
    elsewhere = Reply(302, {"location": "https://cdn.example/a.mp4"}, Raw(b"", "text/html"))
    assert openai.decode(elsewhere, JOB, TARGET) == Result((Media(url="https://cdn.example/a.mp4"),))
    with pytest.raises(Fault) as caught:
        openai.decode(Reply(200, {}, Raw(Media(Bytes(b""), size=0), "video/mp4")), JOB, TARGET)
    assert (caught.value.kind, caught.value.stage) == ("empty", "accepted")
    with pytest.raises(Fault) as caught:
        openai.decode(Reply(302, {"location": "/login"}, None), JOB, TARGET)
    assert caught.value.kind == "garbled"


KEPT = "the film keeps its own"


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, ["size", "seconds"]),
        ({"_videos": "edits"}, ["size", "seconds"]),
        ({"_videos": "edits", "_keeps": True}, []),
        ({"_videos": "extensions"}, ["size"]),
    ],
)
def test_what_an_edit_cannot_do_is_noted(options: dict[str, Any], fields: list[str]) -> None:
    job = made_of(FILM, "video", options=options)
    made = openai.decode(Reply(200, {}, Raw(FILM, "video/mp4")), job, TARGET)
    assert made.notes == tuple(Note(field, "left out", KEPT) for field in fields)


def failed(code: str | None, status: str = "failed", **more: Any) -> dict[str, Any]:
    return {"id": "a", "status": status, "error": {"code": code, "message": "why", **more}}


FAILURES: list[tuple[dict[str, Any], str, str]] = [
    (failed("moderation_blocked"), "refused", "content rules of the upstream: why"),
    (failed("content_policy_violation"), "refused", "why"),
    (failed("invalid_prompt"), "bad_request", "did not accept the request: why"),
    (failed(None, type="invalid_request_error", param="size"), "bad_request", "why"),
    (failed("video_generation_failed"), "garbled", "could not make the film: its task is failed$"),
    (failed("server_error"), "garbled", "could not make"),
    (failed(None, "cancelled"), "garbled", "is cancelled"),
    ({"id": "a", "status": "expired", "error": None}, "garbled", "is expired"),
    ({"status": "failed", "error": "why"}, "garbled", "is failed"),
    ({"status": "error", "error": ["why"]}, "garbled", "is error"),
]


@pytest.mark.parametrize(("body", "kind", "words"), FAILURES)
def test_what_a_failed_task_means(body: dict[str, Any], kind: str, words: str) -> None:
    with pytest.raises(Fault, match=words) as caught:
        look(body)
    assert (caught.value.kind, caught.value.stage) == (kind, "accepted")


REFUSALS: list[tuple[Reply, str]] = [
    (Reply(400, {}, Json({"error": {"message": "x", "code": "moderation_blocked"}})), "refused"),
    (Reply(400, {}, Json({"error": {"message": "x", "param": "seconds"}})), "bad_request"),
    (Reply(401, {}, Json({"error": {"message": "x", "code": "invalid_api_key"}})), "key_refused"),
    (Reply(404, {}, Json({"error": {"message": "x"}})), "unserved"),
    (Reply(429, {}, Json({"error": {"message": "x", "code": "rate_limit_exceeded"}})), "key_busy"),
    (Reply(500, {}, Raw(b"<html>", "text/html")), "down"),
    (Reply(200, {}, Json({"error": {"message": "x", "code": "insufficient_quota"}})), "key_spent"),
    (Reply(200, {}, Json({"status": "queued"})), "garbled"),
    (Reply(200, {}, Json({"id": 7, "status": "queued"})), "garbled"),
    (Reply(200, {}, Json([])), "garbled"),
    (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled"),
]


@pytest.mark.parametrize(("reply", "kind"), REFUSALS)
def test_what_a_refused_call_means(reply: Reply, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        openai.decode(reply, JOB, TARGET)
    assert caught.value.kind == kind
    assert caught.value.stage == ("accepted" if kind == "garbled" else "answered")


SAID = {"id": "a", "task_id": "b", "status": "failed", "progress": 5, "error": {"code": "x", "message": "y"}}


@settings(deadline=None)
@given(data=st.data(), status=st.sampled_from([200, 302, 400, 500]))
def test_nonsense_is_a_fault(data: st.DataObject, status: int) -> None:
    body = data.draw(spoilt(SAID))
    outcome = tried(lambda: openai.decode(Reply(status, {"location": "x"}, Json(body)), JOB, TARGET))
    assert isinstance(outcome, Ticket | Fault)
    if isinstance(outcome, Ticket):
        assert openai.poll(outcome, JOB, TARGET).path.startswith("videos/")


# --- the way there and back -----------------------------------------------------------------------------------------

ROLES: list[tuple[Role, ...]] = [(), ("first",), ("video",)]


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """A film as the door reads it when all is said: what it would put in by itself is not on the wire."""
    roles = draw(st.sampled_from(ROLES))
    longer = draw(st.booleans())
    film = roles == ("video",)
    marks = {"_videos": "extensions" if longer else "edits", "_keeps": True} if film else {}
    return Job(
        "the-model",
        draw(st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()))),
        task="video",
        inputs=(FILM,) if film else tuple(picture(more=draw(st.sampled_from([0, 20_000]))) for _ in roles),
        roles=roles,
        size=AUTO if film else Size(width=draw(st.integers(500, 999)), height=720),
        seconds=draw(st.sampled_from([4.0, 12.0, 7.5])) if longer or not film else None,
        dialect="openai",
        options=draw(st.dictionaries(st.from_regex(r"x_[a-z]{1,8}", fullmatch=True), st.text(max_size=9), max_size=3))
        | marks
        | {"_async": True},
    )


@settings(deadline=None)
@given(jobs())
def test_the_door_reads_what_goes_to_a_vendor(job: Job) -> None:
    assert asked("openai", openai.encode(job, NAMING)) == job


ENDS: list[tuple[Status, Fault | None, str]] = [
    ("refused", Fault("refused", "no"), "refused"),
    ("failed", Fault("bad_request", "no", code="invalid_value", field="seconds"), "bad_request"),
    ("failed", Fault("down", "no"), "garbled"),
    ("expired", None, "garbled"),
    ("cancelled", None, "garbled"),
]


def test_a_house_can_be_the_vendor_of_another() -> None:
    state = JobState(f"req_{HEX}", JOB, "running", 1716700000, progress=30)
    reply = openai.accepted(state)
    assert openai.decode(answered(reply), JOB, TARGET) == Ticket({"id": ID}, 30.0, 1.0)
    there = replace(state, status="succeeded", result=Result((FILM,)))
    assert openai.decode(answered(openai.progress(there)), JOB, TARGET).handle == {"id": ID, "content": True}
    for status, fault, kind in ENDS:
        with pytest.raises(Fault) as caught:
            openai.decode(answered(openai.progress(replace(state, status=status, fault=fault))), JOB, TARGET)
        assert caught.value.kind == kind
