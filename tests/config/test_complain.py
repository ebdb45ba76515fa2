"""Complaints: the nearest word, the dotted way, the order."""

from __future__ import annotations

import pytest

from koci_proxy.config import Complaint, ConfigError
from koci_proxy.config.complain import Path, dotted, hint, nearest, spoken


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("too", ["to", "on", "price"], "to"),
        ("timout", ["timeout", "url"], "timeout"),
        ("OpenAI", ["openai", "google"], "openai"),
        ("gpt-2", ["gpt-image-2"], "gpt-image-2"),
        ("spent", ["key_spent", "down"], "key_spent"),
        ("listen", ["aliases"], None),
        ("", ["to"], None),
        ("zzz", ["to"], None),
        ("zzz", [], None),
    ],
)
def test_nearest(word: str, known: list[str], near: str | None) -> None:
    assert nearest(word, known) == near


def test_hint_names_all_where_none_is_near() -> None:
    assert hint("zzz", ["b", "a"]) == "; known: a, b"
    assert hint("zzz", []) == ""


@pytest.mark.parametrize(
    ("path", "text"),
    [((), ""), (("a",), "a"), (("models", "gpt-4.1", "to", 0), "models.gpt-4.1.to[0]"), ((0, "a"), "[0].a")],
)
def test_dotted(path: Path, text: str) -> None:
    assert dotted(path) == text


def test_spoken() -> None:
    values = ["a", "x" * 70, 5, 0.5, True, False, None, [1], {"a": 1}]
    assert [spoken(value) for value in values] == [
        *("'a'", f"'{'x' * 57}…'", "5", "0.5", "true", "false", "nothing", "a list", "a map"),
    ]


def test_the_error_holds_each_complaint_once_by_place() -> None:
    late, early = Complaint("f", 10, 1, "k", "late"), Complaint("f", 2, 1, "", "early")
    error = ConfigError([late, early, late])
    assert error.complaints == (early, late)
    assert isinstance(error, ValueError)
    assert str(error) == "f:2:1: early\nf:10:1: k: late"
