"""An input at fault in the words of the door, in the field and in the message."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from koci_proxy.app.naming import renamed, told
from koci_proxy.faults import Fault
from koci_proxy.types import Job, JobState, Media

JOB = Job("m", "fox", task="video")
NAMES = {"images[0]": "image", "images[1]": "lastFrame", "video": "clip", "size": "resolution", "mask": "mask[0]"}
DOOR: Any = SimpleNamespace(named=lambda field, job: NAMES.get(field, field))
PLAIN: Any = SimpleNamespace()


@pytest.mark.parametrize(
    ("field", "message", "own", "said"),
    [
        ("images[1]", "m cannot do this: it takes no last frame", "lastFrame", None),
        ("images[1]", "images[1] is image/bmp; m takes none", "lastFrame", "lastFrame is image/bmp; m takes none"),
        ("mask", "the mask is 1x1 and images[0] is 2x2", "mask[0]", "the mask is 1x1 and image is 2x2"),
        ("mask", "mask is no whole PNG", "mask[0]", "mask[0] is no whole PNG"),
        ("video", "there is no film to go on with: that video is failed", "clip", None),
        ("video", "video cannot be read; a video is needed", "clip", "clip cannot be read; a video is needed"),
        ("size", "changed: n: bent; size: bent (2K)", "resolution", "changed: n: bent; resolution: bent (2K)"),
        ("size", "sizes are fixed: 2K is no size", "resolution", None),
        ("prompt", "images[0] and my_images[1] and x.images[1]", "prompt", "image and my_images[1] and x.images[1]"),
        ("Idempotency-Key", "used before", "Idempotency-Key", None),
        (None, "the upstream failed", None, None),
    ],
)
def test_a_fault_is_told_in_the_words_of_the_door(field: str | None, message: str, own: str | None, said: str) -> None:
    fault = Fault("bad_request", message, field=field)
    seen = renamed(fault, JOB, DOOR)
    assert (seen.field, seen.message) == (own, said or message)
    assert renamed(fault, JOB, PLAIN) is fault


@pytest.mark.parametrize(
    ("field", "own"),
    [
        ("contents", None),
        ("image_url", None),
        ("messages[0].content", None),
        ("_secret", None),
        ("size", "resolution"),
        ("images[1]", "lastFrame"),
        ("last_frame.data", "last_frame.data"),
        ("resolution", "resolution"),
        ("safety_setting", "safety_setting"),
        ("safetySetting[0].level", "safetySetting[0].level"),
    ],
)
def test_what_only_the_vendor_calls_so_is_no_field(field: str, own: str | None) -> None:
    fault = Fault("bad_request", "the upstream did not accept the request: bad", field=field, vendor="bad")
    job = replace(JOB, options={"safety_setting": 1, "_secret": 2}, inputs=(Media(),) * 2)
    door: Any = SimpleNamespace(named=lambda field, job: NAMES.get("images[1]" if field == "images" else field, field))
    seen = renamed(fault, job, door)
    assert (seen.field, seen.message) == (own, fault.message)
    assert renamed(fault.changed(vendor=None), job, door).field in (own, field)
    if own is None:
        assert renamed(fault, job, PLAIN).field is None


def test_nothing_else_is_changed() -> None:
    words = {"code": "c", "retry_after": 3.0, "vendor": "images[1]", "stage": "accepted", "details": {"headers": {}}}
    seen = vars(renamed(Fault("garbled", "why", field="video", **words), JOB, DOOR))  # type: ignore[arg-type]
    assert seen == vars(Fault("garbled", "why", field="clip", **words))  # type: ignore[arg-type]


def test_a_job_that_failed_later() -> None:
    state = JobState("req_0", JOB, "failed", 0.0, fault=Fault("bad_request", "images[1] is broken", field="images[1]"))
    fault = told(state, DOOR).fault
    assert fault is not None
    assert (fault.field, fault.message) == ("lastFrame", "lastFrame is broken")
    running = JobState("req_0", JOB, "running", 0.0)
    assert told(running, DOOR) is running
