"""Every recorded request of an official SDK is answered over a socket as tests/captures/replayed.yaml says."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .pictures import seen
from .processes import House, Sandbox, proxy
from .replays import CAPTURES, UPLOAD, Answer, Request, frames, recorded, replay
from .test_conversations import fetched

ROUTES = """
platforms: {openai: openai, google: gemini, anthropic: anthropic, api: ark}
models:
  m: {to: sandbox-openai/gpt-image-2}
  image-2: {to: sandbox-openai/gpt-image-2}
  image-2-hd: {to: sandbox-openai/gpt-image-2}
  gpt-image-2: {to: sandbox-openai/gpt-image-2}
  gpt-5: {to: sandbox-openai/gpt-image-2}
  koci/image-2: {to: sandbox-openai/gpt-image-2}
  gemini-image: {to: sandbox-gemini/gemini-3.1-flash-image}
  gemini-3.1-flash-image: {to: sandbox-gemini/gemini-3.1-flash-image}
  imagen-4.0-generate-001: {to: sandbox-gemini/gemini-3.1-flash-image}
  claude-sonnet-4-20250514: {to: sandbox-openai/gpt-image-2}
  claude-x: {to: sandbox-openai/gpt-image-2}
  sora-2: {to: sandbox-openai/sora-2}
  veo-3.1-generate-preview: {to: sandbox-gemini/veo-3.1-generate-preview}
  veo-3.1-generate-001: {to: sandbox-gemini/veo-3.1-generate-preview}
  doubao-seedream-4-5-251128: {to: sandbox-ark/doubao-seedream-4-5-251128}
"""
TABLE: dict[str, dict[str, Any]] = yaml.safe_load((CAPTURES / "replayed.yaml").read_text(encoding="utf-8"))
ROWS = [
    (door, name, wanted if isinstance(wanted, list) else [wanted])
    for door, rows in TABLE.items()
    for name, wanted in rows.items()
]


@pytest.fixture(scope="module")
def replayed(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("replayed"), vendor, ROUTES) as running:
        yield running


@pytest.mark.sockets
@pytest.mark.parametrize(("door", "name", "wanted"), ROWS, ids=[row[1] for row in ROWS])
def test_a_recorded_request_is_answered(replayed: House, door: str, name: str, wanted: list[str]) -> None:
    target = ""
    for request, expected in zip(recorded(f"{door}/{name}"), wanted, strict=True):
        # The second request of an upload goes where the answer to the first one says.
        answer = replay(replayed, request, target if request.target == UPLOAD else "")
        assert answer.headers["x-request-id"].startswith("req_")
        target = answer.headers.get("x-goog-upload-url", "").removeprefix(replayed.url)
        word, _, rest = expected.partition(" ")
        if word.isdecimal() and len(word) == 3:
            assert (answer.status, rest in refused(door, answer)) == (int(word), True), answer.content
        else:
            assert answer.status == 200, answer.content
            CHECKS[rest if word.isdecimal() else word](door, request, answer, expected)


def refused(door: str, answer: Answer) -> str:
    """The message of an error in a door's own shape, with what each SDK looks for beside it."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/json"
    error = body["error"]
    match door:
        case "openai":
            assert error.keys() == {"message", "type", "param", "code"}
        case "anthropic":
            assert body["type"] == "error"
            assert error["type"] in ("invalid_request_error", "not_found_error")
        case "gemini":
            assert (error["code"], error["status"]) in ((answer.status, name) for name in STATUSES)
        case _:
            assert error.keys() == {"message", "type", "param", "code"}
    return str(error["message"])


STATUSES = ("INVALID_ARGUMENT", "NOT_FOUND")


def pictures(door: str, request: Request, answer: Answer, expected: str) -> None:
    found = [pixels(each) for each in shown(door, request, answer.json())]
    assert len(found) == int(expected.split()[0])


def shown(door: str, request: Request, body: Any) -> list[str]:
    """The pictures of an answer, each a link or base64, from where an SDK of that door would take them."""
    if door == "anthropic":
        text, *blocks = body["content"]
        assert text["text"].startswith("![image](http")
        return [each["source"]["url"] for each in blocks]
    if door == "gemini" and request.target.endswith(":predict"):
        return [each["bytesBase64Encoded"] for each in body["predictions"]]
    if door == "gemini":
        parts = body["candidates"][0]["content"]["parts"]
        return [each["inlineData"]["data"] for each in parts if "inlineData" in each]
    if request.target.endswith("/responses"):
        return [each["result"] for each in body["output"] if each["type"] == "image_generation_call"]
    return [each.get("url") or each["b64_json"] for each in body["data"]]


def pixels(text: str) -> tuple[int, int]:
    return seen(fetched(text) if text.startswith("http") else base64.b64decode(text, validate=True))[1]


def stream(door: str, request: Request, answer: Answer, expected: str) -> None:
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = list(frames(answer.content))
    last = events[-1][1]
    match door:
        case "openai":
            assert all(event == data["type"] for event, data in events)
            assert last["type"].endswith(".completed")
            assert pixels(last["b64_json"])
        case "anthropic":
            assert all(event == data["type"] for event, data in events)
            assert (events[0][0], events[-1][0]) == ("message_start", "message_stop")
            blocks = [data["content_block"] for event, data in events if event == "content_block_start"]
            assert pixels(blocks[-1]["source"]["url"])
        case "gemini":
            # Neither an event line, nor a comment, nor [DONE]: google-genai breaks on each.
            assert all(line == b"" or line.startswith(b"data: {") for line in answer.content.split(b"\n"))
            assert [pixels(each) for each in shown(door, request, last)]
        case _:
            made = [data for _, data in events if data["type"] == "image_generation.partial_succeeded"]
            assert pixels(made[0].get("url") or made[0]["b64_json"])
            assert last["type"] == "image_generation.completed"


def models(door: str, request: Request, answer: Answer, expected: str) -> None:
    body = answer.json()
    ids = [each["name"] for each in body["models"]] if door == "gemini" else [each["id"] for each in body["data"]]
    assert ("models/m" if door == "gemini" else "m") in ids


def model(door: str, request: Request, answer: Answer, expected: str) -> None:
    assert answer.json()["id"] == expected.partition(" ")[2]


def tokens(door: str, request: Request, answer: Answer, expected: str) -> None:
    assert answer.json() == {"input_tokens": int(expected.partition(" ")[2])}


def upload(door: str, request: Request, answer: Answer, expected: str) -> None:
    assert answer.headers["x-goog-upload-status"] == "active"
    assert answer.headers["x-goog-upload-url"].startswith("http://127.0.0.1:")


def file(door: str, request: Request, answer: Answer, expected: str) -> None:
    assert answer.headers["x-goog-upload-status"] == "final"
    taken = answer.json()["file"]
    assert (taken["state"], taken["mimeType"]) == ("ACTIVE", "image/png")
    assert int(taken["sizeBytes"]) == len(request.content or b"")


def queued(door: str, request: Request, answer: Answer, expected: str) -> None:
    job = answer.json()
    assert re.fullmatch(r"video_[0-9a-f]{24}", job["id"])
    assert (job["object"], job["model"], job["status"]) == ("video", "sora-2", "queued")


def operation(door: str, request: Request, answer: Answer, expected: str) -> None:
    assert re.fullmatch(r"models/veo-3\.1-generate-preview/operations/[0-9a-f]{24}", answer.json()["name"])


CHECKS: dict[str, Callable[[str, Request, Answer, str], None]] = {
    **dict.fromkeys(("picture", "pictures"), pictures),
    **{check.__name__: check for check in (stream, models, model, tokens, upload, file, queued, operation)},
}


# --- nothing lies about ---------------------------------------------------------------------------------------------


def test_every_recorded_request_is_in_the_table_and_every_row_has_one() -> None:
    kept = {f"{path.parent.name}/{path.name}" for path in CAPTURES.glob("*/*") if path.parent.name != "answers"}
    assert kept == {f"{door}/{name}.json" for door, name, _ in ROWS}
    assert len(kept) > 130
    assert {path.name for path in CAPTURES.iterdir() if path.is_file()} == {"README.md", "replayed.yaml"}


def test_every_recorded_answer_is_read_by_a_test() -> None:
    named = [re.compile(pattern) for path in Path(__file__).parents[1].rglob("test_*.py") for pattern in patterns(path)]
    unread = [
        path.name
        for path in (CAPTURES / "answers").iterdir()
        if not any(pattern.fullmatch(text) for pattern in named for text in (path.name, path.name.split(".")[0]))
    ]
    assert unread == []


def patterns(path: Path) -> Iterator[str]:
    """The texts written in a file of tests that may name a recording; what an f-string fills in may be any word."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        texts = [str(each.value) if isinstance(each, ast.Constant) else "" for each in parts]
        if len("".join(texts)) >= len("ark_ok"):
            yield r"\w+".join(re.escape(text) for text in texts).replace(r"\w+\w+", r"\w+")
