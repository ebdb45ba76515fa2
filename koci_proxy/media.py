"""What bytes of a picture say about themselves, and pictures made of short texts and of bytes in memory."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from .types import PIECE, Media

EXTENSIONS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
    "image/heic": "heic",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
}
"""File name ending, without the dot, of each type that `sniff` knows."""

FORMATS: Mapping[str, str] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
}
"""Type of each word for a file format that we can make of a picture ourselves."""
LOSSY = frozenset({"image/jpeg", "image/webp"})
"""Types with a degree of compression."""
OPAQUE = frozenset({"image/jpeg"})
"""Types without transparency."""

_DATA_HEAD = re.compile(r"\s*data:([^,]*),", re.IGNORECASE)
_TO_STANDARD = str.maketrans("-_", "+/", " \t\r\n")
# A JPEG's start-of-frame markers hold its pixels; C4, C8 and CC in their midst are tables (ITU T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN = 0xDA  # behind this one the pixels stand
_ENDS: Mapping[str, bytes] = {"image/png": b"IEND", "image/jpeg": b"\xff\xd9"}
_FTYP_MIMES: Mapping[bytes, str] = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"qt  ": "video/quicktime",
}


@dataclass(frozen=True, slots=True)
class Looks:
    """What the first bytes show: the type, and the pixels of a picture; None where they do not say."""

    mime: str | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Bytes:
    """A spool of bytes in memory; two of the same bytes are equal."""

    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.content)

    def pieces(self, length: int = PIECE, start: int = 0) -> Iterator[bytes]:
        for at in range(start, len(self.content), length):
            yield self.content[at : at + length]


def sniff(head: bytes) -> Looks:
    """Type and pixels as the first bytes show them: 32 are enough, for a JPEG all that stand before its first frame."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _looks("image/png", *_big(head, 16, 20, 4)) if head[12:16] == b"IHDR" else Looks("image/png")
    if head.startswith(b"\xff\xd8\xff"):
        return _looks("image/jpeg", *_jpeg_pixels(head))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _looks("image/webp", *_webp_pixels(head))
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _looks("image/gif", *_little(head, 6, 8, 2))
    if head[4:8] == b"ftyp":
        return Looks(_FTYP_MIMES.get(head[8:12], "video/mp4"))
    if head.startswith(b"\x1aE\xdf\xa3"):
        return Looks("video/webm")
    return Looks()


def is_film(media: Media) -> bool:
    return (media.mime or "").startswith("video/")


def breaks_off(media: Media) -> bool:
    """Whether a PNG, JPEG or WebP that we hold has no end. More may stand behind it, as a phone's short film."""
    end = _ENDS.get(media.mime or "")
    if media.data is None or (end is None and media.mime != "image/webp"):
        return False
    spool = media.data
    head = next(spool.pieces(), b"")
    if end is None:  # a RIFF file tells the bytes behind its first eight
        return spool.size < 8 + int.from_bytes(head[4:8], "little")
    # The small copy among a camera's notes has an end of its own.
    first = _jpeg_walk(head, {_SCAN}) if media.mime == "image/jpeg" else 0
    last = max(first, spool.size - PIECE)
    # Nearly always it is at the end. All of a large picture is looked at only where it is not.
    return not any(_found(end, spool.pieces(start=start)) for start in (last, first))


def _found(wanted: bytes, pieces: Iterator[bytes]) -> bool:
    before = b""
    for piece in pieces:
        content = before + piece
        if wanted in content:
            return True
        before = content[1 - len(wanted) :]
    return False


def is_data_uri(text: str) -> bool:
    return text[:64].lstrip()[:5].lower() == "data:"


def from_bytes(content: bytes) -> Media:
    """A picture held in memory, looked at."""
    looks = sniff(content)
    return Media(Bytes(content), mime=looks.mime, width=looks.width, height=looks.height, size=len(content))


def from_base64(text: str) -> Media:
    """The picture a short base64 text or data URI holds, in either alphabet, with or without padding and white space.

    Raises ValueError with a reason when it is not base64, or holds nothing.
    """
    head = _DATA_HEAD.match(text)
    if head and not head[1].lower().endswith(";base64"):
        raise ValueError("a data URI that is not base64")
    bare = text[head.end() if head else 0 :].translate(_TO_STANDARD)
    missing = -len(bare.rstrip("=")) % 4
    padding = len(bare) - len(bare.rstrip("="))
    if missing == 3:
        raise ValueError("not base64: it is cut short")
    if padding > missing:
        raise ValueError("not base64: too much padding")
    try:
        content = base64.b64decode(bare + "=" * (missing - padding), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64: it holds a character of no base64 alphabet") from error
    if not content:
        raise ValueError("no picture: the text is empty")
    return from_bytes(content)


def of(value: str | Media) -> Media:
    """The picture at a place of a JSON body: it may stand there as a link, a data URI, base64, or already as `Media`.

    Raises ValueError with a reason for anything else.
    """
    if isinstance(value, Media):
        return value
    if not isinstance(value, str):
        raise ValueError(f"not a picture: {type(value).__name__}")
    if value[:8].lower().startswith(("http://", "https://")):
        return Media(url=value)
    return from_base64(value)


def _looks(mime: str, width: int, height: int) -> Looks:
    return Looks(mime, width, height) if width and height else Looks(mime)


def _big(head: bytes, first: int, second: int, length: int) -> tuple[int, int]:
    """Two big-endian numbers; (0, 0) when the head ends before them."""
    if len(head) < second + length:
        return 0, 0
    return int.from_bytes(head[first : first + length], "big"), int.from_bytes(head[second : second + length], "big")


def _little(head: bytes, first: int, second: int, length: int) -> tuple[int, int]:
    if len(head) < second + length:
        return 0, 0
    one, other = head[first : first + length], head[second : second + length]
    return int.from_bytes(one, "little"), int.from_bytes(other, "little")


def _jpeg_pixels(head: bytes) -> tuple[int, int]:
    at = _jpeg_walk(head, _FRAMES | {_SCAN})
    marker = head[at : at + 2]
    if len(marker) < 2 or marker[0] != 0xFF or marker[1] not in _FRAMES:
        return 0, 0
    height, width = _big(head, at + 5, at + 7, 2)
    return width, height


def _jpeg_walk(head: bytes, wanted: Collection[int]) -> int:
    """Walks from marker to marker, each with its length, to where the first that is wanted stands; to where it can be
    at the earliest, if the head ends before."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF and head[at + 1] not in wanted:
        if head[at + 1] == 0xFF:  # a fill byte
            at += 1
        elif head[at + 1] in _BARE_MARKERS:
            at += 2
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return at


def _webp_pixels(head: bytes) -> tuple[int, int]:
    """The three kinds of WebP: lossy and lossless of 14 bits an edge, extended of 24 (RFC 9649)."""
    chunk = head[12:16]
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = _little(head, 26, 28, 2)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X" and len(head) >= 30:
        width, height = _little(head, 24, 27, 3)
        return width + 1, height + 1
    return 0, 0
