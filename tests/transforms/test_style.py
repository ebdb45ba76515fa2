"""Style and strength said in the prompt, where a model has no field for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from koci_proxy.facts import Card
from koci_proxy.fit import fit
from koci_proxy.types import Job, Media, Note, Target
from plugins.transforms.style import Plugin

JOB = Job("m", "a fox")
PNG = Media(url="https://example.com/a.png")
EDIT = replace(JOB, task="edit", inputs=(PNG,))
PLAIN = Card("painter")
STYLED = Card("stylist", takes={"style": ("anime", "photo"), "strength": None}, renames={"style": {"real": "photo"}})
DEFAULT = Note("strength", "defaulted", "0.7")


def on(job: Job, card: Card) -> Job:
    return Plugin().on_target(job, Target("vendor", "m", "d", card)) or job


@pytest.mark.parametrize(
    ("job", "style", "prompt"),
    [
        (JOB, "watercolor", "a fox, in watercolor style"),
        (JOB, "oil-painting", "a fox, in oil painting style"),
        (JOB, "pixel_art", "a fox, in pixel art style"),
        (replace(JOB, prompt="a fox \n"), "anime", "a fox, in anime style"),
        (replace(JOB, prompt="Draw a fox."), "anime", "Draw a fox. In anime style."),
        (replace(JOB, prompt="画一只猫。"), "anime", "画一只猫。 In anime style."),
        (EDIT, "cyberpunk", "a fox, in cyberpunk style"),
    ],
)
def test_a_style_is_said_in_the_prompt(job: Job, style: str, prompt: str) -> None:
    changed = on(replace(job, style=style), PLAIN)
    assert (changed.prompt, changed.style) == (prompt, None)
    assert changed.notes == (Note("style", "emulated", f"{style}: said in the prompt"),)


@pytest.mark.parametrize("style", ["anime", "real"])
def test_a_style_that_the_card_takes_goes_in_its_field(style: str) -> None:
    job = replace(JOB, style=style)
    assert on(job, STYLED) == job


def test_a_style_that_the_card_does_not_know_is_said() -> None:
    assert on(replace(JOB, style="watercolor"), STYLED).prompt == "a fox, in watercolor style"


@pytest.mark.parametrize(
    ("strength", "prompt"),
    [
        (0.0, "a fox. Stay very close to the original picture."),
        (0.39, "a fox. Stay very close to the original picture."),
        (0.81, "a fox. Depart freely from the original picture."),
        (1.0, "a fox. Depart freely from the original picture."),
    ],
)
def test_a_strength_far_from_the_middle_is_said_in_the_prompt(strength: float, prompt: str) -> None:
    changed = on(replace(EDIT, strength=strength), PLAIN)
    assert (changed.prompt, changed.strength) == (prompt, None)
    assert changed.notes == (Note("strength", "emulated", f"{strength:g}: said in the prompt"),)


def test_style_and_strength_together() -> None:
    changed = on(replace(EDIT, style="anime", strength=0.1), PLAIN)
    assert changed.prompt == "a fox, in anime style. Stay very close to the original picture."
    assert [note.field for note in changed.notes] == ["style", "strength"]


@pytest.mark.parametrize(
    ("job", "card", "field"),
    [
        (replace(EDIT, strength=0.75), PLAIN, "strength"),
        (replace(JOB, strength=0.1), PLAIN, "strength"),
        (replace(EDIT, task="cutout", style="anime"), PLAIN, "style"),
        (replace(JOB, style=" - "), PLAIN, "style"),
        (replace(JOB, style="watercolor"), replace(PLAIN, prompt_chars=20), "style"),
        (replace(EDIT, strength=0.1), replace(PLAIN, prompt_chars=20), "strength"),
    ],
    ids=["in the middle", "nothing to leave", "a cut-out", "no word", "no room", "no room for more"],
)
def test_what_cannot_be_said_is_noted_as_left_out(job: Job, card: Card, field: str) -> None:
    assert on(job, card) == job
    assert [(note.field, note.what) for note in fit(job, card).notes] == [(field, "left out")]


@pytest.mark.parametrize(
    ("changes", "notes"),
    [
        ({"strength": 0.7, "notes": (DEFAULT,)}, ()),
        ({"strength": 0.7, "notes": (Note("n", "left out"), DEFAULT)}, (Note("n", "left out"),)),
    ],
)
def test_a_default_that_the_card_does_not_take_is_no_news(changes: dict[str, Any], notes: tuple[Note, ...]) -> None:
    changed = on(replace(EDIT, **changes), PLAIN)
    assert (changed.strength, changed.notes, changed.prompt) == (None, notes, "a fox")
    cut = on(replace(EDIT, task="cutout", style="anime", **changes), PLAIN)
    assert (cut.strength, cut.notes, cut.style) == (None, notes, "anime")
    kept = replace(EDIT, **changes)
    assert on(kept, STYLED) == kept


def test_a_job_without_either_is_left_alone() -> None:
    assert Plugin().on_target(JOB, Target("vendor", "m", "d", PLAIN)) is None
