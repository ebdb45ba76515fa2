"""The LinkAI shape: what its page shows, what goes to a vendor, and the way there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.faults import KINDS, Fault
from koci_proxy.types import AUTO, Done, Job, Listing, Media, Progress, Result, Size
from koci_proxy.wire import Call, Json, Raw, Reply, data_uri

from .wires import CAPTURES, DIALECTS, answered, asked, picture, plain, post, read, target

linkai = DIALECTS["linkai"]
PATH = "images/generations"
GOOD: dict[str, Any] = {"model": "gpt-image-2", "prompt": "fox"}
JOB = Job("gpt-image-2", "fox", dialect="linkai")
WIRE = target("linkai", {"quality": None}, wire="tier_ratio")


def parse(**fields: Any) -> Job:
    job = asked("linkai", post(PATH, GOOD | fields))
    assert isinstance(job, Job)
    return job


LINK = "https://cdn.example/a.png"


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {}),
        ({"images": None, "size": None, "response_format": None}, {}),
        ({"size": "2K", "aspect_ratio": "16:9"}, {"size": Size("2K", "16:9")}),
        ({"size": "512"}, {"size": Size("512")}),
        ({"aspect_ratio": "auto"}, {}),
        ({"size": "1024x1024"}, {"size": Size(width=1024, height=1024)}),
        ({"images": [LINK]}, {"inputs": (Media(url=LINK),), "task": "edit"}),
        ({"images": [data_uri(picture()), LINK]}, {"inputs": (picture(), Media(url=LINK)), "task": "edit"}),
        ({"images": [data_uri(picture(more=20_000))]}, {"inputs": (picture(more=20_000),), "task": "edit"}),
        ({"images": []}, {}),
        ({"quality": "hd"}, {"quality": "hd"}),
        ({"response_format": "url"}, {}),
        ({"stream": True, "n": 3}, {"options": {"stream": True, "n": 3}}),
        ({"stream": False, "n": 1}, {}),
        ({"images": [LINK], "mask": LINK}, {"inputs": (Media(url=LINK),), "mask": Media(url=LINK), "task": "edit"}),
    ],
)
def test_parse(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    assert parse(**fields) == replace(JOB, **changes)


def test_base64_is_an_extension_with_a_note() -> None:
    job = parse(response_format="b64_json")
    assert job.deliver == "base64"
    assert [note.what for note in job.notes] == ["emulated"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": " "}, "prompt"),
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"size": "2x"}, "size"),
        ({"aspect_ratio": "16:0"}, "aspect_ratio"),
        ({"images": LINK}, "images"),
        ({"images": ["@@@@"]}, "images[0]"),
        ({"images": [LINK, 7]}, "images[1]"),
        ({"response_format": "png"}, "response_format"),
        ({"mask": LINK}, "mask"),
        ({"images": [LINK], "mask": "@@@@"}, "mask"),
    ],
)
def test_bad_input_names_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(**fields)
    assert caught.value.kind == "bad_request"
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("POST", "images/edits", "not_found", "images/generations"),
        ("GET", PATH, "wrong_method", "POST"),
        ("DELETE", "models/x", "wrong_method", "GET"),
    ],
)
def test_no_such_call(method: str, path: str, kind: str, word: str) -> None:
    for verb in (linkai.schema, linkai.parse):
        with pytest.raises(Fault, match=word) as caught:
            verb(Call(method, path))
        assert caught.value.kind == kind


# --- the way there and back -----------------------------------------------------------------------------------------

media = st.builds(picture, st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([0, 20_000]))
inputs = st.lists(media | st.just(Media(url=LINK)), max_size=3)
named = st.builds(Size, st.none() | st.sampled_from(["1K", "4K"]), st.none() | st.sampled_from(["1:1", "21:9"]))


@settings(deadline=None)
@given(
    st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip())),
    inputs,
    named,
    st.none() | st.sampled_from(["low", "hd"]),
)
def test_parse_reads_what_encode_writes(
    prompt: str, pictures: list[Media], size: Size, quality: str | None
) -> None:  # fmt: skip
    job = Job(
        "the-model",
        prompt,
        task="edit" if pictures else "generate",
        inputs=tuple(pictures),
        size=size,
        quality=quality,
        dialect="linkai",
    )
    assert asked("linkai", linkai.encode(job, WIRE)) == job


@settings(deadline=None)
@given(st.lists(media, min_size=1, max_size=3), st.integers(1, 2**31))
def test_decode_reads_what_render_writes(made: list[Media], created: int) -> None:
    result = Result(tuple(made), created=created)
    job = replace(JOB, deliver="base64")
    assert linkai.decode(answered(linkai.render(result, job)), job, WIRE) == result
    linked = Result((Media(url=LINK),), created=created)
    assert linkai.decode(answered(linkai.render(linked, JOB)), JOB, WIRE) == linked


def test_auto_and_what_the_card_does_not_take_are_not_sent() -> None:
    job = replace(JOB, size=AUTO, quality="high", n=4, format="png")
    assert plain(linkai.encode(job, target("linkai", wire="tier_ratio")).body) == {
        "model": "the-model",
        "prompt": "fox",
    }
    ratio = linkai.encode(replace(job, size=Size("2K", "1:1", 2048, 2048)), target("linkai", wire="ratio"))
    assert plain(ratio.body) == {"model": "the-model", "prompt": "fox", "aspect_ratio": "1:1"}


@pytest.mark.parametrize("dialect", ["linkai", "openai"])
def test_it_is_sent_no_field_that_it_would_ignore(dialect: str) -> None:
    job = replace(JOB, dialect=dialect, options={"user": "u"})
    assert linkai.words(job, WIRE) == ()
    assert plain(linkai.encode(job, WIRE).body) == {"model": "the-model", "prompt": "fox"}


def error(status: int) -> Reply:
    return Reply(status, {}, Json(read((CAPTURES / "answers" / "linkai_error.json").read_bytes())))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(400), "bad_request"),
        (error(401), "key_refused"),
        (error(402), "unserved"),
        (error(406), "key_spent"),
        (error(409), "refused"),
        (error(429), "key_busy"),
        (error(500), "down"),
        (error(503), "down"),
        (Reply(502, {}, Raw(b"<html>", "text/html")), "down"),
        (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled"),
        (Reply(200, {}, Json({"data": [{"url": ""}, 7]})), "empty"),
        (Reply(200, {}, Json({"error": {"message": "x"}})), "empty"),
        (Reply(200, {}, Json({"data": [{"b64_json": "@@"}]})), "garbled"),
    ],
)
def test_what_a_vendors_refusal_means(reply: Reply, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        linkai.decode(reply, JOB, WIRE)
    assert caught.value.kind == kind
    assert ("模型不存在" in caught.value.message) == (kind in ("bad_request", "refused"))


def test_the_answer_of_its_page() -> None:
    sample = read((CAPTURES / "answers" / "linkai_ok.json").read_bytes())
    made = linkai.decode(Reply(200, {}, Json(sample)), JOB, WIRE)
    assert made == Result((Media(url="https://cdn.example/user/generate/x.png"),))


# --- towards an app -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_an_error_in_linkais_form(kind: str) -> None:
    reply = linkai.fail(Fault(kind, "why"))
    assert plain(reply.body) == {"error": {"message": "why", "type": "invalid_request_error"}}
    own = {"no_credit": 406, "refused": 409}
    if KINDS[kind].blame in ("key", "upstream") and kind != "key_busy":
        assert reply.status == 503
    else:
        assert reply.status == own.get(kind, KINDS[kind].status)


def test_a_refusal_is_not_sent_again_by_any_client() -> None:
    assert linkai.fail(Fault("refused", "no")).headers == {"x-should-retry": "false"}


def test_streams_are_not_of_this_wire() -> None:
    assert linkai.frame(Progress(1), JOB) == ()
    [frame] = linkai.frame(Done(Result((Media(url=LINK),), created=5)), JOB)
    assert frame.data["created"] == 5
    assert linkai.fail_frame(Fault("down", "x"), JOB).data["error"]["message"] == "x"


def test_catalogue() -> None:
    assert [model["id"] for model in plain(linkai.catalogue(["a", "b"], Listing()).body)["data"]] == ["a", "b"]
    assert plain(linkai.catalogue(["a", "b"], Listing("b")).body)["id"] == "b"
    with pytest.raises(Fault, match="did you mean 'gpt-image-2'") as caught:
        linkai.catalogue(["gpt-image-2"], Listing("gpt-image"))
    assert linkai.fail(caught.value).status == 404
    assert asked("linkai", Call("GET", "models/b")) == Listing("b")
