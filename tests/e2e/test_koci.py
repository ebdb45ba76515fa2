"""KoCodeImg's own API over sockets: the samples of its page as printed, events as they come, conversations by key."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from .pictures import png, seen
from .processes import House, Sandbox, proxy

ROUTES = """
platforms: {api: koci}
models:
  image-2: {price: 4, to: sandbox-openai/gpt-image-2}
  image-2-hd: {price: 8, set: {quality: high}, to: sandbox-openai/gpt-image-2}
  image-2-ultra: {price: 16, to: sandbox-gemini/gemini-3-pro-image}
  linked: {price: 4, to: sandbox-linkai/gpt-image-2}
aliases: {standard: image-2, hd: image-2-hd, ultra: image-2-ultra}
"""
LINK = re.compile(r"^http://127\.0\.0\.1:\d+/storage/images/[a-z0-9]+\.(png|jpg|webp)$")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The page's own sample, with host and key changed and nothing else.
SAMPLE = {
    "conversation_id": "your-conversation-id",
    "prompt": "一只穿着宇航服的猫在月球上漫步",
    "style": "realistic",
    "size": "1:1",
    "model": "standard",
}
FORM = {
    "prompt": "将画面风格转为赛博朋克",
    "conversation_id": "your-conversation-id",
    "strength": "0.75",
    "style": "cyberpunk",
    "model": "hd",
}
Events = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def native(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("native"), vendor, ROUTES) as running:
        yield running


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "accept": "text/event-stream"}


def events(answer: httpx.Response) -> Events:
    """The events of a stream as the samples' reader gives them: a name and data; comments are no events."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    read: Events = []
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in lines:
            read.append((lines.get("event", "message"), json.loads(lines["data"])))
    return read


def generate(house: House, body: Any, path: str = "generate/") -> httpx.Response:
    return httpx.post(f"{house.url}/api/{path}", json=body, headers=bearer(house.key), timeout=60)


def change(house: House, form: dict[str, str], **files: bytes) -> httpx.Response:
    url = f"{house.url}/api/generate/img2img"
    return httpx.post(url, data=form, files=files, headers=bearer(house.key), timeout=60)


def picture(heard: Events) -> tuple[dict[str, Any], bytes, bytes]:
    """The last event with the picture and the small copy it links to; the first one names the message."""
    assert heard[0][0] == "status"
    assert heard[0][1]["status"] == "queued"
    assert UUID.fullmatch(heard[0][1]["message_id"])
    assert [name for name, _ in heard[1:-1]] == ["progress"] * len(heard[1:-1])
    name, last = heard[-1]
    assert (name, last["status"]) == ("complete", "complete")
    links = (last["image_url"], last["thumbnail_url"])
    assert all(LINK.match(link) for link in links), links
    whole, small = (httpx.get(link).raise_for_status().content for link in links)
    return last, whole, small


@pytest.mark.sockets
@pytest.mark.parametrize("path", ["generate/", "generate"])
def test_the_pages_sample_makes_a_picture(native: House, path: str) -> None:
    last, whole, small = picture(events(generate(native, SAMPLE, path)))
    assert seen(whole)[1] == (1024, 1024)
    assert max(seen(small)[1]) < 1024
    assert any(note.startswith("style: emulated") for note in last["notes"])
    assert any(note.startswith("conversation_id: left out") for note in last["notes"])


@pytest.mark.sockets
def test_the_pages_sample_changes_a_picture(native: House) -> None:
    last, whole, _ = picture(events(change(native, FORM, image=png())))
    assert seen(whole)[0] == "PNG"
    assert {note.partition(":")[0] for note in last["notes"]} >= {"style", "strength", "conversation_id"}


@pytest.mark.sockets
@pytest.mark.parametrize("model", ["standard", "hd", "ultra", "linked", "image-2"])
@pytest.mark.parametrize("size", ["16:9", "9:16", "1:1"])
def test_every_model_word_and_ratio(native: House, model: str, size: str) -> None:
    _, whole, _ = picture(events(generate(native, SAMPLE | {"model": model, "size": size})))
    width, height = seen(whole)[1]
    assert {"16:9": width > height, "9:16": width < height, "1:1": width == height}[size]


@pytest.mark.sockets
def test_a_mask_over_a_form(native: House) -> None:
    picture(events(change(native, FORM, image=png(), mask=png(alpha=0))))


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"conversation_id": None}, 400, "missing_required_parameter", "conversation_id"),
        ({"conversation_id": "0b5a4b0e-0000-4000-8000-000000000001"}, 404, "conversation_not_found", "conversation_id"),
        ({"conversation_id": "nobody's"}, 404, "conversation_not_found", "conversation_id"),
        ({"prompt": " "}, 400, "missing_required_parameter", "prompt"),
        ({"model": "standart"}, 404, "model_not_found", "model"),
        ({"size": "16x"}, 400, "invalid_request", "size"),
    ],
)
def test_what_is_wrong_before_the_first_event_is_plain_http(
    native: House, changes: dict[str, Any], status: int, code: str, field: str
) -> None:
    before = native.sandbox.calls()["total"]
    answer = generate(native, SAMPLE | changes)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (status, code, field)
    assert native.sandbox.calls()["total"] == before


@pytest.mark.sockets
def test_a_mask_that_no_model_takes_is_plain_http(native: House) -> None:
    answer = change(native, FORM | {"model": "linked"}, image=png(), mask=png(alpha=0))
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["field"] == "mask"


@pytest.mark.sockets
def test_a_wrong_key(native: House) -> None:
    answer = httpx.post(f"{native.url}/api/generate/", json=SAMPLE, headers=bearer("sk-koci_wrong"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.sockets
@pytest.mark.parametrize(("fault", "code", "kind"), [("refuse", 400, "moderation_blocked"), ("error=500", 502, None)])
def test_what_goes_wrong_later_is_an_event(native: House, fault: str, code: int, kind: str | None) -> None:
    heard = events(generate(native, SAMPLE | {"prompt": f"sandbox:{fault}"}))
    assert heard[0][0] == "status"
    name, last = heard[-1]
    assert (name, last["status"], last["error"]["code"]) == ("error", "error", code)
    assert last["error"]["type"] == (kind or "upstream_failed")
    assert "127.0.0.1" not in last["error"]["message"]


@pytest.mark.sockets
def test_a_file_over_4_mb(native: House) -> None:
    answer = change(native, FORM, image=png() + b"\0" * (4 << 20))
    assert (answer.status_code, answer.json()["error"]["field"]) == (413, "image")


# --- conversations --------------------------------------------------------------------------------------------------


def talk(house: House, method: str, path: str = "", key: str = "", **more: Any) -> httpx.Response:
    url = f"{house.url}/api/conversations/{path}"
    return httpx.request(method, url, headers={"x-api-key": key or house.key}, timeout=30, **more)


@pytest.mark.sockets
@pytest.mark.parametrize("body", [{}, {"json": {}}, {"json": {"title": "foxes"}}])
def test_a_conversation_is_made(native: House, body: dict[str, Any]) -> None:
    answer = talk(native, "POST", **body)
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert made["id"] == made["conversation_id"]
    assert UUID.fullmatch(made["id"])
    assert made["title"] == body.get("json", {}).get("title", "")
    assert made in talk(native, "GET").json()["conversations"]
    assert talk(native, "GET", made["id"]).json() == made | {"pictures": []}


@pytest.mark.sockets
def test_a_conversation_keeps_its_pictures(native: House) -> None:
    id = talk(native, "POST").json()["id"]
    first, *_ = picture(events(generate(native, SAMPLE | {"conversation_id": id, "prompt": "one"})))
    second, *_ = picture(events(change(native, FORM | {"conversation_id": id, "prompt": "two"}, image=png())))
    shown = talk(native, "GET", id + "/").json()["pictures"]
    assert [(each["prompt"], each["image_url"], each["thumbnail_url"]) for each in shown] == [
        (prompt, last["image_url"], last["thumbnail_url"]) for prompt, last in (("one", first), ("two", second))
    ]


@pytest.mark.sockets
def test_nobody_sees_anothers_conversation(native: House, tmp_path: Path) -> None:
    id = talk(native, "POST").json()["id"]
    made = subprocess.run(
        [sys.executable, "-m", "koci_proxy", "keys", "new", "other"],
        cwd=native.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"sk-koci_[\w-]{43}", made.stdout)
    assert found
    assert talk(native, "GET", id, key=found[0]).status_code == 404
    assert talk(native, "GET", key=found[0]).json() == {"conversations": []}
    body = SAMPLE | {"conversation_id": id}
    answer = httpx.post(f"{native.url}/api/generate/", json=body, headers=bearer(found[0]), timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "conversation_not_found")
