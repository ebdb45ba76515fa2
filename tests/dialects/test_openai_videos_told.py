"""Films at the OpenAI door: what the app hears of them, as its SDK reads it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from openai.types import Video, VideoDeleteResponse

from koci_proxy.faults import KINDS, Fault
from koci_proxy.types import AUTO, Job, JobState, Lookup, Media, Note, Result, Size, Status

from .wires import DIALECTS, plain

openai = DIALECTS["openai"]
HEX = "0123456789abcdef01234567"
KEY, ID = f"req_{HEX}", f"video_{HEX}"
JOB = Job("sora-2", "fox", task="video", seconds=8.0, size=Size(width=1280, height=720), dialect="openai")
MADE = Result((Media(url="https://house.example/a.mp4", mime="video/mp4", width=1280, height=704, seconds=8.04),))
STATE = JobState(KEY, JOB, "queued", 1716700000.7, links="https://house.example/openai")


def ended(status: Status, **more: Any) -> JobState:
    return replace(STATE, status=status, ended_at=1716700090.2, **more)


def heard(state: JobState) -> dict[str, Any]:
    reply = openai.progress(state)
    assert reply.status == 200
    body: dict[str, Any] = plain(reply.body)
    assert body.keys() - {"notes"} == Video.model_fields.keys()
    # The client's type lists the sizes of one family; it does not insist on them where it reads an answer.
    assert re.fullmatch(r"\d+x\d+", body["size"])
    assert Video.model_validate_json(json.dumps(body | {"size": "1280x720"}), strict=True).id == ID
    return body


def test_a_film_is_told_of_as_official_clients_were_tried_with() -> None:
    wanted = {
        "id": ID,
        "object": "video",
        "model": "sora-2",
        "status": "queued",
        "progress": 0,
        "created_at": 1716700000,
        "completed_at": None,
        "expires_at": None,
        "prompt": "fox",
        "size": "1280x720",
        "seconds": "8",
        "remixed_from_video_id": None,
        "error": None,
    }
    assert heard(STATE) == plain(openai.accepted(STATE).body) == wanted
    assert heard(replace(STATE, status="running", progress=30.9)) == wanted | {"status": "in_progress", "progress": 30}
    done = ended("succeeded", result=MADE, progress=55, expires_at=1716786490.2)
    ends = {"status": "completed", "progress": 100, "completed_at": 1716700090, "expires_at": 1716786490}
    assert heard(done) == wanted | ends | {"size": "1280x704"}
    assert heard(replace(done, status="partial")) == heard(done)


def test_clients_are_told_when_to_look_again_as_long_as_there_is_something_to_see() -> None:
    for state in (STATE, replace(STATE, status="running")):
        for reply in (openai.accepted(state), openai.progress(state)):
            assert reply.headers == {"openai-poll-after-ms": "1000"}
    assert openai.progress(ended("succeeded", result=MADE)).headers == {}


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (AUTO, "720x1280"),
        (Size("720p", "16:9"), "1280x720"),
        (Size("1080p"), "1080x1920"),
        (Size(ratio="1:1"), "720x720"),
        (Size("1K", "16:9", 1280, 720), "1280x720"),
    ],
)
def test_a_size_is_always_shown_in_pixels(size: Size, shown: str) -> None:
    assert heard(replace(STATE, job=replace(JOB, size=size)))["size"] == shown


@pytest.mark.parametrize(
    ("asked_for", "made", "shown"),
    [(None, None, "4"), (8.0, None, "8"), (2.5, None, "2.5"), (8.0, 5.04, "5"), (None, 0.3, "1")],
)
def test_seconds_are_those_of_the_film_once_it_is_there(
    asked_for: float | None, made: float | None, shown: str
) -> None:
    result = Result((replace(MADE.media[0], seconds=made),))
    assert heard(ended("succeeded", job=replace(JOB, seconds=asked_for), result=result))["seconds"] == shown


def test_what_was_not_simply_passed_on_is_told_in_the_end() -> None:
    notes = (Note("seconds", "bent", "4 → 5"), Note("size", "defaulted", "720x1280"))
    told = heard(ended("succeeded", result=replace(MADE, notes=notes)))
    assert told["notes"] == ["seconds: bent (4 → 5)", "size: defaulted (720x1280)"]
    assert "notes" not in heard(ended("succeeded", result=MADE))


def test_a_remix_names_the_film_before() -> None:
    job = replace(JOB, options={"_remixed": f"req_{HEX[::-1]}"})
    assert heard(replace(STATE, job=job))["remixed_from_video_id"] == f"video_{HEX[::-1]}"


ENDS: list[tuple[Status, Fault | None, str, str]] = [
    ("refused", Fault("refused", "no", code="vendor_word"), "moderation_blocked", "no"),
    ("refused", None, "moderation_blocked", "the video failed"),
    ("failed", Fault("garbled", "bad"), "upstream_error", "bad"),
    ("failed", Fault("empty", "bad"), "no_video", "bad"),
    ("failed", Fault("bad_request", "bad", field="seconds", code="invalid_value"), "invalid_value", "bad"),
    ("failed", Fault("bad_request", "bad"), "invalid_request_error", "bad"),
    ("failed", Fault("key_spent", "bad", code="account_4711"), "upstream_unavailable", "bad"),
    ("failed", None, "internal_error", "the video failed"),
    ("expired", Fault("slow", "late", code="gave_up"), "expired", "late"),
    ("expired", None, "expired", "the video is no longer kept"),
    ("cancelled", None, "cancelled", "the video was cancelled"),
]


@pytest.mark.parametrize(("status", "fault", "code", "message"), ENDS)
def test_every_other_end_is_a_failure_with_its_reason(
    status: Status, fault: Fault | None, code: str, message: str
) -> None:
    told = heard(ended(status, fault=fault, progress=42.0))
    assert (told["status"], told["progress"], told["completed_at"]) == ("failed", 42, 1716700090)
    assert told["error"] == {"code": code, "message": message, "param": fault.field if fault else None}


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_a_code(kind: str) -> None:
    assert heard(ended("failed", fault=Fault(kind, "why")))["error"]["code"]


def test_what_was_refused_is_told_of_a_film_too() -> None:
    details = {"moderation_details": {"moderation_stage": "output", "categories": ["x"]}}
    told = heard(ended("refused", fault=Fault("refused", "no", details=details)))
    assert told["error"]["moderation_details"] == details["moderation_details"]


def test_a_list() -> None:
    other = replace(STATE, id=f"req_{HEX[::-1]}")
    body = plain(openai.listed([STATE, other], Lookup("list"), True).body)
    assert body == {
        "object": "list",
        "data": [heard(STATE), heard(STATE) | {"id": f"video_{HEX[::-1]}"}],
        "first_id": ID,
        "last_id": f"video_{HEX[::-1]}",
        "has_more": True,
    }
    empty: dict[str, Any] = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
    assert plain(openai.listed([], Lookup("list"), False).body) == empty


def test_a_film_that_is_gone() -> None:
    body = plain(openai.deleted(STATE).body)
    assert body == {"id": ID, "object": "video.deleted", "deleted": True}
    assert body.keys() == VideoDeleteResponse.model_fields.keys()
