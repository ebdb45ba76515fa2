"""Previews: real pictures of the final pixels, finer from one to the next."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageStat

from koci_proxy.sandbox.nouns import Order, Picture, picture
from koci_proxy.sandbox.pictures import draw
from koci_proxy.sandbox.previews import previewed

from .asking import opened


def content(made: Picture) -> bytes:
    return b"".join(made.pieces)


def on_white(image: Image.Image) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/webp"])
@pytest.mark.parametrize("transparent", [False, True])
def test_each_is_nearer_to_the_picture(mime: str, transparent: bool) -> None:
    order = Order("m", "a fox", 320, 200, mime=mime, transparent=transparent and mime != "image/jpeg")
    made = previewed(draw(order, 0, (), None), 3)
    whole = on_white(opened(content(made)))
    shown = [opened(content(preview)) for preview in made.previews]
    assert [(image.size, image.format) for image in shown] == [((320, 200), opened(content(made)).format)] * 3
    off = [sum(ImageStat.Stat(ImageChops.difference(whole, on_white(image))).mean) for image in shown]
    assert off[0] > off[1] > off[2] > 0


def test_what_is_no_picture_has_none() -> None:
    made = picture("text/plain", b"no picture")
    assert previewed(made, 3) == made
