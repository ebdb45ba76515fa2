"""A film against a card: how long it is, and what each picture is to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy import sizes
from koci_proxy.facts import Card, InputRules, SizeRules
from koci_proxy.faults import Fault
from koci_proxy.fit import fit, input_names, length, refusal, roles
from koci_proxy.types import Job, Media, Role, Target
from plugins.transforms.size import Plugin

TABLE = {"720p": {"16:9": (1280, 720), "9:16": (720, 1280)}}
CARD = Card(
    "camera",
    tasks=frozenset({"video"}),
    size=SizeRules("tier_ratio", ("720p",), ("16:9", "9:16"), TABLE, default_tier="720p", default_ratio="16:9"),
    inputs=InputRules(max=3, mimes=("image/png",), roles=("reference", "first", "last", "video"), mixed=False),
    takes={"seconds": ("4", "6", "8")},
    seconds=8.0,
)
MIXED = replace(CARD, inputs=replace(CARD.inputs, mixed=True))
FRAMES = replace(CARD, inputs=InputRules(roles=("first", "last")))
WORDS = replace(CARD, inputs=InputRules())
JOB = Job("m", "a cat", task="video")
PNG = Media(url="https://example.com/a.png", mime="image/png")
MANY: tuple[Role, ...] = ("reference", "reference", "reference", "reference")
MP4 = Media(url="https://example.com/a.mp4", mime="video/mp4")


# 1080p comes with one length alone, as does what is not made of words or a first frame.
PICKY = replace(
    CARD,
    size=replace(CARD.size, tiers=("720p", "1080p"), table={**TABLE, "1080p": {"16:9": (1920, 1080)}}),
    lengths={"1080p": ("8",), "reference": ("6", "8"), "last": ("8",)},
)


def film(*given: Role, **changes: Any) -> Job:
    inputs = tuple(MP4 if role == "video" else PNG for role in given)
    return replace(JOB, inputs=inputs, roles=given, **changes)


@pytest.mark.parametrize(
    ("asked", "policy", "made", "note"),
    [
        (8.0, "nearest", 8.0, None),
        (8, "exact", 8.0, None),
        (4.0, "exact", 4.0, None),
        (5.0, "nearest", 4.0, "bent (5 → 4; one of 4, 6, 8)"),
        (5.5, "nearest", 6.0, "bent (5.5 → 6; one of 4, 6, 8)"),
        (60.0, "nearest", 8.0, "bent (60 → 8; one of 4, 6, 8)"),
        (5.0, "cover", 6.0, "bent (5 → 6; one of 4, 6, 8)"),
        (60.0, "cover", 8.0, "bent (60 → 8; one of 4, 6, 8)"),
        (None, "nearest", 8.0, "defaulted (8)"),
        (None, "exact", 8.0, "defaulted (8)"),
    ],
)
def test_seconds(asked: float | None, policy: sizes.Policy, made: float, note: str | None) -> None:
    job = replace(JOB, seconds=asked)
    fitted = fit(job, CARD, policy)
    assert fitted.seconds == length(job, CARD, policy) == made
    assert [str(each) for each in fitted.notes] == ([f"seconds: {note}"] if note else [])
    assert refusal(job, CARD, policy) is None


def test_an_exact_house_refuses_another_length_before_anyone_is_called() -> None:
    job = replace(JOB, seconds=7.5)
    fault = refusal(job, CARD, "exact")
    assert fault is not None
    assert (fault.kind, fault.field) == ("bad_request", "seconds")
    assert fault.message == "this model does not make 7.5 seconds; allowed: 4, 6, 8; the nearest is 8"
    with pytest.raises(Fault) as caught:
        fit(job, CARD, "exact")
    assert caught.value.field == "seconds"


@pytest.mark.parametrize(
    ("card", "asked", "made", "notes"),
    [
        (replace(CARD, seconds=None), None, None, []),
        (replace(CARD, takes={"seconds": None}), 7.0, 7.0, []),
        (replace(CARD, takes={}, seconds=None), 7.0, None, ["seconds: left out (7)"]),
    ],
)
def test_cards_that_say_less(card: Card, asked: float | None, made: float | None, notes: list[str]) -> None:
    fitted = fit(replace(JOB, seconds=asked), card)
    assert fitted.seconds == made
    assert [str(note) for note in fitted.notes] == notes


def test_a_picture_has_no_length() -> None:
    both = replace(CARD, tasks=frozenset({"generate", "video"}))
    assert fit(replace(JOB, task="generate"), both).seconds is None


def test_a_film_is_not_turned_into_another_format_here() -> None:
    fitted = fit(replace(JOB, format="webp", compression=50), CARD)
    told = [str(note) for note in fitted.notes if note.field != "seconds"]
    assert told == ["format: left out (webp)", "compression: left out (50)"]


def test_the_transform_bends_length_and_size_by_one_policy() -> None:
    job = replace(JOB, seconds=5.0, size=sizes.parse("1:1"))
    target = Target("p", "m", "d", CARD)
    assert Plugin().on_target(job, target, "cover").seconds == 6.0
    fitted = Plugin().on_target(job, target, "nearest")
    assert (fitted.seconds, str(fitted.size)) == (4.0, "720p 16:9")
    assert [note.what for note in fitted.notes] == ["bent", "defaulted", "bent"]


@pytest.mark.parametrize(
    ("job", "policy", "made", "note"),
    [
        (film(size=sizes.parse("720p"), seconds=4.0), "nearest", 4.0, None),
        (film(size=sizes.parse("1080p"), seconds=4.0), "nearest", 8.0, "bent (4 → 8; one of 8 with 1080p)"),
        (film(size=sizes.parse("1920x1080"), seconds=6.0), "cover", 8.0, "bent (6 → 8; one of 8 with 1080p)"),
        (film(size=sizes.parse("1080p 9:16"), seconds=4.0), "nearest", 4.0, None),
        (film(size=sizes.parse("4K"), seconds=4), "nearest", 8.0, "bent (4 → 8; one of 8 with 1080p)"),
        (film(size=sizes.parse("1080p"), seconds=8.0), "exact", 8.0, None),
        (film("first", seconds=4.0), "exact", 4.0, None),
        (film("first", "last", seconds=4.0), "nearest", 8.0, "bent (4 → 8; one of 8 with a last frame)"),
        (film("reference", "reference", seconds=4.0), "nearest", 6.0, "bent (4 → 6; one of 6, 8 with references)"),
        (
            film("reference", size=sizes.parse("1080p"), seconds=6.0),
            "nearest",
            8.0,
            "bent (6 → 8; one of 8 with 1080p and references)",
        ),
        (film(size=sizes.parse("1080p")), "exact", 8.0, "defaulted (8)"),
    ],
)
def test_fewer_lengths_of_a_tier_or_beside_an_input(
    job: Job, policy: sizes.Policy, made: float, note: str | None
) -> None:
    fitted = fit(job, PICKY, policy)
    assert fitted.seconds == length(job, PICKY, policy) == made
    assert [str(each) for each in fitted.notes] == ([f"seconds: {note}"] if note else [])
    assert refusal(job, PICKY, policy) is None


def test_a_default_that_goes_with_no_such_tier_gives_way() -> None:
    short = replace(PICKY, seconds=4.0)
    [note] = fit(replace(JOB, size=sizes.parse("1080p")), short, "exact").notes
    assert str(note) == "seconds: defaulted (8 with 1080p)"
    assert length(replace(JOB, size=sizes.parse("720p")), short) == 4.0


@pytest.mark.parametrize("wire", ["tier_ratio", "pixels", "ratio"])
def test_the_tier_of_every_wire_is_known(wire: Any) -> None:
    rules = replace(PICKY.size, wire=wire, default_tier="1080p", tiers=("1080p", "720p"))
    card = replace(PICKY, size=rules)
    assert length(replace(JOB, size=sizes.parse("1920x1080"), seconds=4.0), card) == 8.0
    assert length(replace(JOB, seconds=4.0), card) == 8.0


def test_an_exact_house_says_which_length_goes_with_a_tier() -> None:
    fault = refusal(replace(JOB, size=sizes.parse("1080p"), seconds=4.0), PICKY, "exact")
    assert fault is not None
    assert (fault.kind, fault.field) == ("bad_request", "seconds")
    assert fault.message == "this model does not make 4 seconds with 1080p; allowed: 8; the nearest is 8"


@pytest.mark.parametrize(
    ("job", "expected", "names"),
    [
        (film(), (), ()),
        (replace(JOB, inputs=(PNG, PNG)), ("reference", "reference"), ("images[0]", "images[1]")),
        (film("first", "last"), ("first", "last"), ("images[0]", "images[1]")),
        (film("video", "reference"), ("video", "reference"), ("video", "images[0]")),
        (replace(film("first"), inputs=(PNG, PNG)), ("first", "reference"), ("images[0]", "images[1]")),
        (replace(film("first", "last"), inputs=(PNG,)), ("first",), ("images[0]",)),
    ],
)
def test_every_input_has_a_role_and_a_name(job: Job, expected: tuple[Role, ...], names: tuple[str, ...]) -> None:
    assert (roles(job), input_names(job)) == (expected, names)


@pytest.mark.parametrize(
    ("card", "job"),
    [
        (CARD, film()),
        (CARD, film("first")),
        (CARD, film("first", "last")),
        (CARD, film("last", "first")),
        (CARD, film("reference", "reference", "reference")),
        (CARD, replace(JOB, inputs=(PNG,) * 3)),
        (CARD, film("video")),
        (MIXED, film("reference", "reference", "reference", "first", "last", "video")),
        (FRAMES, film("first", "last")),
        (WORDS, film()),
    ],
)
def test_what_goes_together(card: Card, job: Job) -> None:
    assert refusal(job, card, "exact") is None


@pytest.mark.parametrize(
    ("card", "job", "field", "words"),
    [
        (FRAMES, film("reference"), "images[0]", "it takes no reference pictures"),
        (FRAMES, replace(JOB, inputs=(PNG,)), "images[0]", "it takes no reference pictures"),
        (FRAMES, film("video"), "video", "it takes no film"),
        (WORDS, film("first"), "images[0]", "it takes no first frame"),
        (WORDS, replace(JOB, inputs=(PNG,)), "images", "it takes no images, not 1"),
        (replace(FRAMES, inputs=InputRules(roles=("first",))), film("first", "last"), "images[1]", "no last frame"),
        (CARD, film("last"), "images[0]", "a last frame needs a first one"),
        (MIXED, film("reference", "last"), "images[1]", "a last frame needs a first one"),
        (CARD, film("first", "first"), "images[1]", "it takes one first frame, not 2"),
        (MIXED, film("video", "reference", "video"), "video", "it takes one film, not 2"),
        (CARD, film("first", "reference"), "images[1]", "not several of these at once"),
        (CARD, film("first", "last", "reference"), "images[2]", "not several of these at once"),
        (CARD, film("video", "reference"), "images[0]", "not several of these at once"),
        (CARD, film("reference", "video"), "video", "not several of these at once"),
        (CARD, film(*MANY), "images", "it takes at most 3 images, not 4"),
        (MIXED, film("first", *MANY), "images", "it takes at most 3 images, not 4"),
        (MIXED, replace(film("video", "reference"), inputs=(MP4, MP4)), "images[0]", "images[0] is video/mp4"),
    ],
)
def test_what_does_not(card: Card, job: Job, field: str, words: str) -> None:
    fault = refusal(job, card, "nearest")
    assert fault is not None
    assert (fault.kind, fault.field) == ("bad_request", field)
    assert words in fault.message


def test_a_model_of_the_other_kind_says_so() -> None:
    still = Card("painter", tasks=frozenset({"generate"}))
    for card, job, words in (
        (CARD, Job("m", "a cat"), "it makes films, not pictures"),
        (CARD, Job("m", "a cat", task="edit"), "it makes films, not pictures"),
        (still, JOB, "it makes pictures, not films"),
    ):
        fault = refusal(job, card, "nearest")
        assert fault is not None
        assert (fault.field, fault.message) == ("task", words)
