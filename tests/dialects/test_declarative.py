"""A vendor without code: what its templates come to, and how a stranger's vendor that works by tasks is waited for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.config import yaml
from koci_proxy.facts import Card, InputRules, SizeRules
from koci_proxy.faults import Fault
from koci_proxy.types import Job, Media, Note, Result, Size, Target, Ticket
from koci_proxy.wire import Call, Form, Json, Raw, Reply, data_uri

from .test_nonsense import spoilt, tried
from .wires import DIALECTS, across, picture, plain

declarative = DIALECTS["declarative"]
TAKES = {"quality": None, "format": ("png", "webp"), "strength": None}
JOB = Job("pic", "a fox", dialect="openai", size=Size("2K", "16:9", 2048, 1152))
HIGH = replace(JOB, quality="high")
EDIT = replace(JOB, task="edit", inputs=(picture(64, 32), picture(32, 16)))


def target(wire: Any, size: str = "pixels", takes: Any = TAKES) -> Target:
    rules = SizeRules(wire=size)  # type: ignore[arg-type]
    card = Card("any", frozenset({"generate", "edit"}), rules, InputRules(9, mask=True), takes=takes)
    return Target("acme", "paint-1", "declarative", card, wire)


def call(body: Any, job: Job = JOB, **more: Any) -> Call:
    size = more.pop("size", "pixels")
    made = declarative.encode(job, target({"request": {"path": "x", "body": body}, **more}, size))
    assert isinstance(made, Call)
    return made


def uri(media: Media) -> str:
    return str(plain(Json({"p": data_uri(media)}))["p"])


FILLED: list[tuple[Job, Any, Any]] = [
    (JOB, {"p": "{prompt}", "m": "{model}", "n": "{n}"}, {"p": "a fox", "m": "paint-1", "n": 1}),
    (JOB, {"p": "draw {prompt} as {model}"}, {"p": "draw a fox as paint-1"}),
    (JOB, {"s": "{size}", "w": "{width}", "t": "{tier}", "r": "{ratio}"}, {"s": "2048x1152", "w": 2048}),
    (replace(JOB, size=Size()), {"a": 1, "s": "{size}", "n": {"w": "{width}"}, "l": ["{size}"]}, {"a": 1}),
    (JOB, {"q": "{quality}", "both": "{quality} {background}"}, {}),
    (HIGH, {"q": "{quality|low}", "both": "{quality} {background}"}, {"q": "high", "both": "high "}),
    (JOB, {"q": "{quality|low}", "b": "{background|auto}", "t": "{ratio|1:1}"}, {"q": "low"}),
    (JOB, {"a": "{options.a|30}", "b": "{options.b|true}", "c": "{options.c|x}"}, {"a": 30, "b": True, "c": "x"}),
    (JOB, {"lit": 1, "yes": True, "no": {}, "brace": "{{x}}"}, {"lit": 1, "yes": True, "no": {}, "brace": "{x}"}),
    (replace(JOB, options={"steps": 20, "_mark": 1}), {"s": "{options.steps|30}", "m": "{options._mark}"}, {"s": 20}),
    (replace(JOB, strength=0.3), {"a": "{strength}", "b": "{similarity}"}, {"a": 0.3, "b": 0.7}),
]  # fmt: skip


@pytest.mark.parametrize(("job", "template", "body"), FILLED)
def test_json(job: Job, template: Any, body: Any) -> None:
    assert plain(call({"json": template}, job).body) == body


@pytest.mark.parametrize(
    ("size", "spelt"),
    [("pixels", {"s": "2048x1152"}), ("tier_ratio", {"t": "2K", "r": "16:9"}), ("ratio", {"r": "16:9"}), ("none", {})],
)
def test_the_card_says_which_words_a_size_has(size: str, spelt: Any) -> None:
    body = {"json": {"s": "{size}", "t": "{tier}", "r": "{ratio}"}}
    assert plain(call(body, size=size).body) == spelt


def test_words_of_the_vendor() -> None:
    words = {"tier": {"2K": "large"}, "quality": {"high": 3, "auto": None}}
    body = {"json": {"t": "{tier}", "q": "{quality}"}}
    assert plain(call(body, replace(JOB, quality="high"), map=words, size="tier_ratio").body) == {"t": "large", "q": 3}
    assert plain(call(body, replace(JOB, quality="auto"), map=words, size="tier_ratio").body) == {"t": "large"}


def test_pictures_in_json() -> None:
    first, second = (uri(media) for media in EDIT.inputs)
    job = replace(EDIT, mask=picture(8, 8))
    body = {"all": "{images}", "one": "{image}", "mask": "{mask}", "each": [{"text": "{prompt}"}, {"url": "{images}"}]}
    assert plain(call({"json": body}, job).body) == {
        "all": [first, second],
        "one": first,
        "mask": uri(picture(8, 8)),
        "each": [{"text": "a fox"}, {"url": first}, {"url": second}],
    }
    inline = {"parts": [{"mime": "{images.mime}", "data": "{images.base64}"}]}
    assert plain(call({"json": inline}, EDIT).body) == {
        "parts": [{"mime": "image/png", "data": each.partition(",")[2]} for each in (first, second)]
    }
    assert plain(call({"json": inline | {"p": "{prompt}"}}).body) == {"p": "a fox"}


def test_pictures_in_a_form() -> None:
    body = {"multipart": {"prompt": "{prompt}", "n": "{n}", "image[]": "{images}", "flag": True, "q": "{quality}"}}
    first, second = EDIT.inputs
    fields = (("prompt", "a fox"), ("n", "1"), ("image[]", first), ("image[]", second), ("flag", "true"))
    assert call(body, EDIT).body == Form(fields)


def test_an_urlencoded_form_a_query_and_headers() -> None:
    request = {
        "method": "GET",
        "path": "/v2/{model}/draw",
        "query": {"q": "{prompt}", "w": "{width}", "x": "{quality}"},
        "headers": {"X-Model": "{model}"},
    }
    made = declarative.encode(JOB, target({"request": request}))
    assert made == Call("GET", "v2/paint-1/draw", {"q": "a fox", "w": "2048"}, {"x-model": "paint-1"})
    body = call({"form": {"q": "{prompt}", "w": "{width}"}}).body
    assert body == Raw(b"q=a+fox&w=2048", "application/x-www-form-urlencoded")


WISHES = [
    ({"json": {"p": "{prompt}"}}, EDIT, "images", "paint-1 takes no pictures, not 2"),
    ({"json": {"p": "{image}"}}, EDIT, "images", "paint-1 takes one picture, not 2"),
    ({"json": {"p": "{images}"}}, replace(EDIT, mask=picture()), "mask", "paint-1 takes no mask"),
    ({"json": {"p": "{image!}"}}, JOB, "images", "images is required for this model"),
    ({"json": {"p": "{image.base64!}"}}, JOB, "images", "images is required for this model"),
    ({"json": {"p": "{similarity!}"}}, JOB, "strength", "strength is required for this model"),
    ({"json": {"p": "{options.kind!}"}}, JOB, "kind", "kind is required for this model"),
    (
        {"form": {"p": "{options.p}"}},
        replace(JOB, options={"p": picture()}),
        "p",
        "p cannot be a picture for this model",
    ),
]


@pytest.mark.parametrize(("body", "job", "field", "message"), WISHES)
def test_what_has_no_place_is_refused(body: Any, job: Job, field: str, message: str) -> None:
    with pytest.raises(Fault) as caught:
        call(body, job)
    assert (caught.value.kind, caught.value.field, caught.value.message) == ("bad_request", field, message)


@pytest.mark.parametrize(
    ("rules", "asked", "place", "how"),
    [
        (
            SizeRules(step=64, min_edge=256, max_edge=2048),
            Size(),
            "width",
            "1024x1024; allowed: edges in steps of 64, ",
        ),
        (SizeRules(default_ratio="16:9"), Size(), "size", "1024x576; allowed: edges 1 to 16384, "),
        (SizeRules("tier_ratio", ("2K",), ("auto", "1:1"), default_ratio="auto"), Size("2K"), "ratio", "2K 1:1; allow"),
        (SizeRules("tier_ratio", ("2K", "4K"), ("3:2",)), Size(), "tier", "2K 3:2; allowed: tiers 2K, 4K; ratios 3:2"),
        (SizeRules("ratio", ratios=("1:1", "3:2")), Size("2K"), "ratio", "1:1; allowed: ratios 1:1, 3:2"),
    ],
)
def test_who_must_name_a_size_hears_how(rules: SizeRules, asked: Size, place: str, how: str) -> None:
    wire = {"request": {"path": "x", "body": {"json": {"p": f"{{{place}!}}"}}}}
    card = replace(target(wire).card, size=rules)
    with pytest.raises(Fault) as caught:
        declarative.encode(replace(JOB, size=asked), replace(target(wire), card=card))
    assert caught.value.field == "size"
    assert caught.value.message.startswith(f"size is required for this model: ask for example for {how}")


def test_a_house_without_a_template() -> None:
    with pytest.raises(Fault, match=r"the file of acme has no wire\.request") as caught:
        declarative.encode(JOB, target({}))
    assert caught.value.kind == "internal"


@pytest.mark.parametrize(
    ("speaks", "body", "sent", "fields"),
    [
        ("acme", {}, set(), {}),
        ("openai", {}, {"a", "seed"}, {"a": 1, "seed": 7}),
        ("openai", {"s": "{options.seed}"}, {"a", "seed"}, {"a": 1, "s": 7}),
        ("acme", {"s": "{options.seed}", "t": "{options.t}"}, {"seed"}, {"s": 7}),
    ],
)
def test_the_extra_words_of_an_app(speaks: str, body: Any, sent: set[str], fields: Any) -> None:
    wire = {"speaks": speaks, "request": {"path": "x", "body": {"json": body}}}
    job = replace(JOB, options={"a": 1, "seed": 7})
    assert set(declarative.words(job, target(wire))) == sent
    assert plain(declarative.encode(job, target(wire)).body) == fields


def test_one_model_may_differ() -> None:
    own = {"paint-1": {"request": {"path": "y", "body": {"json": {"extra": 1}}}}, "paint-2": {"request": {"path": "z"}}}
    made = call({"json": {"p": "{prompt}"}}, models=own)
    assert (made.path, plain(made.body)) == ("y", {"p": "a fox", "extra": 1})
    other = {"paint-1": {"request": {"body": {"form": {"p": "{prompt}"}}}}}
    assert call({"json": {"p": "{prompt}"}}, models=other).body == Raw(b"p=a+fox", "application/x-www-form-urlencoded")


# --- answers --------------------------------------------------------------------------------------------------------

LINK = "https://cdn.example/a.png"
ANSWER = {
    "ok": {"path": "status", "is": ["fine", 0]},
    "pictures": ["out.*.url", "out.*.data", "url"],
    "text": "said",
    "created": "at",
    "usage": {"total_tokens": "cost"},
    "error": {"message": "why", "code": "no"},
}


def heard(body: Any, status: int = 200, wire: Any = None, job: Job = JOB) -> Any:
    request = {"path": "x", "body": {"json": {"p": "{prompt}", "s": "{size}"}}}
    reply = Reply(status, {}, across(Json(body)) if not isinstance(body, Raw) else body)
    return declarative.decode(reply, job, target(wire or {"request": request, "answer": ANSWER}))


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ({"out": [{"url": LINK}, {"url": LINK}]}, Result((Media(url=LINK),) * 2)),
        ({"out": [{"url": None, "data": LINK}]}, Result((Media(url=LINK),))),
        ({"url": [LINK], "status": "fine"}, Result((Media(url=LINK),))),
        (
            {"url": LINK, "status": 0, "said": "here", "at": "17", "cost": 3},
            Result((Media(url=LINK),), text="here", usage={"total_tokens": 3}, created=17),
        ),
        ({"url": LINK, "said": 5, "at": -1, "cost": "x"}, Result((Media(url=LINK),))),
        (Raw(picture(), "image/png"), Result((picture(),))),
    ],
)
def test_pictures_in_an_answer(body: Any, result: Result) -> None:
    assert heard(body) == result


@pytest.mark.parametrize(
    ("body", "status", "kind", "code", "words"),
    [
        ({"status": "bad", "url": LINK, "why": "no fox", "no": "F1"}, 200, "empty", "F1", "no fox"),
        ({"status": 401, "why": "key"}, 200, "key_refused", None, "key"),
        ({"why": "much", "no": 12}, 429, "key_busy", "12", "much"),
        ({"out": []}, 200, "empty", None, None),
        ({"url": "@@"}, 200, "garbled", None, None),
        (Raw(b"<html>", "text/html"), 200, "garbled", None, None),
        (Raw(b"<html>", "text/html"), 502, "down", None, None),
        (["x"], 200, "empty", None, None),
    ],
)
def test_refusals(body: Any, status: int, kind: str, code: str | None, words: str | None) -> None:
    with pytest.raises(Fault) as caught:
        heard(body, status)
    fault = caught.value
    assert (fault.kind, fault.code) == (kind, code)
    assert words is None or fault.vendor == words


def test_what_was_asked_and_has_no_place_is_noted() -> None:
    wire = {"request": {"path": "x"}, "map": {"format": {"png": None}}}
    job = replace(JOB, quality="high", format="png", strength=0.5, n=2)
    notes = declarative.left_out(job, target(wire))
    assert {note.field for note in notes} == {"prompt", "quality", "strength", "n", "size"}
    assert Note("quality", "left out", "paint-1 takes none") in notes


@pytest.mark.parametrize(
    ("wire", "asked", "places", "lost"),
    [
        ("pixels", JOB.size, ["size"], None),
        ("pixels", JOB.size, ["width", "height"], None),
        ("pixels", JOB.size, ["height"], "no width"),
        ("pixels", JOB.size, ["tier", "ratio"], "none"),
        ("pixels", Size("2K", "16:9"), ["size"], "none"),
        ("pixels", Size(), ["tier"], None),
        ("tier_ratio", JOB.size, ["tier", "ratio"], None),
        ("tier_ratio", JOB.size, ["ratio"], "no tier"),
        ("tier_ratio", Size("2K"), ["tier"], None),
        ("tier_ratio", JOB.size, ["size", "width"], "none"),
        ("ratio", JOB.size, ["ratio"], None),
        ("ratio", JOB.size, ["size"], "none"),
        ("none", JOB.size, [], None),
    ],
)
def test_what_of_a_size_has_no_place_is_noted(wire: str, asked: Size, places: list[str], lost: str | None) -> None:
    request = {"path": "x", "body": {"json": {"p": "{prompt}"} | {name: f"{{{name}}}" for name in places}}}
    notes = declarative.left_out(replace(JOB, size=asked), target({"request": request}, wire))
    assert notes == (() if lost is None else (Note("size", "left out", f"paint-1 takes {lost}"),))


# --- a stranger's vendor --------------------------------------------------------------------------------------------

STRANGER = """
request:
  path: orders
  headers: {X-Shop: gallery}
  body:
    json:
      what: {painting: {words: "{prompt}", canvas: [{wide: "{width}", high: "{height}"}]}, like: ["{images.base64}"]}
poll:
  method: GET
  path: orders/{ticket}/easel
  query: {painter: "{model}"}
  ticket: receipt.no
  every: 0.5
  progress: easel.dry
  done: {path: easel.mood, is: [hung, framed]}
  running: {path: easel.mood, is: [sketching, "paint*"]}
  failed: {path: easel.mood, is: [torn, burnt], message: easel.sigh}
answer:
  ok: {path: shop, is: open}
  pictures: easel.works.*.look
"""
SHOP = target(yaml.read("stranger.yaml", STRANGER).value)


def told(body: Any) -> Any:
    return declarative.decode(Reply(200, {}, across(Json(body))), JOB, SHOP)


def test_an_order_at_a_strangers() -> None:
    made = declarative.encode(EDIT, SHOP)
    assert (made.method, made.path, made.headers) == ("POST", "orders", {"x-shop": "gallery"})
    what = plain(made.body)["what"]
    assert what["painting"] == {"words": "a fox", "canvas": [{"wide": 2048, "high": 1152}]}
    assert len(what["like"]) == 2
    ticket = told({"shop": "open", "receipt": {"no": 17}})
    assert ticket == Ticket({"ticket": 17}, None, 0.5)
    assert declarative.poll(ticket, EDIT, SHOP) == Call("GET", "orders/17/easel", {"painter": "paint-1"})


@pytest.mark.parametrize(
    ("easel", "outcome"),
    [
        ({"mood": "sketching"}, Ticket({}, None, 0.5)),
        ({"mood": "painting", "dry": "12.5%"}, Ticket({}, 12.5, 0.5)),
        ({"mood": "painting", "dry": 400}, Ticket({}, None, 0.5)),
        ({"mood": "framed", "works": [{"look": LINK}, {"look": LINK}]}, Result((Media(url=LINK),) * 2)),
    ],
)
def test_looks_at_the_easel(easel: Any, outcome: Any) -> None:
    assert told({"shop": "open", "easel": easel}) == outcome


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"easel": {"mood": "torn", "sigh": "the fox ran away"}}, "empty", "the fox ran away"),
        ({"easel": {"mood": "sold"}}, "garbled", "state sold"),
        ({"easel": {"mood": "hung"}}, "empty", None),
        ({"shop": "closed"}, "empty", None),
        ({"nothing": 1}, "empty", None),
    ],
)
def test_what_goes_wrong_at_the_easel(body: Any, kind: str, words: str | None) -> None:
    with pytest.raises(Fault) as caught:
        told(body)
    assert (caught.value.kind, caught.value.vendor) == (kind, words)


EASEL = {
    "shop": "open",
    "receipt": {"no": 17},
    "easel": {"mood": "framed", "dry": "5", "sigh": "x", "works": [{"look": LINK}]},
}
MADE = {"status": 0, "out": [{"url": LINK, "data": "AAAA"}], "said": "x", "at": 1, "cost": 2, "why": "x", "no": 3}


@settings(deadline=None)
@given(data=st.data(), status=st.sampled_from([200, 400, 429, 500]))
def test_nothing_a_vendor_says_fails_otherwise_than_by_a_fault(data: st.DataObject, status: int) -> None:
    body, at = data.draw(st.sampled_from([(EASEL, SHOP), (MADE, target({"answer": ANSWER}))]))
    reply = Reply(status, {}, Json(data.draw(spoilt(body))))
    outcome = tried(lambda: declarative.decode(reply, JOB, at))
    assert isinstance(outcome, (Result, Ticket, Fault))
    assert not isinstance(outcome, Ticket) or outcome.wait == 0.5


@settings(deadline=None)
@given(data=st.data())
def test_nothing_an_app_says_fails_otherwise_than_by_a_fault(data: st.DataObject) -> None:
    options = data.draw(spoilt({"a": 1, "b": [1, {"c": picture()}], "d": {"e": "x"}}))
    kind = data.draw(st.sampled_from(["json", "multipart", "form"]))
    text = "{options.a} {options.b}" if data.draw(st.booleans()) else "{options.d}"
    body = {kind: {"p": text, "q": "{options.b|1}", "size": "{size}"}}
    wire = {"speaks": "openai", "request": {"path": "x", "body": body}}
    made = tried(lambda: declarative.encode(replace(JOB, options=options), target(wire)))
    assert isinstance(made, Fault) or made.body is not None
