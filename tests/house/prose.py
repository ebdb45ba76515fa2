"""The project's Markdown, as the house tests read it: blocks, code in a line, links, rows of tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .tree import ROOT, files, text

FENCE = re.compile(r"^```(?P<kind>[\w-]*)[^\n]*\n(?P<body>.*?)^```\s*?$", re.M | re.S)
SHELL = {"sh", "bash", "console"}


def pages() -> list[Path]:
    return files(".", suffix=".md")


def manual() -> str:
    """README and docs in one text: where a fact for users has to stand."""
    return "\n".join(text(path) for path in [ROOT / "README.md", *files("docs", suffix=".md")])


def blocks(source: str, kinds: set[str]) -> list[str]:
    return [hit["body"] for hit in FENCE.finditer(source) if hit["kind"] in kinds]


def inline(source: str) -> list[str]:
    """What stands between single backticks outside of blocks."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", source))


def links(source: str) -> list[str]:
    """Targets of Markdown links outside of code, as written."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", source))
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", prose)


def rows(source: str) -> Iterator[list[str]]:
    """The cells of every table row, backticks off."""
    for line in source.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            yield [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def commands(source: str, program: str) -> list[str]:
    """What is said to `program`, in code lines and shell blocks: the words after its name."""
    said = [*inline(source), *(line for block in blocks(source, SHELL) for line in block.splitlines())]
    starts = re.compile(rf"^\s*(?:\$ )?(?:[\w./-]*/)?{re.escape(program)}\s+(.+)$")
    return [hit[1].strip() for line in said if (hit := starts.match(line))]
