"""Whoever watches a job sees its whole story: late, twice, from where it broke off, in another process; and its end."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from .film_doors import film, get, look, order, streamed
from .jobs import SECONDS, Event, auth, end, events, story, until
from .processes import House, lines_until, process, proxy, sandbox

pytestmark = pytest.mark.sockets

ROUTES = """
platforms: {openai: openai, api: koci}
models: {sora-2: {to: sandbox-openai/sora-2}, picture: {to: sandbox-openai/gpt-image-2}}
"""
EVERY = 0.2  # seconds between two looks at the sandbox's films, as its provider files have it


def whole(told: list[Event], id: str) -> None:
    """A story from its first event to its end, in order, with nothing missing."""
    assert [event.id for event in told] == [str(number) for number in range(1, len(told) + 1)]
    assert [told[0].name, told[-1].name] == ["queued", "succeeded"]
    assert {event.name for event in told[1:-1]} == {"running"}
    assert all(event.data["status"] == event.name and event.data["id"] == id for event in told)
    times = [event.data["at"] for event in told]
    shares = [event.data["progress"] for event in told if event.data["progress"] is not None]
    assert (times, shares) == (sorted(times), sorted(shares))
    assert ["job" in event.data for event in told] == [False] * (len(told) - 1) + [True]
    assert told[-1].data["job"]["status"] == "succeeded"


def test_a_story_is_whole_whenever_it_is_heard(studio: House) -> None:
    id = order(studio, "openai", "sora-2", "a fox sandbox:take=2.5")
    live = story(studio, id)
    whole(live, id)
    assert len(live) > 3, "the vendor tells how far it is"
    assert story(studio, id) == story(studio, id, "/openai/v1/jobs") == story(studio, id, "/google/v1/jobs") == live
    for seen in range(len(live)):
        assert story(studio, id, last_event_id=str(seen)) == live[seen:]
    over = get(studio, f"/v1/jobs/{id}/events", last_event_id=str(len(live)))
    assert (over.status_code, over.content) == (204, b""), "an EventSource comes back for ever"
    for nonsense in ("", "x", "-1", "1.5", "9" * 30, str(len(live) + 1), "999"):
        assert story(studio, id, last_event_id=nonsense) == live


@pytest.mark.parametrize("limit", ["", "0", "101", "-1", "x", "٣", "9" * 5000])
def test_a_limit_that_is_none(studio: House, limit: str) -> None:
    refused = httpx.get(f"{studio.url}/v1/jobs", params={"limit": limit}, headers=auth(studio))
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "limit")


def test_a_story_that_broke_off_goes_on(studio: House) -> None:
    """The connection is lost after two events, and after each one more."""
    id = order(studio, "openai", "sora-2", "a fox sandbox:take=2")
    told: list[Event] = []
    while not told or told[-1].name != "succeeded":
        last = {"last_event_id": told[-1].id} if told else {}
        url = f"{studio.url}/v1/jobs/{id}/events"
        with httpx.stream("GET", url, headers=auth(studio, **last), timeout=SECONDS) as answer:
            lines = answer.iter_lines()
            for _ in range(1 if told else 2):
                told += events("\n".join(iter(lines.__next__, "")))
    whole(told, id)
    assert told == story(studio, id)


def test_kocodeimgs_stream_late_and_twice(studio: House) -> None:
    id = order(studio, "api", "sora-2", "a fox sandbox:take=1")
    live = streamed(studio, id)
    assert live[0] == {"status": "processing", "progress": 0}
    shares = [state["progress"] for state in live]
    assert shares == sorted(shares)
    assert live[-1]["status"] == "complete"
    assert streamed(studio, id) == streamed(studio, id) == live[-1:]


def test_a_job_that_ended_badly_says_so_to_late_watchers_too(studio: House) -> None:
    ids = {word: order(studio, "openai", "sora-2", f"sandbox:{word}") for word in ("refuse", "fail")}
    for word, status in (("refuse", "refused"), ("fail", "failed")):
        live, late = story(studio, ids[word]), story(studio, ids[word])
        assert live == late
        assert (late[-1].name, late[-1].data["job"]["error"]["type"] != "") == (status, True)


async def watched(house: House, path: str) -> str:
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        answer = await client.get(f"{house.url}{path}", headers=auth(house))
        assert answer.status_code == 200, path
        return answer.text


async def all_watched(places: list[tuple[House, str]]) -> list[str]:
    return list(await asyncio.gather(*(watched(house, path) for house, path in places)))


def test_thirty_watchers_and_one_who_looks(studio: House) -> None:
    studio.sandbox.forget()
    id = order(studio, "openai", "sora-2", "a fox sandbox:take=2")
    jobs = [f"{base}/jobs/{id}/events" for base in ("/v1", "/openai/v1")]
    paths = [*jobs * 10, *[f"/api/videos/v_{id.removeprefix('req_')}/stream"] * 10]
    told = asyncio.run(all_watched([(studio, path) for path in paths]))
    assert len(told) == 30
    first = events(told[0])
    whole(first, id)
    assert all(events(text) == first for text in told[:20])
    lasts = [json.loads(text.rstrip().splitlines()[-1].removeprefix("data:")) for text in told[20:]]
    assert lasts == streamed(studio, id) * 10
    kinds = studio.sandbox.calls()["by_kind"]["openai"]
    assert (kinds["submit"], kinds["download"]) == (1, 1)
    assert kinds["look"] <= 2 / EVERY + 3


# --- the end from outside --------------------------------------------------------------------------------------------


def deleted(house: House, path: str) -> httpx.Response:
    return httpx.delete(f"{house.url}{path}", headers=auth(house), timeout=SECONDS)


@pytest.mark.parametrize(
    ("model", "shape", "cancels"), [("sora-2", "openai", 1), ("seedance", "ark", 1), ("veo", "google", 0)]
)
def test_a_job_is_ended_here_and_at_the_vendor(studio: House, model: str, shape: str, cancels: int) -> None:
    """Google's wire has no word for it. Nobody looks after the task any more."""
    studio.sandbox.forget()
    id = order(studio, "openai", model, "a fox sandbox:take=40")
    until(lambda: studio.sandbox.calls()["by_kind"].get(shape, {}).get("look"))
    gone = deleted(studio, f"/v1/jobs/{id}")
    assert (gone.status_code, gone.json()["status"], gone.json()["id"]) == (200, "cancelled", id)
    calls = studio.sandbox.calls()
    assert calls["by_kind"][shape].get("cancel", 0) == cancels
    looks = calls["by_kind"][shape]["look"]
    again = deleted(studio, f"/openai/v1/jobs/{id}")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "job_ended")
    other = order(studio, "openai", "sora-2" if shape != "openai" else "veo")
    assert end(studio, other)["status"] == "succeeded"  # time has passed
    calls = studio.sandbox.calls()
    assert (calls["by_kind"][shape]["look"], calls["by_kind"][shape].get("cancel", 0)) == (looks, cancels)
    assert look(studio, "openai", id)["error"]["code"] == "cancelled"
    assert get(studio, f"/v1/jobs/{id}").json()["status"] == "cancelled"
    assert look(studio, "ark", id)["status"] == "cancelled"
    assert look(studio, "google", id)["error"]["code"] == 1


def test_a_job_is_ended_at_the_vendor_once_it_has_answered(studio: House) -> None:
    """The end comes while the call that begins the task is out: it is paid for, unless the vendor is told."""
    studio.sandbox.forget()
    id = order(studio, "openai", "sora-2", "a fox sandbox:slow=1 sandbox:take=40")
    until(lambda: studio.sandbox.calls()["by_kind"].get("openai"))
    assert deleted(studio, f"/v1/jobs/{id}").json()["status"] == "cancelled"
    until(lambda: studio.sandbox.calls()["by_kind"]["openai"].get("cancel"), 5)


def begun(house: House, id: str) -> None:
    """Wait until a job runs, as its story tells."""
    with httpx.stream("GET", f"{house.url}/v1/jobs/{id}/events", headers=auth(house), timeout=SECONDS) as answer:
        for line in answer.iter_lines():
            if line == "event: running":
                return
    raise AssertionError("it ended before it ran")


def test_watchers_hear_that_a_job_was_cancelled(studio: House) -> None:
    """Whoever watches at that moment, whoever comes later, and whoever comes again."""
    id = order(studio, "openai", "sora-2", "a fox sandbox:take=40")
    url = f"{studio.url}/v1/jobs/{id}/events"
    with httpx.stream("GET", url, headers=auth(studio), timeout=SECONDS) as answer:
        lines = answer.iter_lines()
        text = "\n".join(iter(lines.__next__, "event: running")) + "\nevent: running\n"
        assert deleted(studio, f"/v1/jobs/{id}").status_code == 200
        text += "\n".join(lines)
    live, late = events(text), story(studio, id)
    assert live == late
    assert [event.name for event in late] == ["queued", "running", "cancelled"]
    assert late[-1].data["job"]["status"] == "cancelled"
    assert story(studio, id, last_event_id="2") == late[2:]


def test_who_waits_for_a_job_that_is_cancelled_is_told(studio: House) -> None:
    """A picture that is waited for is ended from outside: its app gets an error, not silence."""

    async def both() -> httpx.Response:
        body = {"model": "picture", "prompt": "a fox sandbox:slow=30"}
        async with httpx.AsyncClient(timeout=SECONDS, headers=auth(studio)) as client:
            waiting = asyncio.create_task(client.post(f"{studio.url}/openai/v1/images/generations", json=body))
            while not (
                jobs := [
                    job for job in (await listed(client)) if job["model"] == "picture" and job["status"] == "running"
                ]
            ):
                pass
            assert (await client.delete(f"{studio.url}/v1/jobs/{jobs[0]['id']}")).status_code == 200
            return await waiting

    async def listed(client: httpx.AsyncClient) -> list[Any]:
        return list((await client.get(f"{studio.url}/v1/jobs?limit=5")).json()["data"])

    answer = asyncio.run(both())
    assert answer.status_code in (409, 410)
    assert answer.json()["error"]["message"]
    assert answer.headers["x-should-retry"] == "false"


# --- another process -------------------------------------------------------------------------------------------------


@contextmanager
def beside(house: House, folder: Path, routes: str) -> Iterator[House]:
    """A second process for the same house: the same state, the same store."""
    folder.mkdir()
    (folder / "routes.yaml").write_text(routes, encoding="utf-8")
    with process("serve", "--port", "0", "--sandbox", house.sandbox.url, cwd=folder) as child:
        found = re.search(r"serving on (\S+)", lines_until(child, r"serving on")[-1])
        assert found
        yield replace(house, url=found[1], folder=folder, pid=child.pid)


@pytest.fixture
def pair(tmp_path: Path, state: str) -> Iterator[tuple[House, House]]:
    """Two processes of one house."""
    if state.startswith("sqlite"):
        state = f"sqlite:///{tmp_path}/shared.db"
    routes = f"{ROUTES}state: {json.dumps(state)}\nstore: {{url: {json.dumps(str(tmp_path / 'media'))}}}\n"
    (tmp_path / "one").mkdir()
    with (
        sandbox("--film-seconds", "0.3") as vendor,
        proxy(tmp_path / "one", vendor, routes) as one,
        beside(one, tmp_path / "two", routes) as two,
    ):
        yield one, two


def test_a_job_of_another_process(pair: tuple[House, House]) -> None:
    """Watched, asked after, joined and ended from there."""
    one, two = pair
    id = order(one, "openai", "sora-2", "a fox sandbox:take=2")
    native = f"/api/videos/v_{id.removeprefix('req_')}/stream"
    events_of = f"/v1/jobs/{id}/events"
    told = asyncio.run(all_watched([(one, events_of), *[(two, events_of)] * 5, (one, native), (two, native)]))
    first = events(told[0])
    whole(first, id)
    assert all(events(text) == first for text in told[1:6])
    assert told[6].rstrip().splitlines()[-1] == told[7].rstrip().splitlines()[-1]
    assert look(two, "openai", id) == look(one, "openai", id)
    assert film(two, "openai", id) == film(one, "openai", id)
    kinds = one.sandbox.calls()["by_kind"]["openai"]
    assert (kinds["submit"], kinds["download"]) == (1, 1)
    assert kinds["look"] <= 2 / EVERY + 3
    joined(one, two)
    ended_from_there(one, two)


def joined(one: House, two: House) -> None:
    """A call of one name, made to both at once, is one call and one answer."""
    one.sandbox.forget()
    body = {"model": "picture", "prompt": "a fox sandbox:slow=1"}

    async def asked() -> list[httpx.Response]:
        path = "/openai/v1/images/generations"
        async with httpx.AsyncClient(timeout=SECONDS, headers=auth(one, idempotency_key="either")) as client:
            return list(
                await asyncio.gather(*(client.post(f"{url}{path}", json=body) for url in (one.url, two.url) * 3))
            )

    answers = asyncio.run(asked())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert httpx.get(answers[0].json()["data"][0]["url"]).content.startswith(b"\x89PNG")
    assert one.sandbox.calls()["orders"] == {"openai": 1}


def ended_from_there(one: House, two: House) -> None:
    """One process works on it, the other is told to end it: both say so, and nobody looks after it any more."""
    one.sandbox.forget()
    id = order(one, "openai", "sora-2", "a fox sandbox:take=60")
    begun(two, id)
    until(lambda: one.sandbox.calls()["by_kind"]["openai"].get("look"))
    with httpx.stream("GET", f"{one.url}/v1/jobs/{id}/events", headers=auth(one), timeout=SECONDS) as answer:
        assert deleted(two, f"/v1/jobs/{id}").json()["status"] == "cancelled"
        answer.read()  # to its end, by which the first process has heard of it
    assert deleted(one, f"/v1/jobs/{id}").status_code == 409
    looks = one.sandbox.calls()["by_kind"]["openai"]
    assert looks["cancel"] == 1
    other = order(two, "api", "sora-2")
    assert end(two, other)["status"] == "succeeded"
    made = one.sandbox.calls()["calls"]
    task = next(call["path"] for call in made if call["kind"] == "look")
    assert sum(call["path"] == task and call["kind"] == "look" for call in made) == looks["look"]
