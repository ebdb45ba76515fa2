"""Types and pixels of real pictures, and the texts that may stand for one."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from PIL import Image

from koci_proxy.media import EXTENSIONS, Bytes, Looks, breaks_off, from_base64, from_bytes, is_data_uri, of, sniff
from koci_proxy.types import PIECE, Media

RAW = b"\x89PNG\r\n\x1a\n" + b"\xfb\xff\xfe\xff" * 5
STANDARD = base64.b64encode(RAW).decode()
URL_SAFE = base64.urlsafe_b64encode(RAW).decode()


def picture(form: str, pixels: tuple[int, int] = (33, 17), **options: object) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(pixels, 60).convert("RGB").save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("form", "options", "mime"),
    [
        ("PNG", {}, "image/png"),
        ("JPEG", {}, "image/jpeg"),
        ("JPEG", {"progressive": True}, "image/jpeg"),
        ("JPEG", {"icc_profile": b"x" * 60_000}, "image/jpeg"),
        ("JPEG", {"comment": "words"}, "image/jpeg"),
        ("WEBP", {}, "image/webp"),
        ("WEBP", {"lossless": True}, "image/webp"),
        ("WEBP", {"exif": b"Exif\0\0"}, "image/webp"),  # an extended one
        ("GIF", {}, "image/gif"),
    ],
)
@pytest.mark.parametrize("pixels", [(33, 17), (1, 1), (300, 2)])
def test_a_real_picture_says_what_it_is(
    form: str, options: dict[str, object], mime: str, pixels: tuple[int, int]
) -> None:
    assert sniff(picture(form, pixels, **options)[:65_536]) == Looks(mime, *pixels)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_every_cut_head_gives_an_answer(form: str) -> None:
    whole = picture(form)
    for length in range(min(len(whole), 1200)):
        assert sniff(whole[:length]) in {Looks(), Looks(sniff(whole).mime), sniff(whole)}


@pytest.mark.parametrize(
    ("head", "looks"),
    [
        (b"", Looks()),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Looks()),
        (b"\0\0\0\x20ftypisom\0\0\2\0", Looks("video/mp4")),
        (b"\0\0\0\x20ftypqt  \0\0\2\0", Looks("video/quicktime")),
        (b"\0\0\0\x20ftypavif\0\0\2\0", Looks("image/avif")),
        (b"\0\0\0\x20ftypheic\0\0\2\0", Looks("image/heic")),
        (b"\x1aE\xdf\xa3\x01\0\0\0", Looks("video/webm")),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", 0, 7), Looks("image/png")),
        (b"\xff\xd8\xff\xe0\0\0\xff\xe0\0\0", Looks("image/jpeg")),  # lengths that do not count themselves
        (b"\xff\xd8\xff\xff\xc0\0\x11\x08\0\x05\0\x09\x03", Looks("image/jpeg", 9, 5)),  # a fill byte
        (b"\xff\xd8\xff\x01\xff\xc2\0\x11\x08\0\x05\0\x09\x03", Looks("image/jpeg", 9, 5)),
        (b"\xff\xd8\xff\xda\0\x02\xff\xc0\0\x11\x08\0\x05\0\x09", Looks("image/jpeg")),
        (b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0no!\x09\0\x05\0", Looks("image/webp")),
        (b"RIFF\0\0\0\0WAVEfmt ", Looks()),
    ],
)
def test_heads(head: bytes, looks: Looks) -> None:
    assert sniff(head) == looks


JPEG = io.BytesIO()
Image.new("RGB", (64, 48), "red").save(JPEG, "JPEG")
PNG = io.BytesIO()
Image.new("RGB", (64, 48), "red").save(PNG, "PNG")


@pytest.mark.parametrize(("whole", "end"), [(JPEG.getvalue(), 2), (PNG.getvalue(), 8)], ids=["image/jpeg", "image/png"])
@pytest.mark.parametrize("more", [0, 1, PIECE - 3, PIECE - 2, PIECE - 1, PIECE, 3 * PIECE])
def test_a_picture_without_its_end_breaks_off(whole: bytes, end: int, more: int) -> None:
    """Wherever the end lies: also over the edge of two pieces."""
    body, tail = whole[:-end], whole[-end:]
    filled = body + b"\0" * max(more - len(body), 0)
    assert breaks_off(from_bytes(filled))
    assert not breaks_off(from_bytes(filled + tail))
    assert not breaks_off(from_bytes(filled + tail + b"\0" * 2 * PIECE))


def test_a_webp_tells_its_length() -> None:
    whole = picture("WEBP", lossless=True)
    assert not breaks_off(from_bytes(whole))
    assert not breaks_off(from_bytes(whole + b"more"))
    assert breaks_off(from_bytes(whole[:-1]))
    assert breaks_off(from_bytes(whole[:32]))


@dataclass
class Counted:
    """A spool that counts what is read of it."""

    content: bytes
    read: int = 0

    @property
    def size(self) -> int:
        return len(self.content)

    def pieces(self, length: int = PIECE, start: int = 0) -> Iterator[bytes]:
        for piece in Bytes(self.content).pieces(length, start):
            self.read += len(piece)
            yield piece


@pytest.mark.parametrize("whole", [JPEG.getvalue(), PNG.getvalue()], ids=["image/jpeg", "image/png"])
def test_a_large_picture_is_not_read_for_its_end(whole: bytes) -> None:
    spool = Counted(whole[:-20] + bytes(20 * PIECE) + whole[-20:])
    assert not breaks_off(Media(spool, mime=sniff(whole).mime))
    assert spool.read <= 2 * PIECE


def test_the_end_of_a_small_copy_is_not_the_end_of_the_picture() -> None:
    notes = b"Exif\0\0" + JPEG.getvalue()
    noted = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(notes) + 2) + notes + JPEG.getvalue()[2:]
    assert not breaks_off(from_bytes(noted))
    assert breaks_off(from_bytes(noted[:-2]))


@pytest.mark.parametrize("media", [Media(url="https://x.example/a.png"), Media(Bytes(b"x"), mime="image/gif")])
def test_of_what_has_no_known_end_nobody_says_so(media: Media) -> None:
    assert not breaks_off(media)


def test_every_known_type_has_an_ending() -> None:
    assert EXTENSIONS["image/jpeg"] == "jpg"
    assert all(ending.isalnum() for ending in EXTENSIONS.values())


@pytest.mark.parametrize(
    "text",
    [
        STANDARD,
        URL_SAFE,
        STANDARD.rstrip("="),
        URL_SAFE.rstrip("="),
        f" {STANDARD[:10]}\r\n{STANDARD[10:]}\n",
        f"data:image/png;base64,{STANDARD}",
        f"DATA:image/jpg;charset=x;BASE64,{URL_SAFE.rstrip('=')}",
    ],
)
def test_short_base64(text: str) -> None:
    media = from_base64(text)
    assert media.data == Bytes(RAW)
    assert (media.mime, media.size) == ("image/png", len(RAW))
    assert of(text) == media


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("data:image/png;base64,", "empty"),
        ("a", "cut short"),
        ("ABCDE", "cut short"),
        ("QUJD=", "padding"),
        ("QQ===", "padding"),
        ("QQ==QQ==", "character|padding"),
        ("a cat, sitting", "character"),
        ("图片", "character"),
        ("data:image/svg+xml,%3Csvg", "not base64"),
    ],
)
def test_what_is_no_base64(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_base64(text)


def test_places_of_a_body() -> None:
    media = from_bytes(picture("PNG"))
    assert media.pixels == (33, 17)
    assert of(media) is media
    assert of("https://a.example/x.png") == Media(url="https://a.example/x.png")
    assert of("HTTP://a.example/x.png").url == "HTTP://a.example/x.png"
    with pytest.raises(ValueError, match="int"):
        of(7)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "yes"), [("data:,x", True), (" Data:image/png;base64,", True), ("datum", False)])
def test_data_uris(text: str, yes: bool) -> None:
    assert is_data_uri(text) is yes


def test_bytes_come_in_pieces_as_often_as_wanted() -> None:
    spool = Bytes(b"abcdefg")
    assert (list(spool.pieces(3)), list(spool.pieces(3))) == ([b"abc", b"def", b"g"],) * 2
    assert spool.size == 7
    assert "abc" not in repr(spool)
