"""Names: no vendor's in the core, and no name that says nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from .tree import ROOT, called, files, parsed, text

# Long enough to be looked for inside other words.
VENDORS = {
    *("google", "gemini", "openai", "anthropic", "claude", "linkai", "seedream", "koukoutu"),
    *("doubao", "aioagi", "antigravity", "volcengine"),
}
# Short ones count as a word of their own only: "mark" holds no "ark".
SHORT = {"veo", "imagen", "gpt", "ark", "volc", "dalle"}
HOLLOW = {"manager", "handler", "helper", "helpers", "util", "utils", "base", "impl"}

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
CORE = [path for path in files("koci_proxy") if "sandbox" not in path.relative_to(ROOT).parts]


def words(line: str) -> set[str]:
    """The words of a line in lower case: `ArkClient`, `ark_client` and `ark-4.5` all hold `ark`."""
    return {word.lower() for word in WORD.findall(re.sub(r"(?i)dall[-_ ·]?e(?![a-z])", "dalle", line))}


def vendors(line: str) -> set[str]:
    low = line.lower()
    return {name for name in VENDORS if name in low} | (words(line) & SHORT)


def test_the_core_names_no_vendor() -> None:
    lines = ((f"{called(path)}:{i}", line) for path in CORE for i, line in enumerate(text(path).splitlines(), 1))
    wrong = [f"{where}: {', '.join(sorted(found))}" for where, line in lines if (found := vendors(line))]
    wrong += [f"{called(path)}: the file's name" for path in CORE if vendors(called(path))]
    assert not wrong, "\n".join(wrong)


def hollow(name: str) -> bool:
    """`BaseStore` and `http_utils` say nothing; `base64` does."""
    parts = re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", name)
    return any(part.lower() in HOLLOW for part in parts)


def class_names() -> Iterator[tuple[str, str]]:
    for path in files("koci_proxy", "plugins", "tests", "bench"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                yield f"{called(path)}:{node.lineno}", node.name


def test_no_name_says_nothing() -> None:
    modules = [(called(path), path.stem) for path in files("koci_proxy", "plugins", "tests", "bench")]
    wrong = [f"{where}: {name}" for where, name in [*modules, *class_names()] if hollow(name)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("a mark in the dark market", set()),
        ('headers["x-goog-api-key"]', set()),
        ("class ArkReply:", {"ark"}),
        ("from .ark import decode", {"ark"}),
        ("gpt-image-2", {"gpt"}),
        ("GPT4 and DALL-E", {"gpt", "dalle"}),
        ("use_dall_e_3", {"dalle"}),
        ("installed all examples", set()),
        ("speaks OpenAIStyle", {"openai"}),
        ("imagenet", set()),
        ("veo_3", {"veo"}),
    ],
)
def test_the_vendor_rule_itself(line: str, found: set[str]) -> None:
    assert vendors(line) == found


@pytest.mark.parametrize(
    ("name", "answer"),
    [("BaseStore", True), ("http_utils", True), ("KeyManager", True), ("base64", False), ("Database", False)],
)
def test_the_hollow_rule_itself(name: str, answer: bool) -> None:
    assert hollow(name) is answer
