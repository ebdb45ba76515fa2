"""Nothing that an app or a vendor says makes a dialect fail otherwise than by a `Fault`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job, Ticket
from koci_proxy.wire import Call, Json, Reply

from .wires import DIALECTS, DOORS, SCHEMAS, VENDORS, picture, target

OPENAI = {
    "model": "m",
    "prompt": "fox",
    "n": 1,
    "size": "2K",
    "aspect_ratio": "16:9",
    "quality": "high",
    "background": "auto",
    "output_format": "png",
    "output_compression": 1,
    "response_format": "url",
    "stream": False,
    "partial_images": 1,
    "image": ["AAAA"],
    "images": [{"image_url": "https://x.example/a.png"}],
    "mask": {"image_url": "AAAA"},
    "user": "u",
}
GEMINI = {
    "contents": [
        {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
        {"role": "model", "parts": [{"text": "b", "thought": True, "thoughtSignature": "AAAA"}]},
        {"parts": [{"fileData": {"fileUri": "https://x.example/a.png"}}, {"text": "c"}]},
    ],
    "generationConfig": {
        "responseModalities": ["IMAGE"],
        "candidateCount": 1,
        "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
        "responseFormat": {"image": {"imageSize": "2K", "delivery": "URI"}},
    },
    "systemInstruction": {"parts": [{"text": "d"}]},
}
LINKAI = {
    "model": "m",
    "prompt": "fox",
    "size": "2K",
    "aspect_ratio": "16:9",
    "images": ["AAAA"],
    "response_format": "url",
}
KOCI = {
    "conversation_id": "c",
    "prompt": "fox",
    "style": "anime",
    "size": "16:9",
    "model": "hd",
    "image": "AAAA",
    "mask": "AAAA",
    "strength": 0.5,
}
ANTHROPIC = {
    "model": "m",
    "max_tokens": 9,
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": "![image](https://x.example/a.png)"},
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}},
                {"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64", "data": "AAAA"}}]},
                {"type": "text", "text": "fox"},
            ],
        },
    ],
    "system": "s",
    "size": "2K",
    "aspect_ratio": "16:9",
    "n": 1,
    "response_format": "url",
}
ARK = {
    "model": "m",
    "prompt": "fox",
    "image": ["AAAA", "https://x.example/a.png"],
    "size": "2K",
    "response_format": "url",
    "output_format": "png",
    "watermark": False,
    "sequential_image_generation": "auto",
    "sequential_image_generation_options": {"max_images": 3},
    "stream": False,
}
KOUKOUTU = {
    "model_key": "m",
    "prompt": "fox",
    "image_base64": "AAAA",
    "output_format": "png",
    "response": "url",
    "resolution": "1k",
    "size": "16:9",
    "similarity": 0.5,
    "crop": 1,
}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("images/edits", OPENAI),
    "gemini": ("models/m:generateContent", GEMINI),
    "linkai": ("images/generations", LINKAI),
    "anthropic": ("messages", ANTHROPIC),
    "koci": ("generate/img2img", KOCI),
    "ark": ("api/v3/images/generations", ARK),
    "koukoutu": ("sync/v1/create", KOUKOUTU),
}

DATA = {
    "created": 1,
    "background": "auto",
    "quality": "low",
    "text": "x",
    "data": [{"b64_json": "AAAA", "revised_prompt": "x"}, {"url": "https://x.example/a.png"}],
    "usage": {
        "input_tokens": 1,
        "output_tokens": 1,
        "input_tokens_details": {"text_tokens": 1},
        "output_tokens_details": {},
    },
}
MISTAKE = {
    "error": {
        "message": "x",
        "type": "y",
        "code": "moderation_blocked",
        "param": "size",
        "moderation_details": {"categories": ["x"]},
    }
}
CANDIDATES = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "x"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "x"},
                ]
            },
            "finishReason": "SAFETY",
            "finishMessage": "x",
        }
    ],
    "promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "x"},
    "usageMetadata": {
        "promptTokenCount": 1,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}],
        "thoughtsTokenCount": 1,
    },
    "responseId": "x",
}
STATUS = {
    "error": {
        "code": 429,
        "message": "x",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"reason": "x"},
            {"retryDelay": "1s"},
            {"violations": [{"quotaId": "x"}]},
            {"fieldViolations": [{"field": "x"}]},
        ],
    }
}
MESSAGE = {
    "id": "msg_1",
    "content": [
        {"type": "text", "text": "x ![x](https://x.example/a.png)"},
        {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
    ],
    "stop_reason": "refusal",
    "stop_details": {"explanation": "x"},
    "usage": {"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": 1},
}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "x", "details": {"error_code": "x"}}}
SET = {
    "model": "m",
    "created": 1,
    "data": [{"url": "https://x.example/a.png", "size": "1x1"}, {"error": {"code": "x", "message": "y"}}],
    "usage": {"generated_images": 1, "output_tokens": 1, "total_tokens": 1},
    "error": {"code": "OutputImageSensitiveContentDetected", "message": "x"},
}
TASK = {
    "code": 200,
    "message": "success",
    "data": {
        "task_id": 1,
        "state": 1,
        "result_file": "https://x.example/a.png",
        "message": None,
        "progress": "65.71",
        "position": -1,
    },
}
SAID = [TASK, {"code": 422, "message": "x"}, MESSAGE, OVERLOADED, DATA, SET, MISTAKE, CANDIDATES, STATUS, [STATUS]]

odd: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        1e30,
        "",
        "x",
        "@@",
        "2K",
        "https://x.example/a",
        [],
        [[]],
        [None],
        {},
        {"x": 1},
        picture(),
    ]
)


def places(tree: Any) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a tree."""
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, each in steps:
        yield (step,)
        yield from ((step, *rest) for rest in places(each))


@st.composite
def spoilt(draw: st.DrawFn, tree: Any) -> Any:
    """A tree with up to three of its values replaced by odd ones."""
    tree = deepcopy(tree)
    for _ in range(draw(st.integers(0, 3))):
        paths = list(places(tree))
        if not paths:
            break
        *way, last = draw(st.sampled_from(paths))
        inner = tree
        for step in way:
            inner = inner[step]
        inner[last] = deepcopy(draw(odd))  # else a list could come to hold itself
    return tree


def tried(verb: Callable[[], Any]) -> Any:
    """What a verb gives, or the `Fault` it raises."""
    try:
        return verb()
    except Fault as fault:
        return fault


def asked(door: Any, call: Call, checked: bool) -> Job:
    if checked:
        assert isinstance(call.body, Json)
        SCHEMAS.check(door.schema(call), call.body.value)
    job: Job = door.parse(call)
    return job


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("name", ASKED)
@settings(deadline=None)
@given(data=st.data())
def test_what_apps_say(name: str, checked: bool, data: st.DataObject) -> None:
    door = DIALECTS[name]
    path, good = ASKED[name]
    body = data.draw(spoilt(good))
    call = Call("POST", path, body=Json(body))
    job = tried(lambda: asked(door, call, checked))
    if isinstance(job, Fault):
        assert 400 <= door.fail(job).status < 500
        assert job.message
        return
    for vendor, dialect in VENDORS.items():
        written = tried(partial(dialect.encode, job, target(vendor)))
        assert isinstance(written, Fault) or written.body is not None


@pytest.mark.parametrize("name", VENDORS)
@settings(deadline=None)
@given(data=st.data(), status=st.sampled_from([200, 400, 429, 500]))
def test_what_vendors_say(name: str, data: st.DataObject, status: int) -> None:
    body = data.draw(st.sampled_from(SAID).flatmap(spoilt))
    job = Job("m", "fox", dialect=name)
    result = tried(lambda: DIALECTS[name].decode(Reply(status, {}, Json(body)), job, target(name)))
    if isinstance(result, Fault):
        assert result.message
        return
    if isinstance(result, Ticket):
        assert result.wait is not None
        return
    assert result.media
    for dialect in DOORS.values():
        assert dialect.render(result, job).status == 200
        assert dialect.frame(Done(result), job)
