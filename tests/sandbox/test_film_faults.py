"""What goes wrong with films: at the call, at the end of the task, on the way; and what the desk counts of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from koci_proxy.sandbox import Options, Running, start

from .asking import OPENAI, TASKS, VEO, VIDEOS, client_of, ended, is_film, opened_film

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

SHAPES = {"openai": VIDEOS, "google": VEO, "ark": TASKS}


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await start(Options(film_seconds=0))
    yield running
    await running.stop()


def body_of(shape: str, prompt: str) -> dict[str, Any]:
    if shape == "google":
        return {"instances": [{"prompt": prompt}], "parameters": {"durationSeconds": 4}}
    if shape == "ark":
        sent = {"resolution": "480p", "ratio": "1:1", "duration": 2}
        return {"model": "doubao-seedance-1-0-pro-250528", "content": [{"type": "text", "text": prompt}], **sent}
    return {"prompt": prompt, "size": "1280x720"}


async def submit(client: httpx.AsyncClient, shape: str, prompt: str = "a fox", **headers: str) -> httpx.Response:
    return await client.post(SHAPES[shape], json=body_of(shape, prompt), headers=headers)


def place(shape: str, answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return f"/google/v1beta/{body['name']}" if shape == "google" else f"{SHAPES[shape]}/{body['id']}"


async def end(client: httpx.AsyncClient, shape: str, fault: str) -> dict[str, Any]:
    """What becomes of a task with that fault in its prompt."""
    return await ended(client, place(shape, await submit(client, shape, f"a fox sandbox:{fault} sandbox:take=0.1")))


def link(shape: str, done: dict[str, Any]) -> str:
    """Where the film of a task can be had."""
    if shape == "google":
        return str(done["response"]["generateVideoResponse"]["generatedSamples"][0]["video"]["uri"])
    return str(done["content"]["video_url"]) if shape == "ark" else f"{VIDEOS}/{done['id']}/content"


@pytest.mark.parametrize(
    ("shape", "fault", "status", "found"),
    [
        ("openai", "refuse=input", 400, "moderation_blocked"),
        ("google", "refuse=input", 400, "INVALID_ARGUMENT"),
        ("ark", "refuse=input", 400, "InputTextSensitiveContentDetected"),
        ("openai", "limit=7", 429, "rate_limit_exceeded"),
        ("google", "limit=7", 429, "RESOURCE_EXHAUSTED"),
        ("ark", "limit=7", 429, "RateLimitExceeded"),
        ("openai", "quota", 429, "insufficient_quota"),
        ("google", "error=503", 503, "UNAVAILABLE"),
        ("ark", "quota", 403, "AccountOverdueError"),
        ("ark", "error", 500, "InternalServiceError"),
        ("openai", "garbage", 200, "<html>"),
    ],
)
async def test_at_the_call(running: Running, shape: str, fault: str, status: int, found: str) -> None:
    async with client_of(running) as client:
        answer = await submit(client, shape, f"a fox sandbox:{fault}")
        assert (answer.status_code, found in answer.text) == (status, True), answer.text
        report = (await client.get("/_sandbox/calls")).json()
    assert (report["tasks"], report["orders"], report["by_kind"]) == ({}, {}, {shape: {"submit": 1}})


async def test_refused_films(running: Running) -> None:
    async with client_of(running) as client:
        job, operation, task = [await end(client, shape, "refuse") for shape in SHAPES]
    assert (job["status"], job["error"]["code"], job["completed_at"] is None) == ("failed", "moderation_blocked", False)
    made = operation["response"]["generateVideoResponse"]
    assert (made["raiMediaFilteredCount"], len(made["raiMediaFilteredReasons"]), "error" in operation) == (1, 1, False)
    assert "generatedSamples" not in made
    assert (task["status"], task["error"]["code"]) == ("failed", "OutputVideoSensitiveContentDetected")


async def test_failed_and_expired_films(running: Running) -> None:
    async with client_of(running) as client:
        failed = [await end(client, shape, "fail") for shape in SHAPES]
        expired = [await end(client, shape, "expire") for shape in SHAPES]
    assert (failed[0]["status"], failed[0]["error"]["code"]) == ("failed", "video_generation_failed")
    assert (failed[1]["error"]["code"], "response" in failed[1]) == (13, False)
    assert (failed[2]["status"], failed[2]["error"]["code"]) == ("failed", "InternalServiceError")
    assert [expired[0]["status"], expired[1]["error"]["code"], expired[2]["status"]] == ["failed", 4, "expired"]


async def test_good_ends_without_a_film(running: Running) -> None:
    async with client_of(running) as client:
        job, operation, task = [await end(client, shape, "empty") for shape in SHAPES]
        content = await client.get(f"{VIDEOS}/{job['id']}/content")
    assert (job["status"], content.status_code) == ("completed", 404)
    assert operation["response"]["generateVideoResponse"] == {}
    assert (task["status"], task["content"]) == ("succeeded", {})


async def test_some_of_several(running: Running) -> None:
    path = VEO.replace("veo-3.1-generate-preview", "veo-2.0-generate-001")
    sent = {"instances": [{"prompt": "a fox sandbox:partial"}], "parameters": {"sampleCount": 2}}
    async with client_of(running) as client:
        made = (await ended(client, place("google", await client.post(path, json=sent))))["response"]
    assert len(made["generateVideoResponse"]["generatedSamples"]) == 1
    assert made["generateVideoResponse"]["raiMediaFilteredCount"] == 1


@pytest.mark.parametrize("shape", SHAPES)
async def test_films_that_are_none_or_not_as_asked(running: Running, shape: str) -> None:
    async with client_of(running) as client:
        none = await client.get(link(shape, await end(client, shape, "not-image")))
        other = await client.get(link(shape, await end(client, shape, "wrong-size")))
    assert (none.headers["content-type"], none.content[:9]) == ("text/plain", b"this is n")
    film = opened_film(other.content)
    assert (film.width, film.height) == ((320, 318) if shape == "ark" else (640, 358))


@pytest.mark.parametrize("shape", SHAPES)
async def test_bench_films(running: Running, shape: str) -> None:
    async with client_of(running) as client:
        small, large = [
            await client.get(
                link(shape, await ended(client, place(shape, await submit(client, shape, f"x bench:{size}"))))
            )
            for size in ("small", "3")
        ]
    film = opened_film(small.content)
    assert ((film.width, film.height), len(small.content) < 8192) == ((16, 16), True)
    assert (len(large.content), opened_film(large.content).codec) == (3 * 1024 * 1024, "h264")


async def test_slow_calls_have_begun_their_task(running: Running) -> None:
    async with client_of(running) as client:
        client.timeout = httpx.Timeout(5, read=0.3)
        with pytest.raises(httpx.ReadTimeout):
            await submit(client, "openai", "a fox sandbox:slow=30")
        assert (await client.get("/_sandbox/calls")).json()["tasks"] == {"openai": 1}
        (job,) = (await client.get(VIDEOS)).json()["data"]
    assert job["prompt"] == "a fox sandbox:slow=30"


async def test_a_prompts_fault_is_about_its_call_alone(running: Running) -> None:
    async with client_of(running) as client:
        before = time.monotonic()
        job = (await submit(client, "openai", "a fox sandbox:slow=0.4")).json()
        middle = time.monotonic()
        await client.get(link("openai", await ended(client, f"{VIDEOS}/{job['id']}")))
        assert middle - before >= 0.4
        path = place("ark", await submit(client, "ark", "a fox sandbox:drip=0.1"))
        assert is_film((await client.get(link("ark", await ended(client, path)))).content, 640, 640, 2)


async def test_faults_for_one_kind_of_calls(running: Running) -> None:
    async with client_of(running) as client:

        async def told(**fault: Any) -> None:
            assert (await client.post("/_sandbox/faults", json=fault)).status_code == 200

        await told(fault="error=503", on="look", times=2)
        job = (await submit(client, "openai")).json()
        path = f"{VIDEOS}/{job['id']}"
        assert [(await client.get(path)).status_code for _ in range(3)] == [503, 503, 200]
        await told(fault="error", on="download", times=1)
        content = f"{path}/content"
        assert [(await client.get(content)).status_code for _ in range(2)] == [500, 200]
        await told(fault="truncated-json", on="look", times=1)
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            (await client.get(path)).json()
        await told(fault="error", on="cancel", times=1)
        assert [(await client.delete(path)).status_code for _ in range(2)] == [500, 200]
        await told(fault="limit", on="submit", times=1)
        assert [(await submit(client, "openai")).status_code for _ in range(2)] == [429, 200]
        assert (await client.post("/_sandbox/faults", json={"fault": "cut", "on": "upload"})).status_code == 400


async def test_faults_of_links_without_a_key(running: Running) -> None:
    async with client_of(running) as client:
        where = link("ark", await ended(client, place("ark", await submit(client, "ark"))))
        await client.post("/_sandbox/faults", json={"fault": "cut", "on": "download", "times": 1})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(where)
        await client.post("/_sandbox/faults", json={"fault": "error=502", "on": "download", "times": 1})
        assert [(await client.get(where)).status_code for _ in range(2)] == [502, 200]
        await client.post("/_sandbox/faults", json={"fault": "garbage", "on": "download"})
        assert (await client.get(where)).headers["content-type"].startswith("text/html")
        assert (await client.head(where)).headers["content-type"] == "video/mp4"
        await client.post("/_sandbox/faults", json={"fault": "error"})
        assert (await client.get(where)).status_code == 200
        assert (await client.get("/_sandbox/calls")).json()["fetches"] == 6


async def test_where_nothing_is_a_task_it_is_an_error(running: Running) -> None:
    async with client_of(running) as client:
        for fault in ("fail", "expire"):
            answer = await client.post(OPENAI, json={"model": "gpt-image-2", "prompt": f"a fox sandbox:{fault}"})
            assert answer.status_code == 500


async def test_the_desk_counts_submissions_apart_from_looks(running: Running) -> None:
    async def one(client: httpx.AsyncClient, number: int) -> int:
        job = (await submit(client, "openai", f"fox {number} bench:small")).json()
        path = f"{VIDEOS}/{job['id']}"
        await ended(client, path)
        return (await client.get(f"{path}/content")).status_code

    async with client_of(running) as client:
        assert set(await asyncio.gather(*[one(client, number) for number in range(200)])) == {200}
        await submit(client, "openai", "a fox sandbox:limit")
        place("ark", await submit(client, "ark"))
        report = (await client.get("/_sandbox/calls")).json()
        assert report["tasks"] == report["orders"] == {"openai": 200, "ark": 1}
        assert report["by_kind"] == {
            "openai": {"submit": 201, "look": 200, "download": 200},
            "ark": {"submit": 1},
        }
        assert [call["kind"] for call in report["calls"]].count("submit") == 202
        await client.delete("/_sandbox/calls")
        assert (await client.get("/_sandbox/calls")).json()["tasks"] == {}
