"""The OpenAI shape towards a vendor: what is sent, and what its refusals mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.types import Done, Job, Media, Partial, Result, Size
from koci_proxy.wire import Form, Frame, Json, Raw, Reply, data_uri

from .wires import CAPTURES, DIALECTS, asked, picture, plain, post, read, target

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


def edit(**fields: Any) -> Job:
    job = asked("openai", post("images/edits", {"model": "image-2", "prompt": "fox"} | fields))
    assert isinstance(job, Job)
    return job


def test_what_stands_beside_a_picture_is_noted() -> None:
    shown = {"image_url": "https://x.example/a.png", "detail": "high", "type": "image_url"}
    job = edit(images=[shown, {"image_url": "https://x.example/b.png", "foo": 1}], input_fidelity="high")
    assert [note.field for note in job.notes] == ["images[0].detail", "images[1].foo"]
    assert job.options == {"input_fidelity": "high"}


def test_markup_goes_on_as_a_file() -> None:
    job = edit(image=data_uri(picture()), markup=data_uri(picture(64, 32, 9)))
    assert job.options["markup"].pixels == (64, 32)
    body = openai.encode(job, target("openai")).body
    assert [name for name, value in body.fields if isinstance(value, Media)] == ["markup", "image"]


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
    links = {
        "aioagi_ok": "https://cdn.example/20260422/x.webp",
        "openai_images_response_url": "https://proxy.example/storage/images/x.png",
    }
    for name, link in links.items():
        linked = openai.decode(recorded(name), JOB, target("openai"))
        assert linked.media == (Media(url=link),)
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


# --- streams --------------------------------------------------------------------------------------------------------

STREAMS = target("openai")
STREAMS = replace(STREAMS, card=replace(STREAMS.card, stream=True))


def test_a_stream_is_asked_for_where_the_card_has_one() -> None:
    job = replace(JOB, stream=True, partials=2)
    assert plain(openai.encode(job, target("openai")).body).keys() == {"prompt", "model"}
    assert plain(openai.encode(job, STREAMS).body) == {
        **{"prompt": "fox", "model": "the-model"},
        **{"stream": True, "partial_images": 2},
    }
    assert "partial_images" not in plain(openai.encode(replace(job, partials=0), STREAMS).body)
    edit = openai.encode(replace(job, inputs=(picture(),)), STREAMS).body
    assert edit.fields[2:4] == (("stream", "true"), ("partial_images", "2"))


@pytest.mark.parametrize(
    ("wire", "count", "name"), [({}, 1, "image"), ({}, 2, "image[]"), ({"image": "image[]"}, 1, "image[]")]
)
def test_what_the_form_calls_a_picture(wire: dict[str, Any], count: int, name: str) -> None:
    body = openai.encode(replace(JOB, inputs=(picture(),) * count), replace(target("openai"), wire=wire)).body
    assert [field for field, value in body.fields if isinstance(value, Media)] == [name] * count


def told(data: Any, name: str | None = None) -> Any:
    return openai.event(Frame(name, data), JOB, STREAMS)


@pytest.mark.parametrize("task", ["generation", "edit"])
def test_recorded_streams(task: str) -> None:
    sample = (CAPTURES / "answers" / f"openai_image_{task}_stream.sse.txt").read_text()
    events = [told(read(line[6:].encode())) for line in sample.splitlines() if line.startswith("data: ")]
    preview, done = events
    assert isinstance(preview, Partial)
    assert (preview.media.pixels, preview.index) == ((2, 2), 0)
    assert isinstance(done, Done)
    assert done.result.media[0].pixels == (2, 2)
    assert done.result.usage["total_tokens"] == 100
    assert (done.result.created, done.result.extras) == (1716700000, {"background": "opaque", "quality": "high"})


LINK = "https://x.example/a.png"
EVENTS: list[tuple[Any, str | None, Any]] = [
    (
        {"type": "image_edit.partial_image", "b64_json": picture(), "partial_image_index": 2},
        None,
        Partial(picture(), 2),
    ),
    ({"b64_json": picture(), "partial_image_index": -1}, "image_generation.partial_image", Partial(picture(), 0)),
    ({"type": "image_generation.partial_image", "url": LINK}, None, None),
    ({"type": "image_generation.completed", "url": LINK}, None, Done(Result((Media(url=LINK),)))),
    ({"url": LINK, "error": None}, "image_edit.completed", Done(Result((Media(url=LINK),)))),
    ({"created": 5, "data": [{"url": LINK}]}, None, Done(Result((Media(url=LINK),), created=5))),
    ({"type": "ping"}, "ping", None),
    ({}, None, None),
    ([], None, None),
    ("x", "image_generation.completed", None),
]


@pytest.mark.parametrize(("data", "name", "event"), EVENTS)
def test_events(data: Any, name: str | None, event: Any) -> None:
    assert told(data, name) == event


NESTED = {"type": "image_generation_user_error", "code": "moderation_blocked", "message": "no"}
ERRORS: list[tuple[Any, str]] = [
    ({"type": "error", "error": NESTED}, "refused"),
    ({"error": NESTED}, "refused"),
    ({"type": "error", "code": "moderation_blocked", "message": "no"}, "refused"),
    ({"type": "error", "code": "rate_limit_exceeded", "message": "no"}, "key_busy"),
    ({"type": "error", "error": {"type": "invalid_request_error", "message": "no", "param": "size"}}, "bad_request"),
    ({"type": "error", "error": {"type": "server_error", "message": "no"}}, "down"),
    ({"type": "error", "error": "plain"}, "down"),
    ({"type": "error", "message": "no"}, "down"),
    ({"type": "image_generation.failed", "error": {"code": "moderation_blocked"}}, "refused"),
    ({"type": "image_generation.failed"}, "down"),
    ({"type": "image_generation.completed"}, "empty"),
    ({"type": "image_generation.completed", "b64_json": "@@"}, "garbled"),
    ({"type": "image_generation.partial_image", "b64_json": "@@"}, "garbled"),
    ({"data": []}, "empty"),
]


@pytest.mark.parametrize(("data", "kind"), ERRORS)
def test_errors_in_a_stream(data: Any, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        told(data)
    assert caught.value.kind == kind


def test_a_recorded_error_in_a_stream() -> None:
    sample = (CAPTURES / "answers" / "openai_stream_error.sse.txt").read_text()
    with pytest.raises(Fault, match="blocked by safety check") as caught:
        told(read(sample.partition("data: ")[2].encode()), "error")
    assert caught.value.details["moderation_details"] == {"moderation_stage": "output", "categories": ["violence"]}
