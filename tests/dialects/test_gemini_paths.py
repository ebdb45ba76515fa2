"""The paths of the Gemini shape: models with slashes and colons, Vertex prefixes, lists, and what is not there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import Fault
from koci_proxy.types import Job, Listing, Lookup, Upload
from koci_proxy.wire import Call, Json, Reply

from .test_nonsense import spoilt, tried
from .wires import DIALECTS, SCHEMAS, asked, post

gemini = DIALECTS["gemini"]
PATH = "models/m:generateContent"
FOX = [{"role": "user", "parts": [{"text": "fox"}]}]


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("POST", "models/m:embedContent", "not_found", "models/m:generateContent"),
        ("GET", PATH, "wrong_method", "POST"),
        ("POST", "models", "wrong_method", "GET"),
        ("GET", "files/abc123", "not_found", "upload/files"),
        ("GET", "files/abc123", "not_found", "files/{id}:download"),
        ("POST", "models/m:fetchOperation", "not_found", "models/m:predictLongRunning"),
        ("POST", "interactions", "not_found", "models/{model}:generateContent"),
        ("GET", "upload/files", "wrong_method", "POST"),
        ("POST", "images/generations", "not_found", "generateContent"),
    ],
)
def test_no_such_call(method: str, path: str, kind: str, word: str) -> None:
    for verb in (gemini.schema, gemini.parse):
        with pytest.raises(Fault, match=word) as caught:
            verb(Call(method, path))
        assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("path", "query", "model", "stream"),
    [
        ("models/a/b:generateContent", {}, "a/b", False),
        ("models/a:b:generateContent", {}, "a:b", False),
        ("publishers/google/models/m:generateContent", {}, "m", False),
        ("projects/p/locations/us/publishers/google/models/m:generateContent", {}, "m", False),
        ("models/models/m:generateContent", {}, "m", False),
        ("tunedModels/m:generateContent", {}, "tunedModels/m", False),
        ("models/m:streamGenerateContent", {"alt": "sse"}, "m", True),
        ("models/m:streamGenerateContent", {}, "m", False),
    ],
)
def test_paths(path: str, query: dict[str, str], model: str, stream: bool) -> None:
    job = asked("gemini", post(path, {"contents": FOX}, **query))
    assert (job.model, job.stream) == (model, stream)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("models", Listing()),
        ("publishers/google/models", Listing()),
        ("models/a/b", Listing("a/b")),
        ("models/models/b", Listing("b")),
        ("tunedModels/b", Listing("tunedModels/b")),
        ("tunedModels", Reply(200, {}, Json({"tunedModels": []}))),
    ],
)
def test_paths_of_lists(path: str, answer: Any) -> None:
    assert asked("gemini", Call("GET", path)) == answer


TURN = {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"data": "AAAA"}}]}
BODIES: dict[str, dict[str, Any]] = {
    "models/m:countTokens": {"contents": [TURN], "systemInstruction": TURN, "tools": [{"x": 1}]},
    "models/m:predict": {
        "instances": [{"prompt": "fox"}],
        "parameters": {
            "sampleCount": 2,
            "aspectRatio": "16:9",
            "sampleImageSize": "2K",
            "seed": 1,
            "outputOptions": {"mimeType": "image/png", "compressionQuality": 1},
        },
    },
    "models/m:predictLongRunning": {
        "instances": [
            {
                "prompt": "fox",
                "image": {"bytesBase64Encoded": "AAAA", "mimeType": "image/png"},
                "lastFrame": {"inlineData": {"data": "AAAA"}},
                "referenceImages": [{"image": {"bytesBase64Encoded": "AAAA"}, "referenceType": "STYLE"}],
                "video": {"uri": "https://x.example/files/a"},
            }
        ],
        "parameters": {"sampleCount": 1, "durationSeconds": "8", "aspectRatio": "16:9", "resolution": "720p"},
        "webhookConfig": {"uris": []},
    },
    "models/m:fetchPredictOperation": {"operationName": "models/m/operations/0123456789abcdef01234567"},
    "upload/files": {"file": {"displayName": "a", "mimeType": "image/png"}},
}
START = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("path", BODIES)
@settings(deadline=None)
@given(data=st.data())
def test_nothing_that_is_said_there_fails_otherwise_than_by_a_fault(
    path: str, checked: bool, data: st.DataObject
) -> None:
    body = data.draw(spoilt(BODIES[path]))
    call = Call("POST", path, headers=START, body=Json(body))
    refused = tried(lambda: SCHEMAS.check(gemini.schema(call), body)) if checked else None
    wish = refused or tried(lambda: gemini.parse(call))
    assert isinstance(wish, (Fault, Job, Lookup, Reply, Upload))
    if isinstance(wish, Fault):
        assert 400 <= gemini.fail(wish).status < 500
