"""Previews of a finished picture: the same picture, coarse at first and finer each time. Imports Pillow to draw."""

from __future__ import annotations

import io
from dataclasses import replace

from .nouns import Picture, picture
from .pictures import FORMATS, SAVE


def previewed(made: Picture, count: int) -> Picture:
    """The picture with so many previews of its own pixels and file type; one of no known type gets none."""
    if made.mime not in FORMATS:
        return made
    from PIL import Image

    kind = FORMATS[made.mime]
    shown: list[Picture] = []
    with Image.open(io.BytesIO(b"".join(made.pieces))) as image:
        image.load()
        for index in range(count):
            shrink = 4 << (count - index)  # 8 for the last preview, and twice as much for each before it
            small = image.resize((max(1, image.width // shrink), max(1, image.height // shrink)))
            buffer = io.BytesIO()
            small.resize(image.size).save(buffer, kind, **SAVE[kind])
            shown.append(picture(made.mime, buffer.getvalue()))
    return replace(made, previews=tuple(shown))
