"""References and masks made to fit a card, by its policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from koci_proxy.facts import Card, InputRules
from koci_proxy.faults import Fault
from koci_proxy.media import from_bytes
from koci_proxy.types import Job, Media

from .pictures import (
    BROKEN,
    CMYK,
    GIF,
    GLASS,
    JPEG,
    LYING,
    NOISE,
    PALETTE,
    PLAIN,
    PNG,
    Untouchable,
    Work,
    bomb,
    saved,
)


def card(**rules: Any) -> Card:
    return Card("painter", tasks=frozenset({"edit"}), inputs=InputRules(max=4, **rules))


JOB = Job("m", "a cat", task="edit")
TALL = saved(PLAIN.transpose(Image.Transpose.ROTATE_270), "PNG")
HEIC = Media(from_bytes(b"\0\0\0\x18ftypheic").data, mime="image/heic", size=12)
LINK = Media(url="https://example.com/a.png")

FITS: list[tuple[dict[str, Any], Media, str | None, tuple[int, int] | None, list[str]]] = [
    ({}, JPEG, "image/jpeg", (60, 40), []),
    ({"max_edge": 60, "max_bytes": 99_999}, JPEG, "image/jpeg", (60, 40), []),
    ({}, LINK, None, None, []),
    ({"mimes": ("image/heic",), "max_edge": 9}, HEIC, "image/heic", None, []),
    ({}, LYING, "image/jpeg", (40, 60), ["images[0]: bent (turned upright)"]),
    ({"policy": "refuse"}, LYING, "image/jpeg", (40, 60), ["images[0]: bent (turned upright)"]),
    ({"max_edge": 30}, JPEG, "image/jpeg", (30, 20), ["images[0]: bent (60x40 → 30x20)"]),
    ({"max_edge": 30, "policy": "shrink"}, PNG, "image/png", (30, 20), ["images[0]: bent (60x40 → 30x20)"]),
    (
        {"max_edge": 30, "mimes": ("image/png",)},
        LYING,
        "image/png",
        (20, 30),
        ["images[0]: bent (turned upright, 40x60 → 20x30, image/jpeg → image/png)"],
    ),
    (
        {},
        GIF,
        "image/png",
        (60, 40),
        ["images[0]: bent (image/gif → image/png, its first frame alone)"],
    ),
    ({"mimes": ("image/webp", "image/jpeg")}, GLASS, "image/webp", (60, 40), ["image/png → image/webp"]),
    ({"mimes": ("image/jpeg",)}, GLASS, "image/jpeg", (60, 40), ["→ image/jpeg, transparency made white"]),
    ({"mimes": ("image/png", "image/jpeg")}, saved(PLAIN, "WEBP"), "image/jpeg", (60, 40), ["→ image/jpeg)"]),
    ({"mimes": ("image/png",)}, CMYK, "image/png", (60, 40), ["→ image/png"]),
    ({"max_edge": 20}, replace(JPEG, width=None, height=None), "image/jpeg", (20, 13), ["60x40 → 20x13"]),
    ({"max_edge": 90}, replace(JPEG, width=None, height=None), "image/jpeg", None, []),
    ({}, bomb(9_000, 9_000), "image/png", (9_000, 9_000), []),
]


@pytest.mark.parametrize(("rules", "media", "mime", "size", "notes"), FITS)
def test_fit_inputs(
    rules: dict[str, Any],
    media: Media,
    mime: str | None,
    size: tuple[int, int] | None,
    notes: list[str],
    work: Work[Job],
) -> None:
    fitted = work(lambda pixels: pixels.fit_inputs(replace(JOB, inputs=(media,)), card(**rules)))
    assert (fitted.inputs[0].mime, fitted.inputs[0].pixels) == (mime, size)
    assert len(fitted.notes) == len(notes)
    assert all(words in str(note) for words, note in zip(notes, fitted.notes, strict=True))
    assert (fitted.inputs[0] is media) is not bool(notes)


def test_bytes_are_told_too(work: Work[Job]) -> None:
    media = saved(NOISE, "PNG")
    fitted = work(lambda pixels: pixels.fit_inputs(replace(JOB, inputs=(PNG, media)), card(max_bytes=50_000)))
    (note,) = fitted.notes
    assert (note.field, note.what) == ("images[1]", "bent")
    assert note.detail.endswith(f"{media.size} → {fitted.inputs[1].size} bytes")
    assert (fitted.inputs[1].size or 0) <= 50_000


@pytest.mark.parametrize(
    ("rules", "media", "words"),
    [
        ({"max_edge": 50, "policy": "refuse"}, JPEG, "images[2] is 60x40; painter takes edges of at most 50 pixels"),
        ({"max_bytes": 50, "policy": "refuse"}, PNG, f"images[2] has {PNG.size} bytes; painter takes at most 50"),
        ({"policy": "refuse"}, GIF, "images[2] is image/gif; painter takes image/png, image/jpeg, image/webp"),
        ({"policy": "shrink"}, GIF, "images[2] is image/gif"),
        ({}, HEIC, "images[2] is image/heic"),
        ({"max_bytes": 5, "mimes": ("image/heic", "image/png")}, HEIC, "images[2] has 12 bytes"),
        ({"max_edge": 50}, bomb(9_000, 9_000), "images[2] has more than 64 million pixels"),
        ({}, BROKEN, "images[2] is no whole PNG"),
    ],
)
def test_inputs_that_cannot_be_made_to_fit(rules: dict[str, Any], media: Media, words: str, work: Work[Job]) -> None:
    good = saved(Image.new("RGB", (2, 2)), "JPEG") if "mimes" not in rules else LINK
    sent = (LINK, good if rules.get("max_bytes", 99_999) > 99 else LINK, media)
    with pytest.raises(Fault) as caught:
        work(lambda pixels: pixels.fit_inputs(replace(JOB, inputs=sent), card(**rules)))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "images[2]")
    assert words in caught.value.message


MASKED: list[tuple[dict[str, Any], Media, Media, tuple[int, int], list[str]]] = [
    ({}, JPEG, GLASS, (60, 40), []),
    ({"mask_edits": "white"}, JPEG, GLASS, (60, 40), ["mask: emulated (alpha → white)"]),
    ({"mask_edits": "black"}, PNG, PALETTE, (60, 40), ["mask: emulated (alpha → black)"]),
    (
        {"max_edge": 30},
        JPEG,
        GLASS,
        (30, 20),
        ["images[0]: bent (60x40 → 30x20)", "mask: emulated (60x40 → 30x20)"],
    ),
    (
        {"max_edge": 30, "mask_edits": "white"},
        LYING,
        saved(Image.new("RGBA", (40, 60)), "PNG"),
        (20, 30),
        [
            "images[0]: bent (turned upright, 40x60 → 20x30)",
            "mask: emulated (alpha → white, 40x60 → 20x30)",
        ],
    ),
    (
        {},
        PNG,
        saved(Image.new("RGBA", (60, 40)), "WEBP"),
        (60, 40),
        ["mask: emulated (image/webp → image/png)"],
    ),
]


@pytest.mark.parametrize(("rules", "media", "mask", "size", "notes"), MASKED)
def test_a_mask_goes_with_its_picture(
    rules: dict[str, Any], media: Media, mask: Media, size: tuple[int, int], notes: list[str], work: Work[Job]
) -> None:
    job = replace(JOB, inputs=(media, TALL), mask=mask)
    fitted = work(lambda pixels: pixels.fit_inputs(job, card(mask=True, **rules)))
    assert fitted.mask is not None
    assert fitted.inputs[0].pixels == fitted.mask.pixels == size
    assert [str(note) for note in fitted.notes if note.field != "images[1]"] == notes
    assert (fitted.mask is mask) is not any(note.field == "mask" for note in fitted.notes)


def test_a_mask_without_a_picture(work: Work[Job]) -> None:
    with pytest.raises(Fault, match="needs the picture") as caught:
        work(lambda pixels: pixels.fit_inputs(replace(JOB, mask=GLASS), card(mask=True)))
    assert (caught.value.kind, caught.value.field) == ("bad_request", "mask")


def test_a_job_without_pictures_is_let_alone(work: Work[Job]) -> None:
    assert work(lambda pixels: pixels.fit_inputs(JOB, card())) is JOB


def test_what_fits_is_not_even_decoded(work: Work[Job]) -> None:
    assert JPEG.data is not None
    held = replace(JPEG, data=Untouchable(next(JPEG.data.pieces()), JPEG.data.size))
    job = replace(JOB, inputs=(held,) * 3)
    rules = card(max_edge=60, max_bytes=99_999)
    assert work(lambda pixels: pixels.fit_inputs(job, rules)) == job
