"""The Koukoutu shape: what its clients send and hear, the tasks of both sides, codes under HTTP 200, there and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.facts import Card, InputRules, SizeRules
from koci_proxy.faults import KINDS, Fault
from koci_proxy.types import (
    Balance,
    Delivery,
    Done,
    Job,
    JobState,
    Listing,
    Lookup,
    Media,
    Note,
    Progress,
    Result,
    Size,
    Status,
    Target,
    Ticket,
)
from koci_proxy.wire import Call, Form, Json, Raw, Reply, data_uri

from .wires import DIALECTS, asked, picture, plain

koukoutu = DIALECTS["koukoutu"]
SYNC, ASYNC, QUERY = "sync/v1/create", "async/v1/create", "async/v1/query"
LINK = "https://cdn.example/a.png"
FILE = picture(640, 480)
JOB = Job("cutout", "", task="edit", inputs=(FILE,), deliver="base64", dialect="koukoutu")
RULES = SizeRules(wire="tier_ratio", tiers=("1K", "4K"))
CARD = Card("any", frozenset({"edit"}), RULES, InputRules(1), takes={"format": ("png", "webp"), "strength": None})


def target(model: str = "background-removal", **wire: Any) -> Target:
    return Target("vendor", model, "koukoutu", CARD, wire)


def form(path: str, *fields: tuple[str, str | Media]) -> Call:
    return Call("POST", path, body=Form(fields))


def parse(*fields: tuple[str, str | Media], path: str = SYNC) -> Job:
    job = asked("koukoutu", form(path, ("model_key", "cutout"), *fields))
    assert isinstance(job, Job)
    return job


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {}),
        ({"response": "url"}, {"deliver": "url"}),
        ({"response": "file"}, {}),
        ({"response": "bytes"}, {}),
        ({"output_format": "webp"}, {"format": "webp"}),
        ({"crop": "1", "border": "2"}, {"options": {"crop": 1, "border": 2}}),
        ({"resolution": "4k", "size": "16:9"}, {"size": Size("4K", "16:9")}),
        ({"size": "0:0"}, {}),
        ({"size": "26:38"}, {"size": Size(ratio="26:38")}),
        ({"prompt": "a fox", "similarity": "0.8"}, {"prompt": "a fox", "strength": 0.2}),
        ({"shadow_opacity": "0.75"}, {"options": {"shadow_opacity": 0.75}}),
        ({"background_color": "#fff"}, {"options": {"background_color": "#fff"}}),
        ({"image_url": "", "image_base64": ""}, {}),
    ],
)
def test_parse(fields: dict[str, str], changes: dict[str, Any]) -> None:
    assert parse(("image_file", FILE), *fields.items()) == replace(JOB, **changes)


@pytest.mark.parametrize(
    ("name", "value", "media"),
    [
        ("image_url", LINK, Media(url=LINK)),
        ("image_base64", "data:image/png;base64,iVBORw0KGgo=", None),
    ],
)
def test_a_picture_by_link_and_as_base64(name: str, value: str, media: Media | None) -> None:
    job = parse((name, value))
    assert job.inputs == ((media,) if media else job.inputs)
    assert len(job.inputs) == 1


def test_json_is_taken_too() -> None:
    body = Json({"model_key": "cutout", "image_url": LINK, "crop": 0})
    assert asked("koukoutu", Call("POST", SYNC, body=body)).options == {"crop": 0}


def test_a_task_is_answered_with_a_link() -> None:
    job = parse(("image_file", FILE), path=ASYNC)
    assert (job.deliver, job.options, job.notes) == ("url", {"_async": True}, ())
    [note] = parse(("image_file", FILE), ("response", "file"), path=ASYNC).notes
    assert (note.field, note.what) == ("response", "bent")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ([], "image_file"),
        ([("image", FILE)], "image_file"),
        ([("image_file", FILE), ("image_url", LINK)], "image_url"),
        ([("image_url", LINK), ("image_base64", data_uri)], "image_base64"),
        ([("image_file", FILE), ("image_file", FILE)], "image_file"),
        ([("image_url", "cdn.example/a.png")], "image_url"),
        ([("image_base64", "@@@@")], "image_base64"),
        ([("image_file", FILE), ("response", "json")], "response"),
        ([("image_file", FILE), ("crop", "yes")], "crop"),
        ([("image_file", FILE), ("border", "3")], "border"),
        ([("image_file", FILE), ("output_format", "jpg")], "output_format"),
        ([("image_file", FILE), ("similarity", "2")], "similarity"),
        ([("image_file", FILE), ("size", "wide")], "size"),
        ([("image_file", FILE), ("resolution", "9k")], "resolution"),
    ],
)
def test_bad_input_names_its_field(fields: list[tuple[str, Any]], field: str) -> None:
    fields = [(name, "data:image/png;base64,iVBORw0KGgo=" if value is data_uri else value) for name, value in fields]
    with pytest.raises(Fault) as caught:
        parse(*fields)
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


@pytest.mark.parametrize(
    ("task", "id"), [("123456789012345", "123456789012345"), (123456789012345, "123456789012345"), ("176", "176")]
)
def test_a_question_after_a_task(task: Any, id: str) -> None:
    for more in ({}, {"response": "url", "model_key": "cutout"}):
        assert asked("koukoutu", Call("POST", QUERY, body=Json({"task_id": task, **more}))) == Lookup("show", id)
    assert asked("koukoutu", form(QUERY, ("task_id", str(task)), ("response", "url"))) == Lookup("show", id)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "task_id"),
        ({"task_id": "x"}, "task_id"),
        ({"task_id": -1}, "task_id"),
        ({"task_id": 1, "response": "file"}, "response"),
    ],
)
def test_a_bad_question(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        asked("koukoutu", Call("POST", QUERY, body=Json(body)))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)
    with pytest.raises(Fault, match=field):
        koukoutu.parse(Call("POST", QUERY, body=Json(body)))


@pytest.mark.parametrize(
    ("method", "path", "kind", "word"),
    [
        ("POST", "create", "not_found", "sync/v1/create"),
        ("POST", "sync/v1/query", "not_found", "async/v1/query"),
        ("POST", "models/x/create", "wrong_method", "GET"),
        ("GET", SYNC, "wrong_method", "POST"),
        ("POST", "score", "wrong_method", "GET"),
    ],
)
def test_no_such_call(method: str, path: str, kind: str, word: str) -> None:
    for verb in (koukoutu.schema, koukoutu.parse):
        with pytest.raises(Fault, match=word) as caught:
            verb(Call(method, path))
        assert caught.value.kind == kind


@pytest.mark.parametrize("path", ["score", "async/v1/score", "sync/score"])
def test_a_question_after_the_balance(path: str) -> None:
    assert asked("koukoutu", Call("GET", path)) == Balance()


@pytest.mark.parametrize(
    ("credits", "message", "score"),
    [(None, "unlimited", None), (0, "success", 0), (7000, "success", 7), (1500, "success", 1.5)],
)
def test_the_words_of_a_balance(credits: int | None, message: str, score: float | None) -> None:
    body = plain(koukoutu.balance(credits).body)
    assert body == {"code": 200, "message": message, "data": {"score": score}}
    assert type(body["data"]["score"]) is type(score)


@pytest.mark.parametrize("path", ["sync/create", "sync/v1/create", "sync/v1/v1/create/"])
def test_versions_on_the_way_make_no_difference(path: str) -> None:
    assert koukoutu.schema(Call("POST", path)) == "koukoutu-create"


# --- the way there and back -----------------------------------------------------------------------------------------

options = st.fixed_dictionaries(
    {},
    optional={
        "crop": st.sampled_from([0, 1]),
        "border": st.integers(0, 2),
        "extract_type": st.sampled_from(["服装", "鞋包"]),
        "params": st.just("1,2,3,4"),
        "shadow_opacity": st.sampled_from([0.0, 0.25, 1.0]),
        "x_new": st.text(min_size=1, max_size=5),
    },
)
sizes = st.builds(Size, st.none() | st.sampled_from(["1K", "4K"]), st.none() | st.sampled_from(["1:1", "26:38"]))


@settings(deadline=None)
@given(
    st.sampled_from([FILE, picture(more=20_000), Media(url=LINK)]),
    sizes,
    st.sampled_from(["png", "webp"]),
    options,
    st.integers(0, 100),
)
def test_parse_reads_what_encode_writes(
    media: Media, size: Size, form: str, more: dict[str, Any], strength: int
) -> None:  # fmt: skip
    job = replace(JOB, model="x", inputs=(media,), size=size, format=form, options=more, strength=strength / 100)
    call = koukoutu.encode(job, target("x"))
    assert asked("koukoutu", replace(call, path=f"sync/v1/{call.path}")) == job


@given(st.sampled_from([FILE, Media(url=LINK)]))
def test_decode_reads_what_render_writes(media: Media) -> None:
    deliver: Delivery = "url" if media.url else "base64"
    reply = koukoutu.render(Result((media,)), replace(JOB, deliver=deliver))
    if isinstance(reply.body, Json):
        reply = replace(reply, body=Json(plain(reply.body)))
    assert koukoutu.decode(reply, JOB, target()) == Result((media,))


def stands(status: Status, number: str = "123456789012345", **more: Any) -> JobState:
    return JobState("req_0123456789abcdef01234567", JOB, status, 1.0, number=number, **more)


@given(st.integers(10**14, 10**15 - 1), st.sampled_from(["queued", "running"]))
def test_a_task_is_found_again(number: int, status: Status) -> None:
    reply = koukoutu.accepted(stands(status, str(number)))
    ticket = koukoutu.decode(Reply(200, {}, Json(plain(reply.body))), JOB, target())
    assert ticket == Ticket({"task_id": number}, None, 1.0)
    call = koukoutu.poll(ticket, JOB, target())
    assert call == Call(
        "POST",
        "query",
        body=Raw(f"task_id={number}&response=url&model_key=background-removal".encode(), call.body.mime),
    )


@pytest.mark.parametrize(
    ("now", "came"),
    [
        (stands("queued"), Ticket({}, 0.0, 0.5)),
        (stands("running", progress=65.71), Ticket({}, 65.71, 0.5)),
        (stands("succeeded", result=Result((Media(url=LINK),))), Result((Media(url=LINK),))),
        (stands("partial", result=Result((Media(url=LINK),))), Result((Media(url=LINK),))),
    ],
)
def test_how_far_a_task_has_come(now: JobState, came: Ticket | Result) -> None:
    reply = koukoutu.progress(now)
    assert koukoutu.decode(Reply(200, {}, Json(plain(reply.body))), JOB, target(mode="async", every=0.5)) == came


def test_the_words_of_a_look() -> None:
    body = plain(koukoutu.progress(stands("running", progress=65.714)).body)
    task = {"state": 0, "result_file": None, "message": None, "progress": "65.71", "position": -1}
    assert body == {"code": 200, "message": "running", "data": task}


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (stands("failed", fault=Fault("down", "the upstream failed")), "the upstream failed"),
        (stands("refused", fault=Fault("refused", "not that")), "not that"),
        (stands("expired", fault=Fault("gone", "too late")), "too late"),
        (stands("cancelled"), "the task is cancelled"),
    ],
)
def test_the_words_of_a_failure(now: JobState, message: str) -> None:
    task = {"state": 2, "result_file": None, "message": message, "progress": "0.00", "position": -1}
    assert plain(koukoutu.progress(now).body) == {"code": 200, "message": "failed", "data": task}


# --- towards the vendor ---------------------------------------------------------------------------------------------


def test_what_is_sent() -> None:
    job = replace(JOB, prompt="blue", n=3, options={"_async": True}, dialect="koukoutu")
    call = koukoutu.encode(job, target("image-to-image"))
    assert (call.path, call.headers["accept"]) == ("create", "image/*, application/json")
    words = (("model_key", "image-to-image"), ("prompt", "blue"), ("output_format", "png"), ("image_file", FILE))
    assert call.body == Form(words)
    assert koukoutu.encode(job, target(mode="async")).headers == {}
    other = replace(JOB, dialect="openai", options={"user": "u"})
    assert ("user", "u") not in koukoutu.encode(other, target()).body.fields


@pytest.mark.parametrize("inputs", [(), (FILE, FILE)])
def test_exactly_one_picture(inputs: tuple[Media, ...]) -> None:
    with pytest.raises(Fault, match="exactly one picture"):
        koukoutu.encode(replace(JOB, inputs=inputs), target())


def test_words_that_are_not_heeded_are_noted() -> None:
    job = replace(JOB, prompt="cut")
    assert koukoutu.left_out(job, target()) == (Note("prompt", "left out", "background-removal takes none"),)
    assert koukoutu.left_out(job, target("image-to-image")) == koukoutu.left_out(JOB, target()) == ()


def code(number: Any, message: str = "why", status: int = 200) -> Reply:
    return Reply(status, {}, Json({"code": number, "message": message}))


def state(number: Any, message: Any = None, link: Any = None) -> Reply:
    data = {"state": number, "result_file": link, "message": message, "progress": "x", "position": -1}
    return Reply(200, {}, Json({"code": 200, "message": "success", "data": data}))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (code(401), "key_refused"),
        (code(403), "key_refused"),
        (code(402), "key_spent"),
        (code(409), "key_spent"),
        (code(404), "unserved"),
        (code(406), "too_large"),
        (code(407), "bad_request"),
        (code(413, status=413), "too_large"),
        (code(415), "wrong_type"),
        (code("422"), "bad_request"),
        (code(422, "图片内容审核不通过"), "refused"),
        (code(429, status=429), "key_busy"),
        (code(500), "down"),
        (code(503, status=503), "down"),
        (code(504), "slow"),
        (code(7), "garbled"),
        (code(None, status=502), "down"),
        (Reply(502, {}, Raw(b"<html>", "text/html")), "down"),
        (Reply(200, {}, Raw(b"<html>", "text/html")), "garbled"),
        (Reply(200, {}, Json({"code": 200, "message": "success", "data": {}})), "empty"),
        (Reply(200, {}, Json({"code": 200, "message": "success", "data": {"result_file": "@@"}})), "garbled"),
        (state(2, "worker died"), "empty"),
        (state("2", None), "empty"),
        (state(2, "the image is broken"), "bad_request"),
        (state(2, "图片违规"), "refused"),
    ],
)
def test_what_a_vendors_refusal_means(reply: Reply, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        koukoutu.decode(reply, JOB, target())
    assert caught.value.kind == kind


@pytest.mark.parametrize("reply", [state(0), state("0"), state(1), state(1, link=""), state("x")])
def test_a_task_without_its_file_is_still_under_way(reply: Reply) -> None:
    assert koukoutu.decode(reply, JOB, target()) == Ticket({}, None, 1.0)


# --- towards an app -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_has_a_code_that_is_its_status(kind: str) -> None:
    own = {"bad_request": 422, "refused": 422, "conflict": 422, "no_credit": 409, "gone": 404}
    reply = koukoutu.fail(Fault(kind, "why"))
    assert plain(reply.body) == {"code": reply.status, "message": "why"}
    assert reply.status == own.get(kind, KINDS[kind].status)


def test_more_pictures_than_there_is_room_for() -> None:
    links = (Media(url=LINK), Media(url=LINK.replace("a.png", "b.png")))
    body = plain(koukoutu.render(Result(links), replace(JOB, deliver="url")).body)
    assert body["data"] == {"result_file": LINK, "result_files": [media.url for media in links]}
    assert koukoutu.render(Result((FILE, FILE)), JOB).body == Raw(FILE, "image/png")


def test_streams_are_not_of_this_wire() -> None:
    assert koukoutu.frame(Progress(1), JOB) == ()
    [frame] = koukoutu.frame(Done(Result((Media(url=LINK),))), JOB)
    assert frame.data["data"]["state"] == 1
    assert koukoutu.fail_frame(Fault("down", "x"), JOB).data == {"code": 502, "message": "x"}


def test_catalogue() -> None:
    names = plain(koukoutu.catalogue(["a", "b"], Listing()).body)["data"]
    assert names == [{"model_key": "a"}, {"model_key": "b"}]
    assert plain(koukoutu.catalogue(["a", "b"], Listing("b")).body)["data"] == [{"model_key": "b"}]
    with pytest.raises(Fault, match="did you mean 'cutout'"):
        koukoutu.catalogue(["cutout"], Listing("cutouts"))
    assert asked("koukoutu", Call("GET", "models/b")) == Listing("b")
    assert asked("koukoutu", Call("GET", "models")) == Listing()
