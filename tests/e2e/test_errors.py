"""What bad input gets: a clear error in the caller's own dialect with the field's name, and no vendor call."""

from __future__ import annotations

import base64
import json
import select
import socket
from typing import Any

import httpx
import pytest

from .pictures import png
from .processes import House

GENERATE = "openai/v1/images/generations"
GOOD = {"model": "via-openai", "prompt": "a fox"}
TEXT = base64.b64encode(b"this is no picture, it is a text of some length").decode()

# (what is wrong, body, status, field, a word of the message)
BAD: list[tuple[str, dict[str, Any], int, str | None, str]] = [
    ("no prompt", {"model": "via-openai"}, 400, "prompt", "required"),
    ("empty prompt", {**GOOD, "prompt": ""}, 400, "prompt", "empty"),
    ("a long prompt of one word", {**GOOD, "prompt": "x" * 33_000}, 400, "prompt", "at most 32000 characters"),
    ("no model", {"prompt": "a fox"}, 400, "model", "required"),
    ("unknown model", {**GOOD, "model": "via-openal"}, 404, "model", "'via-openai'"),
    ("n is 0", {**GOOD, "n": 0}, 400, "n", "at least 1"),
    ("n is text", {**GOOD, "n": "two"}, 400, "n", "integer"),
    ("size 2x", {**GOOD, "size": "2x"}, 400, "size", "2x"),
    ("size 0x0", {**GOOD, "size": "0x0"}, 400, "size", "0x0"),
    ("size 99999x1", {**GOOD, "size": "99999x1"}, 400, "size", "99999x1"),
    ("ratio 16:0", {**GOOD, "size": "2K", "aspect_ratio": "16:0"}, 400, "aspect_ratio", "16:0"),
    ("wrong base64", {**GOOD, "images": ["data:image/png;base64,@@@@"]}, 400, "images", "base64"),
    ("a text as picture", {**GOOD, "images": [f"data:image/png;base64,{TEXT}"]}, 400, "images", "picture"),
    ("a private URL", {**GOOD, "images": ["http://127.0.0.1/x.png"]}, 400, "images", "address"),
    ("a metadata URL", {**GOOD, "images": ["http://169.254.169.254/latest"]}, 400, "images", "address"),
    ("unknown quality type", {**GOOD, "quality": 7}, 400, "quality", "string"),
    ("exact size refused", {**GOOD, "model": "exact", "size": "1920x1080"}, 400, "size", "1920x1080"),
]


def post(house: House, path: str, **request: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {house.key}", **request.pop("headers", {})}
    return httpx.post(f"{house.url}/{path}", headers=headers, timeout=30, **request)


@pytest.mark.sockets
@pytest.mark.parametrize(("what", "body", "status", "field", "word"), BAD, ids=[row[0] for row in BAD])
def test_bad_fields(house: House, what: str, body: dict[str, Any], status: int, field: str | None, word: str) -> None:
    before = house.sandbox.calls()["total"]
    answer = post(house, GENERATE, json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["param"] or "").startswith(field or ""), error
    assert word in error["message"], error
    assert house.sandbox.calls()["total"] == before


WORD = "x" * 16_500 + " fox"
SPOKEN: list[tuple[str, dict[str, Any]]] = [
    (GENERATE, {"prompt": WORD}),
    ("openai/v1/chat/completions", {"messages": [{"role": "user", "content": WORD}]}),
    ("openai/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "text", "text": WORD}]}]}),
    ("openai/v1/responses", {"input": WORD, "tools": [{"type": "image_generation"}]}),
    ("google/v1beta/models/via-openai:generateContent", {"contents": [{"parts": [{"text": WORD}]}]}),
    ("anthropic/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": WORD}]}),
    ("linkai/v1/images/generations", {"prompt": WORD}),
]


@pytest.mark.sockets
@pytest.mark.parametrize(("path", "body"), SPOKEN, ids=[path for path, _ in SPOKEN])
def test_a_prompt_whose_first_word_is_very_long_is_no_picture(house: House, path: str, body: dict[str, Any]) -> None:
    answer = post(house, path, json={"model": "via-openai", **body})
    assert answer.status_code in (200, 201), answer.text
    assert house.sandbox.last()["json"]["prompt"].startswith(WORD[:80])


# (path, body, the field with half a surrogate pair in it)
HALVES: list[tuple[str, dict[str, Any], str]] = [
    (GENERATE, {"model": "via-openai", "prompt": "\ud83d x"}, "prompt"),
    ("linkai/v1/images/generations", {"model": "via-openai", "prompt": "\ud83d x"}, "prompt"),
    (
        "anthropic/v1/messages",
        {"model": "via-openai", "max_tokens": 9, "messages": [{"role": "user", "content": "\ud83d x"}]},
        "messages[0].content",
    ),
    (
        "google/v1beta/models/via-openai:generateContent",
        {"contents": [{"parts": [{"text": "\ud83d x"}]}]},
        "contents[0].parts[0].text",
    ),
]


@pytest.mark.sockets
@pytest.mark.parametrize(("path", "body", "field"), HALVES, ids=[row[0] for row in HALVES])
def test_text_that_nobody_can_write_down(house: House, path: str, body: dict[str, Any], field: str) -> None:
    headers = {"content-type": "application/json"}
    answer = post(house, path, content=json.dumps(body).encode(), headers=headers)
    assert answer.status_code == 400, answer.text
    said = answer.json().get("error", answer.json())["message"]
    assert said == f"{field} is not valid Unicode text: it holds half a surrogate pair"


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", GENERATE, "POST"),
        ("HEAD", GENERATE, "POST"),
        ("POST", "openai/v1/models", "GET, HEAD"),
        ("DELETE", "google/v1beta/models/via-openai", "GET, HEAD"),
        ("PUT", "openai/v1/videos", "POST, GET, HEAD"),
        ("GET", "anthropic/v1/messages", "POST"),
        ("PUT", "linkai/v1/images/generations", "POST"),
        ("POST", "healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_one(house: House, method: str, path: str, allow: str) -> None:
    headers = {"authorization": f"Bearer {house.key}"}
    answer = httpx.request(method, f"{house.url}/{path}", headers=headers, timeout=30)
    assert (answer.status_code, sorted(answer.headers["allow"].split(", "))) == (405, sorted(allow.split(", ")))


@pytest.mark.sockets
@pytest.mark.parametrize("path", ["openai/v1/models", "google/v1beta/models", "anthropic/v1/models/via-openai"])
def test_head_is_get_without_its_body(house: House, path: str) -> None:
    headers = {"authorization": f"Bearer {house.key}"}
    got, head = (httpx.request(method, f"{house.url}/{path}", headers=headers) for method in ("GET", "HEAD"))
    assert (got.status_code, head.status_code, head.content) == (200, 200, b"")
    assert head.headers["content-length"] == str(len(got.content))


# (what is wrong, headers, content, status, a word of the message)
BODIES: list[tuple[str, dict[str, str], bytes, int, str]] = [
    ("cut short", {"content-type": "application/json"}, b'{"model": "via-openai", "prom', 400, "body"),
    ("empty", {"content-type": "application/json"}, b"", 400, "body"),
    ("not an object", {"content-type": "application/json"}, b"[1]", 400, "object"),
    ("a wrong content type", {"content-type": "text/plain"}, b"hello", 415, "text/plain"),
    ("curl -d without a type", {"content-type": "application/x-www-form-urlencoded"}, b"{}", 415, "application/json"),
    ("nested arrays", {"content-type": "application/json"}, b"[" * 1000 + b"]" * 1000, 400, "deep"),
    ("no UTF-8", {"content-type": "application/json"}, b'{"prompt": "\xff"}', 400, "body"),
    ("a form without boundary", {"content-type": "multipart/form-data"}, b"--x", 400, "boundary"),
]


@pytest.mark.sockets
@pytest.mark.parametrize(("what", "headers", "content", "status", "word"), BODIES, ids=[row[0] for row in BODIES])
def test_bad_bodies(house: House, what: str, headers: dict[str, str], content: bytes, status: int, word: str) -> None:
    answer = post(house, GENERATE, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert word in answer.json()["error"]["message"]


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("form", "param", "says"),
    [
        ({"data": {"image": "a.png"}}, "image", "to send a file with curl write image=@a.png"),
        ({"files": {"image": ("a.png", b"")}}, "image", "image: the file is empty"),
    ],
)
def test_a_form_without_its_picture(house: House, form: dict[str, Any], param: str, says: str) -> None:
    fields = {"model": "via-openai", "prompt": "a fox"} | form.get("data", {})
    files = form.get("files") or {"user": (None, "me")}  # which makes it a multipart form
    error = post(house, "openai/v1/images/edits", data=fields, files=files).json()["error"]
    assert error["param"].startswith(param)
    assert says in error["message"]


@pytest.mark.sockets
def test_a_body_over_the_limit_is_refused_while_it_is_read(house: House) -> None:
    host, _, port = house.url.removeprefix("http://").partition(":")
    head = (
        f"POST /{GENERATE} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {house.key}\r\n"
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    piece = b"a b " * (1 << 18)
    chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    sent = 0
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(head.encode() + b'c\r\n{"prompt": "\r\n')
        while not select.select([line], [], [], 0)[0] and sent < 200 << 20:
            line.sendall(chunk)
            sent += len(piece)
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert sent < 80 << 20


@pytest.mark.sockets
def test_a_text_file_as_image_upload(house: House) -> None:
    form = {"model": (None, "via-openai"), "prompt": (None, "a fox"), "image": ("a.png", b"just words", "image/png")}
    answer = post(house, "openai/v1/images/edits", files=form)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith("image")


# (dialect, path, how the key goes in, how the error reads)
DOORS: list[tuple[str, str, dict[str, str], dict[str, str]]] = [
    ("openai", GENERATE, {"authorization": "Bearer sk-koci_wrong"}, {"code": "invalid_api_key"}),
    ("openai x-api-key", GENERATE, {"x-api-key": "sk-koci_wrong"}, {"code": "invalid_api_key"}),
    (
        "gemini",
        "google/v1beta/models/via-openai:generateContent",
        {"x-goog-api-key": "no"},
        {"status": "UNAUTHENTICATED"},
    ),
    ("linkai", "linkai/v1/images/generations", {"authorization": "Bearer x"}, {"type": "invalid_request_error"}),
    ("none", GENERATE, {}, {"code": "missing_api_key"}),
]


@pytest.mark.sockets
@pytest.mark.parametrize(("what", "path", "headers", "wanted"), DOORS, ids=[row[0] for row in DOORS])
def test_wrong_keys(house: House, what: str, path: str, headers: dict[str, str], wanted: dict[str, str]) -> None:
    answer = httpx.post(f"{house.url}/{path}", json=GOOD, headers=headers)
    assert answer.status_code == 401
    assert wanted.items() <= answer.json()["error"].items()
    assert "sk-koci_wrong" not in answer.text


@pytest.mark.sockets
def test_the_key_in_the_query_is_taken_and_never_passed_on(house: House) -> None:
    answer = httpx.post(f"{house.url}/{GENERATE}?key={house.key}", json=GOOD, timeout=30)
    assert answer.status_code == 200
    assert house.key not in json.dumps(house.sandbox.last())
    assert house.key not in (house.folder / "stderr.txt").read_text()


# (fault of the sandbox, status, code or None) for a refusal, an empty answer and the rest
FAULTS: list[tuple[str, int]] = [
    ("refuse", 400),
    ("empty=2", 502),
    ("garbage", 502),
    ("truncated-json", 502),
    ("not-image", 502),
    ("cut", 502),
    ("cut-before", 502),
    ("error=500", 502),
    ("overloaded", 502),
    ("quota", 503),
    ("limit=30", 429),
]


@pytest.mark.sockets
@pytest.mark.parametrize("model", ["via-openai", "via-gemini", "via-linkai"])
@pytest.mark.parametrize(("fault", "status"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_vendor_in_trouble(lonely: House, model: str, fault: str, status: int) -> None:
    answer = post(lonely, GENERATE, json={"model": model, "prompt": f"sandbox:{fault}"})
    assert answer.status_code == status, answer.text
    message = answer.json()["error"]["message"]
    assert message
    assert "127.0.0.1" not in answer.text
    if fault == "limit=30":
        assert 25 <= int(answer.headers["retry-after"]) <= 30
    if fault == "refuse":
        assert answer.json()["error"]["code"] == "moderation_blocked"
        assert answer.headers["x-should-retry"] == "false"


@pytest.fixture
def lonely(vendor: Any, tmp_path: Any) -> Any:
    """A proxy of one test's own: its vendor keys may come to rest."""
    from .conftest import ROUTES
    from .processes import proxy

    with proxy(tmp_path, vendor, ROUTES) as running:
        yield running


@pytest.mark.sockets
def test_a_picture_upload_that_is_one(house: House) -> None:
    form = {
        "model": (None, "via-openai"),
        "prompt": (None, "a fox"),
        "n": (None, "2"),
        "image": ("a.bin", png(), "text/x"),
    }
    answer = post(house, "openai/v1/images/edits", files=form)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 2
