"""Pixels: files of exactly the pixels and the length asked, and references that are no pictures."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from koci_proxy.sandbox.nouns import Broken, Order, picture
from koci_proxy.sandbox.pictures import bench_of, draw, draw_padded, look, pad

from .asking import opened, png, saved

KINDS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


@pytest.mark.parametrize("mime", KINDS)
@pytest.mark.parametrize("pixels", [(1024, 1024), (6144, 768), (192, 1536), (16, 16), (1, 1)])
def test_draws_the_pixels_asked(mime: str, pixels: tuple[int, int]) -> None:
    order = Order("m", "ein Fuchs 狐狸 " * 50, *pixels, mime=mime)
    image = opened(b"".join(draw(order, 0, (), None).pieces))
    assert (image.format, image.size) == (KINDS[mime], pixels)


def test_words_are_written() -> None:
    def letters(prompt: str) -> int:
        image = opened(b"".join(draw(Order("m", prompt, 512, 512), 0, (), None).pieces))
        return image.convert("L").histogram()[255]

    assert letters("a very long description of a fox in the snow") > letters("a fox") > 0


@pytest.mark.parametrize("size", [200_000, 200_001, 5_000_003])
@pytest.mark.parametrize("mime", KINDS)
def test_padded_files_are_as_long_as_asked(mime: str, size: int) -> None:
    data = b"".join(draw_padded(Order("m", "", 640, 480, mime=mime), size).pieces)
    assert len(data) in ((size, size - 1) if mime == "image/webp" else (size,))
    image = opened(data)
    assert (image.format, image.size) == (KINDS[mime], (640, 480))


@pytest.mark.parametrize("room", [4, 5, 65_536, 65_537, 65_538, 65_541, 131_000])
def test_jpeg_takes_any_room(room: int) -> None:
    plain = saved(Image.new("RGB", (8, 8)), "JPEG")
    padded = pad(plain, "image/jpeg", len(plain) + room)
    assert len(padded) == len(plain) + room
    assert opened(padded).size == (8, 8)


def test_no_room_no_padding() -> None:
    assert pad(png(), "image/png", 10) == png()


@pytest.mark.parametrize("data", [b"", b"text", png()[:60], png()[:-30] + b"x" * 30, b"RIFF\x00\x00\x00\x00WEBP"])
def test_broken_references(data: bytes) -> None:
    with pytest.raises(Broken) as caught:
        look(data, 3)
    assert caught.value.index == 3


def test_a_reference_of_too_many_pixels_is_not_decoded() -> None:
    with pytest.raises(Broken, match="too large"):
        look(saved(Image.new("1", (9_000, 9_000)), "PNG"), 0)


@pytest.mark.parametrize(
    ("data", "kind", "alpha"),
    [
        (png(), "PNG", False),
        (png(alpha=255), "PNG", True),
        (saved(Image.new("L", (5, 4)), "JPEG"), "JPEG", False),
        (saved(Image.new("RGBA", (5, 4)), "WEBP"), "WEBP", True),
    ],
)
def test_look(data: bytes, kind: str, alpha: bool) -> None:
    seen = look(data, 0)
    assert (seen.format, seen.alpha, (seen.width, seen.height)) == (kind, alpha, Image.open(io.BytesIO(data)).size)


@pytest.mark.parametrize(
    ("model", "prompt", "found"),
    [
        ("gpt-image-2", "bench:24", "24"),
        ("bench:8", "x", "8"),
        ("m", "a bench:small please", "small"),
        ("m", "a bench", None),
        ("m", "workbench:24", None),
    ],
)
def test_bench_of(model: str, prompt: str, found: str | None) -> None:
    assert bench_of(model, prompt) == found


def test_base64_of_pieces_is_base64_of_the_whole() -> None:
    whole = bytes(range(256)) * 3000
    made = picture("image/png", whole)
    assert len(made.pieces) > 1
    assert all(not piece.endswith(b"=") for piece in made.base64[:-1])
    assert made.size == len(whole)
