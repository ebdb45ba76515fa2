"""YAML as the house reads it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from koci_proxy.config import yaml as house_yaml
from koci_proxy.config.yaml import read
from koci_proxy.sizes import RATIOS

EXTREME = ("1:4", "4:1", "1:8", "8:1", "3:1")


@pytest.mark.parametrize("ratio", [*RATIOS, *EXTREME])
def test_a_ratio_stays_text_as_a_value_as_a_key_and_in_a_flow(ratio: str) -> None:
    text = f"a: {ratio}\nb: [{ratio}]\nc: {{{ratio}: 1x1}}\n{ratio}: x\n"
    assert read("f", text).value == {"a": ratio, "b": [ratio], "c": {ratio: "1x1"}, ratio: "x"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("2024-01-01", "2024-01-01"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("2K", "2K"),
        ("30d", "30d"),
        ("${X}", "${X}"),
        ("'16'", "16"),
        ("!!str 16", "16"),
        ("=", "="),
        ("<<", "<<"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("010", 10),
        ("-7", -7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
    ],
)
def test_the_core_schema_and_nothing_else(written: str, value: Any) -> None:
    found = read("f", f"a: {written}\n").value["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_always_text() -> None:
    assert read("f", "512: a\ntrue: b\n~: c\n1.5: d\n").value == {"512": "a", "true": "b", "~": "c", "1.5": "d"}


def test_anchors_and_aliases() -> None:
    document = read("f", "a: &x {q: 1}\nb: *x\n")
    assert document.value == {"a": {"q": 1}, "b": {"q": 1}}
    assert str(document.about(("b", "q"), "wrong")) == "f:2:4: b.q: wrong"


def test_every_value_and_key_has_its_mark() -> None:
    document = read("f", "a:\n  b: [1, {c: 2}]\n")
    assert document.marks[("a", "b", 1, "c")] == (2, 14)
    assert document.keys[("a", "b", 1, "c")] == (2, 11)
    assert document.keys[("a", "b")] == (2, 3)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: a: written twice; the first is on line 1"),
        ("m:\n  x: {p: 1, p: 2}\n", "f:2:13: m.x.p: written twice; the first is on line 2"),
        ("1: a\n'1': b\n", "f:2:1: 1: written twice; the first is on line 1"),
        ("a:\n\tb: 1\n", "f:2:1: a tab cannot indent in YAML; use spaces"),
        ("a: b: c\n", "f:1:5: a second ': ' in one value; put the text in quotes, or check the indentation"),
        ("k: [${A}]\n", "f:1:6: inside [ ] or { } a ${VARIABLE} needs quotes around it"),
        ("k: {a: ${A}}\n", "f:1:9: inside [ ] or { } a ${VARIABLE} needs quotes around it"),
        (
            "a: [1\nb: 2\n",
            "f:2:2: not readable as YAML: did not find expected ',' or ']' (while parsing a flow sequence on line 1)",
        ),
        ("--- a\n--- b\n", "f:2:1: a second document begins here; one file holds one"),
        ("a: *x\n", "f:1:4: a: no anchor '&x' ends before this alias"),
        ("&a [*a]\n", "f:1:5: [0]: no anchor '&a' ends before this alias"),
        ("a: !!binary aGk=\n", "f:1:4: a: the tag tag:yaml.org,2002:binary has no meaning here; leave it out"),
        (
            "a: !!python/name:os.x ''\n",
            "f:1:4: a: the tag tag:yaml.org,2002:python/name:os.x has no meaning here; leave it out",
        ),
        ("a: .inf\n", "f:1:4: a: .inf is no number that can be worked with"),
        ("a: 1e999\n", "f:1:4: a: 1e999 is no number that can be worked with"),
        ("? [a]\n: b\n", "f:1:3: a key must be a plain word"),
        ("a: \x07\n", "f:1:4: holds a character that YAML does not allow (a control character?)"),
        ("[" * 100_000, "f:1:42: nested more than 40 levels deep"),
        ("{a: " * 100_000, "f:1:165: nested more than 40 levels deep"),
        (BOMB, "f:6:8: f[0]: the file unfolds to more than 200000 values"),
    ],
)
def test_what_is_refused(text: str, complaint: str) -> None:
    assert [str(one) for one in read("f", text).complaints] == [complaint]


def test_all_doubled_keys_are_named_and_the_first_value_stays() -> None:
    document = read("f", "a: 1\na: 2\nb: 1\nb: 2\n")
    assert [one.line for one in document.complaints] == [2, 4]
    assert document.value == {"a": 1, "b": 1}


def test_without_the_c_parser_it_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: [16:9, {1:1: 2x3}]\nb: on\nc: &x 010\nd: *x\n"
    fast = read("f", text)
    monkeypatch.setattr(house_yaml, "_Parser", yaml.SafeLoader)
    assert read("f", text) == fast
