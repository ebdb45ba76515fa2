"""Nothing said in a chat, in a response or in a vendor's stream makes the OpenAI shape fail but by a `Fault`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job, Media, Partial, Progress, Result
from koci_proxy.wire import Call, Frame, Json

from .test_nonsense import asked, spoilt, tried
from .wires import DIALECTS, picture, target

openai = DIALECTS["openai"]
LINK = "https://x.example/a.png"
CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "a"},
        {
            "role": "assistant",
            "content": f"![image]({LINK})",
            "images": [{"type": "image_url", "image_url": {"url": LINK}}],
        },
        {
            "role": "user",
            "content": [{"type": "text", "text": "b"}, {"type": "image_url", "image_url": {"url": "AAAA"}}],
        },
    ],
    "modalities": ["image"],
    "image_config": {"image_size": "2K", "aspect_ratio": "16:9"},
    "response_format": {"type": "text"},
    "stream_options": {"include_usage": True},
    "stream": True,
    "n": 2,
    "quality": "high",
    "tools": [],
}
RESPONSES = {
    "model": "m",
    "instructions": "a",
    "input": [
        {"type": "image_generation_call", "result": "AAAA"},
        {"role": "user", "content": [{"type": "input_text", "text": "b"}, {"type": "input_image", "image_url": LINK}]},
    ],
    "tools": [
        {
            "type": "image_generation",
            "model": "m2",
            "action": "edit",
            "size": "2K",
            "aspect_ratio": "16:9",
            "input_image_mask": {"image_url": "AAAA"},
            "partial_images": 2,
            "moderation": "low",
        }
    ],
    "tool_choice": {"type": "image_generation"},
    "stream": True,
    "previous_response_id": None,
}
ASKED = {"chat/completions": CHAT, "responses": RESPONSES}


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("path", ASKED)
@settings(deadline=None)
@given(data=st.data())
def test_what_apps_say(path: str, checked: bool, data: st.DataObject) -> None:
    body = data.draw(spoilt(ASKED[path]))
    job = tried(lambda: asked(openai, Call("POST", path, body=Json(body)), checked))
    if isinstance(job, Fault):
        assert 400 <= openai.fail(job).status < 500
        assert job.message
        return
    assert openai.encode(job, target("openai")).body is not None
    linked = Result((Media(url=LINK),), text="x", usage={"input_tokens_details": {"text_tokens": 1}})
    assert openai.render(linked, job).status == 200
    assert openai.frame(Done(linked), job)
    for event in (Progress(None), Progress(1), Partial(picture())):
        assert all(frame.data for frame in openai.frame(event, job))
    assert openai.fail_frame(Fault("slow", "late"), job).data


SAID = [
    {"type": "image_generation.partial_image", "b64_json": "AAAA", "partial_image_index": 0},
    {"type": "image_edit.completed", "b64_json": "AAAA", "created_at": 1, "usage": {}, "quality": "low"},
    {"type": "error", "error": {"type": "x", "code": "y", "message": "z", "moderation_details": {"categories": ["x"]}}},
    {"type": "error", "code": "y", "message": "z", "param": "size"},
    {"created": 1, "data": [{"b64_json": "AAAA", "revised_prompt": "x"}], "text": "x"},
]


@settings(deadline=None)
@given(data=st.data(), name=st.sampled_from([None, "error", "image_edit.completed"]))
def test_what_a_vendors_stream_says(data: st.DataObject, name: str | None) -> None:
    said: Any = data.draw(st.sampled_from(SAID).flatmap(spoilt))
    event = tried(lambda: openai.event(Frame(name, said), Job("m", "fox"), target("openai")))
    assert event is None or isinstance(event, Fault | Partial | Done)
    if isinstance(event, Fault):
        assert event.message
