"""No key, no base64 and no vendor's address is written down or shown, whatever goes well or wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from . import leaks
from .pictures import png
from .processes import House, ask, proxy, sandbox

pytestmark = pytest.mark.sockets
VENDOR_KEYS = ("vendor-key-alpha-0001", "vendor-key-beta-0002")
ROUTES = f"""
platforms: {{openai: openai, google: gemini, anthropic: anthropic, linkai: linkai}}
keys:
  sandbox-openai: {json.dumps(VENDOR_KEYS)}
  sandbox-gemini: {VENDOR_KEYS[0]}
models:
  picture: {{price: 4, to: sandbox-openai/gpt-image-2}}
  linked: {{price: 4, to: sandbox-linkai/gpt-image-2}}
  gemini: {{price: 4, to: sandbox-gemini/gemini-3-pro-image}}
  film: {{price: 4, to: sandbox-gemini/veo-3.1-fast-generate-preview}}
  relayed: {{price: 4, to: sandbox-openai/sora-2}}
retry: {{tries: 1}}
"""
# What rests a key comes last.
FAULTS = (
    *("refuse", "error=500", "garbage", "truncated-json", "empty", "not-image", "cut", "cut-before"),
    *("limit=5", "quota"),
)


def bodies(house: House) -> dict[str, str]:
    """Every kind of answer that is no picture, and all errors that can be had: what was asked -> what came."""
    told: dict[str, str] = {}
    headers = {"authorization": f"Bearer {house.key}"}
    picture = base64.b64encode(png(64, 64)).decode()

    def call(name: str, path: str, body: Any, **more: str) -> httpx.Response:
        answer = httpx.post(f"{house.url}/{path}", json=body, headers={**headers, **more}, timeout=60)
        told[name] = answer.text if answer.status_code >= 400 else json.dumps(dict(answer.headers))
        return answer

    edit = {"model": "gemini", "prompt": "a fox", "images": [{"image_url": f"data:image/png;base64,{picture}"}]}
    call("edit", "openai/v1/images/edits", edit)
    call("edit later", "openai/v1/images/edits", edit, prefer="respond-async")
    call(
        "broken picture",
        "openai/v1/images/edits",
        edit | {"images": [{"image_url": "data:image/png;base64," + "A" * 400}]},
    )
    call("wrong key", "openai/v1/images/generations", {}, authorization="Bearer sk-koci_" + "x" * 43)
    call("wrong field", "openai/v1/images/generations", {"model": "picture", "prompt": picture * 100})
    told |= pasted(house, call)
    for model in ("film", "relayed"):
        film = call(model, "openai/v1/videos", {"model": model, "prompt": "a fox", "seconds": "4"}).json()
        follow(house, f"req_{film['id'].removeprefix('video_')}")
    for fault in FAULTS:
        prompt = f"a fox sandbox:{fault}"
        call(f"openai {fault}", "openai/v1/images/generations", {"model": "picture", "prompt": prompt})
        call(f"linkai {fault}", "linkai/v1/images/generations", {"model": "linked", "prompt": prompt})
        wanted = {"contents": [{"parts": [{"text": prompt}]}]}
        call(f"gemini {fault}", "google/v1beta/models/gemini:generateContent", wanted)
        message = {"model": "picture", "max_tokens": 9, "messages": [{"role": "user", "content": prompt}]}
        call(f"anthropic {fault}", "anthropic/v1/messages", message)
        call(
            f"later {fault}",
            "openai/v1/images/generations",
            {"model": "linked", "prompt": prompt},
            prefer="respond-async",
        )
    return told


def pasted(house: House, call: Callable[..., httpx.Response]) -> dict[str, str]:
    """A key where none belongs: in a path, for a model, among an operator's fields."""
    told = {}
    for path in ("openai/v1/models/", "openai/v1/é", "google/v1beta/models/", "foo/", "v1/jobs/", "v1/jobs?limit="):
        answer = httpx.get(f"{house.url}/{path}{house.key}", headers={"authorization": f"Bearer {house.key}"})
        told[path] = answer.text
        assert answer.status_code >= 400
    generate = {"model": "picture", "prompt": "a fox"}
    for name in ("model", "size"):
        call(f"key as {name}", "openai/v1/images/generations", generate | {name: house.key})
    admin = {"authorization": f"Bearer {house.admin}"}
    call("key as another's field", "admin/keys", {"name": "x", house.key: 1}, **admin)
    call("key as another's name", f"admin/keys/{house.key}/credits", {"top_up": 1}, **admin)
    call("key to explain", "admin/explain", {"model": house.key}, **admin)
    return told


def follow(house: House, job: str) -> None:
    url = f"{house.url}/v1/jobs/{job}/events"
    with httpx.stream("GET", url, headers={"authorization": f"Bearer {house.key}"}, timeout=60) as story:
        assert [line for line in story.iter_lines() if line.startswith("event:")][-1] == "event: succeeded"


def test_nothing_leaks(tmp_path: Path) -> None:
    with sandbox("--film-seconds", "0.3") as vendor:
        with proxy(tmp_path, vendor, ROUTES) as house:
            texts = bodies(house)
            operator = {"authorization": f"Bearer {house.admin}"}
            for page in ("admin/status", "admin/jobs", "admin/log", "admin/keys", "metrics"):
                texts[page] = httpx.get(f"{house.url}/{page}", headers=operator).text
        texts |= dict(leaks.written(tmp_path))
        texts["database"] = leaks.dumped(tmp_path / "data" / "koci.db")
        host = vendor.url.removeprefix("http://")
        secrets = (*VENDOR_KEYS, house.key, house.admin)
        assert len(texts["database"]) > 10_000
        assert "status=502" in texts["stderr.txt"]
        assert leaks.found(texts, secrets, [host]) == []
        assert ask(f"{vendor.url}/_sandbox/calls")["total"] > 30


@pytest.mark.parametrize(
    "planted",
    ["key is sk-koci_secret-of-an-app", "http://127.0.0.1:4711/v1", "iVBORw0KGgoAAAANSUhEUgAA" * 10],
)
def test_the_scan_finds_what_is_planted(planted: str) -> None:
    assert leaks.found({"log": f"… {planted} …"}, ["sk-koci_secret-of-an-app"], ["127.0.0.1:4711"])
    assert not leaks.found(
        {"log": "req_0123456789abcdef01234567 http://127.0.0.1:9/storage"}, ["sk-x"], ["127.0.0.1:4711"]
    )
