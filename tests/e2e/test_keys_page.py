"""docs/keys.md: its commands do what it says, as they are printed."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.prose import blocks
from tests.house.tree import ROOT, text

from .processes import Sandbox, proxy

# Whatever an answer says is shown, and one that says no ends the script.
CURL = 'curl() { command curl -sS --fail-with-body "$@"; }\n'


@pytest.mark.sockets
def test_every_command_of_the_page(vendor: Sandbox, tmp_path: Path) -> None:
    script = CURL + "\n".join(blocks(text(ROOT / "docs" / "keys.md"), {"sh"}))
    with proxy(tmp_path, vendor, text(ROOT / "routes.yaml")) as house:
        script = script.replace("http://127.0.0.1:8080", house.url)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = {**os.environ, "PATH": path, "ADMIN": house.admin}
        done = subprocess.run(
            ["sh", "-eu", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300
        )
    assert (done.returncode, done.stderr.replace("the old key is good until", "").count("\n")) == (0, 1), done.stderr
    said = done.stdout
    assert len([line for line in said.splitlines() if line.startswith("sk-koci_")]) == 2
    assert "shop: 600 left" in said
    assert "shop: 597.5 left" in said
    assert "entries: 3, together 597.5 credits" in said
    assert "the books balance" in said
    assert '"state":"revoked"' in said.splitlines()[-1]
    statement = (tmp_path / "statement.csv").read_text(encoding="utf-8")
    assert [row["note"] for row in csv.DictReader(io.StringIO(statement))] == [
        "with the key",
        "invoice 7",
        "booked twice",
    ]
    for line in (tmp_path / "calls.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["id"].startswith("req_")
