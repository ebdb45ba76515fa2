"""The Anthropic shape towards a vendor: what is sent, what an answer and a refusal mean, and the way there and back."""

from __future__ import annotations

import base64 as b64
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.engine.spoken import same_words
from koci_proxy.faults import Fault
from koci_proxy.types import Job, Media, Result, Size
from koci_proxy.wire import Json, Raw, Reply

from .test_anthropic import JOB, LINK, answered, says, shown, user
from .wires import CAPTURES, DIALECTS, across, asked, picture, plain, post, read, target
from .wires import answered as arrived

anthropic = DIALECTS["anthropic"]
TAKES = dict.fromkeys(("quality", "format", "compression", "background", "style"))
WIRE = target("anthropic", TAKES, wire="tier_ratio")


def sent(job: Job, **card: Any) -> dict[str, Any]:
    body: dict[str, Any] = plain(anthropic.encode(job, target("anthropic", **card)).body)
    return body


def test_a_job_of_another_dialect() -> None:
    job = Job("m", "fox", size=Size("2K", "16:9"), quality="high", dialect="openai", options={"user": "u"})
    head: dict[str, Any] = {"model": "the-model", "max_tokens": 4096, "messages": [{"role": "user", "content": "fox"}]}
    assert sent(job, wire="tier_ratio") == head | {"size": "2K", "aspect_ratio": "16:9"}
    assert sent(replace(job, size=Size("2K", "1:1", 8, 9), n=2), takes=TAKES) == head | {
        "size": "8x9",
        "quality": "high",
        "n": 2,
    }
    assert anthropic.encode(job, WIRE).headers == {"anthropic-version": "2023-06-01"}


def test_a_newer_version_of_the_api_has_fewer_words() -> None:
    job = asked("anthropic", post("messages", {"model": "m", "max_tokens": 9, "messages": [user(says("fox"))], **OLD}))
    assert isinstance(job, Job)
    newer = replace(WIRE, wire={"version": "2026-10-21"})
    assert anthropic.encode(job, newer).headers == {"anthropic-version": "2026-10-21"}
    assert set(OLD) <= set(anthropic.words(job, WIRE))
    assert set(anthropic.words(job, newer)) == {"_max_tokens", "system"}
    assert anthropic.words(replace(job, dialect="openai"), WIRE) == ()
    assert sent(job) == sent(job) | OLD
    left = same_words(job, newer, anthropic)
    assert [note.field for note in left.notes] == ["temperature", "top_p", "top_k"]
    assert plain(anthropic.encode(left, newer).body)["system"] == "s"


def test_what_a_vendor_of_another_shape_never_hears_is_named() -> None:
    job = same_words(wished(), target("gemini"), DIALECTS["gemini"])
    assert [str(note) for note in job.notes] == [
        "system: left out (not known to this model's upstream)",
        "messages: left out (the words of earlier turns: the prompt is what the user said last)",
        "messages[2].content[0]: left out (tool_result)",
    ]
    assert job.options == {}
    assert same_words(wished(), WIRE, anthropic) == wished()


def test_a_strict_model_takes_what_only_speaks_of_a_cache() -> None:
    cache = {"cache_control": {"type": "ephemeral"}}
    body = {"model": "m", "max_tokens": 9, "messages": [user(shown(LINK, **cache), {**says("fox"), **cache})], **cache}
    job = asked("anthropic", post("messages", body))
    assert isinstance(job, Job)
    left = same_words(job, target("gemini"), DIALECTS["gemini"])
    assert left.notes == ()


OLD = {"temperature": 0.5, "top_p": 0.9, "top_k": 5, "system": "s"}


def test_pictures_go_before_the_words() -> None:
    job = replace(JOB, inputs=(picture(), Media(url=LINK)), task="edit")
    [turn] = sent(job)["messages"]
    assert turn["content"][0]["source"]["data"].startswith("iVBOR")
    assert turn["content"][1:] == [shown(LINK), says("fox")]


TALK = [
    user(shown(LINK, cache_control={"type": "ephemeral"}), says("a")),
    answered([says("b"), shown(LINK + "?2")]),
    user({"type": "tool_result", "tool_use_id": "t", "content": [says("c"), shown(LINK + "?3")]}, says("fox")),
]


def wished() -> Job:
    job = asked("anthropic", post("messages", {"model": "m", "max_tokens": 9, "messages": TALK, "system": "s"}))
    assert isinstance(job, Job)
    return job


def test_a_conversation_reaches_a_vendor_of_this_shape_as_it_was() -> None:
    body = sent(wished())
    assert body["messages"] == TALK
    assert (body["system"], body["max_tokens"]) == ("s", 9)
    assert not [name for name in body if name.startswith("_")]


def test_a_conversation_that_was_changed_on_the_way() -> None:
    job = wished()
    assert sent(replace(job, prompt="owl"))["messages"][2]["content"][1] == says("owl")
    assert sent(replace(job, inputs=()))["messages"] == [{"role": "user", "content": "fox"}]


# --- what came ------------------------------------------------------------------------------------------------------


def message(*content: Any, **more: Any) -> Reply:
    return Reply(200, {}, across(Json({"content": list(content), "stop_reason": "end_turn", **more})))


URI = "data:image/png;base64," + b64.b64encode(b"".join(picture().data.pieces())).decode()  # type: ignore[union-attr]
LONG = "data:image/png;base64," + b64.b64encode(b"".join(picture(more=30_000).data.pieces())).decode()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("reply", "media", "text"),
    [
        (message(shown(picture())), [picture()], ""),
        (message(shown(picture(more=30_000))), [picture(more=30_000)], ""),
        (message(says("a fox"), shown(LINK)), [Media(url=LINK)], "a fox"),
        (message(shown(LINK), shown(LINK + "?2")), [Media(url=LINK), Media(url=LINK + "?2")], ""),
        (message(says(f"![x]({LINK})"), shown(picture())), [picture()], ""),
        (message(says(f"Here.\n\n![image]({LINK})\n\nEnjoy.")), [Media(url=LINK)], "Here.\n\nEnjoy."),
        (message(says(f'![]( <{LINK}> "t" )'), says(f"![b]({LINK}?2)")), [Media(url=LINK), Media(url=LINK + "?2")], ""),
        (message(says(f"![image]({URI})")), [picture()], ""),
        (message(says(f"![image]({LONG})")), [picture(more=30_000)], ""),
        (message(says(f"see {URI} here")), [picture()], "see  here"),
        (message(says(LONG)), [picture(more=30_000)], ""),
        (message(says(f"[download]({LINK})")), [Media(url=LINK)], ""),
        (message(says(f"see {LINK}?x=1 or https://x.example/page")), [Media(url=LINK + "?x=1")], None),
        (message(says(f"![image]({LINK}) from https://x.example/a.png")), [Media(url=LINK)], None),
    ],
)
def test_the_pictures_of_an_answer(reply: Reply, media: list[Media], text: str | None) -> None:
    result = anthropic.decode(reply, JOB, WIRE)
    assert list(result.media) == media
    assert text is None or result.text == text


@pytest.mark.parametrize("piece", ["![", "![](http://a", "![](data:image/png;base64,", "http://a", "[x](http://", "[["])
def test_long_nonsense_is_read_at_once(piece: str) -> None:
    began = time.process_time()
    with pytest.raises(Fault):
        anthropic.decode(message(says(piece * (1_000_000 // len(piece)))), JOB, WIRE)
    assert time.process_time() - began < 2


def test_the_sample_answer() -> None:
    sample = read((CAPTURES / "answers" / "anthropic_message_text_and_image.json").read_bytes())
    result = anthropic.decode(Reply(200, {}, Json(sample)), JOB, WIRE)
    assert result.media[0].pixels == (2, 2)
    assert result.usage == {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    assert (result.text, result.extras) == ("", {"message_id": "msg_01"})


def error(status: int, kind: str, message: str = "x", **more: Any) -> Reply:
    return Reply(status, {}, Json({"type": "error", "error": {"type": kind, "message": message, **more}}))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(400, "invalid_request_error"), "bad_request"),
        (error(400, "invalid_request_error", "Your credit balance is too low to access"), "key_spent"),
        (error(400, "invalid_request_error", details={"error_code": "content_refused"}), "refused"),
        (error(401, "authentication_error"), "key_refused"),
        (error(402, "billing_error"), "key_spent"),
        (error(403, "permission_error"), "key_refused"),
        (error(404, "not_found_error"), "unserved"),
        (error(408, "timeout_error"), "slow"),
        (error(409, "conflict_error"), "down"),
        (error(413, "request_too_large"), "too_large"),
        (error(429, "rate_limit_error"), "key_busy"),
        (error(500, "api_error"), "down"),
        (error(529, "overloaded_error"), "down"),
        (error(200, "overloaded_error"), "down"),
        (error(200, "unheard_of"), "empty"),
        (error(418, "unheard_of"), "unserved"),
        (Reply(529, {}, Raw(b"<html>", "text/html")), "down"),
        (Reply(402, {}, Json({"detail": "x"})), "key_spent"),
        (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled"),
        (message(), "empty"),
        (message(says("I can only describe it.")), "empty"),
        (message(says("I ca"), stop_reason="max_tokens"), "empty"),
        (message(stop_reason="refusal", stop_details={"explanation": "why"}), "refused"),
        (message(says("Here is"), stop_reason="refusal"), "refused"),
        (message({"type": "image", "source": {"type": "base64", "data": "@@"}}), "garbled"),
        (message({"type": "image"}), "empty"),
    ],
)
def test_what_a_vendors_refusal_means(reply: Reply, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        anthropic.decode(reply, JOB, WIRE)
    assert caught.value.kind == kind


def test_its_own_words_are_told() -> None:
    with pytest.raises(Fault, match="why"):
        anthropic.decode(message(stop_reason="refusal", stop_details={"explanation": "why"}), JOB, WIRE)
    with pytest.raises(Fault, match="max_tokens"):
        anthropic.decode(message(stop_reason="max_tokens"), JOB, WIRE)


# --- the way there and back -----------------------------------------------------------------------------------------

media = st.builds(picture, st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([0, 20_000]))
inputs = st.lists(media | st.just(Media(url=LINK)), max_size=3)
named = st.builds(Size, st.none() | st.sampled_from(["1K", "4K"]), st.none() | st.sampled_from(["1:1", "21:9"]))
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda text: bool(text.strip()))


@settings(deadline=None)
@given(
    words,
    inputs,
    named,
    st.integers(1, 10),
    st.none() | st.sampled_from(["low", "hd"]),
    st.integers(1, 10_000),
    st.dictionaries(st.from_regex(r"x_[a-z]{1,5}", fullmatch=True), st.integers() | st.lists(st.booleans())),
)
def test_parse_reads_what_encode_writes(
    prompt: str, pictures: list[Media], size: Size, n: int, quality: str | None, limit: int, options: dict[str, Any]
) -> None:
    job = Job(
        "the-model",
        prompt,
        task="edit" if pictures else "generate",
        inputs=tuple(pictures),
        n=n,
        size=size,
        quality=quality,
        dialect="anthropic",
        options={"_max_tokens": limit, **options},
    )
    assert asked("anthropic", anthropic.encode(job, WIRE)) == job


@settings(deadline=None)
@given(
    st.lists(media, min_size=1, max_size=3),
    st.sampled_from(["", "a fox", "1. a fox\n\n2. two"]),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
)
def test_decode_reads_what_render_writes(made: list[Media], text: str, counted: tuple[int, int, int]) -> None:
    fresh, cached, out = counted
    usage: dict[str, Any] = {"input_tokens": fresh + cached, "output_tokens": out, "total_tokens": fresh + cached + out}
    usage |= {"input_tokens_details": {"cached_tokens": cached}} if cached else {}
    result = Result(tuple(made), text=text, usage=usage if any(counted) else {}, extras={"message_id": "msg_1"})
    job = replace(JOB, deliver="base64")
    assert anthropic.decode(arrived(anthropic.render(result, job)), job, WIRE) == result
    linked = replace(result, media=tuple(Media(url=f"{LINK}?{at}") for at in range(len(made))))
    assert anthropic.decode(arrived(anthropic.render(linked, JOB)), JOB, WIRE) == linked
