"""Real pictures, small ones, of every kind that has its own trap."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from PIL import Image

from koci_proxy.exif import ORIENTATION
from koci_proxy.media import from_bytes
from koci_proxy.pixels import Pixels
from koci_proxy.types import Media

T = TypeVar("T")
Work = Callable[[Callable[[Pixels], Awaitable[T]]], T]


@dataclass(frozen=True)
class Untouchable:
    """Bytes that nobody may read beyond their head."""

    head: bytes
    size: int

    def pieces(self, length: int = 0, start: int = 0) -> Iterator[bytes]:
        yield self.head
        raise AssertionError("decoded for nothing")


def saved(image: Image.Image, kind: str, **options: Any) -> Media:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return from_bytes(file.getvalue())


def opened(media: Media) -> Image.Image:
    assert media.data is not None
    image = Image.open(io.BytesIO(b"".join(media.data.pieces())))
    image.load()
    return image


def at(media: Media, x: int, y: int, mode: str = "RGBA") -> Any:
    return opened(media).convert(mode).getpixel((x, y))


def halves(mode: str, size: tuple[int, int], left: Any, right: Any) -> Image.Image:
    image = Image.new(mode, size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


def tilt(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    return exif


RED, BLUE = (255, 0, 0), (0, 0, 255)
PLAIN = halves("RGB", (60, 40), RED, BLUE)
NOISE = Image.effect_noise((400, 300), 90).convert("RGB")
LYING = saved(PLAIN, "JPEG", quality=95, exif=tilt(6))
PNG = saved(PLAIN, "PNG")
JPEG = saved(PLAIN, "JPEG", quality=95)
GLASS = saved(halves("RGBA", (60, 40), (255, 0, 0, 0), (0, 0, 255, 255)), "PNG")
PAINTS = halves("P", (60, 40), 0, 1)
PAINTS.putpalette([*RED, 255, 255, 255])
PALETTE = saved(PAINTS, "PNG", transparency=0)
GIF = saved(PLAIN.quantize(4), "GIF", save_all=True, append_images=[PLAIN.rotate(180).quantize(4)])
CMYK = saved(PLAIN.convert("CMYK"), "JPEG", quality=95)
DEEP = Image.new("I;16", (60, 40), 32768)
BROKEN = from_bytes(b"".join(LYING.data.pieces())[:400] if LYING.data else b"")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int) -> Media:
    """A PNG that promises far more pixels than it has bytes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return from_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b""))


def close(one: Any, other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(one, other, strict=False))
