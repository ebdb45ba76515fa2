"""The contract tests that a stranger's file is run against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from koci_proxy.cli import main
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
# A plugin that works on the pixels: what it is tried with can be opened.
PIXELS = """
import io
from PIL import Image
def on_result(result):
    for media in result.media:
        Image.open(io.BytesIO(b"".join(media.data.pieces()))).load()
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


WAITS = BACK.replace('raise Fault("empty", "nothing came")', "return Ticket({'id': 1})").replace("Fault\n", "Ticket\n")


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
        ("def on_job(): raise SystemExit(0)", ["the plugin 'x' failed in on_job: SystemExit: 0"]),
        (PIXELS, []),
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
        (BACK.replace("Json({", "({"), ["encode of a sample: it gave a Call back from encode whose body is dict, not"]),
        (BACK.replace("job.prompt}", "{1}}"), ["encode of a sample gave a body that is no JSON"]),
        (BACK.replace('Call("POST"', 'exit(0) or Call("POST"'), ["encode of a sample raised SystemExit: 0"]),
        (WAITS, ["it gave a Ticket back from decode and has no poll to look after it"] * 2),
        (
            WAITS.replace("1})", "1}) if reply.body.value else None"),
            ["gave NoneType", "gave NoneType", "'poll' is missing"],
        ),
        (WAITS.replace("1}", "{1}}") + TASKS, ["whose handle is no JSON: set cannot be written down"] * 2),
        (BACK + "def event(frame, job, target): return frame", ["event of a sample gave Frame back, not Partial"]),
        (BACK + "def event(frame, job, target): return frame.data['type']", []),  # only its author knows the frames
        (BACK + "def words(job, target): return 'seed'", ["words of a sample gave str back"]),
        (BACK + "def left_out(job, target): return None", ["left_out of a sample gave NoneType back"]),
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


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('Json({"model": 1})', 'POST ask?a=b {"model": 1}'),
        (
            'Form((("prompt", "a fox"), ("image", from_bytes(b"x"))))',
            'POST ask?a=b [["prompt", "a fox"], ["image", "(a p',
        ),
        ("Raw(b'x', 'text/plain')", "POST ask?a=b (text/plain)"),
        ("None", "POST ask?a=b"),
    ],
)
def test_what_a_dialect_would_send_is_shown(tmp_path: Path, body: str, shown: str) -> None:
    file = tmp_path / "dialects" / "x.py"
    file.parent.mkdir()
    head = "from koci_proxy.media import from_bytes\nfrom koci_proxy.wire import Form, Raw\n"
    was = 'body=Json({"model": job.model, "prompt": job.prompt})'
    file.write_text(head + BACK.replace(was, f'{{"a": "b"}}, body={body}'))
    seen: list[str] = []
    contract(file, show=seen.append)
    assert len(seen) == 1
    assert seen[0].startswith(f"encode of a sample: {shown}")


MINE = "class Plugin:\n  def __init__(self, n: int): self.n = 1 // n\n  def on_job(self): 1 // (self.n - 1)\n"


@pytest.mark.parametrize(
    ("routes", "code", "said"),
    [
        ("plugins: [x: {n: 1}, x: {n: 2}]", 1, ["failed in on_job: ZeroDivisionError"]),
        ("plugins: [x: {n: 2}]", 0, ["keeps the contract"]),
        ("plugins: [x: {n: 0}]", 1, ["ZeroDivisionError", "it could not be made with the options {n: 0}"]),
        ("plugins: [x: {n: two}]", 1, ["option 'n' must be a whole number, not text"]),
        ("plugins: [y]", 1, ["routes.yaml has faults (1; see", "failed in on_job: ZeroDivisionError"]),
        ("", 1, ["routes.yaml has faults", "failed in on_job: ZeroDivisionError"]),
        (None, 1, ["failed in on_job: ZeroDivisionError"]),
    ],
)
def test_the_command_tries_a_plugin_as_the_house_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, routes: str | None, code: int, said: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "x.py").write_text(MINE)
    if routes is not None:
        models = "platforms: {openai: openai}\nmodels: {picture: sandbox-openai/gpt-image-2}\n" if routes else ""
        (tmp_path / "routes.yaml").write_text(models + routes)
    end = CliRunner().invoke(main, ["plugins", "test", "plugins/x.py"])
    lines = end.output.splitlines()
    assert end.exit_code == code
    assert len(lines) == len(said), lines
    assert all(wanted in line for line, wanted in zip(lines, said, strict=True)), lines


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
        ("str | None", 5, ["option 'one' must be text or nothing, not 5"]),
        ("list[str] | None", "forbidden", ["option 'one' must be a list or nothing, not text"]),
        ("list[str] | None", ["a", 5], ["option 'one[1]' must be text, not 5"]),
        ("int | str", [1], ["option 'one' must be a whole number or text, not a list"]),
        ("'typing.Optional[int]'", "a", ["option 'one' must be a whole number or nothing, not text"]),
        ("set[str]", "forbidden", ["option 'one' must be a list, not text"]),
        ("frozenset[int]", ["a"], ["option 'one[0]' must be a whole number, not text"]),
        ("tuple[str, ...]", "a", ["option 'one' must be a list, not text"]),
        ("tuple[str, ...]", ["a", 1], ["option 'one[1]' must be text, not 1"]),
        ('\'typing.Literal["fast", "slow", 3]\'', "secret", ["option 'one' must be 'fast', 'slow' or 3, not text"]),
        ("'typing.Literal[1] | None'", True, ["option 'one' must be 1 or nothing, not true"]),
        ("'pathlib.Path'", 5, ["option 'one' must be text, not 5"]),
        ("'dict[str, pathlib.Path]'", {"a": ["b"]}, ["option 'one.a' must be text, not a list"]),
        *(("str | None", None, []), ("int | str", "a", []), ("set[str]", ["a"], []), ("tuple[str, int]", ["a", 1], [])),
        *(("'typing.Literal[\"fast\"]'", "fast", []), ("'pathlib.Path'", "a/b", []), ("list[int] | int", [1], [])),
        # What these are is the plugin's own business, or a checker's.
        *(("'typing.Any'", 5, []), ("'Job'", 5, []), ("'NoSuch'", 5, []), ("'typing.Any | None'", 5, [])),
    ],
)
def test_options_are_of_the_plain_types_they_name(
    tmp_path: Path, head: str, kind: str, value: Any, breaks: list[str]
) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        f"{head}import pathlib, typing\nclass Plugin:\n  def __init__(self, one: {kind}): ...\n  def on_job(self): ..."
    )
    assert [line.partition("x.py: ")[2] for line in contract(file, {"one": value})] == breaks


def test_a_sibling_of_another_folder(tmp_path: Path) -> None:
    (tmp_path / "theirs" / "dialects").mkdir(parents=True)
    (tmp_path / "theirs" / "dialects" / "old.py").write_text(BACK)
    file = tmp_path / "dialects" / "new.py"
    file.parent.mkdir()
    file.write_text("from .old import decode, encode")
    assert contract(file, folders=[tmp_path / "theirs"]) == []
    assert "ModuleNotFoundError" in contract(file)[0]


@pytest.mark.parametrize("name", ["banned_words", "watermark"])
def test_the_examples_keep_it(name: str) -> None:
    assert contract(ROOT / "examples" / "plugins" / f"{name}.py") == []


@pytest.mark.parametrize("file", sorted((ROOT / "plugins").glob("*/[!_]*.py")), ids=lambda file: file.stem)
def test_the_house_s_own_keep_it(file: Path) -> None:
    assert contract(file) == []
