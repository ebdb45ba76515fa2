"""The words for what goes wrong, and which call meets it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from koci_proxy.sandbox import Options
from koci_proxy.sandbox.mischief import WHAT, Mischief, Plot, in_prompt, parse, taking


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
        ("take=0.5", Mischief("take", "0.5")),
        ("fail", Mischief("fail")),
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
        ("castle", "there are: slow, take, hang"),
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
        ("sandbox:take=3 a fox sandbox:fail", Mischief("fail")),
        ("sandbox:take=3", None),
    ],
)
def test_in_prompt(prompt: str, found: Mischief | None) -> None:
    assert in_prompt(prompt) == found


@pytest.mark.parametrize(
    ("mischief", "prompt", "seconds"),
    [
        (None, "a fox", None),
        (None, "a fox sandbox:take", 10.0),
        (Mischief("fail"), "sandbox:fail sandbox:take=0.5", 0.5),
        (Mischief("take", "7"), "a fox", 7.0),
        (Mischief("take", "7"), "sandbox:take=3", 3.0),
        (Mischief("slow", "7"), "a fox", None),
    ],
)
def test_how_long_a_task_takes(mischief: Mischief | None, prompt: str, seconds: float | None) -> None:
    assert taking(mischief, prompt) == seconds


def test_a_fault_may_be_for_one_kind_of_calls() -> None:
    plot = Plot(None, 1.0, {}, 0)
    plot.set("error", on="look", times=2)
    hit = Mischief("error", "500")
    assert plot.pick(None, "", "k", "submit") is None
    assert [plot.pick(None, "", "k", "look") for _ in range(3)] == [hit, hit, None]
    assert plot.host() is None
    plot.set("cut", on="download", times=1)
    assert [plot.host(), plot.host()] == [Mischief("cut"), None]
    plot.set("cut")
    assert plot.host() is None, "what stands for all calls is not about links"
    with pytest.raises(ValueError, match="one of submit, look, download, cancel"):
        plot.set("cut", on="upload")


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


def test_the_page_names_every_word() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    table = page.partition("| word | what happens |")[2].partition("\n\n")[0]
    assert re.findall(r"(?m)^\| `([a-z-]+)` \|", table) == list(WHAT)


def test_the_seed_fixes_who_is_hit() -> None:
    def hits(seed: int) -> list[bool]:
        plot = Plot("error", 0.3, {}, seed)
        return [plot.pick(None, "", "k") is not None for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 30 < sum(hits(1)) < 90


@pytest.mark.parametrize(
    "wrong",
    [{"fault": "nope"}, {"key_faults": {"k": "nope"}}, {"fault_rate": 2}, {"latency": -1}, {"film_seconds": -1}],
)
def test_options_fail_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"nope|share|seconds"):
        Options(**wrong)  # type: ignore[arg-type]  # wrong on purpose
