"""Variables in text values."""

from __future__ import annotations

from pathlib import Path

import pytest

from koci_proxy.config.interpolate import fill, named

ENVIRON = {"A": "one", "EMPTY": "", "YAML": "x: {y: 1}", "B": "${A}"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "one"),
        ("<${A}-${A}>", "<one-one>"),
        ("${EMPTY}", ""),
        ("${EMPTY:-two}", "two"),
        ("${NONE:-two}", "two"),
        ("${NONE:-}", ""),
        ("${A:-two}", "one"),
        ("${A:?needed}", "one"),
        ("${NONE:-http://x:80}", "http://x:80"),
        ("${YAML}", "x: {y: 1}"),
        ("${B}", "${A}"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("a$$b", "a$b"),
        ("$$A", "$A"),
        ("$5 a$", "$5 a$"),
        ("${file:secret}", "s3cret"),
        ("Bearer ${file:secret}", "Bearer s3cret"),
    ],
)
def test_what_is_put_in(written: str, value: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    filled = fill({"a": [written]}, ENVIRON, tmp_path)
    assert (filled.value, filled.failed) == ({"a": [value]}, {})


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("${NONE}", "the variable NONE is not set"),
        ("x ${NONE} y", "the variable NONE is not set"),
        ("${NONE:?get one at acme.example}", "the variable NONE is not set: get one at acme.example"),
        ("${EMPTY:?}", "the variable EMPTY is not set"),
        ("${1A}", "'${1A}' names no variable (a dollar that means itself is written $$)"),
        ("${A", "'${' is not closed by '}' (a dollar that means itself is written $$)"),
        ("$A", "'$A' has no braces — did you mean '${A}'? (a dollar that means itself is written $$)"),
        ("<$A>", "'$A' has no braces — did you mean '${A}'? (a dollar that means itself is written $$)"),
        ("$OAI_2", "'$OAI_2' has no braces — did you mean '${OAI_2}'? (a dollar that means itself is written $$)"),
        # This may be a piece of a password.
        (
            "sk-a$secret",
            "holds a dollar before a letter; a variable is written ${NAME} (a dollar that means itself is written $$)",
        ),
        ("${file:none}", "there is no file none"),
        ("${file:/dev/zero}", "there is no file /dev/zero"),
        ("${file:big}", "the file big is larger than 65536 bytes"),
        ("${file:bytes}", "the file bytes is not text"),
    ],
)
def test_what_cannot_be(written: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 65_537)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    filled = fill({"a": written}, ENVIRON, tmp_path)
    assert filled.failed == {("a",): why}
    assert filled.value == {"a": written}


def test_it_knows_what_came_from_outside_and_does_not_print_it(tmp_path: Path) -> None:
    filled = fill({"a": ["x", "${A}/${NONE:-b}"], "c": "$$"}, ENVIRON, tmp_path)
    assert filled.outside == {("a", 1): ("one",)}
    assert "outside" not in repr(filled)


def test_it_knows_which_files_are_named_also_in_what_is_no_yaml() -> None:
    text = "a: '${file:/run/key}${file:own}'\n\tb: [$${file:no}, ${A:-file:no}, ${file:later/on}"
    assert list(named(text, Path("/house"))) == [Path("/run/key"), Path("/house/own"), Path("/house/later/on")]
