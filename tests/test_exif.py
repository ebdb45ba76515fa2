"""Which way up, by the first bytes of real files."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from koci_proxy.exif import ORIENTATION, orientation, tilted


def drawn(kind: str, turn: int | None = None, order: str = "<") -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "a camera"
    if turn is not None:
        exif[ORIENTATION] = turn
    file = io.BytesIO()
    Image.new("RGB", (8, 4), "red").save(file, kind, exif=exif)
    return file.getvalue()


def bare(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 4), "red").save(file, kind)
    return file.getvalue()


JPEG = drawn("JPEG", 6)
FILL = b"\xff\xd8\xff\xff" + JPEG[3:]
FAR = JPEG[:2] + b"\xff\xe0\x00\x04ab" + JPEG[2:]
LONG = JPEG[:2] + b"\xff\xe1" + struct.pack(">H", 40) + b"http://ns.adobe.com/xap/1.0/\0".ljust(38) + JPEG[2:]

HEADS = [
    (JPEG, 6),
    (drawn("JPEG", 8, ">"), 8),
    (drawn("JPEG", 1), 1),
    (drawn("JPEG"), None),
    (drawn("JPEG", 9), None),
    (bare("JPEG"), None),
    (FILL, 6),
    (FAR, 6),
    (LONG, 6),
    (JPEG[:24], None),
    (JPEG[:4] + b"\0\0" + JPEG[6:], None),
    (drawn("PNG", 3), 3),
    (drawn("PNG"), None),
    (bare("PNG"), None),
    (drawn("WEBP", 6), 0),
    (bare("WEBP"), None),
    (bare("GIF"), None),
    (b"", None),
    (b"RIFF", None),
]


@pytest.mark.parametrize(("head", "turn"), HEADS)
def test_orientation(head: bytes, turn: int | None) -> None:
    assert orientation(head) == turn


@pytest.mark.parametrize(
    ("head", "answer"), [(JPEG, True), (drawn("JPEG", 1), False), (bare("PNG"), False), (drawn("WEBP", 1), True)]
)
def test_a_webp_has_to_be_looked_at(head: bytes, answer: bool) -> None:
    assert tilted(head) is answer


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_any_head_however_short_is_borne(kind: str) -> None:
    whole = drawn(kind, 6)
    assert {orientation(whole[:length]) for length in range(len(whole))} <= {None, 0, 6}
