"""Text with placeholders: what is read, and what cannot be."""

from __future__ import annotations

import pytest

from koci_proxy.placeholders import Hole, holes, split, strangers


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{prompt}", (Hole("prompt"),)),
        ("{image!}", (Hole("image", must=True),)),
        ("{format|png}", (Hole("format", "png"),)),
        ("{format|}", (Hole("format", ""),)),
        ("{options.top-k|a b}", (Hole("options.top-k", "a b"),)),
        ("a {tier}, {ratio}", ("a ", Hole("tier"), ", ", Hole("ratio"))),
        ("{{{model}}}", ("{", Hole("model"), "}")),
        ("{{}}", ("{", "}")),
    ],
)
def test_split(text: str, pieces: tuple[str | Hole, ...]) -> None:
    assert split(text) == pieces


@pytest.mark.parametrize("text", ["{", "}", "{prompt", "prompt}", "{}", "{a b}", "{a!|b}", "{{a}"])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="brace that means itself is written twice"):
        split(text)


def test_holes_are_in_order() -> None:
    assert [hole.name for hole in holes("{b} and {a} and {b}")] == ["b", "a", "b"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{prompt} {model}", []),
        ("{promt} {model}", ["promt"]),
        ("{options.x} {options.}", ["options."]),
        ("{options}", ["options"]),
    ],
)
def test_strangers(text: str, found: list[str]) -> None:
    assert strangers(text, ("prompt", "model", "options.*")) == found
