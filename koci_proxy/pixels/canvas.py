"""One picture on the canvas: decoded, turned upright, shrunk, written anew. All of it is work for a thread."""

from __future__ import annotations

import io
import math
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from .. import exif
from ..faults import Fault
from ..media import LOSSY
from ..types import Media, Sinks

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 64_000_000
_SAVED: dict[str, dict[str, Any]] = {
    "image/png": {"format": "PNG", "compress_level": 4},
    "image/jpeg": {"format": "JPEG", "quality": 95},
    "image/webp": {"format": "WEBP", "quality": 95, "method": 2},
    "image/gif": {"format": "GIF"},
}
# What Pillow raises for broken files.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, struct.error)
_HEAD = 16_384


@dataclass(frozen=True, slots=True)
class Wish:
    """What a picture is to be: one of these types (none: any), at most so long and so large, so well compressed."""

    mimes: tuple[str, ...] = ()
    max_edge: int | None = None
    max_bytes: int | None = None
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture decoded and upright, of 8 bits a channel: L, RGB or RGBA. `size` is that of the whole picture; `image`
    may be smaller where that was asked for."""

    image: Image
    size: tuple[int, int]
    turned: bool = False
    moving: bool = False
    profile: bytes | None = None


@cache
def pillow() -> Any:
    """`PIL.Image`, loaded when first used. Its own bound on pixels is the whole process's: ours is in `look`."""
    from PIL import Image

    return Image


def look(media: Media, field: str | None, edge: int | None = None) -> Seen:
    """Decode a picture; of a moving one the first frame. `edge` is the length wanted: to decode less is faster."""
    from PIL import ImageOps

    workbench = pillow()
    if media.data is None:
        raise Fault("internal", "only bytes can be worked on: a linked picture must be fetched first")
    try:
        image = workbench.open(io.BytesIO(b"".join(media.data.pieces())), formats=("PNG", "JPEG", "WEBP", "GIF"))
        if image.width * image.height > MAX_PIXELS:
            raise workbench.DecompressionBombError
        turn, size = image.getexif().get(exif.ORIENTATION, 1), image.size
        moving = media.mime != "image/jpeg" and getattr(image, "is_animated", False)
        if edge is not None:
            image.draft(None, (2 * edge, 2 * edge))
        image.load()
        plain, profile = _plain(ImageOps.exif_transpose(image))
    except (workbench.DecompressionBombError, workbench.DecompressionBombWarning) as error:
        raise _unworkable(field, f"has more than {MAX_PIXELS // 1_000_000} million pixels") from error
    except _BROKEN as error:
        raise _unworkable(field, "is no whole PNG, JPEG, WebP or GIF file") from error
    upright = size[::-1] if turn in range(5, 9) else size
    return Seen(plain, upright, turn in range(2, 9), moving, profile)


def _unworkable(field: str | None, what: str) -> Fault:
    if field is not None:
        return Fault("bad_request", f"{field} {what}", field=field)
    return Fault("garbled", f"the upstream's picture {what}", stage="accepted")


def _plain(image: Image) -> tuple[Image, bytes | None]:
    """As L, RGB or RGBA, and the colour profile where it still holds. Whatever else the file told is forgotten."""
    mode, profile = image.mode, image.info.get("icc_profile")
    if mode.startswith("I"):  # 16 bits: `convert` alone would cut them off at 255
        plain = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif mode == "CMYK":
        plain, profile = _of_inks(image, profile), None
    elif image.has_transparency_data:
        plain = image.convert("RGBA")
    else:
        plain = image.convert("L" if mode in ("1", "L") else "RGB")
    plain.info = {}
    return plain, profile if mode in ("L", "RGB", "RGBA", "P") else None


def _of_inks(image: Image, profile: bytes | None) -> Image:
    """CMYK as RGB, by its own profile if it has one that can be used."""
    from PIL import ImageCms

    if profile:
        with suppress(ImageCms.PyCMSError, OSError):
            inks, screen = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, inks, screen, outputMode="RGB") or image.convert("RGB")
    return image.convert("RGB")


def change(sinks: Sinks, media: Media, wish: Wish, field: str | None) -> tuple[Media, tuple[str, ...]]:
    """A picture as it is wished, and what was done to it, in words."""
    seen = look(media, field, wish.max_edge)
    image = seen.image
    size = within(seen.size, wish.max_edge)
    mime = _mime(media, wish, image.mode == "RGBA")
    heavy = wish.max_bytes is not None and (media.size or 0) > wish.max_bytes
    if not (seen.turned or size != seen.size or mime != media.mime or heavy or wish.quality is not None):
        return media, ()
    if image.size != size:
        image = image.resize(size, pillow().Resampling.LANCZOS)
    content = write(image, mime, wish.quality, seen.profile, field)
    while wish.max_bytes is not None and len(content) > wish.max_bytes:
        if max(image.size) == 1:
            raise _unworkable(field, f"cannot be brought below {wish.max_bytes} bytes")
        image = _smaller(image, min(0.9, math.sqrt(wish.max_bytes / len(content))))
        content = write(image, mime, wish.quality, seen.profile, field)
    told = {
        "turned upright": seen.turned,
        f"{wxh(seen.size)} → {wxh(image.size)}": image.size != seen.size,
        f"{media.mime} → {mime}": mime != media.mime,
        f"{media.size} → {len(content)} bytes": heavy,
        "transparency made white": mime == "image/jpeg" and image.mode == "RGBA",
        "its first frame alone": seen.moving,
    }
    return keep(sinks, content, image, mime), tuple(words for words, is_so in told.items() if is_so)


def within(size: tuple[int, int], edge: int | None) -> tuple[int, int]:
    long = max(size)
    if edge is None or long <= edge:
        return size
    return max(round(size[0] * edge / long), 1), max(round(size[1] * edge / long), 1)


def _mime(media: Media, wish: Wish, alpha: bool) -> str:
    """Its own type if that will do; else the one of those wished that loses least: transparency counts first."""
    own = media.mime or "image/png"
    if not wish.mimes or own in wish.mimes:
        return own
    photo = own in LOSSY and not alpha
    order = ("image/jpeg", "image/png", "image/webp") if photo else ("image/png", "image/webp", "image/jpeg")
    return next(mime for mime in (*order, "image/gif") if mime in wish.mimes)


def _smaller(image: Image, factor: float) -> Image:
    size = max(int(image.width * factor), 1), max(int(image.height * factor), 1)
    return image.resize(size, pillow().Resampling.LANCZOS)


def write(image: Image, mime: str, quality: int | None, profile: bytes | None, field: str | None) -> bytes:
    options = dict(_SAVED[mime])
    if quality is not None:
        options["quality"] = max(quality, 1)
    if profile is not None and (image.mode != "L" or mime != "image/webp"):  # a WebP has no greys to give a profile to
        options["icc_profile"] = profile
    if mime == "image/jpeg" and image.mode == "RGBA":
        ground: Image = pillow().new("RGBA", image.size, "white")
        image = pillow().alpha_composite(ground, image).convert("RGB")
    file = io.BytesIO()
    try:
        image.save(file, **options)
    except (OSError, ValueError) as error:  # a WebP has at most 16383 pixels an edge, a JPEG 65535
        raise _unworkable(field, f"cannot be written as {mime} at {wxh(image.size)}") from error
    return file.getvalue()


def keep(sinks: Sinks, content: bytes, image: Image, mime: str) -> Media:
    sink = sinks()
    try:
        sink.write(content)
        return replace(sink.finish(), mime=mime, width=image.width, height=image.height)
    except BaseException:
        sink.abort()
        raise


def looks_alpha(media: Media, field: str | None) -> bool:
    return lowest_alpha(look(media, field).image) < 255


def lowest_alpha(image: Image) -> int:
    low: Any = image.getchannel("A").getextrema()[0] if image.mode == "RGBA" else 255
    return int(low)


def may_be_tilted(media: Media) -> bool:
    """Whether a look at the whole picture is worth its while. Reads its head only; no work for a thread."""
    return media.data is not None and exif.tilted(next(iter(media.data.pieces(_HEAD)), b""))


def wxh(size: tuple[int, int] | None) -> str:
    return f"{size[0]}x{size[1]}" if size else "unknown"
