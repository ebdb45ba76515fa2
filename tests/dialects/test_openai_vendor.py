"""The OpenAI shape towards a vendor: what is sent, and what its refusals mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.types import Job, Media, Size
from koci_proxy.wire import Form, Json, Raw, Reply

from .wires import CAPTURES, DIALECTS, picture, plain, read, target

openai = DIALECTS["openai"]
JOB = Job("image-2", "fox", deliver="url", dialect="openai")


def test_only_what_the_card_takes_is_sent() -> None:
    job = replace(
        JOB, quality="high", format="webp", background="opaque", style="vivid", size=Size("2K", "1:1", 2048, 2048)
    )
    assert plain(openai.encode(job, target("openai")).body) == {
        "prompt": "fox",
        "model": "the-model",
        "size": "2048x2048",
    }
    some = openai.encode(job, target("openai", {"quality": None}, wire="tier_ratio"))
    assert plain(some.body) == {
        "prompt": "fox",
        "model": "the-model",
        "size": "2K",
        "aspect_ratio": "1:1",
        "quality": "high",
    }


def test_words_of_another_dialect_and_marks_of_our_own_are_not_sent() -> None:
    job = replace(JOB, options={"user": "u", "_events": "x"})
    assert plain(openai.encode(job, target("openai")).body) == {"prompt": "fox", "model": "the-model", "user": "u"}
    assert plain(openai.encode(replace(job, dialect="gemini"), target("openai")).body).keys() == {"prompt", "model"}


def test_a_form_is_spelled_as_official_clients_do() -> None:
    extra = {"tags": ["a", "b"], "opt": {"x": 1, "y": None}, "ok": True}
    job = replace(JOB, inputs=(picture(1, 1), picture(2, 2)), mask=picture(3, 3), options=extra)
    body = openai.encode(job, target("openai")).body
    assert body == Form(
        (
            ("prompt", "fox"),
            ("model", "the-model"),
            ("tags[]", "a"),
            ("tags[]", "b"),
            ("opt[x]", "1"),
            ("ok", "true"),
            ("image[]", picture(1, 1)),
            ("image[]", picture(2, 2)),
            ("mask", picture(3, 3)),
        )
    )


def error(status: int, **fields: Any) -> Reply:
    return Reply(status, {}, Json({"error": {"message": "why", "type": "x", "param": None, "code": None} | fields}))


REFUSALS: list[tuple[Reply, str]] = [
    (error(400), "bad_request"),
    (error(400, code="moderation_blocked", type="image_generation_user_error"), "refused"),
    (error(400, code="content_policy_violation"), "refused"),
    (error(400, code="invalid_value", param="model"), "unserved"),
    (error(401, code="invalid_api_key"), "key_refused"),
    (error(402), "key_spent"),
    (error(403), "key_refused"),
    (error(404, code="model_not_found"), "unserved"),
    (error(404), "unserved"),
    (error(408), "slow"),
    (error(413), "too_large"),
    (error(422), "bad_request"),
    (error(429, code="rate_limit_exceeded"), "key_busy"),
    (error(429, type="insufficient_quota", code="credit_balance_exhausted"), "key_spent"),
    (error(429, type="insufficient_quota"), "key_spent"),
    (error(429, code=1113), "key_busy"),
    (error(500), "down"),
    (error(503, code="server_is_overloaded"), "down"),
    (error(504), "slow"),
    (error(200, type="image_generation_user_error", code="moderation_blocked"), "refused"),
    (error(200, type="invalid_request_error"), "bad_request"),
    (error(200), "empty"),
    (Reply(400, {}, Json({"error": "plain"})), "bad_request"),
    (Reply(400, {}, Json({"detail": [{"loc": ["body"]}]})), "bad_request"),
    (Reply(500, {}, Json(None)), "down"),
    (Reply(502, {}, Raw(b"<html>", "text/html")), "down"),
    (Reply(403, {}, Raw(b'{"error": {"code": "content_policy_violation"}}', "text/plain")), "refused"),
    (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled"),
    (Reply(200, {}, Raw(b"{cut", "text/plain")), "garbled"),
    (Reply(200, {}, Json([])), "garbled"),
    (Reply(200, {}, Json({"created": 1, "data": None})), "empty"),
    (Reply(200, {}, Json({"created": 1, "data": []})), "empty"),
    (Reply(200, {}, Json({"data": [{"b64_json": None, "revised_prompt": "x"}, 7]})), "empty"),
    (Reply(200, {}, Json({"data": [{"b64_json": "@@@"}]})), "garbled"),
]


@pytest.mark.parametrize(("reply", "kind"), REFUSALS)
def test_what_a_vendors_refusal_means(reply: Reply, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        openai.decode(reply, JOB, target("openai"))
    assert caught.value.kind == kind
    expected = "sent" if reply.status == 504 else "accepted" if kind == "garbled" else "answered"
    assert caught.value.stage == expected


def test_recorded_answers() -> None:
    made = openai.decode(recorded("openai_images_response_b64"), JOB, target("openai"))
    assert [media.pixels for media in made.media] == [(2, 2)]
    assert made.usage["total_tokens"] == 100
    assert made.extras == {"background": "opaque", "quality": "high"}
    linked = openai.decode(recorded("aioagi_ok"), JOB, target("openai"))
    assert linked.media == (Media(url="https://cdn.example/20260422/x.webp"),)
    assert linked.extras == {"revised_prompts": ("",)}
    with pytest.raises(Fault, match="blocked by safety check") as caught:
        openai.decode(replace(recorded("openai_error_moderation_400"), status=400), JOB, target("openai"))
    assert caught.value.kind == "refused"
    assert plain(openai.fail(caught.value).body)["error"]["moderation_details"] == {
        "moderation_stage": "input",
        "categories": ["other"],
    }


def recorded(name: str) -> Reply:
    return Reply(200, {}, Json(read((CAPTURES / "answers" / f"{name}.json").read_bytes())))
