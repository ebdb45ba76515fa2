"""Remarks of `koci-proxy check`: what is good, and may yet not be meant."""

from __future__ import annotations

import pytest

from koci_proxy.config import load, remarks

from .conftest import ENVIRON, HEAD, Write

PAINT, DRAW, CUT = (
    "sandbox-openai/gpt-image-2",
    "sandbox-linkai/gpt-image-2",
    "sandbox-koukoutu-sync/background-removal",
)
PLAIN = f"platforms: {{openai: openai}}\nmodels:\n  pic: {PAINT}\n"


def remarked(write: Write, text: str) -> list[str]:
    path = write({"routes.yaml": text})
    return [str(each) for each in remarks(path, load(path, ENVIRON))]


def test_a_target_that_can_do_nothing_as_its_model_is_set_is_remarked(write: Write) -> None:
    """The others serve, so it is no mistake."""
    assert remarked(write, f"{HEAD}models:\n  pic: {{set: {{format: jpeg}}, to: [{CUT}, {PAINT}]}}\n") == [
        f"routes.yaml:4:23: models.pic.set.format: {CUT} refuses every call because of it: jpeg has no transparency: "
        "ask for png or webp"
    ]


@pytest.mark.parametrize(
    ("model", "remark"),
    [
        (
            f"{{to: [{{{PAINT}: 3}}, {{{DRAW}: 1}}]}}",
            f"14: models.pic.to[0]: SHARE {{{PAINT}: 3, {DRAW}: 1}} as one item",
        ),
        (f"[{{{PAINT}: 3}}, {{{DRAW}: 1.5}}]", f"9: models.pic[0]: SHARE {{{PAINT}: 3, {DRAW}: 1.5}} as one item"),
        (f"[{PAINT}, {{{DRAW}: 1}}]", f"37: models.pic[1]: SHARE {DRAW} without a weight"),
    ],
)
def test_a_share_written_as_an_order_is_remarked(model: str, remark: str, write: Write) -> None:
    what = remark.replace("SHARE", "a map of one shares nothing with the other items: write")
    assert remarked(write, f"{HEAD}models:\n  pic: {model}\n") == [f"routes.yaml:4:{what}"]


@pytest.mark.parametrize("to", [f"{{{PAINT}: 3, {DRAW}: 1}}", f"{{{PAINT}: 3}}", f"[{PAINT}, {DRAW}]", f"[{PAINT}: 1]"])
def test_a_share_and_an_order_are_not(to: str, write: Write) -> None:
    assert remarked(write, f"{HEAD}models:\n  pic: {{to: {to}}}\n") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "keys: {openai: {of: [a, b], weights: [3, 1]}}\n",
            ["4:29: keys.openai.weights: count only with balance: weighted, and here it is least_busy"],
        ),
        (
            "keys: {openai: {of: a, weights: [3]}}\nbalance: fastest\n",
            ["4:24: keys.openai.weights: count only with balance: weighted, and here it is fastest"],
        ),
        (
            "keys: {openai: [a, b]}\nbalance: weighted\n",
            ["5:10: balance: weighted, and nothing under keys has weights, so that all keys are picked alike"],
        ),
        ("keys: {openai: {of: [a, b], weights: [3, 1]}}\nbalance: weighted\n", []),
        ("balance: round_robin\n", []),
    ],
)
def test_weights_that_nobody_looks_at_are_remarked(text: str, expected: list[str], write: Write) -> None:
    assert remarked(write, PLAIN + text) == [f"routes.yaml:{each}" for each in expected]
