"""A job against a card, and the size transform built on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy import sizes
from koci_proxy.facts import Card, InputRules, SizeRules
from koci_proxy.faults import Fault
from koci_proxy.fit import defaulted, fit, refusal, refuses, set_fields, strictly, unfit
from koci_proxy.types import Job, Media, Note, Size, Target
from plugins.transforms.size import Plugin

CARD = Card(
    "painter",
    tasks=frozenset({"generate", "edit"}),
    size=SizeRules(step=16, max_edge=3840, min_pixels=655_360, max_pixels=8_294_400, max_ratio=3),
    inputs=InputRules(max=2, max_bytes=1000, mimes=("image/png",), policy="refuse"),
    prompt_chars=10,
    takes={"quality": ("low", "medium", "high"), "format": None, "seconds": ("4", "8"), "compression": None},
    renames={"quality": {"hd": "high", "standard": "medium"}, "seconds": {"5": "4"}},
)
JOB = Job("m", "a cat")
PNG = Media(url="https://example.com/a.png")


@pytest.mark.parametrize(
    ("changes", "policy", "field"),
    [
        ({}, "nearest", None),
        ({"task": "edit", "inputs": (PNG, PNG)}, "nearest", None),
        ({"task": "video"}, "nearest", "task"),
        ({"task": "edit", "inputs": (PNG,), "mask": PNG}, "nearest", "mask"),
        ({"task": "edit", "inputs": (PNG,) * 3}, "nearest", "images"),
        ({"inputs": (replace(PNG, mime="image/png", size=1000),)}, "nearest", None),
        ({"inputs": (replace(PNG, size=1001),)}, "nearest", "images[0]"),
        ({"inputs": (PNG, replace(PNG, mime="image/gif"))}, "nearest", "images[1]"),
        ({"prompt": "x" * 10}, "nearest", None),
        ({"prompt": "x" * 11}, "nearest", "prompt"),
        ({"size": sizes.parse("1920x1080")}, "nearest", None),
        ({"size": sizes.parse("1920x1080")}, "exact", "size"),
        ({"size": sizes.parse("2K 16:9")}, "exact", None),
        ({"background": "transparent", "format": "jpg"}, "nearest", "format"),
        ({"background": "transparent", "format": "webp"}, "nearest", None),
        ({"background": "auto", "format": "jpeg"}, "nearest", None),
    ],
)
def test_refusal(changes: dict[str, Any], policy: sizes.Policy, field: str | None) -> None:
    fault = refusal(replace(JOB, **changes), CARD, policy)
    assert (fault.field if fault else None) == field
    assert refuses(replace(JOB, **changes), CARD, policy) == (fault.message if fault else None)


@pytest.mark.parametrize(("form", "refused"), [("jpeg", True), ("png", False), ("webp", False), (None, False)])
def test_what_is_cut_out_is_not_filled_again(form: str | None, refused: bool) -> None:
    cutter = Card("cutter", tasks=frozenset({"cutout"}), inputs=InputRules(max=1))
    fault = refusal(Job("m", "", task="cutout", inputs=(PNG,), format=form), cutter, "nearest")
    assert (fault and (fault.field, fault.message)) == (
        ("format", "jpeg has no transparency: ask for png or webp") if refused else None
    )


@pytest.mark.parametrize(
    ("changes", "expected", "notes"),
    [
        ({}, {}, []),
        ({"quality": "high"}, {"quality": "high"}, []),
        ({"quality": "hd"}, {"quality": "high"}, ["quality: renamed (hd → high)"]),
        ({"quality": "ultra"}, {"quality": None}, ["quality: left out (ultra; one of low, medium, high)"]),
        ({"format": "webp"}, {"format": "webp"}, []),
        ({"compression": 80}, {"compression": 80}, []),
        ({"format": "svg"}, {"format": "svg"}, []),
        ({"background": "opaque"}, {"background": None}, ["background: left out (opaque)"]),
        ({"seconds": 8.0}, {"seconds": 8.0}, []),
        ({"seconds": 5.0}, {"seconds": 4.0}, ["seconds: renamed (5 → 4)"]),
        ({"seconds": 6.5}, {"seconds": 8.0}, ["seconds: bent (6.5 → 8; one of 4, 8)"]),
        (
            {"strength": 0.7, "style": "anime"},
            {"strength": None, "style": None},
            ["strength: left out (0.7)", "style: left out (anime)"],
        ),
    ],
)
def test_fit(changes: dict[str, Any], expected: dict[str, Any], notes: list[str]) -> None:
    fitted = fit(replace(JOB, **changes), CARD)
    assert {name: getattr(fitted, name) for name in expected} == expected
    assert [str(note) for note in fitted.notes] == notes


BARE = replace(CARD, takes={})
JPEGS = replace(CARD, takes={"format": ("png", "jpeg")})


@pytest.mark.parametrize(
    ("card", "changes", "expected", "notes"),
    [
        (BARE, {"format": "jpeg"}, {"format": None}, ["format: emulated (jpeg, made here)"]),
        (BARE, {"format": "gif"}, {"format": None}, ["format: emulated (gif, made here)"]),
        (BARE, {"format": "svg"}, {"format": None}, ["format: left out (svg)"]),
        (JPEGS, {"format": "jpeg"}, {"format": "jpeg"}, []),
        (JPEGS, {"format": "webp"}, {"format": None}, ["format: emulated (webp, made here)"]),
        (JPEGS, {"format": "svg"}, {"format": None}, ["format: left out (svg; one of png, jpeg)"]),
        (
            JPEGS,
            {"format": "jpeg", "compression": 50},
            {"format": "jpeg", "compression": None},
            ["compression: emulated (50, made here)"],
        ),
        (
            BARE,
            {"format": "webp", "compression": 50},
            {"format": None, "compression": None},
            ["format: emulated (webp, made here)", "compression: emulated (50, made here)"],
        ),
        (JPEGS, {"format": "png", "compression": 50}, {"compression": None}, ["compression: left out (50)"]),
        (BARE, {"compression": 50}, {"compression": None}, ["compression: left out (50)"]),
        (BARE, {"background": "transparent"}, {"background": None}, ["background: left out (transparent)"]),
    ],
)
def test_a_format_is_made_here(card: Card, changes: dict[str, Any], expected: dict[str, Any], notes: list[str]) -> None:
    fitted = fit(replace(JOB, **changes), card)
    assert {name: getattr(fitted, name) for name in expected} == expected
    assert [str(note) for note in fitted.notes] == notes


LARGE = replace(PNG, mime="image/png", size=1001)
WIDE = replace(PNG, mime="image/png", width=4032, height=3024)
GIF = replace(PNG, mime="image/gif")
HEIC = replace(PNG, mime="image/heic", size=1001)


@pytest.mark.parametrize(
    ("rules", "media", "words"),
    [
        ({}, PNG, None),
        ({"max_bytes": 1001}, LARGE, None),
        ({"max_bytes": 1000}, LARGE, None),
        ({"max_bytes": 1000, "policy": "shrink"}, LARGE, None),
        ({"max_bytes": 1000, "policy": "refuse"}, LARGE, "has 1001 bytes; painter takes at most 1000"),
        ({"max_edge": 4032, "policy": "refuse"}, WIDE, None),
        ({"max_edge": 3000}, WIDE, None),
        ({"max_edge": 3000, "policy": "shrink"}, WIDE, None),
        ({"max_edge": 3000, "policy": "refuse"}, WIDE, "is 4032x3024; painter takes edges of at most 3000 pixels"),
        ({}, GIF, None),
        ({"policy": "shrink"}, GIF, "is image/gif; painter takes image/png, image/jpeg, image/webp"),
        ({"policy": "refuse"}, GIF, "is image/gif; painter takes image/png, image/jpeg, image/webp"),
        ({"mimes": ("image/heic",)}, GIF, "is image/gif; painter takes image/heic"),
        ({}, HEIC, "is image/heic; painter takes image/png, image/jpeg, image/webp"),
        ({"mimes": ("image/heic",)}, HEIC, None),
        ({"mimes": ("image/heic",), "max_bytes": 1000}, HEIC, "has 1001 bytes; painter takes at most 1000"),
    ],
)
def test_a_policy_says_what_is_refused(rules: dict[str, Any], media: Media, words: str | None) -> None:
    fault = unfit(media, Card("painter", inputs=InputRules(max=1, **rules)), "images[0]")
    assert (fault.message if fault else None) == (f"images[0] {words}" if words else None)
    assert fault is None or (fault.kind, fault.field) == ("bad_request", "images[0]")


NOTES = [
    Note("model", "skipped", "linkai/x"),
    Note("size", "bent", "4K → 2K"),
    Note("ratio", "defaulted", "1:1"),
    Note("format", "emulated", "webp"),
    Note("quality", "renamed", "hd → high"),
    Note("style", "left out", "vivid"),
]


@pytest.mark.parametrize(("at", "refused"), [(0, False), (1, True), (2, False), (3, False), (4, True), (5, True)])
def test_strictly(at: int, refused: bool) -> None:
    if not refused:
        strictly(JOB, [NOTES[at]])
        return
    with pytest.raises(Fault) as caught:
        strictly(JOB, [NOTES[at]])
    assert (caught.value.kind, caught.value.field, caught.value.code) == ("bad_request", NOTES[at].field, "strict")


def test_strictly_tells_all_that_would_be_changed() -> None:
    with pytest.raises(Fault) as caught:
        strictly(JOB, [*NOTES, NOTES[1]])
    assert caught.value.field == "size"
    assert caught.value.message == (
        "m takes a job as it is or not at all, and this would be changed: "
        "size: bent (4K → 2K); quality: renamed (hd → high); style: left out (vivid)"
    )


def test_a_long_prompt_is_refused() -> None:
    with pytest.raises(Fault) as caught:
        fit(replace(JOB, prompt="x" * 11), CARD)
    assert (caught.value.kind, caught.value.field) == ("bad_request", "prompt")


@pytest.mark.parametrize(
    ("changes", "fields", "expected", "notes"),
    [
        ({}, {"quality": "high"}, {"quality": "high"}, []),
        ({"quality": "high"}, {"quality": "high"}, {"quality": "high"}, []),
        (
            {"quality": "low"},
            {"quality": "high"},
            {"quality": "high"},
            ["quality: bent (low → high, set by the house)"],
        ),
        ({}, {"seconds": 8, "style": "anime"}, {"seconds": 8.0, "style": "anime"}, []),
        ({"seconds": 8.0}, {"seconds": 8}, {"seconds": 8.0}, []),
        ({"seconds": 4.0}, {"seconds": 8}, {"seconds": 8.0}, ["seconds: bent (4 → 8, set by the house)"]),
        ({}, {"size": "2K"}, {"size": sizes.parse("2K")}, []),
        (
            {"size": sizes.parse("1K 16:9")},
            {"size": "2K"},
            {"size": sizes.parse("2K 16:9")},
            ["size: bent (1K 16:9 → 2K 16:9, set by the house)"],
        ),
        (
            {"size": sizes.parse("1920x1080")},
            {"size": "4K"},
            {"size": sizes.parse("4K 16:9")},
            ["size: bent (1920x1080 → 4K 16:9, set by the house)"],
        ),
        (
            {"size": sizes.parse("2K 16:9")},
            {"size": "1:1"},
            {"size": sizes.parse("2K 1:1")},
            ["size: bent (2K 16:9 → 2K 1:1, set by the house)"],
        ),
    ],
)
def test_set_fields(
    changes: dict[str, Any], fields: dict[str, Any], expected: dict[str, Any], notes: list[str]
) -> None:
    job = set_fields(replace(JOB, **changes), fields)
    assert {name: getattr(job, name) for name in expected} == expected
    assert [str(note) for note in job.notes] == notes


@pytest.mark.parametrize(
    ("fields", "words"), [({"qualty": "high"}, "quality"), ({"prompt": "x"}, "prompt"), ({"size": "big"}, "not a size")]
)
def test_a_house_cannot_set_everything(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Fault, match=words) as caught:
        set_fields(JOB, fields)
    assert caught.value.kind == "internal"


@pytest.mark.parametrize(
    ("changes", "fields", "expected", "notes"),
    [
        ({}, {"size": "1K 1:1"}, {"size": Size("1K", "1:1")}, ["size: defaulted (1K 1:1)"]),
        ({"size": Size("2K")}, {"size": "1K 1:1"}, {"size": Size("2K", "1:1")}, ["size: defaulted (ratio 1:1)"]),
        ({"size": Size(None, "3:2")}, {"size": "1K 1:1"}, {"size": Size("1K", "3:2")}, ["size: defaulted (tier 1K)"]),
        ({"size": Size("2K", "3:2")}, {"size": "1K 1:1"}, {"size": Size("2K", "3:2")}, []),
        ({"size": Size(width=8, height=9)}, {"size": "1K 1:1"}, {"size": Size(width=8, height=9)}, []),
        ({"size": Size("2K")}, {"size": "8x9"}, {"size": Size("2K")}, []),
        ({"size": Size("2K")}, {"size": "1K"}, {"size": Size("2K")}, []),
        (
            {"quality": "hd"},
            {"quality": "low", "format": "png"},
            {"quality": "hd", "format": "png"},
            ["format: defaulted (png)"],
        ),
        ({"task": "video"}, {"size": "1K 1:1"}, {"size": Size()}, []),
        ({"background": "transparent"}, {"format": "jpeg"}, {"format": None}, []),
        ({"format": "jpeg"}, {"background": "transparent"}, {"background": None}, []),
        ({}, {"quality": "low", "style": "anime"}, {"quality": "low", "style": None}, ["quality: defaulted (low)"]),
    ],
)
def test_what_a_platform_says_where_its_app_does_not(
    changes: dict[str, Any], fields: dict[str, Any], expected: dict[str, Any], notes: list[str]
) -> None:
    job = defaulted(replace(JOB, **changes), fields, fixed=("style",))
    assert {name: getattr(job, name) for name in expected} == expected
    assert [str(note) for note in job.notes] == notes
    strictly(job, job.notes)


def test_no_size_is_filled_in_where_nobody_can_be_told_of_one() -> None:
    bare = replace(CARD, size=SizeRules(wire="none"))
    assert defaulted(JOB, {"size": "1K"}, cards=[bare]) == JOB
    assert defaulted(JOB, {"size": "1K"}, cards=[bare, CARD]).size == Size("1K")


def test_the_transform_fits_fields_and_size() -> None:
    job = replace(JOB, size=sizes.parse("4K 1:1"), quality="hd")
    fitted = Plugin().on_target(job, Target("p", "m", "d", CARD), "nearest")
    assert (fitted.size.pixels, fitted.quality) == ((2880, 2880), "high")
    assert [note.field for note in fitted.notes] == ["quality", "size"]
