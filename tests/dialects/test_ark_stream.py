"""Ark's stream: asked for where a model has one, each picture passed on as it comes, failures and notes at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job, Made, Media, Note, Partial, Progress, Result
from koci_proxy.wire import Frame, Json

from .test_ark import FAILED, JOB, LEAST, LINK, WIRE, ark
from .wires import picture, plain

STREAMS = replace(WIRE, card=replace(WIRE.card, stream=True))
SET = replace(JOB, stream=True, options={"sequential_image_generation": "auto"})


def test_a_stream_is_asked_for_where_the_model_has_one() -> None:
    job = replace(JOB, stream=True)
    assert plain(ark.encode(job, STREAMS).body) == LEAST | {"stream": True}
    assert "stream" not in plain(ark.encode(JOB, STREAMS).body)


@pytest.mark.parametrize(("partials", "vendor", "noted"), [(2, STREAMS, True), (0, STREAMS, False), (2, WIRE, False)])
def test_previews_are_noted_as_left_out(partials: int, vendor: Any, noted: bool) -> None:
    notes = ark.left_out(replace(JOB, stream=True, partials=partials), vendor)
    assert [(note.field, note.what) for note in notes] == ([("partial_images", "left out")] if noted else [])


def heard(job: Job, name: str | None, **more: Any) -> Any:
    data = {"type": f"image_generation.{name}"} if name else {}
    return ark.event(Frame(None, data | more), job, STREAMS)


def test_what_the_events_of_a_stream_mean() -> None:
    assert heard(SET, "partial_succeeded", image_index=4, url=LINK, created=5) == Made(Media(url=LINK), created=5)
    assert heard(SET, "partial_succeeded", b64_json=picture()) == Made(picture())
    end = heard(SET, "completed", created=6, usage={"generated_images": 1, "output_tokens": 3, "total_tokens": 5})
    counted = {"generated_images": 1, "input_tokens": 2, "output_tokens": 3, "total_tokens": 5}
    assert end == Done(Result((), usage=counted, created=6))
    failed = heard(SET, "partial_failed", image_index=1, error=FAILED)
    assert failed.result.media == ()
    assert failed.fault is not None
    assert failed.fault.kind == "refused"
    assert failed.result.extras == {"failures": (FAILED,)}
    assert str(failed.result.notes[0]) == f"n: left out (a picture failed: {FAILED['code']}: no)"
    assert heard(SET, "heartbeat") is ark.event(Frame(None, []), SET, STREAMS) is None


@pytest.mark.parametrize(
    ("job", "name", "error", "kind"),
    [
        (JOB, "partial_failed", FAILED, "refused"),
        (SET, None, FAILED, "refused"),
        (SET, None, {"code": "InternalServiceError"}, "down"),
        (SET, "partial_succeeded", None, "garbled"),
    ],
)
def test_a_stream_that_comes_to_nothing(job: Job, name: str | None, error: Any, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        heard(job, name, error=error)
    assert caught.value.kind == kind


def test_a_stream_is_whole_pictures_and_an_end() -> None:
    assert ark.frame(Progress(1), JOB) == ark.frame(Partial(picture()), JOB) == ()
    result = Result((Media(url=LINK), Media(url=LINK)), created=5, extras={"failures": (FAILED,)})
    frames = ark.frame(Done(result), replace(JOB, stream=True))
    assert [frame.event for frame in frames] == [frame.data["type"] for frame in frames]
    assert [(frame.data["type"].partition(".")[2], frame.data.get("image_index")) for frame in frames] == [
        ("partial_succeeded", 0),
        ("partial_succeeded", 1),
        ("partial_failed", 2),
        ("completed", None),
    ]
    assert frames[2].data["error"] == FAILED
    assert frames[3].data["usage"]["generated_images"] == 2
    assert "notes" not in frames[3].data
    assert ark.END == b"data: [DONE]\n\n"


def test_a_picture_that_was_shown_is_not_shown_again() -> None:
    result = Result((Media(url=LINK), Media(url=LINK + "2")), created=5, notes=(Note("size", "bent", "4K → 2K"),))
    first, rest = (
        ark.made(Made(Media(url=LINK), 0, 4), JOB),
        ark.frame(Done(result, frozenset({0})), replace(JOB, stream=True)),
    )
    assert [frame.data.get("image_index") for frame in (*first, *rest)] == [0, 1, None]
    assert (first[0].data["created"], plain(Json(first[0].data["url"]))) == (4, LINK)
    assert rest[-1].data["notes"] == ["size: bent (4K → 2K)"]


def test_a_fault_in_a_stream_is_a_picture_that_failed() -> None:
    frame = ark.fail_frame(Fault("down", "x"), JOB)
    assert frame.event == "image_generation.partial_failed"
    assert frame.data["error"]["code"] == "InternalServiceError"
