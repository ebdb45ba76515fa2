"""Releases of the official SDKs beside the newest for Python, and those for Node, against one proxy over sockets.

Each runs in a process of its own, from a folder of its own that is filled from a lock with hashes: see sdks/folders.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .pictures import png, seen
from .processes import House
from .sdks import folders
from .test_conversations import fetched

WIDE = (1376, 768)
LINK = re.compile(r"http://127\.0\.0\.1:\d+/storage/images/\S+?\.(?:png|jpg|webp)")
SCRIPTS = {"openai": "via-openai", "google": "via-gemini", "anthropic": "via-openai"}


def run(house: House, folder: Path, command: list[str], name: str, **environment: str) -> Any:
    """What a script tells of its conversations; its pictures lie in `folder` afterwards."""
    (folder / "reference.png").write_bytes(png(96, 48))
    asked = [*command, house.url, house.key, SCRIPTS[name], str(folder)]
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENAI_", "ANTHROPIC_"))}
    done = subprocess.run(asked, env=plain | environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def pictures(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: seen(path.read_bytes())[1] for path in folder.iterdir() if path.name != "reference.png"}


def check(name: str, told: Any, folder: Path) -> None:
    CHECKS[name](told, folder)


def openai(told: Any, folder: Path) -> None:
    assert seen(fetched(told["link"]))[1] == (1024, 1024)
    assert pictures(folder) == {"edit": (1536, 1024), "stream": (1024, 1024)}
    assert told["events"][0] == "image_generation.completed"
    assert "via-openai" in told["models"]
    assert told["error"] == ["NotFoundError", 404, "model_not_found"]


def google(told: Any, folder: Path) -> None:
    made = {**dict.fromkeys(("generate", "edit", "stream", "history", "uploaded"), WIDE)}
    if told.get("imagen") == 2:
        made["imagen"] = WIDE
    assert pictures(folder) == made
    assert told["tokens"] == 5
    assert told["file"][:2] == ["image/png", (folder / "reference.png").stat().st_size]
    assert told["file"][2].endswith("ACTIVE")
    assert "models/via-gemini" in told["models"]
    assert told["error"][1] == 404


def anthropic(told: Any, folder: Path) -> None:
    for name in ("generate", "edit", "stream"):
        kinds, text = told[name]
        assert kinds == ["text", "image"]
        link = LINK.search(text)
        assert link
        assert seen(fetched(link[0]))[0]
    assert told["tokens"] > 0
    assert "via-openai" in told["models"]
    assert told["error"] == ["NotFoundError", 404]


CHECKS = {"openai": openai, "google": google, "anthropic": anthropic}


@pytest.mark.sockets
@pytest.mark.parametrize("lock", folders.LOCKS, ids=lambda lock: lock.stem)
def test_python_releases(house: House, tmp_path: Path, lock: Path) -> None:
    name = lock.stem.partition("-")[0]
    # -S and -P: nothing of the tests' own packages and folders may stand in for what the SDK brings.
    command = [sys.executable, "-S", "-P", str(folders.HERE / f"by_{name}.py")]
    told = run(house, tmp_path, command, name, PYTHONPATH=str(folders.python(lock)))
    assert told["version"] == lock.stem.rpartition("-")[2]
    if name == "google":
        assert told["imagen"] == (2 if told["version"] == "1.47.0" else "refused by the SDK")
    check(name, told, tmp_path)


if folders.with_node():

    @pytest.mark.sockets
    @pytest.mark.parametrize("name", SCRIPTS)
    def test_node(house: House, tmp_path: Path, name: str) -> None:
        told = run(house, tmp_path, ["node", str(folders.node() / f"by_{name}.mjs")], name)
        check(name, told, tmp_path)


def test_the_locks_name_hashes_and_no_registry() -> None:
    for lock in folders.LOCKS:
        text = lock.read_text(encoding="utf-8")
        pins = re.findall(r"^\S.*?(?:\n    .*)*$", text, re.M)
        assert pins
        assert all(re.match(r"[a-z0-9-]+==\S+", pin) and "--hash=sha256:" in pin for pin in pins)
        assert "://" not in text
        package, _, version = lock.stem.rpartition("-")
        assert f"\n{package}=={version} " in text
    node = json.loads((folders.NODE / "package-lock.json").read_text(encoding="utf-8"))
    packages = [package for place, package in node["packages"].items() if place]
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert "://" not in json.dumps(node)


@pytest.mark.parametrize(
    ("told", "ci", "found", "answer"),
    [
        ("0", "true", "node", False),
        ("1", "", "", True),
        ("", "true", "", True),
        ("", "", "node", True),
        ("", "", "", False),
    ],
)
def test_when_node_is_tried(monkeypatch: pytest.MonkeyPatch, told: str, ci: str, found: str, answer: bool) -> None:
    monkeypatch.setenv("KOCI_TEST_NODE", told)
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("shutil.which", lambda name: found or None)
    assert folders.with_node() is answer
