"""Which way up a picture's header says that it lies: the EXIF orientation, read from its first bytes alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ORIENTATION = 0x0112  # CIPA DC-008 (Exif 2.3), table 4
_TIFF: Mapping[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
_LOOK_FURTHER = 0


def tilted(head: bytes) -> bool:
    """Whether a picture has to be turned to stand upright, or may have to be: a WebP says so only behind its pixels."""
    return orientation(head) not in (None, 1)


def orientation(head: bytes) -> int | None:
    """1-8 as EXIF counts; None where the header has none, 0 where one stands further on than `head` reaches."""
    if head.startswith(b"\xff\xd8"):
        return _of_tiff(_jpeg_block(head))
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _of_tiff(_png_block(head))
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20 and head[20] & 0x08:
        return _LOOK_FURTHER
    return None


def _jpeg_block(head: bytes) -> bytes:
    """The EXIF segment: an APP1 among those before the first scan (ITU T.81, B.1.1.4; Exif 2.3, 4.5.4)."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF and head[at + 1] != 0xDA:
        if head[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(head[at + 2 : at + 4], "big")
        if head[at + 1] == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            return head[at + 10 : at + 2 + length]
        at += 2 + max(length, 2)
    return b""


def _png_block(head: bytes) -> bytes:
    """The eXIf chunk, as far as it stands before the pixels."""
    at = 8
    while at + 8 <= len(head) and head[at + 4 : at + 8] not in (b"IDAT", b"IEND"):
        length = int.from_bytes(head[at : at + 4], "big")
        if head[at + 4 : at + 8] == b"eXIf":
            return head[at + 8 : at + 8 + length]
        at += 12 + length
    return b""


def _of_tiff(block: bytes) -> int | None:
    """The orientation in the first directory of a TIFF block."""
    order = _TIFF.get(block[:4])
    if order is None:
        return None

    def number(at: int, length: int) -> int:
        return int.from_bytes(block[at : at + length], order)

    first = number(4, 4)
    for at in range(first + 2, first + 2 + 12 * number(first, 2), 12):
        if at + 12 > len(block):
            break
        if number(at, 2) == ORIENTATION:
            found = number(at + 8, 2)
            return found if 1 <= found <= 8 else None
    return None
