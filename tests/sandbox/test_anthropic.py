"""The Anthropic shape: pictures in three forms, what it refuses, and every fault in its words."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from koci_proxy.sandbox import Running

from .asking import client_of, opened, png

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

PATH = "/anthropic/v1/messages"
VERSION = {"anthropic-version": "2023-06-01"}


def body_of(*content: Any, **fields: Any) -> dict[str, Any]:
    """A message; without content it says "a fox". A field that is None is left out."""
    turn = {"role": "user", "content": list(content) or "a fox"}
    body = {"model": "picture-1", "max_tokens": 9, "messages": [turn], **fields}
    return {name: value for name, value in body.items() if value is not None}


def image(picture: bytes = b"", /, **source: Any) -> dict[str, Any]:
    held = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(picture or png()).decode()}
    return {"type": "image", "source": source or held}


def says(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await client.post(PATH, json=body, headers={**VERSION, **headers})


async def pictures(client: httpx.AsyncClient, answer: httpx.Response) -> list[bytes]:
    """What an answer shows, in any of its three forms."""
    found = []
    for block in answer.json()["content"]:
        source = block.get("source", {})
        links = [source["url"]] if "url" in source else block.get("text", "").split("](")[1:]
        found += [(await client.get(link.partition(")")[0])).content for link in links]
        found += [base64.b64decode(source["data"], validate=True)] if "data" in source else []
    return found


@pytest.mark.parametrize(
    ("fields", "pixels"),
    [
        ({}, (1024, 1024)),
        ({"size": "2K", "aspect_ratio": "16:9"}, (2752, 1536)),
        ({"aspect_ratio": "9:16"}, (768, 1376)),
        ({"model": "picture-1-link"}, (1024, 1024)),
        ({"model": "picture-1-markdown", "size": "2K"}, (2048, 2048)),
        ({"system": "be brief", "metadata": {"user_id": "u"}, "stream": False}, (1024, 1024)),
    ],
)
async def test_answers_a_picture(client: httpx.AsyncClient, fields: dict[str, Any], pixels: tuple[int, int]) -> None:
    answer = await post(client, body_of(**fields))
    assert answer.status_code == 200, answer.text
    (data,) = await pictures(client, answer)
    assert opened(data).size == pixels
    body = answer.json()
    assert (body["type"], body["role"], body["stop_reason"]) == ("message", "assistant", "end_turn")
    assert body["content"][0]["text"].startswith("Here is your picture.")
    assert body["usage"]["output_tokens"] > 0
    assert answer.headers["request-id"].startswith("req_")


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
async def test_words_that_a_newer_version_of_the_api_has_no_more(client: httpx.AsyncClient, name: str) -> None:
    assert (await post(client, body_of(**{name: 1}))).status_code == 200
    newer = {"anthropic-version": "2026-10-21"}
    assert (await post(client, body_of(), **newer)).status_code == 200
    answer = await post(client, body_of(**{name: 1}), **newer)
    assert answer.json()["error"]["message"] == f"{name}: Extra inputs are not permitted"


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": [image(png(160, 90)), says("blue")]}],
        [
            {"role": "user", "content": [image(png(160, 90)), says("a")]},
            {"role": "assistant", "content": [says("b"), image()]},
            {"role": "user", "content": "blue"},
        ],
        [{"role": "user", "content": [{"type": "tool_result", "content": [image(png(160, 90))]}, says("blue")]}],
    ],
)
async def test_takes_the_ratio_of_the_first_picture(client: httpx.AsyncClient, messages: list[Any]) -> None:
    (data,) = await pictures(client, await post(client, body_of(messages=messages)))
    assert opened(data).size == (1376, 768)


async def test_a_picture_by_its_link(client: httpx.AsyncClient) -> None:
    first = await post(client, body_of(model="picture-1-link", aspect_ratio="16:9"))
    link = first.json()["content"][1]["source"]["url"]
    (data,) = await pictures(client, await post(client, body_of(image(type="url", url=link), says("blue"))))
    assert opened(data).size == (1376, 768)


@pytest.mark.parametrize(
    ("fields", "status", "kind", "word"),
    [
        ({"model": None}, 400, "invalid_request_error", "model: Field required"),
        ({"max_tokens": None}, 400, "invalid_request_error", "max_tokens: Field required"),
        ({"messages": None}, 400, "invalid_request_error", "messages: Field required"),
        ({"model": "picture-9"}, 404, "not_found_error", "model: picture-9"),
        ({"max_tokens": 0}, 400, "invalid_request_error", "max_tokens"),
        ({"max_tokens": "9"}, 400, "invalid_request_error", "max_tokens"),
        ({"max_tokens": True}, 400, "invalid_request_error", "max_tokens"),
        ({"stream": True}, 400, "invalid_request_error", "stream"),
        ({"n": 2}, 400, "invalid_request_error", "n: Extra inputs"),
        ({"temperature": "1"}, 400, "invalid_request_error", "temperature: Input should be a valid number"),
        ({"top_k": 0.5}, 400, "invalid_request_error", "top_k: Input should be a valid number"),
        ({"size": "3K"}, 400, "invalid_request_error", "size"),
        ({"size": "2048x2048"}, 400, "invalid_request_error", "size"),
        ({"aspect_ratio": "2:1"}, 400, "invalid_request_error", "aspect_ratio"),
        ({"messages": []}, 400, "invalid_request_error", "at least one"),
        ({"messages": [{"role": "system", "content": "x"}]}, 400, "invalid_request_error", "messages.0.role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 400, "invalid_request_error", "first message"),
        ({"messages": [{"role": "user", "content": "x", "x": 1}]}, 400, "invalid_request_error", "messages.0"),
        ({"messages": [{"role": "user", "content": " "}]}, 400, "invalid_request_error", "non-empty"),
        ({"messages": [{"role": "user", "content": []}]}, 400, "invalid_request_error", "messages.0.content"),
    ],
)
async def test_refuses(client: httpx.AsyncClient, fields: dict[str, Any], status: int, kind: str, word: str) -> None:
    answer = await post(client, body_of(**fields))
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["type"], answer.json()["type"]) == (kind, "error")
    assert word in error["message"]
    assert answer.json()["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": None},
        {"type": "text", "text": "x", "_input": 0},
        {"type": "picture"},
        {"text": "x"},
        {"type": "image"},
        {**image(), "text": "x"},
        image(type="file", file_id="f"),
        image(type="url", url=7),
        image(type="base64", data=base64.b64encode(png()).decode()),
        image(type="base64", media_type="image/bmp", data=base64.b64encode(png()).decode()),
        image(type="base64", media_type="image/png", data="data:image/png;base64,AAAA"),
        image(type="base64", media_type="image/png", data=base64.b64encode(b"this is no picture").decode()),
        image(type="url", url="http://127.0.0.1:9/x.png"),
    ],
)
async def test_refuses_blocks(client: httpx.AsyncClient, block: dict[str, Any]) -> None:
    answer = await post(client, body_of(block, says("blue")))
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error"), answer.text


async def test_refuses_too_many_pictures(client: httpx.AsyncClient) -> None:
    answer = await post(client, body_of(*[image()] * 21, says("blue")))
    assert "at most 20 images" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [
        ("POST", PATH, b"{", VERSION, 400),
        ("POST", PATH, b"[]", VERSION, 400),
        ("POST", PATH, json.dumps(body_of()).encode(), {}, 400),
        ("POST", PATH, json.dumps(body_of()).encode(), {"anthropic-version": "2020-01-01"}, 400),
        ("GET", PATH, b"", VERSION, 405),
        ("POST", "/anthropic/v1/v1/messages", b"{}", VERSION, 404),
        ("POST", "/anthropic/v1/complete", b"{}", VERSION, 404),
    ],
)
async def test_bad_calls(
    client: httpx.AsyncClient, method: str, path: str, content: bytes, headers: dict[str, str], status: int
) -> None:
    all_headers = {"content-type": "application/json", **headers}
    answer = await client.request(method, path, content=content, headers=all_headers)
    assert (answer.status_code, answer.json()["type"]) == (status, "error")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "bad-1"}, 401),
        ({"authorization": "Bearer bad-1"}, 401),
        ({"authorization": "Basic x"}, 401),
        ({"x-api-key": "k"}, 200),
        ({"authorization": "Bearer k"}, 200),
    ],
)
async def test_keys(running: Running, headers: dict[str, str], status: int) -> None:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=20) as plain:
        answer = await post(plain, body_of(), **headers)
    assert answer.status_code == status
    assert status == 200 or answer.json()["error"]["type"] == "authentication_error"


# --- faults ---------------------------------------------------------------------------------------------------------


async def said(client: httpx.AsyncClient, fault: str) -> httpx.Response:
    return await post(client, body_of(says(f"a fox, sandbox:{fault} please")))


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("limit=7", 429, "rate_limit_error"),
        ("quota", 402, "billing_error"),
        ("error", 500, "api_error"),
        ("error=504", 504, "timeout_error"),
        ("error=403", 403, "permission_error"),
        ("overloaded", 529, "overloaded_error"),
        ("overloaded=3", 529, "overloaded_error"),
        ("refues", 400, "invalid_request_error"),
    ],
)
async def test_faults_with_errors(client: httpx.AsyncClient, fault: str, status: int, kind: str) -> None:
    answer = await said(client, fault)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert answer.headers.get("retry-after") == {"limit=7": "7", "overloaded=3": "3"}.get(fault)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("refuse", {"stop_reason": "refusal", "content": []}),
        ("refuse=output", {"stop_reason": "refusal", "content": [says("Here is")]}),
        ("empty", {"stop_reason": "end_turn", "content": [says("I can only describe it.")]}),
        ("empty=2", {"stop_reason": "end_turn", "content": []}),
        ("empty=3", {"stop_reason": "max_tokens", "content": [says("I can only describe it.")]}),
        ("empty=4", {"content": [{"type": "picture_of_tomorrow", "data": {}}]}),
    ],
)
async def test_messages_without_a_picture(client: httpx.AsyncClient, fault: str, found: Mapping[str, Any]) -> None:
    answer = await said(client, fault)
    assert answer.status_code == 200
    assert found.items() <= answer.json().items()


async def test_pictures_that_are_wrong(client: httpx.AsyncClient) -> None:
    (data,) = await pictures(client, await said(client, "not-image"))
    assert data.startswith(b"this is not a picture")
    (data,) = await pictures(client, await said(client, "wrong-size"))
    assert opened(data).size == (512, 511)


@pytest.mark.parametrize("fault", ["garbage", "truncated-json"])
async def test_answers_that_are_no_json(client: httpx.AsyncClient, fault: str) -> None:
    answer = await said(client, fault)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(
    ("fault", "error"),
    [("cut", httpx.RemoteProtocolError), ("cut-before", httpx.RemoteProtocolError), ("hang", httpx.ReadTimeout)],
)
async def test_faults_of_the_connection(running: Running, fault: str, error: type[Exception]) -> None:
    async with client_of(running) as client:
        client.timeout = httpx.Timeout(5, read=0.2 if fault == "hang" else 5)
        with pytest.raises(error):
            await said(client, fault)


@pytest.mark.parametrize("fault", ["slow=0.1", "drip=0.1"])
async def test_slow_ones_arrive_whole(client: httpx.AsyncClient, fault: str) -> None:
    (data,) = await pictures(client, await said(client, fault))
    assert opened(data).size == (1024, 1024)
