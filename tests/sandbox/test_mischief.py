"""The words for what goes wrong, and which call meets it."""

from __future__ import annotations

import pytest

from koci_proxy.sandbox import Options
from koci_proxy.sandbox.mischief import WHAT, Mischief, Plot, in_prompt, parse


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("hang", Mischief("hang")),
        ("limit", Mischief("limit", "30")),
        ("limit=5", Mischief("limit", "5")),
        ("slow=0.5", Mischief("slow", "0.5")),
        ("error", Mischief("error", "500")),
        ("overloaded", Mischief("overloaded")),
        ("refuse=output", Mischief("refuse", "output")),
        (" cut-before ", Mischief("cut-before")),
        ("empty=4", Mischief("empty", "4")),
    ],
)
def test_parse(spec: str, found: Mischief) -> None:
    assert parse(spec) == found


@pytest.mark.parametrize("what", WHAT)
def test_every_word_parses_bare(what: str) -> None:
    assert parse(what).what == what


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("refues", "did you mean 'refuse'?"),
        ("castle", "there are: slow, hang"),
        ("", "no such"),
        ("slow=x", "takes a number"),
        ("slow=-1", "takes a number"),
        ("error=200", "from 400 to 599"),
        ("empty=5", "1 to 4"),
        ("hang=3", "does not take '3'"),
        ("refuse=x", "does not take 'x'"),
    ],
)
def test_parse_refuses(spec: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint.replace("?", r"\?")):
        parse(spec)


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a fox in a sandbox", None),
        ("a sandbox: with sand", None),
        ("sandbox:hang", Mischief("hang")),
        ("a fox sandbox:slow=0.5.", Mischief("slow", "0.5")),
        ("a fox (sandbox:limit=3) and more", Mischief("limit", "3")),
        ("sandbox:cut-before", Mischief("cut-before")),
    ],
)
def test_in_prompt(prompt: str, found: Mischief | None) -> None:
    assert in_prompt(prompt) == found


def test_the_nearest_word_wins() -> None:
    plot = Plot("hang", 1.0, {"k": "cut"}, 0)
    plot.set("quota")
    plot.set("limit", "k", 1)
    assert plot.pick("slow=1", "sandbox:refuse", "k") == Mischief("slow", "1")
    assert plot.pick(None, "sandbox:refuse", "k") == Mischief("refuse")
    assert plot.pick(None, "", "k") == Mischief("limit", "30")
    assert plot.pick(None, "", "k") == Mischief("cut"), "the one call it was set for is over"
    assert plot.pick(None, "", "other") == Mischief("quota")
    plot.clear()
    assert plot.pick(None, "", "other") == Mischief("hang")


def test_the_seed_fixes_who_is_hit() -> None:
    def hits(seed: int) -> list[bool]:
        plot = Plot("error", 0.3, {}, seed)
        return [plot.pick(None, "", "k") is not None for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 30 < sum(hits(1)) < 90


@pytest.mark.parametrize(
    "wrong", [{"fault": "nope"}, {"key_faults": {"k": "nope"}}, {"fault_rate": 2}, {"latency": -1}]
)
def test_options_fail_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"nope|share|seconds"):
        Options(**wrong)  # type: ignore[arg-type]  # wrong on purpose
