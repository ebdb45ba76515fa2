"""Cut-outs: a picture whose ground, the colour of its corner, has become transparent. Imports Pillow to cut."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from .nouns import Order, Picture, Seen, picture

if TYPE_CHECKING:
    from PIL.Image import Image

NEAR = 32  # how far a colour may be from the corner's, in each of red, green and blue, and still be ground


def cut_out(order: Order, seen: Seen) -> Picture:
    """The reference itself, cut out; with `crop` among the order's words down to what is left of it."""
    from PIL import Image

    with Image.open(io.BytesIO(seen.data)) as opened:
        image = opened.convert("RGBA")
    alpha = _subject(image)
    image.putalpha(alpha)
    box = alpha.getbbox() if order.words.get("crop") else None
    if box:
        image = image.crop(box)
    elif image.size != (order.width, order.height):
        image = image.resize((order.width, order.height))
    kind = "WEBP" if order.mime == "image/webp" else "PNG"
    buffer = io.BytesIO()
    image.save(buffer, kind, lossless=True)
    return picture(order.mime, buffer.getvalue())


def _subject(image: Image) -> Image:
    """Where a picture is not its ground, as far as it was opaque before."""
    from PIL import Image, ImageChops

    corner = image.getpixel((0, 0))
    assert isinstance(corner, tuple)
    ground = Image.new("RGB", image.size, corner[:3])
    red, green, blue = ImageChops.difference(image.convert("RGB"), ground).split()
    far = ImageChops.lighter(ImageChops.lighter(red, green), blue).point(lambda value: 255 if value > NEAR else 0)
    return ImageChops.darker(far, image.getchannel("A"))
