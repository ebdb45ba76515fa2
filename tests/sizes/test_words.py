"""What people write for a size, and what is refused."""

from __future__ import annotations

import pytest

from koci_proxy import sizes
from koci_proxy.faults import Fault
from koci_proxy.types import AUTO, Size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1024x1024", Size(width=1024, height=1024)),
        ("1024X768", Size(width=1024, height=768)),
        ("1024*768", Size(width=1024, height=768)),
        (" 1024 × 768 ", Size(width=1024, height=768)),
        ("2K", Size("2K")),
        ("2k", Size("2K")),
        ("1.5k", Size("1.5K")),
        ("512", Size("512")),
        ("720p", Size("720p")),
        ("1080P", Size("1080p")),
        ("480p 9:16", Size("480p", "9:16")),
        ("16:9", Size(ratio="16:9")),
        ("016:09", Size(ratio="16:9")),
        ("21:9", Size(ratio="21:9")),
        ("2K 16:9", Size("2K", "16:9")),
        ("16:9, 4k", Size("4K", "16:9")),
        ("2K auto", Size("2K")),
        ("auto", AUTO),
        ("AUTO", AUTO),
        ("", AUTO),
        ("  ", AUTO),
        ("16384x16384", Size(width=16384, height=16384)),
        ("2000x100", Size(width=2000, height=100)),
    ],
)
def test_parse(text: str, expected: Size) -> None:
    assert sizes.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2x",
        "x2",
        "0x0",
        "0x100",
        "-1x100",
        "99999x1",
        "16385x16385",
        "2001x100",
        "100x2001",
        "9" * 99_999,
        "9" * 99_999 + "x1",
        "16:0",
        "0:0",
        "0:9",
        "-16:9",
        "21:1",
        "1:21",
        "16:9:4",
        "16:9 4:3",
        "2K 4K",
        "8K",
        "720",
        "360p",
        "720p 1080p",
        "0K",
        "1024",
        "large",
        "1024x1024x3",
        "1e3x1e3",
        "１０２４x１０２４",
        "nan",
        "2K 1024x1024",
    ],
)
def test_junk_is_refused_with_its_field_and_an_example(text: str) -> None:
    with pytest.raises(Fault) as caught:
        sizes.parse(text)
    assert (caught.value.kind, caught.value.field) == ("bad_request", "size")
    assert "1024x1024" in caught.value.message or "16:9" in caught.value.message
    assert len(caught.value.message) < 250


@pytest.mark.parametrize(
    ("tier", "ratio", "expected"),
    [
        ("2K", "16:9", Size("2K", "16:9")),
        ("2k", None, Size("2K")),
        (None, "16:9", Size(ratio="16:9")),
        ("auto", "auto", AUTO),
        (None, None, AUTO),
        ("1024x1024", None, Size(width=1024, height=1024)),
        ("1376x768", "16:9", Size(width=1376, height=768)),
        ("2K 16:9", "16:9", Size("2K", "16:9")),
    ],
)
def test_tier_and_ratio(tier: str | None, ratio: str | None, expected: Size) -> None:
    assert sizes.tier_and_ratio(tier, ratio) == expected


@pytest.mark.parametrize(
    ("tier", "ratio", "field"),
    [
        ("big", "16:9", "size"),
        ("2K", "16:0", "aspect_ratio"),
        ("2K", "wide", "aspect_ratio"),
        ("2K", "4K", "aspect_ratio"),
        ("2K", "1024x1024", "aspect_ratio"),
        ("1024x1024", "16:9", "aspect_ratio"),
        ("4:3", "16:9", "aspect_ratio"),
    ],
)
def test_tier_and_ratio_refuses(tier: str, ratio: str, field: str) -> None:
    with pytest.raises(Fault) as caught:
        sizes.tier_and_ratio(tier, ratio)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "size", [Size("7K"), Size(ratio="wide"), Size(ratio="1:30"), Size(width=5), Size(width=-5, height=-5)]
)
def test_check_refuses_what_no_text_could_say(size: Size) -> None:
    with pytest.raises(Fault) as caught:
        sizes.check(size, "imageSize")
    assert caught.value.field == "imageSize"


@pytest.mark.parametrize(
    ("tier", "ratio", "step", "expected"),
    [
        ("2K", "16:9", 1, (2048, 1152)),
        ("2K", "9:16", 16, (1152, 2048)),
        ("1K", "3:2", 16, (1024, 688)),
        ("2K", "5:4", 16, (2048, 1632)),
        ("2K", "21:9", 16, (2048, 880)),
        ("1.5K", "1:1", 16, (1536, 1536)),
        ("512", "4:3", 1, (512, 384)),
        ("3K", "1:1", 1, (3072, 3072)),
        ("720p", "16:9", 1, (1280, 720)),
        ("720p", "9:16", 1, (720, 1280)),
        ("720p", "1:1", 1, (720, 720)),
        ("1080p", "16:9", 1, (1920, 1080)),
        ("1080p", "21:9", 1, (2520, 1080)),
        ("480p", "16:9", 1, (854, 480)),
        ("480p", "4:3", 1, (640, 480)),
        ("480p", "2:3", 1, (480, 720)),
        ("480p", "16:9", 16, (848, 480)),
        ("720p", "16:9", 3, (1278, 720)),
    ],
)
def test_the_house_formula(tier: str, ratio: str, step: int, expected: tuple[int, int]) -> None:
    assert sizes.formula(tier, ratio, step) == expected


def test_tiers_of_films_stand_among_the_others_by_their_long_edge() -> None:
    assert sorted(sizes.TIERS, key=sizes.edge) == [
        *("512", "480p", "1K", "720p", "1.5K", "1080p", "2K", "3K", "4K"),
    ]
    for tier in ("480p", "720p", "1080p"):
        assert sizes.edge(tier) == max(sizes.formula(tier, "16:9"))


@pytest.mark.parametrize(
    ("tier", "pixels", "expected"),
    [
        ("1K", (1024, 1024), True),
        ("1K", (1025, 8), False),
        ("720p", (1280, 720), True),
        ("720p", (720, 1280), True),
        ("720p", (1680, 720), True),
        ("480p", (720, 720), False),
        ("720p", (1920, 1080), False),
    ],
)
def test_what_a_tier_holds(tier: str, pixels: tuple[int, int], expected: bool) -> None:
    assert sizes.holds(tier, pixels) is expected


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [((1376, 768), "16:9"), ((1584, 672), "21:9"), ((1000, 1000), "1:1"), ((1400, 1000), "7:5")],
)
def test_ratio_of(pixels: tuple[int, int], expected: str) -> None:
    assert sizes.ratio_of(pixels) == expected
