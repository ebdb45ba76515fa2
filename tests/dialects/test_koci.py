"""The KoCodeImg shape at its door: what apps ask, the events they hear, and their conversations."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.faults import KINDS, Fault
from koci_proxy.state.conversations import Conversation, Picture
from koci_proxy.types import Done, Job, Listing, Media, Note, Partial, Progress, Result, Size, Talk
from koci_proxy.wire import Call, Form, Json, Reply, base64

from .wires import DIALECTS, asked, picture, plain, post

koci = DIALECTS["koci"]
ID = "0b5a4b0e-0000-4000-8000-000000000001"
GOOD: dict[str, Any] = {"conversation_id": ID, "prompt": "fox"}
JOB = Job(
    "standard",
    "fox",
    stream=True,
    thumbnails=True,
    dialect="koci",
    options={"_conversation": ID},
)
LINK = "https://cdn.example/a.png"
DEFAULT = Note("strength", "defaulted", "0.7")
EDIT = replace(JOB, task="edit", inputs=(picture(),), strength=0.7, notes=(DEFAULT,))


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {}),
        ({"style": None, "size": None, "model": None}, {}),
        ({"style": "realistic", "size": "1:1", "model": "hd"}, {"style": "realistic", "size": Size(ratio="1:1")}),
        ({"size": "9:16"}, {"size": Size(ratio="9:16")}),
        ({"size": "2K 16:9"}, {"size": Size("2K", "16:9")}),
        ({"size": "1024x768"}, {"size": Size(width=1024, height=768)}),
        ({"style": " "}, {}),
        ({"model": "gemini-3-pro-image"}, {}),
        ({"seed": 7, "_id": "x"}, {"options": {"_conversation": ID, "seed": 7}}),
    ],
)
@pytest.mark.parametrize("path", ["generate", "generate/"])
def test_generate(path: str, fields: dict[str, Any], changes: dict[str, Any]) -> None:
    model = fields.get("model") or "standard"
    assert asked("koci", post(path, GOOD | fields)) == replace(JOB, model=model, **changes)


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {}),
        ({"strength": "0.75", "style": "cyberpunk"}, {"strength": 0.75, "style": "cyberpunk", "notes": ()}),
        ({"strength": "0.7"}, {"notes": ()}),
        ({"strength": "1"}, {"strength": 1.0, "notes": ()}),
        ({"mask": picture(8, 8)}, {"mask": picture(8, 8)}),
        ({"size": "16:9", "model": "ultra"}, {"size": Size(ratio="16:9"), "model": "ultra"}),
    ],
)
@pytest.mark.parametrize("path", ["generate/img2img", "generate/img2img/"])
def test_img2img_as_a_form(path: str, fields: dict[str, Any], changes: dict[str, Any]) -> None:
    form = Form(tuple(({"image": picture()} | GOOD | fields).items()))
    assert asked("koci", Call("POST", path, body=form)) == replace(EDIT, **changes)


@pytest.mark.parametrize(
    ("image", "inputs"),
    [(LINK, (Media(url=LINK),)), ([base64(picture(more=20_000)), LINK], (picture(more=20_000), Media(url=LINK)))],
)
def test_img2img_as_json(image: Any, inputs: tuple[Media, ...]) -> None:
    assert asked("koci", post("generate/img2img", GOOD | {"image": image})) == replace(EDIT, inputs=inputs)


def test_the_pages_placeholder_is_no_conversation() -> None:
    job = asked("koci", post("generate", GOOD | {"conversation_id": "your-conversation-id"}))
    assert job.options == {}
    assert [(note.field, note.what) for note in job.notes] == [("conversation_id", "left out")]


@pytest.mark.parametrize(
    ("path", "fields", "kind", "field", "word"),
    [
        ("generate", {"conversation_id": None}, "bad_request", "conversation_id", "POST conversations/"),
        ("generate", {"conversation_id": " "}, "bad_request", "conversation_id", "empty"),
        ("generate", {"conversation_id": 7}, "bad_request", "conversation_id", "string"),
        ("generate", {"prompt": None}, "bad_request", "prompt", "must be"),
        ("generate", {"prompt": ""}, "bad_request", "prompt", "empty"),
        ("generate", {"size": "16:0"}, "bad_request", "size", "16:0"),
        ("generate", {"size": "large"}, "bad_request", "size", "16:9"),
        ("generate", {"style": 7}, "bad_request", "style", "string"),
        ("generate", {"model": ["hd"]}, "bad_request", "model", "string"),
        ("generate/img2img", {}, "bad_request", "image", "required"),
        ("generate/img2img", {"image": "@@@@"}, "bad_request", "image", "base64"),
        ("generate/img2img", {"image": []}, "bad_request", "image", "required"),
        ("generate/img2img", {"image": LINK, "mask": "@@@@"}, "bad_request", "mask", "base64"),
        ("generate/img2img", {"image": LINK, "strength": 1.1}, "bad_request", "strength", "1"),
        ("generate/img2img", {"image": LINK, "strength": "much"}, "bad_request", "strength", "number"),
        ("generate/img2img", {"image": LINK, "strength": True}, "bad_request", "strength", "number"),
        ("conversations", {"title": 7}, "bad_request", "title", "string"),
        ("conversations", {"title": "x" * 201}, "bad_request", "title", "200"),
    ],
)
def test_bad_input_names_its_field(path: str, fields: dict[str, Any], kind: str, field: str, word: str) -> None:
    with pytest.raises(Fault, match=word) as caught:
        asked("koci", post(path, GOOD | fields))
    assert (caught.value.kind, caught.value.field) == (kind, field)


@pytest.mark.parametrize("field", ["image", "mask"])
def test_a_file_over_4_mb(field: str) -> None:
    most = 4 * 1024 * 1024
    right, wrong = (replace(picture(), size=size) for size in (most, most + 1))
    form = {"image": picture()} | GOOD
    assert koci.parse(post("generate/img2img", {**form, field: right}))
    with pytest.raises(Fault, match="4 MB") as caught:
        koci.parse(post("generate/img2img", {**form, field: wrong}))
    assert (caught.value.kind, caught.value.field) == ("too_large", field)
    assert koci.fail(caught.value).status == 413


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("POST", "generat", "not_found", "generate"),
        ("POST", "generate/img2txt", "not_found", "generate/img2img"),
        ("GET", f"conversations/{ID}/x", "not_found", "conversations"),
        ("GET", "generate", "wrong_method", "POST"),
        ("DELETE", "conversations", "wrong_method", "POST or GET"),
        ("POST", f"conversations/{ID}", "wrong_method", "GET"),
        ("POST", "models", "wrong_method", "GET"),
    ],
)
def test_no_such_call(method: str, path: str, kind: str, word: str) -> None:
    for verb in (koci.schema, koci.parse):
        with pytest.raises(Fault, match=word) as caught:
            verb(Call(method, path))
        assert caught.value.kind == kind


# --- conversations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "talk"),
    [
        (post("conversations/", {}), Talk("make")),
        (post("conversations", {"title": " foxes "}), Talk("make", title="foxes")),
        (post("conversations", {"title": None}), Talk("make")),
        (Call("POST", "conversations/"), Talk("make")),
        (Call("POST", "conversations/", headers={"content-length": "0"}), Talk("make")),
        (Call("GET", "conversations/"), Talk("list")),
        (Call("GET", f"conversations/{ID}/"), Talk("show", id=ID)),
    ],
)
def test_conversations(call: Call, talk: Talk) -> None:
    assert asked("koci", call) == talk


@pytest.mark.parametrize(
    ("headers", "schema"),
    [
        ({}, None),
        ({"content-length": "0"}, None),
        ({"content-length": "2"}, "koci-conversations"),
        ({"transfer-encoding": "chunked"}, "koci-conversations"),
    ],
)
def test_a_conversation_needs_no_body(headers: dict[str, str], schema: str | None) -> None:
    assert koci.schema(Call("POST", "conversations", headers=headers)) == schema
    assert koci.schema(Call("GET", "conversations", headers=headers)) is None


def test_what_is_told_of_conversations() -> None:
    kept = (Picture("fox", "hd", LINK, "small", 7.5), Picture("fox", "hd", LINK, "", 8.0))
    row = Conversation(ID, "foxes", 5.9, kept)
    told = {"id": ID, "conversation_id": ID, "title": "foxes", "created_at": 5}
    made = koci.talked(Talk("make"), (row,))
    assert (made.status, plain(made.body)) == (201, told)
    assert plain(koci.talked(Talk("list"), (row, row)).body) == {"conversations": [told, told]}
    assert plain(koci.talked(Talk("list"), ()).body) == {"conversations": []}
    shown = plain(koci.talked(Talk("show", ID), (row,)).body)
    of_it = {"prompt": "fox", "model": "hd", "image_url": LINK}
    assert shown == told | {
        "pictures": [
            of_it | {"thumbnail_url": "small", "created_at": 7},
            of_it | {"thumbnail_url": LINK, "created_at": 8},
        ]
    }


# --- events ---------------------------------------------------------------------------------------------------------

SMALL = Media(url="https://cdn.example/small.png")
MADE = Result((Media(url=LINK),), thumbnails=(SMALL,))


def heard(event: Any, job: Job = JOB) -> list[tuple[str | None, Any]]:
    return [(frame.event, plain(Json(frame.data))) for frame in koci.frame(event, job)]


def test_the_first_event_names_the_message() -> None:
    job = replace(JOB, options={"_id": "req_0123456789abcdef01234567"})
    [(name, data)] = heard(Progress(None), job)
    assert (name, data["status"]) == ("status", "queued")
    assert str(uuid.UUID(data["message_id"])) == data["message_id"]
    assert heard(Progress(None), job) == [(name, data)]
    assert heard(Progress(None), replace(JOB, options={"_id": "req_0123456789abcdef01234568"})) != [(name, data)]


@pytest.mark.parametrize(("percent", "told"), [(0, 0), (30, 30), (69.6, 70), (100, 100), (130, 100), (-1, 0)])
def test_progress(percent: float, told: int) -> None:
    assert heard(Progress(percent)) == [("progress", {"status": "processing", "progress": told})]


@pytest.mark.parametrize(
    ("result", "more"),
    [
        (MADE, {"thumbnail_url": SMALL.url}),
        (replace(MADE, thumbnails=()), {"thumbnail_url": LINK}),
        (
            replace(MADE, notes=(Note("style", "emulated", "anime"),)),
            {"thumbnail_url": SMALL.url, "notes": ["style: emulated (anime)"]},
        ),
    ],
)
def test_the_last_event_has_the_links(result: Result, more: dict[str, Any]) -> None:
    told = {"status": "complete", "image_url": LINK} | more
    assert heard(Done(result)) == [("complete", told)]
    assert plain(koci.render(result, JOB).body) == told


def test_previews_have_no_event() -> None:
    assert heard(Partial(picture())) == []


CODES = {
    "unauthorized": "invalid_api_key",
    "no_credit": "insufficient_credits",
    "too_fast": "rate_limit_exceeded",
    "too_large": "file_too_large",
    "internal": "internal_error",
    "key_refused": "upstream_unavailable",
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_its_status_and_a_word(kind: str) -> None:
    reply: Reply = koci.fail(Fault(kind, "why", field="prompt", retry_after=3))
    error = plain(reply.body)["error"]
    assert (reply.status, reply.headers["retry-after"]) == (KINDS[kind].status, "3")
    assert (error["message"], error["field"]) == ("why", "prompt")
    assert error["code"] == CODES.get(kind, error["code"])
    frame = koci.fail_frame(Fault(kind, "why"), JOB)
    assert frame.event == "error"
    wanted = {"code": KINDS[kind].status, "type": error["code"], "message": "why"}
    assert plain(Json(frame.data)) == {"status": "error", "error": wanted}


def test_the_word_of_the_fault_itself_goes_first() -> None:
    assert plain(koci.fail(Fault("not_found", "x", code="conversation_not_found")).body)["error"] == {
        "code": "conversation_not_found",
        "message": "x",
    }
    hidden = plain(koci.fail(Fault("key_refused", "x", code="billing_hard_limit")).body)
    assert hidden["error"]["code"] == "upstream_unavailable"


def test_catalogue() -> None:
    assert plain(koci.catalogue(["a", "b"], Listing()).body) == {"models": [{"id": "a"}, {"id": "b"}]}
    assert plain(koci.catalogue(["a", "b"], Listing("b")).body) == {"id": "b"}
    with pytest.raises(Fault, match="did you mean 'image-2'"):
        koci.catalogue(["image-2"], Listing("image-3"))
    assert asked("koci", Call("GET", "models/b")) == Listing("b")
