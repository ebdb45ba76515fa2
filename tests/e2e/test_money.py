"""Credits and limits over sockets: nothing is sold that was not paid for, nothing charged that was not delivered."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import errors

from tests.redis_server import redis_server

from .processes import House, Sandbox, ask, lines_until, process, proxy, sandbox, until

pytestmark = pytest.mark.sockets
ROUTES = """
platforms: {openai: openai, google: gemini, anthropic: anthropic, ark: ark}
models:
  picture: {price: 1, to: sandbox-openai/gpt-image-2}
  dear: {price: {1K: 4, 2K: 8, 4K: 16}, to: sandbox-gemini/gemini-3-pro-image}
  several: {price: 2, to: sandbox-linkai/gpt-image-2}
  set: {price: 4, to: sandbox-ark/seedream-4.0}
  film: {price: {second: 10}, to: sandbox-openai/sora-2}
  veo: {price: {second: 10}, to: sandbox-gemini/veo-3.1}
  seedance: {price: {second: 10}, to: sandbox-ark/seedance-1.0-pro}
retry: {tries: 1}
"""
BODY = {"model": "picture", "prompt": "bench:small"}


def routes(state: str, more: str = "") -> str:
    return f"{ROUTES}state: {json.dumps(state)}\n{more}"


def auth(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def admin(house: House, path: str, body: Any = None, method: str | None = None) -> Any:
    return ask(f"{house.url}/admin/{path}", body, method=method, headers=auth(house.admin))


def paid_key(house: House, credits: float, **more: Any) -> tuple[str, str]:
    """A key with so many credits: its id and its text."""
    made = admin(house, "keys", {"name": f"with {credits}", **more})
    admin(house, f"keys/{made['id']}/credits", {"top_up": credits})
    return made["id"], made["key"]


def books(house: House, id: str) -> tuple[float, float]:
    """(balance, held) of a key."""
    account = admin(house, f"keys/{id}/credits")
    return float(account["balance"]), float(account["held"])


@contextmanager
def second(folder: Path, vendor: Sandbox, shared: str) -> Iterator[str]:
    """Another process on a state that is there already: where it is."""
    (folder / "routes.yaml").write_text(shared, encoding="utf-8")
    with process("serve", "--port", "0", "--sandbox", vendor.url, cwd=folder) as child:
        yield lines_until(child, r"serving on")[-1].split()[-1]


async def at_once(url: str, key: str, bodies: list[Any], path: str = "images/generations") -> list[httpx.Response]:
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=len(bodies))) as client:
        calls = (client.post(f"{url}/openai/v1/{path}", json=body, headers=auth(key)) for body in bodies)
        return await asyncio.gather(*calls)


def test_a_hundred_calls_on_credit_for_thirty_seven(tmp_path: Path, state: str) -> None:
    with sandbox("--latency", "0.2") as vendor, proxy(tmp_path, vendor, routes(state)) as house:
        id, key = paid_key(house, 37)
        answers = asyncio.run(at_once(house.url, key, [BODY] * 100))
        assert Counter(answer.status_code for answer in answers) == {200: 37, 402: 63}
        assert vendor.calls()["total"] == 37
        assert books(house, id) == (0, 0)
        refused = next(answer for answer in answers if answer.status_code == 402).json()["error"]
        assert (refused["type"], refused["code"]) == ("insufficient_quota", "insufficient_quota")
        assert "0 are left" in refused["message"]
        assert admin(house, "credits/check")["balanced"] is True

        def logged() -> list[Any]:
            return [row["attempts"] for row in admin(house, "log?status=402&limit=100")["data"]]

        until(lambda: len(logged()) == 63)
        assert logged() == [[]] * 63  # no vendor was called
        called = [
            line
            for line in httpx.get(f"{house.url}/metrics").text.splitlines()
            if line.startswith("koci_vendor_calls_total")
        ]
        assert [line.split()[1] for line in called] == ["37.0"]
        assert 'outcome="ok"' in called[0]


def test_what_came_is_charged_and_nothing_else(tmp_path: Path, state: str) -> None:
    with sandbox("--film-seconds", "0.3") as vendor, proxy(tmp_path, vendor, routes(state)) as house:
        id, key = paid_key(house, 1000)
        left = 1000.0

        def call(body: dict[str, Any], price: float, status: int = 200) -> None:
            nonlocal left
            (answer,) = asyncio.run(at_once(house.url, key, [body]))
            assert answer.status_code == status, answer.text
            left -= price
            assert books(house, id) == (left, 0), body

        call(BODY, 1)
        call({"model": "dear", "prompt": "a fox", "size": "1024x1024"}, 4)
        call({"model": "several", "prompt": "a fox", "n": 3, "size": "1024x1024"}, 6)
        call({"model": "picture", "prompt": "a fox sandbox:refuse"}, 0, 400)
        call({"model": "picture", "prompt": "a fox sandbox:error=500"}, 0, 502)
        call({"model": "picture", "prompt": "a fox", "size": "nonsense"}, 0, 400)
        call({"model": "nothing", "prompt": "a fox"}, 0, 404)
        film = ask(
            f"{house.url}/openai/v1/videos", {"model": "film", "prompt": "a fox", "seconds": "4"}, headers=auth(key)
        )
        assert books(house, id) == (left - 40, 40)
        job = f"req_{film['id'].removeprefix('video_')}"
        with httpx.stream("GET", f"{house.url}/v1/jobs/{job}/events", headers=auth(key)) as story:
            assert [line for line in story.iter_lines() if line.startswith("event:")][-1] == "event: succeeded"
        assert books(house, id) == (left - 40, 0)
        statement = ask(f"{house.url}/v1/credits/statement", headers=auth(key))["data"]
        assert sorted(float(entry["credits"]) for entry in statement) == [-40, -6, -4, -1, 1000]


def test_some_of_several_pictures_are_charged_one_by_one(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        id, key = paid_key(house, 100)
        ask(f"{vendor.url}/_sandbox/faults", {"fault": "error=500", "times": 1})
        (answer,) = asyncio.run(at_once(house.url, key, [{"model": "several", "prompt": "a fox", "n": 3}]))
        assert len(answer.json()["data"]) == 2
        assert books(house, id) == (96, 0)


def test_of_a_set_all_are_held_and_counted_and_those_that_came_are_charged(tmp_path: Path, state: str) -> None:
    """One call, of which the model decides how many pictures come. The last of each set fails."""
    with sandbox() as vendor, proxy(tmp_path, vendor, routes(state)) as house:
        of_six = {"sequential_image_generation_options": {"max_images": 6}}

        def asked(key: str, **more: Any) -> httpx.Response:
            body = {"model": "set", "prompt": "foxes sandbox:partial", "size": "1K", **more}
            body |= {"sequential_image_generation": "auto"}
            return httpx.post(f"{house.url}/ark/api/v3/images/generations", json=body, headers=auth(key), timeout=60)

        id, poor = paid_key(house, 10)
        refused = asked(poor, **of_six)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AccountOverdueError")
        assert "24 credits" in refused.json()["error"]["message"]
        assert (books(house, id), vendor.calls()["total"]) == ((10, 0), 0)
        id, key = paid_key(house, 100, limits={"pictures_per_minute": 22})
        assert len(asked(key, **of_six).json()["data"]) == 6
        assert books(house, id) == (80, 0)
        charge, _ = ask(f"{house.url}/v1/credits/statement", headers=auth(key))["data"]
        assert (charge["kind"], float(charge["credits"]), charge["pictures"]) == ("charge", -20, 5)
        assert asked(key).status_code == 200  # of how many it may be is not said: 15
        assert vendor.last()["json"]["sequential_image_generation_options"] == {"max_images": 15}
        assert books(house, id) == (24, 0)
        _, careful = paid_key(house, 100, limits={"credits_per_day": 23})
        for limited, words in ((key, "22 pictures"), (careful, "23 credits a day")):
            told = asked(limited, **of_six)
            assert (told.status_code, words in told.json()["error"]["message"]) == (429, True), told.text
        assert vendor.calls()["total"] == 2


def test_a_repeat_is_charged_once(tmp_path: Path) -> None:
    with sandbox("--latency", "0.3") as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        id, key = paid_key(house, 100)

        async def twenty() -> list[httpx.Response]:
            async with httpx.AsyncClient(timeout=60) as client:
                headers = auth(key) | {"idempotency-key": "one"}
                url = f"{house.url}/openai/v1/images/generations"
                return await asyncio.gather(*(client.post(url, json=BODY, headers=headers) for _ in range(20)))

        assert {answer.status_code for answer in asyncio.run(twenty())} == {200}
        assert books(house, id) == (99, 0)


def test_an_operators_repeat_is_booked_once(tmp_path: Path, state: str) -> None:
    """Over HTTP and by the command, which have the same names."""
    with sandbox() as vendor, proxy(tmp_path, vendor, routes(state)) as house:
        id, _ = paid_key(house, 45)
        url, body = f"{house.url}/admin/keys/{id}/credits", {"top_up": 100, "note": "invoice 7"}
        headers = auth(house.admin)
        named = headers | {"idempotency-key": "inv-7"}
        command = [sys.executable, "-m", "koci_proxy", "credits", "top-up", id, "100", "--note", "invoice 7"]
        for _ in range(2):
            assert httpx.post(url, json=body, headers=named).json()["balance"] == "145"
            told = subprocess.run([*command, "--once", "inv-7"], cwd=house.folder, capture_output=True, text=True)
            assert (told.returncode, "145" in told.stdout) == (0, True), told.stderr
        nameless = subprocess.run([*command, "--once", ""], cwd=house.folder, capture_output=True, text=True)
        assert (nameless.returncode, "the name is empty" in nameless.stderr) == (2, True)
        reused = httpx.post(url, json=body | {"top_up": 200}, headers=named)
        assert (reused.status_code, reused.json()["error"]["code"]) == (409, "idempotency_key_reused")
        assert httpx.post(url, json=body, headers=headers | {"idempotency-key": "x" * 256}).status_code == 400
        assert books(house, id) == (145, 0)
        assert httpx.post(url, json=body, headers=headers).json()["balance"] == "245"


def test_a_field_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        id, _ = paid_key(house, 1)
        for path, method, body, field in (
            (f"{id}/credits", "POST", '{"top_up": 1, "top_up": 2}', "top_up"),
            (id, "PATCH", '{"limits": {"at_once": 1, "at_once": 2}}', "at_once"),
        ):
            url = f"{house.url}/admin/keys/{path}"
            error = httpx.request(method, url, content=body, headers=auth(house.admin)).json()["error"]
            assert (error["type"], error["param"]) == ("bad_request", field)
            assert error["message"] == f"{field} is given 2 times"
        assert books(house, id) == (1, 0)


def delete(house: House, key: str, id: str) -> int:
    return httpx.delete(f"{house.url}/v1/jobs/{id}", headers=auth(key), timeout=60).status_code


def logged(house: House, id: str, rows: int) -> list[tuple[int, str, float]]:
    """What the log has of a key's calls, once it is written: status, outcome, credits."""
    found: list[Any] = []

    def written() -> bool:
        found[:] = admin(house, f"log?key={id}")["data"]
        return len(found) >= rows

    until(written)
    return [(row["status"], row["outcome"], float(row["credits"])) for row in found]


def begun(house: House, key: str, body: dict[str, Any], path: str = "images/generations") -> str:
    """A job that nobody waits for: its id, once the vendor was asked."""
    before = house.sandbox.calls()["total"]
    headers = auth(key) | {"prefer": "respond-async"}
    job = ask(f"{house.url}/openai/v1/{path}", body, headers=headers)
    until(lambda: house.sandbox.calls()["total"] > before)
    return str(job["id"])


def test_previews_are_not_to_be_had_for_nothing(tmp_path: Path, state: str) -> None:
    """An app that ends its stream once it has seen enough."""
    with sandbox() as vendor, proxy(tmp_path, vendor, routes(state)) as house:
        id, key = paid_key(house, 4)
        body = BODY | {"prompt": "a fox sandbox:drip=3", "stream": True, "partial_images": 3}
        url, ended = f"{house.url}/openai/v1/images/generations", []
        for _ in range(10):
            with httpx.stream("POST", url, json=body, headers=auth(key), timeout=60) as answer:
                if answer.status_code == 402:
                    break
                assert any(line.startswith("event:") and "partial_image" in line for line in answer.iter_lines())
                ended.append(delete(house, key, answer.headers["x-request-id"]))
        assert ended == [200] * 4
        assert books(house, id) == (0, 0)
        assert vendor.calls()["total"] == 4
        rows = logged(house, id, 9)
        assert sum(credits for *_, credits in rows) == 4
        assert admin(house, "credits/check")["balanced"] is True


@pytest.mark.parametrize(("model", "free"), [("veo", False), ("film", False), ("seedance", True)])
def test_a_film_that_its_vendor_does_not_stop_is_paid_for(tmp_path: Path, model: str, free: bool) -> None:
    """Google's wire has no word for it, OpenAI's none while it is under way; Ark ends what waits its turn."""
    with sandbox("--film-seconds", "30") as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        id, key = paid_key(house, 40)
        film = ask(f"{house.url}/openai/v1/videos", {"model": model, "prompt": "a", "seconds": "4"}, headers=auth(key))
        until(lambda: any(call["kind"] == "look" for call in vendor.calls()["calls"]))
        assert books(house, id) == (0, 40)
        assert delete(house, key, film["id"].replace("video", "req")) == 200
        assert books(house, id) == (40 if free else 0, 0)
        entry = ask(f"{house.url}/v1/credits/statement", headers=auth(key))["data"][0]
        assert (entry["kind"], float(entry["credits"])) == (("top_up", 40) if free else ("charge", -40))
        assert logged(house, id, 1) == [(202, "cancelled", 0 if free else 40)]
        assert delete(house, key, film["id"].replace("video", "req")) == 409


def test_only_the_parts_that_were_begun_are_paid_for(tmp_path: Path) -> None:
    """Of three pictures the vendor makes one, and the others wait for the only key."""
    one_at_once = "keys: {sandbox-linkai: {of: [key-good-0001], at_once: 1}}\n"
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES + one_at_once) as house:
        id, key = paid_key(house, 6)
        job = begun(house, key, {"model": "several", "prompt": "a fox sandbox:slow=3", "n": 3, "size": "1024x1024"})
        assert delete(house, key, job) == 200
        assert books(house, id) == (4, 0)
        assert vendor.calls()["orders"] == {"linkai": 1}


def test_what_comes_to_nothing_after_all_is_given_back(tmp_path: Path, state: str) -> None:
    """The app ends its job while the call is out, and the vendor refuses it a moment later."""
    with sandbox("--latency", "1.5") as vendor, proxy(tmp_path, vendor, routes(state)) as house:
        id, key = paid_key(house, 1)
        job = begun(house, key, BODY | {"prompt": "sandbox:refuse"})
        assert delete(house, key, job) == 200
        assert books(house, id) == (0, 0)
        until(lambda: books(house, id) == (1, 0))
        assert logged(house, id, 2) == [(202, "cancelled", 1), (202, "cancelled", -1)]
        assert admin(house, "credits/check")["balanced"] is True


def test_a_job_that_goes_on_without_its_app_has_a_row_of_its_own(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        id, key = paid_key(house, 8)
        headers = auth(key) | {"x-server-timeout": "0.5"}
        for prompt in ("a fox sandbox:slow=2", "sandbox:refuse", "a fox"):
            body = {"model": "dear", "prompt": prompt, "size": "1024x1024"}
            answer = httpx.post(f"{house.url}/openai/v1/images/generations", json=body, headers=headers, timeout=60)
            if answer.status_code == 504:
                until(lambda: books(house, id) == (4, 0))
        assert logged(house, id, 4) == [
            (504, "slow", 0),
            (0, "ok", 4),
            (400, "refused", 0),
            (200, "ok", 4),
        ]
        first, second = admin(house, f"log?key={id}")["data"][:2]
        assert (first["id"], second["pictures"]) == (second["id"], 1)


def test_a_day_has_its_limit(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        made = admin(house, "keys", {"name": "careful", "limits": {"credits_per_day": 3}})
        statuses = [asyncio.run(at_once(house.url, made["key"], [BODY]))[0] for _ in range(5)]
        assert [answer.status_code for answer in statuses] == [200, 200, 200, 429, 429]
        assert 0 < int(statuses[-1].headers["retry-after"]) <= 86_400
        assert vendor.calls()["total"] == 3


def test_no_credit_and_too_fast_are_the_right_classes_in_each_sdk(tmp_path: Path) -> None:
    more = "limits: {per_minute: 2}\n"
    with sandbox() as vendor, proxy(tmp_path, vendor, routes("sqlite:///data/koci.db", more)) as house:
        _, poor = paid_key(house, 0.5)
        with openai.OpenAI(base_url=f"{house.url}/openai/v1", api_key=poor) as by_openai:
            with pytest.raises(openai.APIStatusError) as told:
                by_openai.images.generate(model="picture", prompt="a fox")
            assert (told.value.status_code, told.value.code) == (402, "insufficient_quota")
        message: Any = [{"role": "user", "content": "a fox"}]
        with anthropic.Anthropic(base_url=f"{house.url}/anthropic", api_key=poor) as by_anthropic:
            with pytest.raises(anthropic.APIStatusError) as refused:
                by_anthropic.messages.create(model="picture", max_tokens=9, messages=message)
            assert refused.value.status_code == 402
        _, other = paid_key(house, 0.5)
        for key, ends in ((poor, (429, "RESOURCE_EXHAUSTED")), (other, (402, "FAILED_PRECONDITION"))):
            with genai.Client(api_key=key, http_options={"base_url": f"{house.url}/google"}) as google:
                with pytest.raises(errors.ClientError) as stopped:
                    google.models.generate_content(model="picture", contents="a fox")
                assert (stopped.value.code, stopped.value.status) == ends
        with openai.OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=0) as fast:
            answers = [fast.images.with_raw_response.generate(model="picture", prompt="bench:small") for _ in range(2)]
            assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0"]
            with pytest.raises(openai.RateLimitError) as too_fast:
                fast.images.generate(model="picture", prompt="bench:small")
            headers = too_fast.value.response.headers
            assert 0 < int(headers["retry-after"]) <= 60
            assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("2", "0")
        slow = anthropic.Anthropic(base_url=f"{house.url}/anthropic", api_key=house.key, max_retries=0)
        with slow, pytest.raises(anthropic.RateLimitError):
            slow.messages.create(model="picture", max_tokens=9, messages=message)


def test_two_processes_and_one_redis_keep_one_limit(tmp_path: Path) -> None:
    """Sixty a minute, asked for by twice two hundred at once; within two in a hundred."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    with sandbox() as vendor, redis_server() as pace:
        limits = f"limits: {{per_minute: 60}}\npace: {json.dumps(pace.url)}\n"
        shared = routes(f"sqlite:///{tmp_path / 'shared.db'}", limits)
        with proxy(folders[0], vendor, shared) as one, second(folders[1], vendor, shared) as two:

            async def both() -> list[httpx.Response]:
                calls = (at_once(url, one.key, [BODY] * 200) for url in (one.url, two))
                return [answer for answers in await asyncio.gather(*calls) for answer in answers]

            began = time.monotonic()
            answers = asyncio.run(both())
            assert time.monotonic() - began < 50, "the minute was nearly over: the machine is too slow for this test"
            good = sum(answer.status_code == 200 for answer in answers)
            assert 59 <= good <= 61
            assert {answer.status_code for answer in answers} == {200, 429}
            assert vendor.calls()["total"] == good
