"""Pixels: real picture files of exactly the size asked, what was asked written on them. Imports Pillow to draw."""

from __future__ import annotations

import binascii
import functools
import io
import random
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cutting import cut_out
from .nouns import Broken, Order, Picture, Seen, picture

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_REFERENCE = 60_000_000  # pixels of a reference; a bound of this process
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/gif": "GIF"}
# level 1 and method 0: a picture must not cost more than the call it is for
SAVE: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 1},
    "JPEG": {"quality": 85},
    "WEBP": {"quality": 80, "method": 0},
    "GIF": {},  # of one frame
}
FONTS = (  # the first that exists is used: they show Chinese, Japanese and Korean
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/STHeiti Medium.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)


def look(data: bytes, index: int) -> Seen:
    """Decode a reference. Raises Broken when it is no whole picture, or too large."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            kind, (width, height) = image.format or "", image.size
            if width * height > MAX_REFERENCE:
                raise Broken(index, f"{width}x{height} is too large")
            alpha = "A" in image.getbands() or "transparency" in image.info
            image.load()
            thumb = image.convert("RGBA" if alpha else "RGB")
            thumb.thumbnail((512, 512))
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise Broken(index, str(error) or "no picture") from error
    return Seen(kind, width, height, alpha, thumb, data)


def draw(order: Order, index: int, seen: tuple[Seen, ...], mask: Seen | None, title: str = "") -> Picture:
    """Picture `index` of an order, with thumbnails of its references and the masked area tinted."""
    if order.cut and seen:
        return cut_out(order, seen[0])
    footer = f"{order.width}x{order.height}  {order.model}  #{index + 1}"
    drawn = canvas(order, index, seen, mask, title or order.prompt, footer)
    kind = FORMATS[order.mime]
    buffer = io.BytesIO()
    (drawn.convert("RGB") if kind == "JPEG" and drawn.mode != "RGB" else drawn).save(buffer, kind, **SAVE[kind])
    return picture(order.mime, buffer.getvalue())


def canvas(order: Order, index: int, seen: tuple[Seen, ...], mask: Seen | None, title: str, footer: str) -> Image:
    """The pixels of picture `index`: RGB, or RGBA where the order is transparent."""
    drawn = _background(order, index)
    if mask:
        _tint(drawn, mask.thumb)
    _place_thumbs(drawn, seen)
    _write(drawn, title, footer)
    _stamp(drawn, order.stamp)
    return drawn


def draw_padded(order: Order, size: int) -> Picture:
    """A picture of the order's pixels whose file is exactly `size` bytes long, nearly all of them noise."""
    drawn = draw(order, 0, (), None, title=f"bench: a file of {size} bytes")
    return picture(order.mime, pad(b"".join(drawn.pieces), order.mime, size))


def _background(order: Order, index: int) -> Image:
    from PIL import Image, ImageDraw

    hue = binascii.crc32(f"{order.prompt}|{index}".encode())
    red, green, blue = (32 + (hue >> shift & 127) for shift in (0, 8, 16))
    if order.transparent:
        return Image.new("RGBA", (order.width, order.height), (red, green, blue, 0))
    canvas = Image.new("RGB", (order.width, order.height), (red, green, blue))
    brush = ImageDraw.Draw(canvas)
    for band in range(8):
        top = band * order.height // 8
        brush.rectangle((0, top, order.width, order.height), fill=(red + band * 8, green + band * 4, blue))
    return canvas


def _tint(canvas: Image, mask: Image) -> None:
    """Show the area to edit (where the mask is transparent) in red."""
    from PIL import Image

    alpha = mask.getchannel("A").resize(canvas.size, Image.Resampling.NEAREST)
    canvas.paste((220, 40, 40), (0, 0), alpha.point(lambda value: 0 if value else 255))


def _place_thumbs(canvas: Image, seen: tuple[Seen, ...]) -> None:
    """Lay small copies of the references along the lower edge, in order from the left."""
    if not seen:
        return
    edge = max(8, min(canvas.width // max(len(seen), 3), canvas.height // 2))
    for place, one in enumerate(seen):
        thumb = one.thumb.copy()
        thumb.thumbnail((edge - 4, edge - 4))
        corner = (place * edge + 2, canvas.height - thumb.height - 2)
        canvas.paste(thumb, corner, thumb if thumb.mode == "RGBA" else None)


def _write(canvas: Image, text: str, footer: str) -> None:
    from PIL import ImageDraw

    size = max(10, min(canvas.size) // 24)
    margin = size
    lines = [footer, "", *_wrapped(text, (canvas.width - 2 * margin) / size, 12)]
    brush = ImageDraw.Draw(canvas)
    brush.text((margin, margin), "\n".join(lines), font=_font(size), fill="white", stroke_width=1, stroke_fill="black")


def _stamp(canvas: Image, text: str) -> None:
    """A white plate with a text in the lower right corner: a watermark that nobody can miss."""
    from PIL import ImageDraw

    if not text:
        return
    size = max(10, min(canvas.size) // 16)
    left, top = max(0, canvas.width - size * (len(text) // 2 + 2)), canvas.height - 2 * size
    brush = ImageDraw.Draw(canvas)
    brush.rectangle((left, top, canvas.width, canvas.height), fill="white")
    brush.text((left + size // 2, top + size // 3), text, font=_font(size), fill="black")


def _wrapped(text: str, width: float, most: int) -> list[str]:
    """Lines of at most `width` em, at most `most` of them; a wide letter counts 1 em, others 0.55."""
    lines, line, used = [], "", 0.0
    for letter in " ".join(text.split())[:2000]:
        wide = 1.0 if ord(letter) > 0x2E7F else 0.55
        if used + wide > width and line:
            lines.append(line)
            line, used = "", 0.0
        line += letter
        used += wide
    return [*lines, line][:most]


@functools.lru_cache(64)
def _font(size: int) -> Any:
    from PIL import ImageFont

    for path in FONTS:
        if Path(path).exists():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def pad(data: bytes, mime: str, size: int) -> bytes:
    """The same picture in a file of exactly `size` bytes; returned as it is when there is no room for padding.

    PNG gets one private chunk before its end, JPEG comment segments after its start, WebP one unknown chunk (which must
    be even, so an odd rest is left off).
    """
    room = size - len(data)
    if mime == "image/png" and room >= 12:
        chunk = b"koCi" + random.Random(size).randbytes(room - 12)
        framed = struct.pack(">I", room - 12) + chunk + struct.pack(">I", binascii.crc32(chunk))
        return data[:-12] + framed + data[-12:]
    if mime == "image/jpeg" and room >= 4:
        return data[:2] + _comments(room) + data[2:]
    if mime == "image/webp" and room >= 10:
        length = (room - 8) & ~1
        framed = b"KOCI" + struct.pack("<I", length) + random.Random(size).randbytes(length)
        return data[:4] + struct.pack("<I", len(data) - 8 + len(framed)) + data[8:] + framed
    return data


def _comments(room: int) -> bytes:
    """JPEG comment segments of `room` (>= 4) bytes together."""
    noise = random.Random(room).randbytes(room)
    segments = []
    while room:
        # never leave a rest of 1 to 3 bytes: too small for a segment's own head
        length = room if room <= 65_537 else 65_000
        segments.append(b"\xff\xfe" + struct.pack(">H", length - 2) + noise[room - length + 4 : room])
        room -= length
    return b"".join(segments)


def bench_of(model: str, prompt: str) -> str | None:
    """What `bench:` in a model's name or a prompt asks for: a number of MiB, or "small"."""
    found = re.search(r"\bbench:(\d{1,3}|small)\b", f"{model} {prompt}")
    return found[1] if found else None
