"""Pictures turned, shrunk and converted, on real files."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from koci_proxy.exif import ORIENTATION
from koci_proxy.faults import Fault
from koci_proxy.media import from_bytes
from koci_proxy.pixels import Pixels, workshop
from koci_proxy.spool import Spools
from koci_proxy.types import Media

from .pictures import (
    BLUE,
    BROKEN,
    CMYK,
    DEEP,
    GIF,
    GLASS,
    JPEG,
    LYING,
    NOISE,
    PALETTE,
    PLAIN,
    PNG,
    RED,
    Untouchable,
    Work,
    at,
    bomb,
    close,
    halves,
    opened,
    saved,
    tilt,
)


@pytest.mark.parametrize(
    ("turn", "size", "first"),
    [(2, (60, 40), BLUE), (3, (60, 40), BLUE), (6, (40, 60), RED), (8, (40, 60), BLUE), (5, (40, 60), RED)],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_upright(kind: str, turn: int, size: tuple[int, int], first: tuple[int, ...], work: Work[Media]) -> None:
    media = saved(PLAIN, kind, exif=tilt(turn))
    stood = work(lambda pixels: pixels.upright(media))
    assert (stood.mime, stood.pixels) == (media.mime, size)
    assert close(at(stood, 2, 2), first)
    assert ORIENTATION not in opened(stood).getexif()


@pytest.mark.parametrize("media", [PNG, JPEG, GIF, saved(PLAIN, "JPEG", exif=tilt(1)), saved(PLAIN, "WEBP")])
def test_what_stands_is_not_even_decoded(media: Media, work: Work[Media]) -> None:
    assert media.data is not None
    held = replace(media, data=Untouchable(next(media.data.pieces()), media.data.size))
    assert work(lambda pixels: pixels.upright(held)) is held


def test_a_webp_that_stands_comes_back_as_it_is(work: Work[Media]) -> None:
    media = saved(PLAIN, "WEBP", exif=tilt(1))
    assert work(lambda pixels: pixels.upright(media)) is media


@pytest.mark.parametrize(
    ("media", "edge", "size"),
    [
        (PNG, 60, (60, 40)),
        (PNG, 30, (30, 20)),
        (JPEG, 7, (7, 5)),
        (LYING, 30, (20, 30)),
        (PALETTE, 30, (30, 20)),
        (saved(Image.new("L", (300, 1)), "PNG"), 30, (30, 1)),
        (saved(Image.new("CMYK", (300, 200)), "JPEG"), 30, (30, 20)),
    ],
)
def test_shrunk_to_an_edge(media: Media, edge: int, size: tuple[int, int], work: Work[Media]) -> None:
    small = work(lambda pixels: pixels.shrunk(media, edge))
    assert (small.mime, small.pixels, opened(small).size) == (media.mime, size, size)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_shrunk_to_bytes(kind: str, work: Work[Media]) -> None:
    media = saved(NOISE, kind)
    limit = (media.size or 0) // 4
    small = work(lambda pixels: pixels.shrunk(media, None, limit))
    assert (small.mime, opened(small).format) == (media.mime, kind)
    assert limit / 4 < (small.size or 0) <= limit


def test_no_picture_gets_below_some_size(work: Work[Media]) -> None:
    with pytest.raises(Fault, match=r"images\[1\] cannot be brought below 9 bytes") as caught:
        work(lambda pixels: pixels.shrunk(PNG, None, 9, "images[1]"))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "images[1]")


@pytest.mark.parametrize(
    ("media", "mime", "left", "right"),
    [
        (PNG, "image/jpeg", (*RED, 255), (*BLUE, 255)),
        (PNG, "image/webp", (*RED, 255), (*BLUE, 255)),
        (PNG, "image/gif", (*RED, 255), (*BLUE, 255)),
        (JPEG, "image/png", (*RED, 255), (*BLUE, 255)),
        (GIF, "image/png", (*RED, 255), (*BLUE, 255)),
        (GLASS, "image/webp", None, (*BLUE, 255)),
        (GLASS, "image/jpeg", (255, 255, 255, 255), (*BLUE, 255)),
        (PALETTE, "image/webp", None, (255, 255, 255, 255)),
        (CMYK, "image/png", (*RED, 255), (*BLUE, 255)),
        (saved(DEEP, "PNG"), "image/webp", (128, 128, 128, 255), (128, 128, 128, 255)),
        (saved(PLAIN.convert("1"), "PNG"), "image/jpeg", None, None),
        (saved(PLAIN.convert("LA"), "PNG"), "image/jpeg", None, None),
    ],
)
def test_converted(
    media: Media, mime: str, left: tuple[int, ...] | None, right: tuple[int, ...] | None, work: Work[Media]
) -> None:
    made = work(lambda pixels: pixels.converted(media, mime))
    assert (made.mime, made.pixels) == (mime, (60, 40))
    assert Image.MIME[opened(made).format or ""] == mime
    assert left is None or close(at(made, 5, 20), left)
    assert right is None or close(at(made, 55, 20), right)


@pytest.mark.parametrize("media", [GLASS, PALETTE])
@pytest.mark.parametrize("mime", ["image/webp", "image/png", "image/gif"])
def test_transparency_lives_on(media: Media, mime: str, work: Work[Media]) -> None:
    made = work(lambda pixels: pixels.converted(media, mime))
    assert (at(made, 5, 20)[3], at(made, 55, 20)[3]) == (0, 255)


@pytest.mark.parametrize(("less", "more"), [(0, 50), (50, 100)])
def test_compression(less: int, more: int, work: Work[Media]) -> None:
    media = saved(NOISE, "PNG")
    small = work(lambda pixels: pixels.converted(media, "image/jpeg", less))
    large = work(lambda pixels: pixels.converted(media, "image/jpeg", more))
    assert (small.size or 0) * 2 < (large.size or 0)


@pytest.mark.parametrize(
    ("media", "format", "compression", "same"),
    [
        (PNG, "png", None, True),
        (PNG, "png", 50, True),
        (JPEG, "jpeg", None, True),
        (JPEG, "jpg", None, True),
        (JPEG, "jpeg", 50, False),
        (PNG, "webp", None, False),
        (from_bytes(b"\0\0\0\x18ftypmp42"), "png", None, True),
    ],
)
def test_as_format(media: Media, format: str, compression: int | None, same: bool, work: Work[Media]) -> None:
    made = work(lambda pixels: pixels.as_format(media, format, compression))
    assert (made is media) is same


def test_a_format_nobody_makes(work: Work[Media]) -> None:
    with pytest.raises(Fault, match="'svg' cannot be made here, only png, jpeg") as caught:
        work(lambda pixels: pixels.as_format(PNG, "svg"))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "format")


@pytest.mark.parametrize("media", [LYING, saved(NOISE, "PNG"), GLASS, GIF, CMYK])
def test_thumbnail(media: Media, work: Work[Media]) -> None:
    small = work(lambda pixels: pixels.thumbnail(media, 20))
    assert small.mime == "image/webp"
    assert max(small.pixels or ()) == 20
    whole = work(lambda pixels: pixels.thumbnail(media))
    assert max(whole.pixels or ()) == max(media.pixels or ())


@pytest.mark.parametrize("field", ["images[0]", None])
@pytest.mark.parametrize(
    ("media", "words"),
    [
        (BROKEN, "no whole PNG"),
        (replace(from_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"), mime="image/png"), "no whole PNG"),
        (bomb(10_000, 8_000), "more than 64 million pixels"),
        (bomb(60_000, 60_000), "more than 64 million pixels"),
        (saved(Image.new("1", (17_000, 2)), "PNG"), "cannot be written as image/webp at 17000x2"),
    ],
)
def test_whose_fault_it_is(media: Media, words: str, field: str | None, work: Work[Media]) -> None:
    with pytest.raises(Fault, match=words) as caught:
        work(lambda pixels: pixels.converted(media, "image/webp", None, field))
    fault = caught.value
    assert (fault.kind, fault.field) == (("bad_request", field) if field else ("garbled", None))
    assert fault.stage == ("answered" if field else "accepted")


def test_a_link_has_no_pixels(work: Work[Media]) -> None:
    with pytest.raises(Fault, match="must be fetched") as caught:
        work(lambda pixels: pixels.thumbnail(Media(url="https://example.com/a.png")))
    assert caught.value.kind == "internal"


def test_a_colour_profile_goes_along_and_words_do_not(work: Work[Media]) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = tilt(6)
    exif[0x010F] = "where I live"
    media = saved(PLAIN, "JPEG", exif=exif, icc_profile=profile, comment=b"my secret")
    stood = work(lambda pixels: pixels.upright(media))
    assert opened(stood).info["icc_profile"] == profile
    assert stood.data is not None
    content = b"".join(stood.data.pieces())
    assert b"where I live" not in content
    assert b"my secret" not in content


def test_two_at_a_time_and_not_one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    both = threading.Barrier(2, timeout=30)
    lock = threading.Lock()
    counts: list[int] = []

    def slow(*_: Any) -> bool:
        with lock:
            running.append(1)
            counts.append(len(running))
        both.wait()
        with lock:
            running.pop()
        return True

    monkeypatch.setattr(workshop, "looks_alpha", slow)

    async def run() -> None:
        pixels = Pixels(Spools(tmp_path).sink)
        await asyncio.gather(*(pixels.looks_alpha(PNG) for _ in range(8)))

    asyncio.run(run())
    assert max(counts) == 2


@pytest.mark.parametrize(
    ("media", "answer"),
    [
        (PNG, False),
        (GLASS, True),
        (PALETTE, True),
        (JPEG, False),
        (saved(PLAIN.convert("RGBA"), "PNG"), False),
        (saved(halves("RGBA", (4, 4), (1, 2, 3, 254), (1, 2, 3, 255)), "WEBP", lossless=True), True),
    ],
)
def test_looks_alpha(media: Media, answer: bool, work: Work[bool]) -> None:
    assert work(lambda pixels: pixels.looks_alpha(media)) is answer
