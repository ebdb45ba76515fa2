"""The maximum, not the average: how long a file and a function may be."""

from __future__ import annotations

import ast
from statistics import median

from .tree import called, files, functions, length, parsed, text

FILE = 400
FUNCTION = 60
MEDIAN = 10
EVERYWHERE = files("koci_proxy", "plugins", "tests", "bench")


def test_no_file_is_too_long() -> None:
    sizes = {called(path): len(text(path).splitlines()) for path in EVERYWHERE}
    assert not {name: lines for name, lines in sizes.items() if lines > FILE}


def test_no_function_is_too_long() -> None:
    wrong = [
        f"{called(path)}:{function.lineno}: {function.name} has {length(function)} lines"
        for path in EVERYWHERE
        for function in functions(path)
        if length(function) > FUNCTION
    ]
    assert not wrong, "\n".join(wrong)


def test_the_median_function_is_short() -> None:
    lengths = [length(function) for path in files("koci_proxy", "plugins") for function in functions(path)]
    print(f"{len(lengths)} functions, median {median(lengths)} lines, longest {max(lengths)}")
    assert median(lengths) < MEDIAN


def test_every_module_says_what_it_is() -> None:
    spoken = [path for path in EVERYWHERE if text(path).strip() or not called(path).startswith("tests/")]
    wrong = [called(path) for path in spoken if not (ast.get_docstring(parsed(path)) or "").strip()]
    assert not wrong, f"no docstring at the head of {', '.join(wrong)}"
