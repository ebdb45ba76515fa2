"""Fields of an app's body, taken one by one."""

from __future__ import annotations

from typing import Any

import pytest

from koci_proxy.faults import Fault
from koci_proxy.fields import Fields, linked, picture, pixels_of, received, respelled, size_words, slipped
from koci_proxy.media import from_bytes
from koci_proxy.types import AUTO, Media, Size
from koci_proxy.wire import Json, base64, data_uri, url

HELD = from_bytes(b"abc")


def test_null_is_absent_and_the_rest_is_left_over() -> None:
    fields = Fields(Json({"a": None, "b": "x", "c": [1], "_mark": 1}))
    assert fields.text("a") is None
    assert fields.text("b") == "x"
    assert fields.rest() == {"c": [1]}


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("aspect_ration", "aspect_ratio"),
        ("aspectRatio", "aspect_ratio"),
        ("ASPECT_RATIO", "aspect_ratio"),
        ("image", "images"),
        ("aspect_ratio_mode", None),
        ("moderation", None),
        ("aspect_ratio", None),
        ("aspect_ration" * 5, None),
    ],
)
def test_what_looks_like_a_name_that_was_asked_for(name: str, right: str | None) -> None:
    fields = Fields({name: 1, "_imagess": 1}, "body")
    assert fields.slips() == {}
    if name != "aspect_ratio":
        fields.text("aspect_ratio")
    fields.take("images")
    assert fields.slips() == ({f"body.{name}": right} if right else {})
    assert slipped(fields, fields) == ({"_slips": fields.slips()} if right else {})


@pytest.mark.parametrize(
    ("verb", "given", "args"),
    [
        ("text", 7, ()),
        ("text", HELD, ()),
        ("required", " ", ()),
        ("required", None, ()),
        ("required", "abcd", (3,)),
        ("whole", "2", (1, 10)),
        ("whole", True, (0, 10)),
        ("whole", 11, (1, 10)),
        ("whole", 1.5, (1, 10)),
        ("flag", "true", ()),
        ("choice", "c", (("a", "b"),)),
        ("pictures", ["@@@@"], ()),
        ("pictures", [7], ()),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(verb: str, given: Any, args: tuple[Any, ...]) -> None:
    with pytest.raises(Fault) as caught:
        getattr(Fields({"x": given}, "outer"), verb)("x", *args)
    assert caught.value.kind == "bad_request"
    assert (caught.value.field or "").startswith("outer.x")
    assert caught.value.message.startswith("outer.x")


def test_what_fits() -> None:
    fields = Fields({"n": 2.0, "on": True, "one": "a", "pics": HELD, "word": "b"})
    assert (fields.whole("n", 1, 3), fields.whole("m", 1, 3)) == (2, None)
    assert (fields.flag("on"), fields.flag("off")) == (True, False)
    assert fields.several("one") == ["a"]
    assert fields.pictures("pics") == (HELD,)
    assert fields.choice("word", ("a", "b")) == "b"


@pytest.mark.parametrize("body", [None, Json([1]), Json("x")])
def test_a_body_is_an_object(body: Any) -> None:
    with pytest.raises(Fault, match="must be a JSON object"):
        Fields(body)


def test_pictures_come_as_text_or_held() -> None:
    assert picture(HELD, "x") is HELD
    assert picture("YWJj", "x") == HELD
    assert picture("https://x.example/a.png", "x") == Media(url="https://x.example/a.png")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("a.png", "'a.png' is neither a link, a data URI nor base64; to send a file with curl write image=@a.png"),
        ("./in/fox.jpeg", "'./in/fox.jpeg' is neither a link, a data URI nor base64; .* write image=@./in/fox.jpeg"),
        ("a fox!", "'a fox!' is neither a link, a data URI nor base64"),
        ("data:image/png;base64,@@@@", "not base64: it holds a character of no base64 alphabet"),
        ("@" * 84, "not base64: it holds a character of no base64 alphabet"),
        ("", "no picture: the text is empty"),
    ],
)
def test_a_text_that_is_no_picture(value: str, why: str) -> None:
    with pytest.raises(Fault, match=rf"^image\[0\] is no picture: {why}$"):
        picture(value, "image[0]")


def test_a_picture_of_an_answer_that_is_none_was_paid_for() -> None:
    assert received("YWJj", 200) == HELD
    with pytest.raises(Fault, match="could not be read") as caught:
        received(7, 200, "video_url")
    assert (caught.value.kind, caught.value.stage) == ("garbled", "accepted")


def test_a_wire_that_reads_links_gets_one_where_there_is_one() -> None:
    link = Media(url="https://x.example/a.png")
    assert (linked(link), linked(HELD)) == (url(link), data_uri(HELD))


@pytest.mark.parametrize(
    ("size", "wire", "words"),
    [
        (Size("2K", "16:9", 2048, 1152), "pixels", ("2048x1152", None)),
        (Size("2K", "16:9", 2048, 1152), "tier_ratio", ("2K", "16:9")),
        (Size("2K", "16:9", 2048, 1152), "ratio", (None, "16:9")),
        (Size("2K", "16:9", 2048, 1152), "none", (None, None)),
        (AUTO, "pixels", (None, None)),
        (AUTO, "tier_ratio", (None, None)),
    ],
)
def test_a_size_in_the_words_of_a_wire(size: Size, wire: str, words: tuple[str | None, str | None]) -> None:
    assert size_words(size, wire) == words


def test_the_pixels_of_what_came() -> None:
    assert pixels_of([Media(), Media(width=3, height=2)]) == "3x2"
    assert pixels_of([Media()]) is None


def test_pictures_left_in_a_tree_are_base64_again() -> None:
    assert respelled({"a": [HELD, {"b": 1}], "c": "x"}) == {"a": [base64(HELD), {"b": 1}], "c": "x"}
