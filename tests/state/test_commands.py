"""Commands that open the state, on every kind of database; and those that do without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from koci_proxy.cli import main

HOUSE = """
platforms: {{openai: openai}}
models: {{picture: {{to: sandbox-openai/gpt-image-2}}}}
state: "{state}"
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return tmp_path / "routes.yaml"


def test_keys(house: Path, url: str) -> None:
    house.write_text(HOUSE.format(state=url), encoding="utf-8")
    runner = CliRunner()
    made = runner.invoke(main, ["keys", "new", "shop", "-c", str(house)])
    assert made.output.startswith("sk-koci_")
    listed = runner.invoke(main, ["keys", "list", "-c", str(house)])
    assert "shop" in listed.output
    assert made.output.strip() not in listed.output
    assert runner.invoke(main, ["keys", "revoke", "shop", "-c", str(house)]).output == "revoked shop\n"
    assert runner.invoke(main, ["keys", "revoke", "shop", "-c", str(house)]).exit_code == 1


@pytest.mark.parametrize("command", [["keys", "list"], ["keys", "new", "shop"], ["serve", "--port", "0"]])
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("oracle://me:pass-word@db/koci", "it can be sqlite:// or postgresql://"),
        ("postgresql://me:pass-word@127.0.0.1:1/koci", "the state database does not answer"),
    ],
)
def test_a_database_that_cannot_be_had_is_a_plain_word(house: Path, command: list[str], state: str, words: str) -> None:
    house.write_text(HOUSE.format(state=state), encoding="utf-8")
    started = [sys.executable, "-m", "koci_proxy", *command, "-c", str(house)]
    done = subprocess.run(started, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]
    assert "pass-word" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "command", [["--help"], ["keys", "--help"], ["log", "--help"], ["serve", "--help"], ["models"], ["check"]]
)
def test_who_needs_no_database_loads_none(house: Path, command: list[str]) -> None:
    house.write_text(HOUSE.format(state="sqlite:///koci.db"), encoding="utf-8")
    program = (
        "import sys\nfrom koci_proxy.cli import main\nmain(sys.argv[1:], standalone_mode=False)\n"
        "print('sqlalchemy' in sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *command], cwd=house.parent, capture_output=True, text=True)
    assert done.stderr == "False\n"
