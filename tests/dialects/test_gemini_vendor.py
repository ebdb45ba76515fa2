"""The Gemini shape towards a vendor: what is sent, and what answers without a picture and errors mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.types import AUTO, Job, Size
from koci_proxy.wire import Json, Raw, Reply, base64

from .wires import DIALECTS, answered, picture, plain, target

gemini = DIALECTS["gemini"]
JOB = Job("m", "fox", deliver="base64", dialect="gemini")
WIRE = target("gemini", wire="tier_ratio")
A, B = picture(10, 10), picture(20, 20, more=20_000)


def rpc(code: int, name: str, message: str = "why", *details: dict[str, Any]) -> Reply:
    return Reply(
        code, {}, Json({"error": {"code": code, "message": message, "status": name, "details": list(details)}})
    )


def ok(body: Any) -> Reply:
    return Reply(200, {}, Json(body))


def finish(reason: str, **more: Any) -> Reply:
    return ok({"candidates": [{"finishReason": reason, **more}]})


REFUSALS: list[tuple[Reply, str, str | None]] = [
    (rpc(400, "INVALID_ARGUMENT"), "bad_request", "INVALID_ARGUMENT"),
    (rpc(400, "FAILED_PRECONDITION"), "key_refused", "FAILED_PRECONDITION"),
    (
        rpc(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        "key_refused",
        "INVALID_ARGUMENT",
    ),
    (rpc(400, "INVALID_ARGUMENT", "x", {"reason": "API_KEY_INVALID"}), "key_refused", "API_KEY_INVALID"),
    (rpc(400, "INVALID_ARGUMENT", "x", {"reason": "CONTENT_REFUSED"}), "refused", "CONTENT_REFUSED"),
    (rpc(401, "UNAUTHENTICATED"), "key_refused", "UNAUTHENTICATED"),
    (rpc(402, "FAILED_PRECONDITION"), "key_spent", "FAILED_PRECONDITION"),
    (rpc(403, "PERMISSION_DENIED"), "key_refused", "PERMISSION_DENIED"),
    (rpc(404, "NOT_FOUND"), "unserved", "NOT_FOUND"),
    (rpc(429, "RESOURCE_EXHAUSTED"), "key_busy", "RESOURCE_EXHAUSTED"),
    (
        rpc(429, "RESOURCE_EXHAUSTED", "x", {"violations": [{"quotaId": "RequestsPerDayPerProject"}]}),
        "key_spent",
        "RESOURCE_EXHAUSTED",
    ),
    (rpc(500, "INTERNAL"), "down", "INTERNAL"),
    (rpc(503, "UNAVAILABLE"), "down", "UNAVAILABLE"),
    (rpc(504, "DEADLINE_EXCEEDED"), "slow", "DEADLINE_EXCEEDED"),
    (Reply(500, {}, Json([{"error": {"code": 500, "message": "x", "status": "INTERNAL"}}])), "down", "INTERNAL"),
    (Reply(400, {}, Json({"error": "text"})), "bad_request", None),
    (Reply(502, {}, Raw(b"<html>", "text/html")), "down", None),
    (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled", None),
    (ok({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}), "key_busy", "RESOURCE_EXHAUSTED"),
    (ok({}), "empty", None),
    (ok({"promptFeedback": {"blockReason": "SAFETY"}}), "refused", "SAFETY"),
    (ok({"prompt_feedback": {"block_reason": "OTHER"}}), "refused", "OTHER"),
    (finish("SAFETY"), "refused", "SAFETY"),
    (finish("image_safety"), "refused", "image_safety"),
    (finish("RECITATION", content={"role": "model"}), "refused", "RECITATION"),
    (finish("NO_IMAGE", content={"parts": []}), "empty", "NO_IMAGE"),
    (finish("STOP", content={"parts": [{"text": "no"}]}), "empty", "STOP"),
    (finish("MAX_TOKENS"), "empty", "MAX_TOKENS"),
    (finish("LANGUAGE"), "bad_request", "LANGUAGE"),
    (finish("MISSING_THOUGHT_SIGNATURE"), "bad_request", "MISSING_THOUGHT_SIGNATURE"),
    (finish("SOMETHING_NEW"), "empty", "SOMETHING_NEW"),
    (ok({"candidates": [7, {"content": 7}, {"content": {"parts": 7}}]}), "empty", None),
    (finish("STOP", content={"parts": [{"inlineData": {"mimeType": "image/png", "data": "@@"}}]}), "garbled", None),
    (finish("STOP", content={"parts": [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}]}), "empty", "STOP"),
    (
        finish("STOP", content={"parts": [{"thought": True, "inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}),
        "empty",
        "STOP",
    ),
]


@pytest.mark.parametrize(("reply", "kind", "code"), REFUSALS)
def test_what_a_vendors_refusal_means(reply: Reply, kind: str, code: str | None) -> None:
    with pytest.raises(Fault) as caught:
        gemini.decode(reply, JOB, WIRE)
    assert (caught.value.kind, caught.value.code) == (kind, code)


def test_waits_and_fields_come_out_of_the_details() -> None:
    wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}
    with pytest.raises(Fault) as caught:
        gemini.decode(rpc(429, "RESOURCE_EXHAUSTED", "x", wait), JOB, WIRE)
    assert caught.value.retry_after == 3.5
    day = {"violations": [{"quotaId": "RequestsPerDay"}]}
    with pytest.raises(Fault) as caught:
        gemini.decode(rpc(429, "RESOURCE_EXHAUSTED", "x", wait, day), JOB, WIRE)
    assert caught.value.retry_after is None
    with pytest.raises(Fault) as caught:
        gemini.decode(rpc(400, "INVALID_ARGUMENT", "x", {"fieldViolations": [{"field": "contents"}]}), JOB, WIRE)
    assert caught.value.field == "contents"


def test_interim_pictures_are_no_results() -> None:
    drawn = [{"mimeType": "image/png", "data": base64(each)} for each in (A, B)]
    parts = [{"inlineData": drawn[0], "thought": True}, {"inlineData": drawn[1]}]
    made = gemini.decode(answered(ok({"candidates": [{"content": {"parts": parts}}]})), JOB, WIRE)
    assert made.media == (B,)
    assert [str(note) for note in made.notes] == ["thought: left out (1 interim pictures)"]


@pytest.mark.parametrize(
    ("wire", "image"),
    [
        ("tier_ratio", {"aspectRatio": "16:9", "imageSize": "2K"}),
        ("ratio", {"aspectRatio": "16:9"}),
        ("none", None),
    ],
)
def test_the_size_is_spelled_as_the_card_says(wire: str, image: dict[str, str] | None) -> None:
    job = replace(JOB, size=Size("2K", "16:9", 2752, 1536), quality="high")
    sent = plain(gemini.encode(job, target("gemini", wire=wire)).body)
    assert sent["generationConfig"].get("imageConfig") == image
    assert sent["generationConfig"].keys() <= {"imageConfig", "responseModalities"}


def test_words_of_another_dialect_are_not_sent() -> None:
    job = replace(JOB, dialect="openai", options={"user": "u", "contents": [1]}, n=2, size=AUTO)
    assert plain(gemini.encode(job, WIRE).body) == {
        "contents": [{"role": "user", "parts": [{"text": "fox"}]}],
        "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "candidateCount": 2},
    }
