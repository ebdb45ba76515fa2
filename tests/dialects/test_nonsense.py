"""Nothing that an app or a vendor says makes a dialect fail otherwise than by a `Fault`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job
from koci_proxy.wire import Call, Json, Reply

from .wires import DIALECTS, SCHEMAS, picture, target

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
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("images/edits", OPENAI),
    "gemini": ("models/m:generateContent", GEMINI),
    "linkai": ("images/generations", LINKAI),
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
SAID = [DATA, MISTAKE, CANDIDATES, STATUS, [STATUS]]

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
    for vendor, dialect in DIALECTS.items():
        assert dialect.encode(job, target(vendor)).body is not None


@pytest.mark.parametrize("name", DIALECTS)
@settings(deadline=None)
@given(data=st.data(), status=st.sampled_from([200, 400, 429, 500]))
def test_what_vendors_say(name: str, data: st.DataObject, status: int) -> None:
    body = data.draw(st.sampled_from(SAID).flatmap(spoilt))
    job = Job("m", "fox", dialect=name)
    result = tried(lambda: DIALECTS[name].decode(Reply(status, {}, Json(body)), job, target(name)))
    if isinstance(result, Fault):
        assert result.message
        return
    assert result.media
    for dialect in DIALECTS.values():
        assert dialect.render(result, job).status == 200
        assert dialect.frame(Done(result), job)
