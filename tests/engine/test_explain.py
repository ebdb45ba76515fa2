"""What would happen to a wish for a film, told without anybody being called."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from koci_proxy import fit
from koci_proxy.cli import main
from koci_proxy.config import load, shipped
from koci_proxy.engine import Engine
from koci_proxy.engine.explain import Question
from koci_proxy.facts import Card
from koci_proxy.faults import Fault

CARDS = {
    model: card
    for provider in load(shipped() / "routes.yaml", {}).providers.values()
    for model, card in provider.models.items()
}


def explained(*words: str) -> dict[str, Any]:
    """The first target of a model of the shipped house."""
    told = CliRunner().invoke(main, ["explain", *words, "--json", "--config", str(shipped() / "routes.yaml")])
    assert told.exit_code == 0, told.output
    row: dict[str, Any] = json.loads(told.stdout)["targets"][0]
    return row


def test_a_film_is_asked_for_as_a_film() -> None:
    row = explained("veo-3-1", "--ratio", "9:16")
    assert (row["seconds"], row["price"], row["calls"]) == (8.0, "80", 1)
    assert row["size"] == {"sent": "720p 9:16", "expected": "720x1280"}
    assert row["request"]["url"].endswith("models/veo-3.1-generate-preview:predictLongRunning")


@pytest.mark.parametrize(
    ("model", "seconds", "made", "price", "notes"),
    [
        ("sora-2", "8", 8.0, "40", []),
        ("sora-2", "7", 8.0, "40", ["seconds: bent (7 → 8; one of 4, 8, 12)"]),
        ("veo-3-1", "4", 8.0, "80", []),
        ("seedance-1-0-pro", "3", 3.0, "15", []),
    ],
)
def test_its_price_is_that_of_the_seconds_which_are_made(
    model: str, seconds: str, made: float, price: str, notes: list[str]
) -> None:
    row = explained(model, "--seconds", seconds)
    assert (row["seconds"], row["price"]) == (made, price)
    assert [note for note in row["notes"] if "one of" in note] == notes


def test_its_price_is_that_of_the_seconds_that_go_with_its_tier() -> None:
    row = explained("veo-3.1-generate-preview", "--seconds", "4", "--size", "1080p")
    assert (row["seconds"], row["price"]) == (8.0, "80")
    assert "seconds: bent (4 → 8; one of 8 with 1080p)" in row["notes"]
    row = explained("veo-3.1-generate-preview", "--seconds", "4", "--size", "720p")
    assert (row["seconds"], row["price"]) == (4.0, "40")


def test_it_is_shown_in_the_terminal_too() -> None:
    told = CliRunner().invoke(main, ["explain", "sora-2", "--config", str(shipped() / "routes.yaml")])
    assert "\n   seconds: 4\n" in told.stdout


def test_a_picture_has_no_seconds() -> None:
    assert "seconds" not in explained("image-2")


@pytest.mark.parametrize(
    ("name", "task", "near"),
    [
        ("veo-3", "video", "'veo-3-1'"),
        ("sora-2-pro", "video", "'sora-2'"),
        ("dall-e-3", "generate", "'image-2"),
        ("imag-2", "edit", "'image-2'"),
        ("veo-3", None, "'veo-3-1'"),
    ],
)
def test_a_model_that_is_not_there_is_told_by_one_for_the_same_work(name: str, task: Any, near: str) -> None:
    nobody: Any = None
    engine = Engine(load(shipped() / "routes.yaml", {}), nobody, {}, nobody)
    with pytest.raises(Fault, match=f"there is no model '{name}'; did you mean {near}"):
        engine.model(name, task)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *(({"n": n}, "n") for n in (0, -5, 101, True, 1.5)),
        *(({"images": -1}, "images"), ({"seconds": 0}, "seconds"), ({"seconds": float("nan")}, "seconds")),
        *(({"mask": 1}, "mask"), ({"seconds": True}, "seconds")),
    ],
)
def test_a_question_within_reason(body: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        Question.read({"model": "image-2", **body})
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


@pytest.mark.parametrize(
    ("model", "images", "roles"),
    [
        ("veo-3.1", 2, ("reference", "reference")),
        ("veo-3.0-generate-001", 1, ("first",)),
        ("veo-3.0-generate-001", 2, ("first", "last")),
        ("sora-2", 1, ("first",)),
        ("veo-3.1", 0, ()),
    ],
)
def test_what_its_pictures_are(model: str, images: int, roles: tuple[str, ...]) -> None:
    job = Question(model, images=images).job([CARDS[model]])
    assert (job.task, fit.roles(job)) == ("video", roles)


@pytest.mark.parametrize("cards", [(), (CARDS["gpt-image-2"],), (CARDS["veo-3.1"], CARDS["gpt-image-2"])])
def test_a_model_that_makes_pictures_is_asked_for_pictures(cards: tuple[Card, ...]) -> None:
    assert Question("m").job(cards).task == "generate"
    assert (Question("m", images=1).job(cards).task, Question("m", images=1).job(cards).roles) == ("edit", ())


@pytest.mark.parametrize("seconds", [8, 7.5])
def test_seconds_are_any_number(seconds: float) -> None:
    assert Question.read({"model": "veo-3-1", "seconds": seconds}).seconds == seconds


def test_seconds_are_a_number() -> None:
    with pytest.raises(Fault) as caught:
        Question.read({"model": "veo-3-1", "seconds": "8"})
    assert (caught.value.kind, caught.value.field) == ("bad_request", "seconds")
