"""The contract tests that a stranger's file is run against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from koci_proxy.plugins import contract

ROOT = Path(__file__).parents[2]
# The statuses of a job that has nothing to show.
LINKLESS = ("queued", "running", "refused", "failed", "expired", "cancelled")
FRONT = """
from koci_proxy import Fault, Frame, Job, Listing, Reply, Result, Call
from koci_proxy.wire import Json
KEEP_ALIVE = END = b""
DELIVER = "url"
def schema(call): return None
def parse(call):
    if call.path != "ask": raise Fault("not_found", "no")
    return Job(call.body.value["model"], call.body.value["prompt"])
def render(result, job): return Reply(200)
def fail(fault): return Reply(fault.status)
def frame(event, job): return (Frame(None, {}),)
def fail_frame(fault, job): return Frame(None, {})
def catalogue(names, listing): return Reply(200)
"""
JOBS = """
def accepted(state): return Reply(202, {}, Json(state.id))
def progress(state): return Reply(200, {}, Json([state.result.media[0].url if state.result else str(state.fault)]))
def story(state): return [Frame(None, state.status)]
def listed(states, lookup, more): return Reply(200, {}, Json([state.id for state in states] + [lookup.limit, more]))
def deleted(state): return Reply(204)
"""
NAMED = """
def named(field, job):
    return {"images[0]": "first", "video": "film"}.get(field, field)
"""
BACK = """
from koci_proxy import Call, Fault
from koci_proxy.wire import Json
def encode(job, target): return Call("POST", "ask", body=Json({"model": job.model, "prompt": job.prompt}))
def decode(reply, job, target): raise Fault("empty", "nothing came")
"""


TASKS = """
def poll(ticket, job, target): return Call("GET", f"tasks/{ticket.handle['id']}")
def cancel(ticket, job, target): return Call("DELETE", f"tasks/{ticket.handle['id']}")
"""


def tried(folder: Path, source: str, name: str = "x.py") -> list[str]:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(source, encoding="utf-8")
    return contract(file)


@pytest.mark.parametrize(
    ("source", "breaks"),
    [
        ("def on_job(job): return job", []),
        ("async def on_result(result): return None", []),
        ("from koci_proxy import Fault\ndef on_call(): raise Fault('refused', 'its right')", []),
        ("def on_plan(targets): return targets[:0]", []),
        ("class Plugin:\n  def __init__(self, words: list[str]): ''.join(words)\n  def on_job(self): ...", []),
        (
            "from __future__ import annotations\n"
            "class Plugin:\n  def __init__(self, n: int): n + 1\n  def on_job(self): ...",
            [],
        ),
        (
            "class Plugin:\n  def __init__(self, path: str): open(path)\n  def on_job(self): ...",
            ["FileNotFoundError", "it could not be made with the options {path: 'sample'}"],
        ),
        ("class Plugin:\n  def __init__(self, what): ...\n  def on_job(self): ...", ["option 'what' is missing"]),
        ("class Plugin:\n  def __init__(self, n: list[int]): sum(n)\n  def on_job(self): ...", []),
        (
            "import time\ndef on_job():\n  end = time.perf_counter() + 0.11\n  while time.perf_counter() < end: pass",
            ["on_job took 0.1"],
        ),
        ("import asyncio\nasync def on_job(): await asyncio.sleep(0.11)", []),
        ("def on_jobb(): ...", ["no hook 'on_jobb' — did you mean 'on_job'?"]),
        ("def on_job(): return 1", ["the plugin 'x' gave int back from on_job, not Job"]),
        ("def on_fault(): 1 / 0", ["the plugin 'x' failed in on_fault: ZeroDivisionError: division by zero"]),
        ("def (", ["SyntaxError"]),
    ],
)
def test_plugins(tmp_path: Path, source: str, breaks: list[str]) -> None:
    found = tried(tmp_path, source)
    assert len(found) == len(breaks), found
    assert all(wanted in line for line, wanted in zip(found, breaks, strict=True)), found


@pytest.mark.parametrize(
    ("source", "breaks"),
    [
        (FRONT, []),
        (BACK, []),
        (FRONT + BACK, []),
        (FRONT.replace('DELIVER = "url"', 'DELIVER = "post"'), ["DELIVER must be one of url, base64"]),
        (FRONT.replace('b""', '""'), ["KEEP_ALIVE must be bytes", "END must be bytes"]),
        (
            FRONT.replace("def render(result, job): return Reply(200)", "def render(result): ..."),
            ["render(result) cannot be called with (result, job)"],
        ),
        (FRONT.replace("job): return Reply(200)", "job): return Reply(404)"), ["gave status 404"] * 2),
        (FRONT.replace("Reply(fault.status)", "Reply(200)"), ["gave status 200, not "] * 22),
        (FRONT.replace("(Frame(None, {}),)", "({},)"), ["must give Frames"] * 3),
        (FRONT.replace('if call.path != "ask"', "if False"), ["parse of an unknown path raised KeyError: 'model'"]),
        (FRONT.replace("def fail_frame(fault, job): return Frame(None, {})", ""), ["'fail_frame' is missing"]),
        (FRONT.replace('value["prompt"]', 'value["model"]') + BACK, ["parse of what encode wrote lost the prompt"]),
        (FRONT + JOBS, []),
        (
            (FRONT + JOBS).replace("Reply(202, {}, Json(state.id))", "None"),
            ["accepted of a queued job gave NoneType", "accepted of a running job gave NoneType"],
        ),
        (
            (FRONT + JOBS).replace("if state.result else str(state.fault)", ""),
            [f"progress of a {status} job raised AttributeError" for status in LINKLESS],
        ),
        ((FRONT + JOBS).replace("progress(state): return Reply(200", "progress(state): return Reply(404"), ["404"] * 4),
        ((FRONT + JOBS).replace("[Frame(None, state.status)]", "[state.status]"), ["must give Frames"] * 8),
        ((FRONT + JOBS).replace("[Frame(None, state.status)]", "()"), ["so that nobody hears of the end"] * 6),
        ((FRONT + JOBS).replace("more): return Reply", "more): Reply"), ["gave NoneType back, not Reply"] * 2),
        ((FRONT + JOBS).replace("lookup.limit", "lookup.marks"), []),  # only its own parse knows what is in a lookup
        ((FRONT + JOBS).replace("Reply(204)", "Reply(500)"), ["gave status 500"] * 8),
        (FRONT + NAMED, []),
        (FRONT + NAMED.replace("(field, job):", "(field):"), ["named(field) cannot be called with (field, job)"]),
        (FRONT + NAMED.replace(", field)", ")"), ["gave NoneType back, not str"] * 48),
        (FRONT + NAMED.replace(", field)", ", 'body')"), ["named of 'no_such_field' for generate", "edit", "video"]),
        (FRONT + NAMED.replace('"film"', '""'), ["named of 'video' for generate gave ''", "edit", "video"]),
        (FRONT + NAMED.replace(".get(field, field)", "[field]"), ["raised KeyError"] * 48),
        (BACK + TASKS, []),
        (BACK + TASKS.replace("handle['id']", "handle['id'][0]['x']"), []),  # only its author knows the handle
        (BACK + TASKS.replace("return Call", "Call"), ["poll of a sample gave NoneType", "cancel of a sample gave"]),
        (BACK.replace('raise Fault("empty", "nothing came")', "return 1"), ["gave int back, not Result or Ticket"] * 2),
        (
            BACK.replace('raise Fault("empty", "nothing came")', "return Result(())").replace("Fault\n", "Result\n"),
            ["gave a Result without a picture"] * 2,
        ),
    ],
)
@pytest.mark.parametrize("name", ["dialects/x.py", "x.py"])
def test_dialects(tmp_path: Path, source: str, breaks: list[str], name: str) -> None:
    found = tried(tmp_path, source, name)
    assert len(found) == len(breaks), found
    assert all(wanted in line for line, wanted in zip(found, breaks, strict=True)), found


def test_options_given_are_used(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("class Plugin:\n  def __init__(self, n: int): 1 / (n - 1)\n  def on_job(self): ...")
    assert "ZeroDivisionError" in contract(file)[0]
    assert contract(file, {"n": 2}) == []
    assert contract(file, {"m": 2})[0].endswith("no option 'm' (it takes n)")


@pytest.mark.parametrize("head", ["", "from __future__ import annotations\n"])
@pytest.mark.parametrize(
    ("kind", "value", "breaks"),
    [
        ("list[str]", "forbidden", ["option 'one' must be a list, not text"]),
        ("list[str]", ["a", 5], ["option 'one[1]' must be text, not 5"]),
        ("list", {"a": 1}, ["option 'one' must be a list, not a map"]),
        ("dict[str, int]", {"a": "b"}, ["option 'one.a' must be a whole number, not text"]),
        ("str", 5, ["option 'one' must be text, not 5"]),
        ("int", 1.5, ["option 'one' must be a whole number, not 1.5"]),
        ("int", True, ["option 'one' must be a whole number, not true"]),
        ("float", "1", ["option 'one' must be a number, not text"]),
        ("bool", "on", ["option 'one' must be true or false, not text"]),
        ("bool", None, ["option 'one' must be true or false, not nothing"]),
        *(("list[str]", ["a"], []), ("list", [], []), ("dict[str, list[int]]", {"a": [1]}, []), ("float", 1, [])),
        # What these are is the plugin's own business, or a checker's.
        *(("str | None", 5, []), ("tuple[str, ...]", ["a"], []), ("'Job'", 5, []), ("'NoSuch'", 5, [])),
    ],
)
def test_options_are_of_the_plain_types_they_name(
    tmp_path: Path, head: str, kind: str, value: Any, breaks: list[str]
) -> None:
    file = tmp_path / "x.py"
    file.write_text(f"{head}class Plugin:\n  def __init__(self, one: {kind}): ...\n  def on_job(self): ...")
    assert [line.partition("x.py: ")[2] for line in contract(file, {"one": value})] == breaks


def test_a_sibling_of_another_folder(tmp_path: Path) -> None:
    (tmp_path / "theirs" / "dialects").mkdir(parents=True)
    (tmp_path / "theirs" / "dialects" / "old.py").write_text(BACK)
    file = tmp_path / "dialects" / "new.py"
    file.parent.mkdir()
    file.write_text("from .old import decode, encode")
    assert contract(file, folders=[tmp_path / "theirs"]) == []
    assert "ModuleNotFoundError" in contract(file)[0]


def test_the_example_keeps_it() -> None:
    assert contract(ROOT / "examples" / "plugins" / "banned_words.py") == []


@pytest.mark.parametrize("file", sorted((ROOT / "plugins").glob("*/[!_]*.py")), ids=lambda file: file.stem)
def test_the_house_s_own_keep_it(file: Path) -> None:
    assert contract(file) == []
