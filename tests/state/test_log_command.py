"""`koci-proxy log`: what it shows, what it leaves out, and what comes while it follows."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from koci_proxy.cli import main
from koci_proxy.cli.log import LOOKS, following, newest
from koci_proxy.cli.show import Columns
from koci_proxy.state import Database
from koci_proxy.state.requests import Asked, Entry, RequestLog
from koci_proxy.state.tables import requests

from .opened import opened

ROUTES = """
platforms: {{openai: openai}}
models: {{picture: {{to: sandbox-openai/gpt-image-2}}}}
state: "{state}"
"""
ENTRIES = (
    Entry("req_1", 0.0, "k1", "shop", "openai", "GET", "models", status=200, seconds=0.004),
    Entry(
        "req_2", 1.0, "k1", "shop", "openai", "POST", "images/generations", "picture", "generate", "b/y", 200,
        asked="2K 16:9", sent="2048x1152", got="2048x1152", pictures=2, price=8500, seconds=1.75,
        attempts=[["a/x", "down", 0.5], ["b/y", "ok", 1.25]],
    ),
    Entry(
        "req_3", 2.0, "k2", "app\x1b[31m", "openai", "POST", "images/generations", "picture", "generate", "", 503,
        "key_spent", attempts=[["a/x", "key_spent", 0.25]],
    ),
    Entry(
        "req_4", 3.0, "k1", "shop", "openai", "POST", "images/generations", "film", "video", "b/y", 200,
        attempts=[["b/y", "ok", 1.0]], pictures=1, price=4000, job="req_0",
    ),
    Entry("req_5", 4.0, "", "", "openai", "POST", "images/generations", status=401, outcome="unauthorized"),
)  # fmt: skip

Log = Callable[..., Result]


async def write(database: Database, *entries: Entry) -> None:
    log = RequestLog(database)
    for entry in entries:
        log.add(entry)
    await log.flush()


@pytest.fixture
def routes(tmp_path: Path, url: str) -> Path:
    async def written() -> None:
        async with opened(url) as database:
            now = time.time()
            for entry in ENTRIES:
                await write(database, replace(entry, at=now - 100 + 10 * entry.at))

    asyncio.run(written())
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES.format(state=url), encoding="utf-8")
    return path


@pytest.fixture
def log(routes: Path) -> Log:
    def said(*words: str) -> Result:
        return CliRunner().invoke(main, ["log", "-c", str(routes), *words])

    return said


def ids(shown: Result) -> list[str]:
    """Which calls are shown, by the last letter of their ids."""
    assert shown.exit_code == 0, shown.output
    return [word[-1] for line in shown.stdout.splitlines()[1:] for word in line.split() if word.startswith("req_")]


def test_a_call_in_one_line(log: Log) -> None:
    head, *lines = log().stdout.splitlines()
    assert [line.split()[-1] for line in (head, lines[0])] == ["attempts", "req_1"]
    assert lines[0].split()[2:6] == ["shop", "GET", "models", "200"]
    words = lines[1].split()
    assert words[2:6] == ["shop", "picture", "b/y", "200"]
    assert "2K 16:9 → 2048x1152" in lines[1]
    assert words[10:14] == ["2", "8.5", "1.75", "req_2"]
    assert lines[1].endswith("a/x down 0.50s → b/y ok 1.25s")
    assert "503 key_spent" in lines[2]
    assert lines[2].endswith("a/x key_spent 0.25s")
    assert "\x1b" not in lines[2]
    assert lines[3].split()[-3:] == ["req_4", "joined", "req_0"]
    assert lines[4].split()[2:7] == ["–", "POST", "images/generations", "401", "unauthorized"]


def test_what_is_left_out(log: Log) -> None:
    cases = {
        "": "12345",
        "-n 2": "45",
        "--key shop": "124",
        "--key k2": "3",
        "--model picture": "23",
        "--failed": "35",
        "--status 200": "124",
        "--since 75s": "45",
        "--since 75s --status 200": "4",
        "--model picture --failed --status 200": "",
        "--model film --key shop --failed": "",
    }
    assert {words: "".join(each for each in ids(log(*words.split())) if each != "0") for words in cases} == cases


def test_json_lines(log: Log) -> None:
    rows = [json.loads(line) for line in log("--json", "--model", "picture").stdout.splitlines()]
    assert [row["id"] for row in rows] == ["req_2", "req_3"]
    assert rows[0]["credits"] == "8.5"
    assert "price" not in rows[0]
    assert rows[0]["attempts"] == [
        {"target": "a/x", "outcome": "down", "seconds": 0.5},
        {"target": "b/y", "outcome": "ok", "seconds": 1.25},
    ]


def test_totals(log: Log) -> None:
    lines = log("--totals", "--status", "200").stdout.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["shop", "1", "0", "0"],
        ["shop", "film", "1", "1", "4"],
        ["shop", "picture", "1", "2", "8.5"],
    ]
    raw = [json.loads(line) for line in log("--totals", "--json", "--model", "film").stdout.splitlines()]
    assert raw == [{"key_name": "shop", "model": "film", "calls": 1, "pictures": 1, "credits": "4"}]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--since soon", "since is a time such as 30d"),
        ("--status 20", "20 is not in the range"),
        ("--totals --follow", "they cannot --follow"),
        ("-n 0", "0 is not in the range"),
        ("--key shp", "no key has the id or the name 'shp'"),
        ("--model pictre", "there is no model 'pictre' here; did you mean 'picture'?"),
        ("--totals --model pictre", "did you mean 'picture'?"),
        ("--key shop --model pictre", "did you mean 'picture'?"),
    ],
)
def test_wrong_words(words: str, says: str, log: Log) -> None:
    told = log(*words.split())
    assert told.exit_code in (1, 2)
    assert says in told.stderr


def interruptible() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_it_follows_until_it_is_interrupted(routes: Path, url: str) -> None:
    command = [
        sys.executable,
        "-m",
        "koci_proxy",
        "log",
        "-c",
        str(routes),
        "--follow",
        "--json",
        "--failed",
        "-n",
        "1",
    ]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=interruptible,
    )
    assert child.stdout is not None

    async def come() -> None:
        async with opened(url) as database:
            await write(database, Entry("req_6", time.time()), Entry("req_7", time.time(), outcome="slow"))

    assert json.loads(child.stdout.readline())["id"] == "req_5"
    asyncio.run(come())
    assert json.loads(child.stdout.readline())["id"] == "req_7"
    child.send_signal(2)
    rest, complaints = child.communicate(timeout=30)
    assert (rest, complaints, child.returncode) == ("", "", 0)


@pytest.mark.anyio
async def test_rows_that_are_written_out_of_turn_come_once_each(url: str) -> None:
    """Of two processes one may take a number first and write its row last."""
    async with opened(url) as database:
        log = RequestLog(database)
        await write(database, Entry("req_1", 1.0))
        start = await newest(log)
        steps = iter(range(2 * LOOKS + 4))

        async def out_of_turn(ids: dict[int, str]) -> None:
            rows = [asdict(Entry(id, 2.0)) | {"number": start + number, "attempts": []} for number, id in ids.items()]
            if rows:
                await database.write(lambda connection: connection.execute(requests.insert(), rows))

        late = {0: {2: "req_3"}, 1: {5: "req_6"}, LOOKS - 2: {1: "req_2", 3: "req_4"}, 2 * LOOKS + 2: {6: "req_7"}}

        async def pause() -> None:
            step = next(steps)
            await out_of_turn(late.get(step, {}))

        seen: list[str] = []
        follower = following(log, Asked(), start, {start}, pause)
        while len(seen) < 5:
            seen += [entry.id for _, entry in await anext(follower)]
        with pytest.raises(RuntimeError, match="StopIteration"):
            await anext(follower)
    assert seen == ["req_3", "req_6", "req_2", "req_4", "req_7"]


def test_columns_stay_in_line() -> None:
    columns = Columns(("name", "n"))
    assert list(columns.lines([("商店", "1"), ("a", "2")])) == ["name  n", "商店  1", "a     2"]
    assert list(columns.lines([("longer", "3"), ("a\nb", "")])) == ["longer  3", "a�b"]
    assert list(columns.lines([("b", "4")])) == ["b       4"]


def test_a_row_that_is_wider_than_the_terminal_goes_on_below() -> None:
    columns = Columns(("name", "model", "seconds", "request"), 16)
    rows = [("shop", "picture", "1.75", "req_1"), ("商店", "film", "", "")]
    assert list(columns.lines(rows)) == [
        *("name  model", "    seconds", "    request"),
        *("shop  picture", "    1.75", "    req_1"),
        "商店  film",
    ]
