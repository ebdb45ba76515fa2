"""Webhooks: the end of a job is posted to who asked for it, signed, again until it is heard, and after a death too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.postgres import postgres

from .film_doors import DOORS, get, post
from .jobs import SECONDS, another_key, auth, end, number, orders, until
from .processes import House, Lives, Sandbox, sandbox

pytestmark = pytest.mark.sockets

ROUTES = """
platforms: {openai: openai}
models:
  sora-2: {to: sandbox-openai/sora-2}
  picture: {to: sandbox-openai/gpt-image-2}
"""
PICTURE = {"model": "picture", "prompt": "a fox"}
GENERATIONS = "/openai/v1/images/generations"
VIDEOS = "/openai/v1/videos"
LATER = {"prefer": "respond-async"}


def address(vendor: Sandbox, name: str, query: str = "") -> str:
    """Where the sandbox takes webhooks; the one private address that a house with a sandbox calls."""
    return f"{vendor.url}/_sandbox/hooks/{name}{query}"


def heard(vendor: Sandbox, name: str, least: int = 1) -> list[dict[str, Any]]:
    """What was posted there, once it was so often."""
    hooks: list[dict[str, Any]] = httpx.get(address(vendor, name, f"?least={least}"), timeout=20).json()["hooks"]
    return hooks


def secret_of(house: House | Lives) -> bytes:
    told = httpx.get(f"{house.url}/v1/webhooks/secret", headers=auth(house)).json()["secret"]
    assert told.startswith("whsec_")
    secret = base64.b64decode(told.removeprefix("whsec_"), validate=True)
    assert 24 <= len(secret) <= 64  # what Standard Webhooks allows
    return secret


def signed(hook: dict[str, Any], secret: bytes) -> bool:
    """Whether a post was signed with that secret: Standard Webhooks 1.0, as its receivers check it."""
    headers = hook["headers"]
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{hook['body']}".encode()
    wanted = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest())
    given = [word.removeprefix("v1,").encode() for word in headers["webhook-signature"].split()]
    return any(hmac.compare_digest(wanted, each) for each in given)


def begun(house: House | Lives, path: str, body: Any, hook: str, **headers: str) -> str:
    headers = auth(house, x_koci_webhook=hook, **headers)
    answer = httpx.post(f"{house.url}{path}", json=body, headers=headers, timeout=SECONDS)
    return number(answer.headers["x-request-id"])


def test_every_end_is_told_and_signed(studio: House) -> None:
    vendor, secret = studio.sandbox, secret_of(studio)
    film = {"model": "sora-2", "prompt": "a fox"}
    asked: dict[str, tuple[str, Any, dict[str, str], str]] = {
        "waited-for": (GENERATIONS, PICTURE, {}, "succeeded"),
        "for-later": (GENERATIONS, PICTURE, LATER, "succeeded"),
        "film": (VIDEOS, film, {}, "succeeded"),
        "refused": (VIDEOS, film | {"prompt": "sandbox:refuse"}, {}, "refused"),
        "refused-sync": (GENERATIONS, PICTURE | {"prompt": "sandbox:refuse"}, {}, "refused"),
        "failed": (VIDEOS, film | {"prompt": "sandbox:fail"}, {}, "failed"),
    }
    ids = {
        name: begun(studio, path, body, address(vendor, name), **headers)
        for name, (path, body, headers, _) in asked.items()
    }
    for name, (*_, status) in asked.items():
        (hook,) = heard(vendor, name)
        headers, told = hook["headers"], json.loads(hook["body"])
        assert headers["webhook-id"] == ids[name]
        assert headers["content-type"] == "application/json"
        assert "authorization" not in headers
        assert abs(int(headers["webhook-timestamp"]) - hook["at"]) <= 5
        assert signed(hook, secret)
        assert not signed({**hook, "body": hook["body"] + " "}, secret)
        assert set(told) == {"type", "timestamp", "data"}
        assert told["type"] == f"job.{status}"
        job = get(studio, f"/v1/jobs/{ids[name]}").json()
        assert told["data"] == job
        assert (job["status"], int(datetime.fromisoformat(told["timestamp"]).timestamp())) == (status, job["ended_at"])
        assert datetime.fromisoformat(told["timestamp"]).tzinfo == UTC
    picture = json.loads(heard(vendor, "for-later")[0]["body"])["data"]["result"]["data"][0]["url"]
    assert httpx.get(picture).content.startswith(b"\x89PNG")


def test_the_end_of_a_job_that_was_cancelled_is_told_too(studio: House) -> None:
    body = {"model": "sora-2", "prompt": "a fox sandbox:take=30"}
    id = begun(studio, VIDEOS, body, address(studio.sandbox, "cancelled"))
    assert httpx.delete(f"{studio.url}/v1/jobs/{id}", headers=auth(studio)).status_code == 200
    (hook,) = heard(studio.sandbox, "cancelled")
    assert json.loads(hook["body"])["type"] == "job.cancelled"


def test_a_film_that_is_deleted_is_told_of_all_the_same(studio: House) -> None:
    """One under way as cancelled; one that is made and was not heard of is told again. Neither is seen any more."""
    under_way = {"model": "sora-2", "prompt": "a fox sandbox:take=30"}
    hook = address(studio.sandbox, "deleted-made", "?status=500&times=1")
    ids = {
        "deleted": begun(studio, VIDEOS, under_way, address(studio.sandbox, "deleted")),
        "deleted-made": begun(studio, VIDEOS, under_way | {"prompt": "a fox"}, hook),
    }
    heard(studio.sandbox, "deleted-made")
    for id in ids.values():
        film = f"{VIDEOS}/video_{id.removeprefix('req_')}"
        assert httpx.delete(f"{studio.url}{film}", headers=auth(studio)).status_code == 200
        assert get(studio, film).status_code == get(studio, f"/v1/jobs/{id}").status_code == 404
    for (name, id), least, kind in zip(ids.items(), (1, 2), ("job.cancelled", "job.succeeded"), strict=True):
        told = heard(studio.sandbox, name, least)[-1]
        assert (told["headers"]["webhook-id"], json.loads(told["body"])["type"]) == (id, kind)


def test_what_is_not_heard_is_told_again_under_the_same_id(studio: House) -> None:
    """An answer that is no 2xx, also a redirect, which is not followed. The first pause is 5 s."""
    vendor, secret = studio.sandbox, secret_of(studio)
    names = {"down": "?status=500&times=1", "moved": "?status=302&times=1"}
    ids = {name: begun(studio, GENERATIONS, PICTURE, address(vendor, name, query)) for name, query in names.items()}
    for name, id in ids.items():
        first, second = heard(vendor, name, least=2)
        assert (first["status"], second["status"]) == (int(names[name][8:11]), 204)
        assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"] == id
        assert first["body"] == second["body"]
        assert 4.5 < second["at"] - first["at"] < 20
        assert int(second["headers"]["webhook-timestamp"]) > int(first["headers"]["webhook-timestamp"])
        assert signed(first, secret)
        assert signed(second, secret)
        assert not signed({**second, "headers": second["headers"] | {"webhook-timestamp": "1"}}, secret)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://127.0.0.1/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "ftp://example.com/",
        "https://user:word@example.com/",
        "https://example.com:22/",
        "example.com/hook",
        "x",
        "",
    ],
)
def test_an_address_that_may_not_be_called(studio: House, url: str) -> None:
    """A 400 in the door's own words, which names the header; nothing is begun for it."""
    before = orders(studio.sandbox)
    for path, body in ((GENERATIONS, PICTURE), (VIDEOS, {"model": "sora-2", "prompt": "a fox"})):
        for later in ({}, LATER):
            answer = post(studio, path, body, x_koci_webhook=url, **later)
            error = answer.json()["error"]
            assert (answer.status_code, error["param"]) == (400, "x-koci-webhook"), answer.text
            assert error["message"].startswith("the webhook cannot be called")
    assert orders(studio.sandbox) == before


@pytest.mark.parametrize("door", DOORS)
def test_every_door_says_so_in_its_own_words(studio: House, door: str) -> None:
    paths = {
        "openai": (VIDEOS, {"model": "sora-2", "prompt": "x"}),
        "google": ("/google/v1beta/models/veo:predictLongRunning", {"instances": [{"prompt": "x"}]}),
        "api": ("/api/videos", {"model": "veo", "prompt": "x"}),
        "ark": (
            "/ark/api/v3/contents/generations/tasks",
            {"model": "seedance", "content": [{"type": "text", "text": "x"}]},
        ),
    }
    path, body = paths[door]
    answer = post(studio, path, body, x_koci_webhook="http://10.0.0.1/")
    error = answer.json()["error"]
    field = error.get("param") or error.get("field") or error["details"][1]["fieldViolations"][0]["field"]
    assert (answer.status_code, field) == (400, "x-koci-webhook")


def test_the_secret_is_the_keys_own(studio: House) -> None:
    other = another_key(studio.folder)
    url = f"{studio.url}/v1/webhooks/secret"
    theirs = httpx.get(url, headers={"authorization": f"Bearer {other}"}).json()["secret"]
    assert base64.b64decode(theirs.removeprefix("whsec_")) != secret_of(studio) == secret_of(studio)
    assert httpx.get(url).status_code == 401
    assert httpx.get(f"{studio.url}/openai/v1/webhooks/secret", headers=auth(studio)).status_code == 404


def test_a_job_is_told_of_once_however_often_it_is_asked_for(studio: House) -> None:
    """Repeats join the job; its webhook is that of the request that began it."""
    hook = address(studio.sandbox, "repeated")
    ids = {begun(studio, GENERATIONS, PICTURE, hook, idempotency_key="told-once") for _ in range(3)}
    assert len(ids) == 1
    begun(studio, GENERATIONS, PICTURE | {"prompt": "a hare"}, hook)
    both = heard(studio.sandbox, "repeated", least=2)
    assert len({each["headers"]["webhook-id"] for each in both}) == 2


def test_a_death_keeps_no_webhook_back(tmp_path: Path) -> None:
    """Neither of a job that the vendor was at work on, nor one that was told once and not heard: on either database."""
    with sandbox("--film-seconds", "1") as vendor, postgres() as url, ExitStack() as stack:
        houses = {}
        for name, state in {"sqlite": "sqlite:///data/koci.db", "postgresql": url}.items():
            (tmp_path / name).mkdir()
            routes = f"{ROUTES}state: {json.dumps(state)}\n"
            houses[name] = stack.enter_context(Lives(tmp_path / name, vendor, routes))
        ids = {}
        for name, house in houses.items():
            film = {"model": "sora-2", "prompt": "sandbox:take=3"}
            unheard = address(vendor, f"{name}-unheard", "?status=503&times=1")
            ids[f"{name}-unheard"] = begun(house, GENERATIONS, PICTURE, unheard)
            ids[f"{name}-film"] = begun(house, VIDEOS, film, address(vendor, f"{name}-film"))
        for name, house in houses.items():
            heard(vendor, f"{name}-unheard")
            until(lambda: vendor.calls()["by_kind"]["openai"].get("look", 0) > 1)  # so both tasks are written down
            house.kill()
            house.start()
        for hook, id in ids.items():
            house = houses[hook.partition("-")[0]]
            least = 2 if hook.endswith("unheard") else 1
            hooks = heard(vendor, hook, least)
            assert [each["headers"]["webhook-id"] for each in hooks] == [id] * least
            assert all(signed(each, secret_of(house)) for each in hooks)
            assert json.loads(hooks[-1]["body"])["type"] == "job.succeeded"
            assert end(house, id)["status"] == "succeeded"
        assert vendor.calls()["orders"] == {"openai": 4}
