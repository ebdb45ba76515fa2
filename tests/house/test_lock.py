"""What pip installs is pinned by hash, and answers what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from .tree import ROOT, text

PROJECT = tomllib.loads(text(ROOT / "pyproject.toml"))
GROUPS = PROJECT["dependency-groups"]
ASKED = {
    "run": [*PROJECT["project"]["dependencies"], *GROUPS["build"]],
    "dev": [*PROJECT["project"]["dependencies"], *GROUPS["dev"]],
    "bench": [*PROJECT["project"]["dependencies"], *GROUPS["dev"], *GROUPS["bench"]],
}
LINE = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)[^\n]*?(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M
)


def locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Package -> version and hashes."""
    found = LINE.finditer(text(ROOT / "requirements" / f"{name}.txt"))
    return {hit["name"]: (hit["version"], frozenset(re.findall(r"sha256:\w+", hit["hashes"]))) for hit in found}


def asked(lines: Iterable[str | Mapping[str, str]]) -> dict[str, SpecifierSet]:
    """What pyproject.toml asks for, groups within groups opened."""
    found: dict[str, SpecifierSet] = {}
    for line in lines:
        if isinstance(line, str):
            need = Requirement(line)
            found[need.name.lower()] = need.specifier
        else:
            found |= asked(GROUPS[line["include-group"]])
    return found


@pytest.mark.parametrize("name", ASKED)
def test_the_lock_answers_the_project(name: str) -> None:
    have = locked(name)
    for package, versions in asked(ASKED[name]).items():
        assert package in have, f"{package} is not in requirements/{name}.txt: run scripts/lock"
        assert versions.contains(have[package][0], prereleases=True), f"{package} {have[package][0]}: run scripts/lock"


@pytest.mark.parametrize("name", ASKED)
def test_every_line_of_the_lock_is_pinned_by_hash(name: str) -> None:
    content = text(ROOT / "requirements" / f"{name}.txt")
    # A package may stand there twice, with a version for each Python.
    assert len(LINE.findall(content)) == len(re.findall(r"^\S+", content, re.M))
    assert "://" not in content, "the lock names a registry"
    assert not re.search(r"^-", content, re.M), "the lock holds an option of pip"


def test_whoever_installed_dev_can_run() -> None:
    assert locked("run").items() <= locked("dev").items()


def test_the_build_is_pinned_to_the_locked_one() -> None:
    assert PROJECT["build-system"]["requires"] == [f"hatchling=={locked('run')['hatchling'][0]}"]
