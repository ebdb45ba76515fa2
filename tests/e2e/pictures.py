"""Pictures to send, and what a returned one is."""

from __future__ import annotations

import io

from PIL import Image


def png(width: int = 64, height: int = 64, colour: str = "red", alpha: int | None = None) -> bytes:
    """A real PNG; with `alpha` it has that much of it everywhere."""
    mode = "RGB" if alpha is None else "RGBA"
    image = Image.new(mode, (width, height), colour)
    if alpha is not None:
        image.putalpha(alpha)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def seen(content: bytes) -> tuple[str, tuple[int, int]]:
    """Format and pixels of a picture, decoded to its last row."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return str(image.format), image.size
