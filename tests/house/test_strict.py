"""What nobody may write here: errors swallowed whole, tests that wait by the clock, promises in comments."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .tree import called, comments, files, parsed, text

BROAD = {"Exception", "BaseException"}
PYTHON = files("koci_proxy", "plugins", "tests", "bench", "examples")
TESTS = files("tests")
PROMISE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
Finder = Callable[[ast.AST], bool]


def name(node: ast.AST | None) -> str:
    """The last word of a dotted name: `pytest.mark.skip` -> `skip`."""
    if isinstance(node, ast.Call):
        return name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_broad(node: ast.AST) -> bool:
    """Catches all there is and swallows it: one that ends with `raise`, or logs the error whole, swallows nothing."""
    if isinstance(node, ast.ExceptHandler):
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        everything = node.type is None or any(name(one) in BROAD for one in caught)
        return everything and not isinstance(node.body[-1], ast.Raise) and not _logs(node)
    return isinstance(node, ast.Call) and name(node) == "suppress" and any(name(one) in BROAD for one in node.args)


def _logs(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Call) and name(node) == "exception" for node in ast.walk(handler))


def sleeps(node: ast.AST) -> bool:
    """A wait of a written number of seconds; a nought only lets others run."""
    if not (isinstance(node, ast.Call) and name(node) == "sleep" and node.args):
        return False
    return isinstance(node.args[0], ast.Constant) and bool(node.args[0].value)


def leaves_out(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"skip", "skipif", "xfail", "importorskip"}
        and _is_pytest(node)
    )


def _is_pytest(node: ast.AST) -> bool:
    return _is_pytest(node.value) if isinstance(node, ast.Attribute) else name(node) == "pytest"


def found(paths: list[Path], finder: Finder) -> Iterator[tuple[Path, int]]:
    for path in paths:
        for node in ast.walk(parsed(path)):
            if finder(node):
                yield path, getattr(node, "lineno", 0)


def listed(places: Iterator[tuple[Path, int]]) -> str:
    return "\n".join(f"{called(path)}:{line}" for path, line in places)


def reasoned(path: Path, line: int) -> bool:
    """Whether a comment on the line, or on the one above or below it, says why."""
    return any(abs(at - line) <= 1 and len(comment.split()) >= 4 for at, comment in comments(path))


def test_nothing_is_caught_whole_without_a_reason() -> None:
    wrong = [
        f"{called(path)}:{line}"
        for path, line in found(PYTHON, is_broad)
        if not (called(path).startswith("koci_proxy/") and reasoned(path, line))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_test_waits_by_the_clock() -> None:
    assert not listed(found(TESTS, sleeps))


def test_no_test_is_left_out() -> None:
    assert not listed(found(TESTS, leaves_out))


def test_every_type_ignore_names_its_error() -> None:
    bare = re.compile(r"type:\s*ignore(?!\[)")
    assert not listed((path, line) for path in PYTHON for line, comment in comments(path) if bare.search(comment))


def test_no_promises() -> None:
    other = [path for suffix in (".md", ".yaml", ".json", ".toml") for path in files(".", suffix=suffix)]
    lines = ((path, line, words) for path in other for line, words in enumerate(text(path).splitlines(), 1))
    wrong = [(path, line) for path, line, words in lines if PROMISE.search(words)]
    wrong += [(path, line) for path in PYTHON for line, words in comments(path) if PROMISE.search(words)]
    assert not listed(iter(wrong))


@pytest.mark.parametrize(
    ("code", "finder"),
    [
        ("try: f()\nexcept: pass", is_broad),
        ("try: f()\nexcept Exception: pass", is_broad),
        ("try: f()\nexcept (ValueError, builtins.BaseException): pass", is_broad),
        ("with contextlib.suppress(Exception): f()", is_broad),
        ("time.sleep(0.1)", sleeps),
        ("await anyio.sleep(1)", sleeps),
        ("pytest.skip('no')", leaves_out),
        ("@pytest.mark.xfail(strict=True)\ndef f(): ...", leaves_out),
        ("@pytest.mark.skipif(True)\ndef f(): ...", leaves_out),
    ],
)
def test_the_rules_find(code: str, finder: Finder) -> None:
    assert any(finder(node) for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize(
    ("code", "finder"),
    [
        ("try: f()\nexcept ValueError: pass", is_broad),
        ("try: f()\nexcept BaseException:\n    g()\n    raise", is_broad),
        ("try: f()\nexcept Exception: log.exception('f failed')", is_broad),
        ("await asyncio.sleep(0)", sleeps),
        ("stream.skip(3)", leaves_out),
    ],
)
def test_the_rules_let_pass(code: str, finder: Finder) -> None:
    assert not any(finder(node) for node in ast.walk(ast.parse(code)))
