"""Cut-outs: what is ground, what is left, and the file they come in."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from koci_proxy.sandbox.cutting import cut_out
from koci_proxy.sandbox.nouns import Order
from koci_proxy.sandbox.pictures import draw, look


def source(ground: tuple[int, ...], box: tuple[int, ...] | None, mode: str = "RGB") -> bytes:
    image = Image.new(mode, (40, 30), ground)
    if box:
        ImageDraw.Draw(image).rectangle((10, 5, 29, 24), fill=box)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def cut(data: bytes, **changes: object) -> Image.Image:
    fields: dict[str, object] = {"width": 40, "height": 30, "cut": True, **changes}
    made = draw(Order("m", "", **fields), 0, (look(data, 0),), None)  # type: ignore[arg-type]
    image = Image.open(io.BytesIO(b"".join(made.pieces)))
    image.load()
    return image


@pytest.mark.parametrize(
    ("data", "corner", "middle"),
    [
        (source((255, 255, 255), (0, 0, 255)), 0, 255),
        (source((250, 250, 250), (225, 225, 225)), 0, 0),
        (source((250, 250, 250), (200, 250, 250)), 0, 255),
        (source((0, 0, 0, 0), (9, 200, 9, 120), "RGBA"), 0, 120),
        (source((7, 7, 7), None), 0, 0),
    ],
)
def test_alpha(data: bytes, corner: int, middle: int) -> None:
    alpha = cut(data).getchannel("A")
    assert (alpha.getpixel((0, 0)), alpha.getpixel((20, 15))) == (corner, middle)


@pytest.mark.parametrize(
    ("changes", "size", "format_"),
    [
        ({}, (40, 30), "PNG"),
        ({"words": {"crop": True}}, (20, 20), "PNG"),
        ({"mime": "image/webp"}, (40, 30), "WEBP"),
        ({"width": 20, "height": 14}, (20, 14), "PNG"),
    ],
)
def test_size_and_format(changes: dict[str, object], size: tuple[int, int], format_: str) -> None:
    made = cut(source((255, 255, 255), (0, 0, 255)), **changes)
    assert (made.size, made.format, made.mode) == (size, format_, "RGBA")


def test_nothing_left_keeps_the_canvas() -> None:
    data = source((7, 7, 7), None)
    order = Order("m", "", width=40, height=30, words={"crop": True})
    made = cut_out(order, look(data, 0))
    assert Image.open(io.BytesIO(b"".join(made.pieces))).size == (40, 30)
