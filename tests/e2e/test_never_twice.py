"""A picture that was paid for is never paid for twice: retries and repeats join the call that is under way."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from .processes import House, Lives, Sandbox, ask, proxy, sandbox, until

pytestmark = pytest.mark.sockets
ROUTES = """
platforms: {openai: openai, google: gemini, anthropic: anthropic}
models:
  picture: {price: 4, to: sandbox-openai/gpt-image-2}
  other: {price: 4, to: sandbox-gemini/gemini-3.1-flash-image}
"""
BODY = {"model": "picture", "prompt": "a fox", "size": "1024x1024"}
# The second call waits in the queue, and who hangs up wants nothing any more.
ONE_AT_ONCE = "keys: {sandbox-openai: {of: [key-good-0001], at_once: 1}}\njobs: {on_hang_up: cancel}\n"


def routes(state: str) -> str:
    return f"{ROUTES}state: {json.dumps(state)}\n"


def orders(vendor: Sandbox) -> Any:
    """How many pictures the vendor was asked to make, by shape."""
    return vendor.calls()["orders"]


def auth(house: House | Lives, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {house.key}", **{name.replace("_", "-"): value for name, value in more.items()}}


def test_an_impatient_sdk_gets_its_picture_and_the_vendor_is_asked_once(tmp_path: Path, state: str) -> None:
    """A read timeout of 1 s on a picture of 5 s. The SDK tries three times, its default, and the last try would be over
    before the picture is done: it is kept alive."""
    sent: Counter[str] = Counter()

    def count(request: Any) -> None:
        sent[request.headers["x-stainless-retry-count"]] += 1

    with (
        sandbox() as vendor,
        proxy(tmp_path, vendor, routes(state)) as house,
        openai.OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, timeout=1.0) as app,
    ):
        app._client.event_hooks = {"request": [count], "response": []}
        made = app.images.generate(model="picture", prompt="a fox sandbox:slow=5", size="1024x1024")
        assert made.data
        picture = httpx.get(made.data[0].url or "")
        assert picture.content.startswith(b"\x89PNG")
        assert orders(vendor) == {"openai": 1}
    assert sent == {"0": 1, "1": 1, "2": 1}


async def many(house: House | Lives, count: int, body: Any, **headers: str) -> list[httpx.Response]:
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=count)) as client:
        call = client.post
        url = f"{house.url}/openai/v1/images/generations"
        return await asyncio.gather(*(call(url, json=body, headers=auth(house, **headers)) for _ in range(count)))


@pytest.mark.parametrize("form", ["url", "b64_json"])
def test_fifty_equal_calls_of_one_name_are_one_call(tmp_path: Path, state: str, form: str) -> None:
    body = BODY | {"response_format": form}
    with sandbox("--latency", "0.5") as vendor, Lives(tmp_path, vendor, routes(state)) as house:
        first = asyncio.run(many(house, 50, body, idempotency_key="order-17"))
        assert {answer.status_code for answer in first} == {200}
        assert len({answer.content for answer in first}) == 1
        assert len({answer.headers["x-request-id"] for answer in first}) == 1
        house.kill()
        house.start()
        later = asyncio.run(many(house, 50, body, idempotency_key="order-17"))
        assert {answer.content for answer in later} == {first[0].content}
        assert orders(vendor) == {"openai": 1}
        assert later[0].headers["x-koci-size"] == first[0].headers["x-koci-size"]


WAITS = '''"""Every job waits at the door until it is let in."""
import asyncio
import pathlib

async def on_job(job):
    with open("asked", "a") as asked:
        asked.write("x")
    await asyncio.to_thread(pathlib.Path("let-in").read_bytes)  # a pipe, until somebody has written to it
'''


@pytest.mark.parametrize("promised", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_an_sdk_that_asks_again_before_its_call_is_written_down(tmp_path: Path, promised: bool, named: bool) -> None:
    """While its own pictures are fetched, for one. Its tries are one call for the limits as well."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "waits.py").write_text(WAITS, encoding="utf-8")
    os.mkfifo(tmp_path / "let-in")
    limits = "plugins: [waits]\nlimits: {per_minute: 1, at_once: 1}\n"
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES + limits) as house:
        more = ({"prefer": "respond-async"} if promised else {}) | ({"idempotency_key": "order-1"} if named else {})
        asked = tmp_path / "asked"

        async def tries() -> list[httpx.Response]:
            first = asyncio.create_task(many(house, 1, BODY, x_stainless_retry_count="0", **more))
            await asyncio.to_thread(until, asked.exists)
            again = asyncio.create_task(many(house, 4, BODY, x_stainless_retry_count="1", **more))
            async with httpx.AsyncClient() as other:  # by when it is answered, those before it have come in
                await other.get(f"{house.url}/v1/jobs", headers=auth(house))
            await asyncio.to_thread((tmp_path / "let-in").write_bytes, b"")
            return [*await first, *await again]

        answers = asyncio.run(tries())
        assert {answer.status_code for answer in answers} == {202 if promised else 200}
        assert len({answer.headers["x-request-id"] for answer in answers}) == 1
        assert asked.read_text() == "x"
        if promised:
            until(lambda: ask(f"{house.url}/v1/jobs", headers=auth(house))["data"][0]["status"] == "succeeded")
        assert orders(vendor) == {"openai": 1}


def test_a_job_takes_its_place_for_as_long_as_it_runs(tmp_path: Path) -> None:
    """Also where nobody waits for it: one that is promised for later, one whose app's time is up."""
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES + "limits: {at_once: 2}\n") as house:
        slow = BODY | {"prompt": "a fox sandbox:slow=2"}
        (later,) = asyncio.run(many(house, 1, slow, prefer="respond-async"))
        (late,) = asyncio.run(many(house, 1, slow, x_server_timeout="0.2"))
        assert (later.status_code, late.status_code) == (202, 504)
        refused = asyncio.run(many(house, 2, BODY)) + asyncio.run(many(house, 2, BODY, prefer="respond-async"))
        assert {answer.status_code for answer in refused} == {429}
        assert "2 calls at once" in refused[0].json()["error"]["message"]
        until(
            lambda: {job["status"] for job in ask(f"{house.url}/v1/jobs", headers=auth(house))["data"]} == {"succeeded"}
        )
        assert asyncio.run(many(house, 1, BODY))[0].status_code == 200
        assert orders(vendor) == {"openai": 3}


def test_a_name_that_was_used_for_another_request_is_refused(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        (first,) = asyncio.run(many(house, 1, BODY, idempotency_key="one"))
        (again,) = asyncio.run(many(house, 1, BODY | {"prompt": "a hare"}, idempotency_key="one"))
        (other,) = asyncio.run(many(house, 1, BODY | {"prompt": "a hare"}, idempotency_key="two"))
        (long,) = asyncio.run(many(house, 1, BODY, idempotency_key="x" * 256))
        assert (first.status_code, other.status_code) == (200, 200)
        assert (again.status_code, long.status_code) == (409, 400)
        assert again.json()["error"]["code"] == "idempotency_key_reused"
        assert again.json()["error"]["param"] == long.json()["error"]["param"] == "Idempotency-Key"
        assert again.headers["x-should-retry"] == "false"
        assert orders(vendor) == {"openai": 2}


def test_a_call_that_cost_nothing_may_be_made_again_under_its_name(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES + "retry: {tries: 1}\n") as house:
        vendor.fault("error=503")
        (failed,) = asyncio.run(many(house, 1, BODY, idempotency_key="one"))
        ask(f"{vendor.url}/_sandbox/faults", method="DELETE")
        (made,) = asyncio.run(many(house, 1, BODY, idempotency_key="one"))
        assert (failed.status_code, made.status_code) == (502, 200)


def test_a_call_that_may_have_cost_something_is_not_made_again(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        vendor.fault("cut")
        answers = [asyncio.run(many(house, 1, BODY, idempotency_key="one"))[0] for _ in range(2)]
        assert [answer.status_code for answer in answers] == [502, 502]
        assert answers[0].json() == answers[1].json()
        assert answers[1].headers["x-should-retry"] == "false"
        assert orders(vendor) == {"openai": 1}


def test_who_hangs_up_finds_the_picture_under_the_number_of_the_request(tmp_path: Path, state: str) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, routes(state)) as house:
        slow = BODY | {"prompt": "a fox sandbox:slow=1.5", "response_format": "b64_json"}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{house.url}/openai/v1/images/generations", json=slow, headers=auth(house), timeout=0.5)
        listed = ask(f"{house.url}/v1/jobs", headers=auth(house))["data"]
        (job,) = listed
        with httpx.stream("GET", f"{house.url}/openai/v1/jobs/{job['id']}/events", headers=auth(house)) as story:
            assert [line for line in story.iter_lines() if line.startswith("event:")][-1] == "event: succeeded"
        made = ask(f"{house.url}/v1/jobs/{job['id']}", headers=auth(house))
        assert made["status"] == "succeeded"
        assert httpx.get(made["result"]["data"][0]["url"]).content.startswith(b"\x89PNG")
        assert orders(vendor) == {"openai": 1}


def test_where_the_house_wants_it_a_call_ends_with_its_app_before_anything_is_spent(tmp_path: Path) -> None:
    """All keys are busy, so the second call waits in the queue; it has cost nothing, and its app hangs up."""
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES + ONE_AT_ONCE) as house:

        async def both() -> None:
            first = asyncio.create_task(many(house, 1, BODY | {"prompt": "sandbox:slow=2"}))
            async with httpx.AsyncClient() as client:
                await asyncio.to_thread(until, lambda: bool(vendor.calls()["calls"]))
                with pytest.raises(httpx.ReadTimeout):
                    await client.post(
                        f"{house.url}/openai/v1/images/generations", json=BODY, headers=auth(house), timeout=0.5
                    )
            (answer,) = await first
            assert answer.status_code == 200

        asyncio.run(both())
        assert orders(vendor) == {"openai": 1}


def test_an_app_that_hangs_up_leaves_the_job_to_those_who_still_wait(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES + ONE_AT_ONCE) as house:
        headers = auth(house, idempotency_key="one")

        def waiting() -> bool:
            return len(ask(f"{house.url}/v1/jobs", headers=auth(house))["data"]) == 2

        async def three() -> list[httpx.Response]:
            busy = asyncio.create_task(many(house, 1, BODY | {"prompt": "sandbox:slow=3"}))
            await asyncio.to_thread(until, lambda: bool(vendor.calls()["calls"]))
            waits = asyncio.create_task(many(house, 1, BODY, idempotency_key="one"))
            await asyncio.to_thread(until, waiting)
            async with httpx.AsyncClient() as client:
                with pytest.raises(httpx.ReadTimeout):
                    await client.post(
                        f"{house.url}/openai/v1/images/generations", json=BODY, headers=headers, timeout=0.5
                    )
            return [*await busy, *await waits]

        assert [answer.status_code for answer in asyncio.run(three())] == [200, 200]
        assert orders(vendor) == {"openai": 2}


def test_the_last_app_that_hangs_up_ends_a_job_whoever_left_before(tmp_path: Path) -> None:
    """One whose time was up is no listener any more."""
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES + ONE_AT_ONCE) as house:

        async def three() -> None:
            busy = asyncio.create_task(many(house, 1, BODY | {"prompt": "sandbox:slow=4"}))
            await asyncio.to_thread(until, lambda: bool(vendor.calls()["calls"]))
            (late,) = await many(house, 1, BODY, idempotency_key="one", x_server_timeout="0.2")
            assert late.status_code == 504
            headers = auth(house, idempotency_key="one")
            async with httpx.AsyncClient() as client:
                with pytest.raises(httpx.ReadTimeout):
                    await client.post(
                        f"{house.url}/openai/v1/images/generations", json=BODY, headers=headers, timeout=0.3
                    )
            job = f"{house.url}/v1/jobs/{late.headers['x-request-id']}"
            await asyncio.to_thread(until, lambda: ask(job, headers=auth(house))["status"] == "cancelled")
            await busy

        asyncio.run(three())
        assert orders(vendor) == {"openai": 1}


def test_an_app_of_google_is_told_when_its_time_is_up_and_where_to_look(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        url = f"{house.url}/google/v1beta/models/other:generateContent"
        body = {"contents": [{"parts": [{"text": "a fox sandbox:slow=2"}]}]}
        answer = httpx.post(url, json=body, headers=auth(house, x_server_timeout="1"))
        assert answer.status_code == 504
        error = answer.json()["error"]
        assert error["status"] == "DEADLINE_EXCEEDED"
        number = answer.headers["x-request-id"]
        assert f"/v1/jobs/{number}" in error["message"]
        with httpx.stream("GET", f"{house.url}/v1/jobs/{number}/events", headers=auth(house)) as story:
            assert [line for line in story.iter_lines() if line.startswith("event:")][-1] == "event: succeeded"
        assert orders(vendor) == {"google": 1}


def test_anothers_job_is_not_there(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        (answer,) = asyncio.run(many(house, 1, BODY))
        url = f"{house.url}/v1/jobs/{answer.headers['x-request-id']}"
        assert ask(url, headers=auth(house))["status"] == "succeeded"
        other = made_key(tmp_path)
        for method, path in (("GET", url), ("GET", f"{url}/events"), ("DELETE", url)):
            refused = httpx.request(method, path, headers={"authorization": f"Bearer {other}"})
            assert refused.status_code == 404, path
        listed = ask(f"{house.url}/v1/jobs", headers={"authorization": f"Bearer {other}"})
        assert listed == {"object": "list", "data": [], "has_more": False}
        assert httpx.get(url).status_code == 401


def made_key(folder: Path) -> str:
    command = [sys.executable, "-m", "koci_proxy", "keys", "new", "other"]
    told = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return next(word for word in told.split() if word.startswith("sk-koci_"))
