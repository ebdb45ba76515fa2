"""Masks from one convention to another, and what is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from koci_proxy.faults import Fault
from koci_proxy.types import Media

from .pictures import BROKEN, GLASS, JPEG, LYING, NOISE, PNG, Work, at, halves, saved

# The left half is to change.
MASKS = {
    "alpha": GLASS,
    "white": saved(halves("L", (60, 40), 255, 0), "PNG"),
    "black": saved(halves("RGB", (60, 40), (0, 0, 0), (255, 255, 255)), "JPEG", quality=95),
}


@pytest.mark.parametrize("have", MASKS)
@pytest.mark.parametrize("want", MASKS)
def test_mask_as(have: Any, want: Any, work: Work[Media]) -> None:
    made = work(lambda pixels: pixels.mask_as(MASKS[have], have, want, JPEG))
    assert (made.mime, made.pixels) == ("image/png", (60, 40))
    assert (made is MASKS[have]) is (have == want and have != "black")
    left, right = at(made, 5, 20), at(made, 55, 20)
    if want == "alpha":
        assert (left[3], right[3]) == (0, 255)
    else:
        light, dark = (left, right) if want == "white" else (right, left)
        assert light[:3] == (255, 255, 255)
        assert dark[:3] == (0, 0, 0)


def test_half_a_change_stays_half(work: Work[Media]) -> None:
    mask = saved(halves("RGBA", (60, 40), (9, 9, 9, 191), (9, 9, 9, 255)), "PNG")
    assert at(work(lambda pixels: pixels.mask_as(mask, "alpha", "white", PNG)), 5, 5, "L") == 64


@pytest.mark.parametrize(
    ("mask", "like", "words"),
    [
        (PNG, PNG, "no transparent pixel"),
        (JPEG, PNG, "no transparent pixel"),
        (saved(Image.new("RGBA", (60, 41)), "PNG"), PNG, "the mask is 60x41 and images[0] is 60x40"),
        (GLASS, LYING, "the mask is 60x40 and images[0] is 40x60"),
        (GLASS, replace(saved(NOISE, "JPEG"), width=None, height=None), "images[0] is 400x300"),
        (BROKEN, PNG, "no whole PNG"),
    ],
)
def test_a_mask_that_is_none(mask: Media, like: Media, words: str, work: Work[Media]) -> None:
    with pytest.raises(Fault) as caught:
        work(lambda pixels: pixels.mask_as(mask, "alpha", "white", like))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "mask")
    assert words in caught.value.message
