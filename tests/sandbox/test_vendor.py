"""The vendor as a whole: each fault in each shape, keys, bench pictures, and the desk where tests ask what was sent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from koci_proxy.sandbox import Options, Running, app, start

from .asking import ARK, EDITS, FLASH, LINKAI, OPENAI, STREAM, b64_images, client_of, gemini, opened, png, result_images

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

SHAPES = {"openai": OPENAI, "google": FLASH, "linkai": LINKAI, "ark": ARK}


def body_of(shape: str, prompt: str = "a fox") -> dict[str, Any]:
    model = "doubao-seedream-4-0-250828" if shape == "ark" else "gpt-image-2"
    return gemini({"text": prompt}) if shape == "google" else {"model": model, "prompt": prompt}


async def said(client: httpx.AsyncClient, shape: str, fault: str) -> httpx.Response:
    return await client.post(SHAPES[shape], json=body_of(shape, f"a fox, sandbox:{fault} please"))


@pytest.mark.parametrize(
    ("shape", "fault", "status", "found"),
    [
        ("openai", "refuse", 400, {"code": "moderation_blocked", "type": "image_generation_user_error"}),
        ("google", "refuse", 200, {"blockReason": "PROHIBITED_CONTENT"}),
        ("google", "refuse=output", 200, {"finishReason": "IMAGE_SAFETY"}),
        ("linkai", "refuse", 409, {"type": "invalid_request_error"}),
        ("ark", "refuse", 400, {"code": "InputTextSensitiveContentDetected"}),
        ("openai", "limit=7", 429, {"code": "rate_limit_exceeded"}),
        ("google", "limit=7", 429, {"status": "RESOURCE_EXHAUSTED", "retryDelay": "7s"}),
        ("linkai", "limit=7", 429, {"type": "invalid_request_error"}),
        ("openai", "quota", 429, {"code": "insufficient_quota"}),
        ("google", "quota", 429, {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}),
        ("linkai", "quota", 406, {"type": "invalid_request_error"}),
        ("openai", "error", 500, {"type": "server_error"}),
        ("google", "error=504", 504, {"status": "DEADLINE_EXCEEDED"}),
        ("linkai", "error=502", 502, {"type": "invalid_request_error"}),
        ("openai", "overloaded", 503, {"code": "server_is_overloaded"}),
        ("google", "overloaded", 503, {"status": "UNAVAILABLE"}),
        ("linkai", "overloaded", 503, {"type": "invalid_request_error"}),
        ("openai", "empty", 200, {"data": []}),
        ("linkai", "empty", 200, {"data": []}),
        ("google", "empty=1", 200, {"blockReason": "OTHER"}),
        ("google", "empty=2", 200, {"finishReason": "NO_IMAGE"}),
        ("google", "empty=3", 200, {"content": {"role": "model"}}),
        ("google", "empty=4", 200, {"text": "I can only describe it."}),
    ],
)
async def test_faults_with_words(
    client: httpx.AsyncClient, shape: str, fault: str, status: int, found: Mapping[str, Any]
) -> None:
    answer = await said(client, shape, fault)
    assert answer.status_code == status, answer.text
    for name, value in found.items():
        assert value in list(members(answer.json(), name)), answer.text
    waits = {"limit=7": "7"} if shape != "google" else {}
    assert answer.headers.get("retry-after") == waits.get(fault)


def members(value: Any, name: str) -> Any:
    """All values of that name anywhere in a JSON value."""
    if isinstance(value, dict):
        yield from ([value[name]] if name in value else [])
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from members(item, name)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("fault", "error"),
    [("cut", httpx.RemoteProtocolError), ("cut-before", httpx.RemoteProtocolError), ("hang", httpx.ReadTimeout)],
)
async def test_faults_of_the_connection(running: Running, shape: str, fault: str, error: type[Exception]) -> None:
    async with client_of(running) as client:
        client.timeout = httpx.Timeout(5, read=0.2 if fault == "hang" else 5)
        with pytest.raises(error):
            await said(client, shape, fault)
        assert (await client.get("/_sandbox/calls")).json()["total"] == 1


@pytest.mark.parametrize("shape", SHAPES)
async def test_garbage(client: httpx.AsyncClient, shape: str) -> None:
    answer = await said(client, shape, "garbage")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("shape", SHAPES)
async def test_truncated_json(client: httpx.AsyncClient, shape: str) -> None:
    answer = await said(client, shape, "truncated-json")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def files_of(client: httpx.AsyncClient, shape: str, answer: httpx.Response) -> list[bytes]:
    if shape in ("linkai", "ark"):
        return [(await client.get(one["url"])).content for one in answer.json()["data"]]
    return (b64_images if shape == "openai" else result_images)(answer.json())


@pytest.mark.parametrize("shape", SHAPES)
async def test_not_an_image(client: httpx.AsyncClient, shape: str) -> None:
    (data,) = await files_of(client, shape, await said(client, shape, "not-image"))
    assert data.startswith(b"this is not a picture")


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [("openai", (1024, 1024)), ("google", (1024, 1024)), ("linkai", (2048, 1152)), ("ark", (2048, 2048))],
)
async def test_wrong_size(client: httpx.AsyncClient, shape: str, pixels: tuple[int, int]) -> None:
    (data,) = await files_of(client, shape, await said(client, shape, "wrong-size"))
    assert opened(data).size == (pixels[0] // 2, pixels[1] // 2 - 1)


@pytest.mark.parametrize(("fault", "least"), [("slow=0.3", 0.3), ("drip=0.3", 0.25)])
async def test_slow_ones_arrive_whole(client: httpx.AsyncClient, fault: str, least: float) -> None:
    before = time.monotonic()
    answer = await said(client, "openai", fault)
    assert time.monotonic() - before >= least
    assert opened(b64_images(answer.json())[0]).size == (1024, 1024)


@pytest.mark.parametrize(
    ("path", "fault", "start", "status"),
    [
        (OPENAI, "refuse", '{"error"', 400),
        (OPENAI, "refuse=output", 'event: error\ndata: {"type":"error","error":{"message"', 200),
        (STREAM, "refuse", 'data: {"promptFeedback"', 200),
        (STREAM, "empty=2", 'data: {"candidates":[{"finishReason":"NO_IMAGE"', 200),
    ],
)
async def test_faults_in_streams(client: httpx.AsyncClient, path: str, fault: str, start: str, status: int) -> None:
    body = body_of("google" if path == STREAM else "openai")
    fields = body if path == STREAM else body | {"stream": True}
    answer = await client.post(path, json=fields, headers={"x-sandbox-fault": fault})
    assert (answer.status_code, answer.text[: len(start)]) == (status, start)


async def test_unknown_faults_are_named(client: httpx.AsyncClient) -> None:
    assert "did you mean 'refuse'?" in (await said(client, "openai", "refues")).json()["error"]["message"]
    answer = await client.post(OPENAI, json=body_of("openai"), headers={"x-sandbox-fault": "slow=x"})
    assert (answer.status_code, "takes a number" in answer.text) == (400, True)


async def test_options_bite() -> None:
    options = Options(
        keys=frozenset({"k-good", "k-busy"}), key_faults={"k-busy": "limit=30"}, fault="error", fault_rate=0.5, seed=3
    )
    running = await start(options)
    statuses: dict[str, list[int]] = {}
    for key in ("k-good", "k-busy", "k-other"):
        async with client_of(running, key) as client:
            answers = [await client.post(OPENAI, json=body_of("openai", "bench:small")) for _ in range(40)]
        statuses[key] = [answer.status_code for answer in answers]
    await running.stop()
    assert set(statuses["k-busy"]) == {429}
    assert set(statuses["k-other"]) == {401}
    assert 8 < statuses["k-good"].count(500) < 32
    assert set(statuses["k-good"]) == {200, 500}


async def test_latency() -> None:
    running = await start(Options(latency=0.2))
    async with client_of(running) as client:
        before = time.monotonic()
        await client.post(OPENAI, json=body_of("openai"))
    await running.stop()
    assert time.monotonic() - before >= 0.2


async def test_faults_at_run_time(client: httpx.AsyncClient) -> None:
    async def status(key: str = "k-1") -> int:
        headers = {"authorization": f"Bearer {key}"}
        return (await client.post(OPENAI, json=body_of("openai", "bench:small"), headers=headers)).status_code

    await client.post("/_sandbox/faults", json={"key": "k-1", "fault": "limit=30"})
    assert (await status("k-1"), await status("k-2")) == (429, 200)
    await client.post("/_sandbox/faults", json={"fault": "error=503"})
    assert (await status("k-1"), await status("k-2")) == (429, 503)
    await client.delete("/_sandbox/faults")
    await client.post("/_sandbox/faults", json={"fault": "error", "times": 2})
    assert [await status() for _ in range(3)] == [500, 500, 200]
    bad: list[Any] = [{"fault": "nonsense"}, {}, [], {"fault": "hang", "for": 3}, {"fault": "hang", "times": "2"}]
    for body in bad:
        assert (await client.post("/_sandbox/faults", json=body)).status_code == 400, body


@pytest.mark.parametrize("shape", SHAPES)
async def test_bench_pictures_have_the_size_asked(client: httpx.AsyncClient, shape: str) -> None:
    for _ in range(2):
        (data,) = await files_of(client, shape, await client.post(SHAPES[shape], json=body_of(shape, "bench:3")))
        assert len(data) == 3 * 1024 * 1024
    square = (2048, 2048)
    sizes = {"openai": square, "google": (1024, 1024), "linkai": (2048, 1152), "ark": square}
    assert opened(data).size == sizes[shape]


async def test_bench_by_model(client: httpx.AsyncClient) -> None:
    answer = await client.post(OPENAI, json={"model": "bench:2", "prompt": "x", "size": "1024x1024"})
    (data,) = b64_images(answer.json())
    assert (len(data), opened(data).size) == (2 * 1024 * 1024, (1024, 1024))


@pytest.mark.parametrize("shape", SHAPES)
async def test_small_bench(client: httpx.AsyncClient, shape: str) -> None:
    answer = await client.post(SHAPES[shape], json=body_of(shape, "bench:small"))
    assert len(answer.content) < 4096
    (data,) = await files_of(client, shape, answer)
    assert opened(data).size == (16, 16)


async def test_calls_are_counted(client: httpx.AsyncClient) -> None:
    await client.post(OPENAI, json=body_of("openai"))
    await client.post(LINKAI, json=body_of("linkai"), headers={"authorization": "Bearer bad-9999"})
    await client.post(FLASH, json=gemini())
    report = (await client.get("/_sandbox/calls")).json()
    rows = [(call["shape"], call["key_tail"], call["status"], call["model"]) for call in report["calls"]]
    assert rows == [
        ("openai", "1234", 200, "gpt-image-2"),
        ("linkai", "9999", 401, "gpt-image-2"),
        ("google", "1234", 200, "gemini-3.1-flash-image"),
    ]
    assert report["calls"][0]["fields"] == ["model", "prompt"]
    assert (report["calls"][0]["method"], report["calls"][0]["path"]) == ("POST", OPENAI)
    assert report["calls"][0]["bytes_in"] > 20
    assert report["total"] == 3
    assert report["by_key"] == {"1234": 2, "9999": 1}
    assert report["by_shape"] == {"openai": 1, "linkai": 1, "google": 1}
    assert report["by_kind"] == {"openai": {"submit": 1}, "linkai": {"submit": 1}, "google": {"submit": 1}}
    assert (report["orders"], report["tasks"]) == ({"openai": 1, "google": 1}, {})
    await client.delete("/_sandbox/calls")
    empty: dict[str, Any] = {name: {} for name in ("by_key", "by_shape", "by_kind", "orders", "tasks")}
    assert (await client.get("/_sandbox/calls")).json() == {"calls": [], "total": 0, "fetches": 0, **empty}


async def test_last_call_as_it_arrived(client: httpx.AsyncClient) -> None:
    assert (await client.get("/_sandbox/last")).status_code == 404
    await client.post(FLASH + "?key=secret-key", json=gemini({"text": "x" * 500}), headers={"x-mine": "1"})
    last = (await client.get("/_sandbox/last")).json()
    assert last["json"]["contents"][0]["parts"][0]["text"] == "x" * 100 + "… (500 characters)"
    assert (last["query"], last["headers"]["x-mine"], last["shape"]) == ({"key": "***"}, "1", "google")
    assert "sk-test-1234" not in json.dumps(last)
    files = [("image[]", ("ä.png", png(), "image/png")), ("mask", ("m.png", png(alpha=255), "image/png"))]
    await client.post(EDITS, data={"model": "gpt-image-2", "prompt": "blue"}, files=files)
    last = (await client.get("/_sandbox/last")).json()
    assert last["form"] == {"model": "gpt-image-2", "prompt": "blue"}
    assert [(file["name"], file["filename"], file["type"]) for file in last["files"]] == [
        ("image[]", "ä.png", "image/png"),
        ("mask", "m.png", "image/png"),
    ]
    assert last["files"][0]["size"] == len(png())


@pytest.mark.parametrize("path", ["/", "/v1/images/generations", "/_sandbox/nothing", "/files/x.png"])
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_as_an_app_without_a_socket() -> None:
    transport = httpx.ASGITransport(app())
    headers = {"authorization": "Bearer k"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
        assert (await client.post(OPENAI, json=body_of("openai"))).status_code == 200
        with pytest.raises(ConnectionResetError):
            await said(client, "openai", "cut")


async def test_sixty_four_at_once(client: httpx.AsyncClient) -> None:
    posts = [client.post(LINKAI, json=body_of("linkai", f"fox {number % 4}")) for number in range(64)]
    answers = await asyncio.gather(*posts)
    assert [answer.status_code for answer in answers] == [200] * 64
