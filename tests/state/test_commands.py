"""Commands that open the state, on every kind of database; and those that do without it."""

from __future__ import annotations

import socket
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
    assert made.stdout.startswith("sk-koci_")
    assert made.stderr == ("" if url.startswith("postgres") else f"database made: {url.removeprefix('sqlite:///')}\n")
    listed = runner.invoke(main, ["keys", "list", "-c", str(house)])
    assert "shop" in listed.output
    assert made.stdout.strip() not in listed.output
    assert not listed.stderr
    assert runner.invoke(main, ["keys", "revoke", "shop", "-c", str(house)]).output == "revoked shop\n"
    assert runner.invoke(main, ["keys", "revoke", "shop", "-c", str(house)]).exit_code == 1


@pytest.mark.parametrize("command", [["keys", "list"], ["keys", "new", "shop"], ["serve", "--port", "0"]])
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("oracle://me:pass-word@db/koci", "sqlite"),
        (
            "postgresql://me:pass-word@127.0.0.1:1/koci",
            "state (routes.yaml:4): postgresql://me:***@127.0.0.1:1/koci does not answer: Connection refused",
        ),
    ],
)
def test_a_database_that_cannot_be_had_is_a_plain_word(house: Path, command: list[str], state: str, words: str) -> None:
    house.write_text(HOUSE.format(state=state), encoding="utf-8")
    started = [sys.executable, "-m", "koci_proxy", *command, "-c", str(house)]
    done = subprocess.run(started, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]
    assert len(done.stderr.splitlines()) <= 2
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


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["serve", "--port", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["serve", "--port", "0", "--host", "no-host.invalid"], "cannot serve on no-host.invalid:0: "),
        (["serve", "--port", "0"], "the picture store {folder}/data/media cannot be written: File exists"),
        (["explain", "picture", "-n", "0"], "n must be from 1 to 100"),
        (["explain", "picture", "-n", "-5"], "n must be from 1 to 100"),
        (["explain", "picture", "--images", "-1"], "images must be from 0 to 100"),
        (["explain", "picture", "--seconds", "nan"], "seconds must be from 0.001 to 3600"),
        (["sandbox", "--port", "99999"], "99999 is not in the range"),
        (["sandbox", "--port", "{taken}"], "cannot serve on 127.0.0.1:{taken}: Address already in use"),
        (["sandbox", "--fault", "nope"], "no such sandbox fault: 'nope'"),
        (["sandbox", "--fault-rate", "5"], "fault_rate is a share from 0 to 1"),
    ],
)
def test_what_cannot_be_done_is_a_plain_word(house: Path, command: list[str], words: str) -> None:
    house.write_text(HOUSE.format(state="sqlite:///koci.db"), encoding="utf-8")
    (house.parent / "data").mkdir()
    (house.parent / "data" / "media").write_text("in the way", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"folder": house.parent, "taken": taken.getsockname()[1]}
        config = [] if command[0] == "sandbox" else ["-c", str(house)]
        said = CliRunner().invoke(main, [*(word.format(**names) for word in command), *config])
    assert said.exit_code in (1, 2)
    assert words.format(**names) in said.stderr
    assert isinstance(said.exception, SystemExit)


@pytest.mark.parametrize(
    "command", [["check"], ["keys", "list"], ["keys", "revoke", "a"], ["credits", "check"], ["jobs"], ["log"]]
)
def test_a_folder_without_a_house_is_not_taken_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(main, command)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == "Error: no routes.yaml here; name one with -c\n"


@pytest.mark.parametrize("command", [["models"], ["plugins"]])
def test_what_only_looks_shows_the_shipped_house_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(main, command)
    assert said.exit_code == 0
    assert said.stderr == "no routes.yaml here: using the one that comes with koci-proxy\n"


def test_what_is_paid_for_and_free_is_remarked(house: Path) -> None:
    house.write_text(
        "platforms: {openai: openai}\nkeys: {openai: sk-0123456789}\nmodels:\n  short: openai/gpt-image-2\n"
        "  long: {to: openai/gpt-image-2}\n  meant: {price: 0, to: openai/gpt-image-2}\n"
        "  played: sandbox-openai/gpt-image-2\n",
        encoding="utf-8",
    )
    said = CliRunner().invoke(main, ["check", "-c", str(house)])
    assert said.exit_code == 0
    assert [line.split(": has no price, so it is free")[0] for line in said.stderr.splitlines()] == [
        "routes.yaml:4:3: models.short",
        "routes.yaml:5:3: models.long",
    ]
