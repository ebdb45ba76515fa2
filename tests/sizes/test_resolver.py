"""What every kind of wire is sent for what was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from koci_proxy import sizes
from koci_proxy.facts import SizeRules
from koci_proxy.faults import Fault

from .cards import BOTH, FILM, FIXED, FREE, LONG, NAMES, NAMES_AUTO, NAMES_WIDE, NONE, RATIO, RATIO_BLIND, TABLE


def sent(
    asked: str, rules: SizeRules, policy: sizes.Policy = "nearest"
) -> tuple[str, tuple[int, int] | None, list[str]]:
    resolved = sizes.resolve(sizes.parse(asked), rules, policy)
    return str(resolved.size), resolved.size.pixels, [note.what for note in resolved.notes]


@pytest.mark.parametrize(
    ("asked", "expected", "notes"),
    [
        ("2K 16:9", "2048x1152", []),
        ("1K 1:1", "1024x1024", []),
        ("1K 3:2", "1024x688", []),
        ("1K 7:5", "1024x736", []),
        ("1024x1536", "1024x1536", []),
        ("1792x1024", "1792x1024", []),
        ("4K 1:1", "2880x2880", ["bent"]),
        ("4K 16:9", "3840x2160", ["bent"]),
        ("4K 9:16", "2160x3840", ["bent"]),
        ("4K 3:2", "3520x2352", ["bent"]),
        ("4K 4:3", "3312x2496", ["bent"]),
        ("4K 5:4", "3216x2576", ["bent"]),
        ("4K 21:9", "3840x1648", ["bent"]),
        ("1K 16:9", "1280x720", ["bent"]),
        ("1K 9:16", "720x1280", ["bent"]),
        ("1K 21:9", "1344x576", ["bent"]),
        ("512 1:1", "816x816", ["bent"]),
        ("512 3:2", "1008x672", ["bent"]),
        ("512 4:3", "960x720", ["bent"]),
        ("512 4:5", "768x960", ["bent"]),
        ("1920x1080", "1920x1088", ["bent"]),
        ("1024x576", "1280x720", ["bent"]),
        ("256x256", "816x816", ["bent"]),
        ("4096x4096", "2880x2880", ["bent"]),
        ("4000x1000", "3456x1152", ["bent"]),
        ("2K", "2048x2048", ["defaulted"]),
        ("9:16", "720x1280", ["defaulted", "bent"]),
        ("auto", "auto", []),
    ],
)
def test_pixels_by_rules(asked: str, expected: str, notes: list[str]) -> None:
    assert sent(asked, FREE)[::2] == (expected, notes)


@pytest.mark.parametrize(
    ("asked", "rules", "expected", "notes"),
    [
        ("2K 16:9", BOTH, "2848x1600", []),
        ("2K 1376:768", BOTH, "2848x1600", []),
        ("4K 1:1", BOTH, "4096x4096", []),
        ("1K 1:1", BOTH, "2048x2048", ["bent"]),
        ("3K 1:1", BOTH, "3072x3072", []),
        ("16:9", BOTH, "2848x1600", ["defaulted"]),
        ("2560x1440", BOTH, "2560x1440", []),
        ("1000x1000", BOTH, "1920x1920", ["bent"]),
        ("4K 4:3", BOTH, "4096x3072", []),
        ("1024x1024", FIXED, "1024x1024", []),
        ("1792x1024", FIXED, "1536x1024", ["bent"]),
        ("1K 3:2", FIXED, "1536x1024", []),
        ("2K 2:3", FIXED, "1024x1536", ["bent"]),
        ("16:9", FIXED, "1536x1024", ["defaulted", "bent"]),
        ("auto", FIXED, "auto", []),
        ("640x480", SizeRules(), "640x480", []),
        ("2K 16:9", SizeRules(), "2048x1152", []),
    ],
)
def test_pixels_by_table(asked: str, rules: SizeRules, expected: str, notes: list[str]) -> None:
    assert sent(asked, rules)[::2] == (expected, notes)


@pytest.mark.parametrize(
    ("asked", "rules", "expected", "pixels", "notes"),
    [
        ("2K 16:9", NAMES, "2K 16:9", (2048, 1152), []),
        ("2K 16:9", TABLE, "2K 16:9", (2752, 1536), []),
        ("2K 32:18", TABLE, "2K 16:9", (2752, 1536), []),
        ("2K 3:2", TABLE, "2K 4:3", (2400, 1792), ["bent"]),
        ("3K 16:9", TABLE, "4K 16:9", (5504, 3072), ["bent"]),
        ("1.5K 1:1", NAMES, "2K 1:1", (2048, 2048), ["bent"]),
        ("512 1:1", NAMES, "1K 1:1", (1024, 1024), ["bent"]),
        ("2K 21:9", TABLE, "1K 21:9", (1584, 672), ["bent"]),
        ("2752x1536", TABLE, "2K 16:9", (2752, 1536), []),
        ("792x168", TABLE, "512 21:9", (792, 168), []),
        ("1920x1080", TABLE, "2K 16:9", (2752, 1536), ["bent"]),
        ("3840x2160", TABLE, "4K 16:9", (5504, 3072), ["bent"]),
        ("1080x1920", TABLE, "2K 9:16", (1536, 2752), ["bent"]),
        ("1408x1408", TABLE, "1K 1:1", (1024, 1024), ["bent"]),
        ("1440x1440", TABLE, "2K 1:1", (2048, 2048), ["bent"]),
        ("1K 4:1", LONG, "1K 4:1", (2048, 512), []),
        ("1024x256", LONG, "512 4:1", (1024, 256), []),
        ("2048x1152", NAMES, "2K 16:9", (2048, 1152), []),
        ("1792x1024", NAMES, "2K 16:9", (2048, 1152), ["bent"]),
        ("9:16", TABLE, "1K 9:16", (768, 1376), ["defaulted"]),
        ("9:16", NAMES, "2K 9:16", (1152, 2048), ["defaulted"]),
        ("4K", TABLE, "4K 1:1", (4096, 4096), ["defaulted"]),
        ("2K", NAMES_WIDE, "2K 16:9", (2048, 1152), ["defaulted"]),
        ("2K", NAMES_AUTO, "2K", None, []),
        ("3K", NAMES_AUTO, "4K", None, ["bent"]),
        ("1K 4:3", NAMES_AUTO, "1K 4:3", (1024, 768), []),
        ("1K 16:9", SizeRules("tier_ratio"), "1K 16:9", (1024, 576), []),
        ("720p 16:9", FILM, "720p 16:9", (1280, 720), []),
        ("1280x720", FILM, "720p 16:9", (1280, 720), []),
        ("720x1280", FILM, "720p 9:16", (720, 1280), []),
        ("1920x1080", FILM, "1080p 16:9", (1920, 1080), []),
        ("1080p", FILM, "1080p 16:9", (1920, 1080), ["defaulted"]),
        ("9:16", FILM, "720p 9:16", (720, 1280), ["defaulted"]),
        ("1080p 9:16", FILM, "720p 9:16", (720, 1280), ["bent"]),
        ("720p 1:1", FILM, "720p 16:9", (1280, 720), ["bent"]),
        ("1:1", FILM, "720p 16:9", (1280, 720), ["defaulted", "bent"]),
        ("480p 16:9", FILM, "720p 16:9", (1280, 720), ["bent"]),
        ("512 16:9", FILM, "720p 16:9", (1280, 720), ["bent"]),
        ("1K 16:9", FILM, "720p 16:9", (1280, 720), ["bent"]),
        ("2K 16:9", FILM, "1080p 16:9", (1920, 1080), ["bent"]),
        ("4K 16:9", FILM, "1080p 16:9", (1920, 1080), ["bent"]),
        ("720p 16:9", TABLE, "1K 16:9", (1376, 768), ["bent"]),
        ("auto", TABLE, "auto", None, []),
    ],
)
def test_tier_and_ratio_wires(
    asked: str, rules: SizeRules, expected: str, pixels: tuple[int, int] | None, notes: list[str]
) -> None:
    assert sent(asked, rules) == (expected, pixels, notes)


@pytest.mark.parametrize(
    ("asked", "rules", "expected", "pixels", "notes"),
    [
        ("16:9", RATIO, "16:9", (1344, 768), []),
        ("1K 16:9", RATIO, "16:9", (1344, 768), []),
        ("2K 16:9", RATIO, "16:9", (1344, 768), ["left out"]),
        ("2K 3:2", RATIO, "16:9", (1344, 768), ["bent", "left out"]),
        ("1344x768", RATIO, "16:9", (1344, 768), []),
        ("1920x1080", RATIO, "16:9", (1344, 768), ["bent"]),
        ("1K", RATIO, "auto", None, []),
        ("2K", RATIO, "auto", None, ["left out"]),
        ("9:16", RATIO_BLIND, "9:16", None, []),
        ("1080x1920", RATIO_BLIND, "9:16", None, ["bent"]),
        ("1K 9:16", RATIO_BLIND, "9:16", None, ["left out"]),
        ("2K 16:9", NONE, "auto", None, ["left out"]),
        ("auto", NONE, "auto", None, []),
    ],
)
def test_ratio_and_none_wires(
    asked: str, rules: SizeRules, expected: str, pixels: tuple[int, int] | None, notes: list[str]
) -> None:
    assert sent(asked, rules) == (expected, pixels, notes)


@pytest.mark.parametrize(
    ("asked", "rules", "expected"),
    [
        ("1920x1080", FREE, "1920x1088"),
        ("1000x1000", FREE, "1008x1008"),
        ("2990x1000", FREE, "2992x1008"),
        ("4096x4096", FREE, "2880x2880"),
        ("4000x1000", FREE, "3840x1280"),
        ("1920x1080", TABLE, "2K 16:9"),
        ("1376x768", TABLE, "1K 16:9"),
        ("6000x6000", TABLE, "4K 1:1"),
        ("1.5K 16:9", TABLE, "2K 16:9"),
        ("2K 16:9", TABLE, "2K 16:9"),
        ("1100x1000", FIXED, "1536x1024"),
        ("1K 1:1", BOTH, "2048x2048"),
        ("3K", NAMES_AUTO, "4K"),
        ("1.5K 16:9", NAMES_AUTO, "2K 16:9"),
        ("16:9", RATIO, "16:9"),
        ("1920x1080", RATIO_BLIND, "16:9"),
        ("1300x720", FILM, "1080p 16:9"),
        ("1K 16:9", FILM, "720p 16:9"),
        ("720p 1:1", FILM, "720p 16:9"),
    ],
)
def test_cover(asked: str, rules: SizeRules, expected: str) -> None:
    assert sent(asked, rules, "cover")[0] == expected


@pytest.mark.parametrize(
    ("asked", "rules", "expected"),
    [
        ("2K 16:9", FREE, "2048x1152"),
        ("2K", FREE, "2048x2048"),
        ("auto", FREE, "auto"),
        ("2K 16:9", TABLE, "2K 16:9"),
        ("2752x1536", TABLE, "2K 16:9"),
        ("1K 4:1", LONG, "1K 4:1"),
        ("1K 1:1", RATIO, "1:1"),
        ("auto", NONE, "auto"),
    ],
)
def test_exact_lets_through(asked: str, rules: SizeRules, expected: str) -> None:
    assert sent(asked, rules, "exact")[0] == expected


@pytest.mark.parametrize(
    ("asked", "rules", "words"),
    [
        ("4K 1:1", FREE, "2880x2880"),
        ("1920x1080", FREE, "steps of 16"),
        ("1K 1:1", BOTH, "2048x2048"),
        ("1792x1024", FIXED, "1024x1024, 1536x1024, 1024x1536"),
        ("3K 16:9", TABLE, "tiers 512, 1K, 2K, 4K"),
        ("2K 3:2", TABLE, "ratios 1:1, 16:9"),
        ("2K 16:9", RATIO, "ratios 1:1"),
        ("1080x1920", RATIO_BLIND, "ratios 1:1"),
        ("2K", NONE, "auto"),
        ("1:1", FILM, "tiers 720p, 1080p; ratios 16:9, 9:16; the nearest is 720p 16:9"),
        ("1080p 9:16", FILM, "the nearest is 720p 9:16"),
    ],
)
def test_exact_refuses_and_says_what_is_allowed(asked: str, rules: SizeRules, words: str) -> None:
    with pytest.raises(Fault, match=words) as caught:
        sizes.resolve(sizes.parse(asked), rules, "exact")
    assert (caught.value.kind, caught.value.field) == ("bad_request", "size")


def test_notes_tell_what_became_of_it() -> None:
    resolved = sizes.resolve(sizes.parse("1920x1080"), TABLE)
    assert [str(note) for note in resolved.notes] == ["size: bent (1920x1080 → 2K 16:9 (2752x1536))"]


def test_a_card_that_contradicts_itself_is_our_fault() -> None:
    with pytest.raises(Fault) as caught:
        sizes.resolve(sizes.parse("1K 1:1"), replace(FIXED, tiers=("4K",)))
    assert caught.value.kind == "internal"
