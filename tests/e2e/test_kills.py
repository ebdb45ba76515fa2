"""Jobs outlive their process: killed at any moment, everything that was asked for ends once, and is ordered once."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from .processes import Lives, ask, sandbox, until

pytestmark = pytest.mark.sockets
ROUTES = """
platforms: {openai: openai, koukoutu: koukoutu}
models:
  film: {to: sandbox-openai/sora-2}
  picture: {to: sandbox-openai/gpt-image-2}
  nameless: {to: sandbox-linkai/gpt-image-2}
  cutout: {to: sandbox-koukoutu-async/background-removal}
"""
# A vendor that makes one picture a call, one call at a time, and one behind it that makes several.
SINGLE = """
dialect: openai
url: sandbox:/openai/v1
sandbox: true
idempotency_header: Idempotency-Key
models: {gpt-image-2: single}
"""
SINGLE_CARD = "{tasks: [generate], size: {wire: pixels, step: 16, max_edge: 3840}, n: 1}"
IN_PARTS = """
platforms: {openai: openai}
models: {picture: {to: [ORDER]}}
keys: {single: {of: [key-single], at_once: 1}, sandbox-openai: [key-several]}
retry: {tries: 1}
"""
JOBS = 200
KILLS = 10


def routes(state: str) -> str:
    return f"{ROUTES}state: {json.dumps(state)}\n"


def auth(house: Lives) -> dict[str, str]:
    return {"authorization": f"Bearer {house.key}"}


class Crowd:
    """Listeners that follow a job to its end, however often the house dies under them."""

    def __init__(self, house: Lives) -> None:
        self.house = house
        self.ends: dict[str, list[str]] = {}
        self.alive = asyncio.Event()
        self.alive.set()

    async def order(self, client: httpx.AsyncClient, number: int) -> str:
        """A film, asked for again and again under one name until somebody answers: its id."""
        body = {
            "model": "film",
            "prompt": f"a fox, the same film for all sandbox:slow={2 + number % 5}",
            "seconds": "4",
        }
        headers = {**auth(self.house), "idempotency-key": f"film-{number}"}
        while True:
            try:
                answer = await client.post(f"{self.house.url}/openai/v1/videos", json=body, headers=headers)
            except httpx.TransportError:
                await self.alive.wait()  # come again, as any client would
                continue
            assert answer.status_code == 200, answer.text
            return str(answer.json()["id"])

    async def follow(self, client: httpx.AsyncClient, video: str) -> None:
        """The story of a job, listened to from where it broke off, up to its end."""
        job, last = "req_" + video.removeprefix("video_"), 0
        url = f"{self.house.url}/v1/jobs/{job}/events"
        told: list[str] = []
        while not told or told[-1] in ("queued", "running"):
            try:
                async with client.stream("GET", url, headers={**auth(self.house), "last-event-id": str(last)}) as story:
                    async for line in story.aiter_lines():
                        last = int(line.removeprefix("id: ")) if line.startswith("id:") else last
                        told += [line.removeprefix("event: ")] if line.startswith("event:") else []
            except httpx.TransportError:
                await self.alive.wait()
        self.ends[job] = told

    async def one(self, client: httpx.AsyncClient, number: int) -> None:
        await self.follow(client, await self.order(client, number))

    def after_some_calls(self, count: int) -> None:
        """Any moment will do: orders, looks and downloads all go to the vendor."""
        seen = self.house.vendor.calls()["total"]
        until(lambda: self.house.vendor.calls()["total"] >= seen + count)

    async def everything(self) -> None:
        limits = httpx.Limits(max_connections=JOBS)
        async with httpx.AsyncClient(timeout=60, limits=limits) as client:
            listeners = [asyncio.create_task(self.one(client, number)) for number in range(JOBS)]
            rng = random.Random(20261121)
            for _ in range(KILLS):
                await asyncio.to_thread(self.after_some_calls, rng.randint(1, 150))
                self.alive.clear()
                self.house.kill()
                await asyncio.to_thread(self.house.start)
                self.alive.set()
            await asyncio.gather(*listeners)


def test_two_hundred_jobs_and_ten_deaths(tmp_path: Path, state: str) -> None:
    with sandbox() as vendor, Lives(tmp_path, vendor, routes(state)) as house:
        crowd = Crowd(house)
        asyncio.run(crowd.everything())
        assert len(crowd.ends) == JOBS
        assert {told[-1] for told in crowd.ends.values()} == {"succeeded"}
        assert all(told.count("succeeded") == 1 and told[0] == "queued" for told in crowd.ends.values())
        calls = vendor.calls()
        assert calls["orders"] == {"openai": JOBS}
        films = [ask(f"{house.url}/v1/jobs/{job}", headers=auth(house)) for job in list(crowd.ends)[:5]]
        for film in films:
            assert httpx.get(film["result"]["data"][0]["url"]).content[4:8] == b"ftyp"
    assert house.count == KILLS + 1


def begun(house: Lives, path: str, body: Any) -> str:
    headers = {**auth(house), "prefer": "respond-async"}
    answer = httpx.post(f"{house.url}{path}", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def end(house: Lives, job: str) -> Any:
    with httpx.stream("GET", f"{house.url}/v1/jobs/{job}/events", headers=auth(house), timeout=60) as story:
        *_, last = (line for line in story.iter_lines() if line.startswith("data:"))
    return json.loads(last.removeprefix("data:"))["job"]


def test_a_task_is_looked_after_by_the_next_process_with_the_key_that_began_it(tmp_path: Path, state: str) -> None:
    """The wire of this vendor knows no names of calls: all hangs on the ticket that was written down."""
    house_routes = routes(state) + "keys: {sandbox-koukoutu-async: [key-a-0001, key-b-0002]}\n"
    with sandbox("--task-seconds", "3") as vendor, Lives(tmp_path, vendor, house_routes) as house:
        made = httpx.post(
            f"{house.url}/openai/v1/images/generations", json={"model": "picture", "prompt": "x"}, headers=auth(house)
        ).json()["data"][0]["url"]
        body = {"model": "cutout", "prompt": "a fox", "images": [{"image_url": made}]}
        jobs = [begun(house, "/openai/v1/images/edits", body) for _ in range(2)]
        until(
            lambda: {call["key_tail"] for call in vendor.calls()["calls"] if call["kind"] == "look"} == {"0001", "0002"}
        )
        house.kill()
        house.start()
        assert [end(house, job)["status"] for job in jobs] == ["succeeded"] * 2
        assert vendor.calls()["orders"]["koukoutu"] == 2
        tails = {call["key_tail"] for call in vendor.calls()["calls"] if call["shape"] == "koukoutu"}
        assert tails == {"0001", "0002"}
        refused = [call for call in vendor.calls()["calls"] if call["shape"] == "koukoutu" and call["status"] != 200]
        assert not refused


def logged(house: Lives) -> list[tuple[Any, ...]]:
    """What the log has: model, status, outcome, thousandths of a credit."""
    with closing(sqlite3.connect(house.folder / "data" / "koci.db")) as database:
        return database.execute("select model, status, outcome, price from requests order by number").fetchall()


def test_what_goes_on_after_a_death_stands_in_the_log_too(tmp_path: Path) -> None:
    """One call that somebody waited for is gone on with by the next process, one is given up; both tell of it."""
    priced = ROUTES.replace("cutout: {", "cutout: {price: 4, ").replace("nameless: {", "nameless: {price: 4, ")
    with sandbox() as vendor, Lives(tmp_path, vendor, priced) as house:
        url = f"{house.url}/openai/v1/images"
        drawn = {"model": "picture", "prompt": "x"}
        made = httpx.post(f"{url}/generations", json=drawn, headers=auth(house)).json()["data"][0]["url"]
        images = [{"image_url": made}]

        async def killed() -> None:
            async with httpx.AsyncClient(headers=auth(house), timeout=60) as client:
                waiting = [
                    client.post(f"{url}/edits", json={"model": model, "prompt": f"a fox {word}", "images": images})
                    for model, word in (("cutout", "sandbox:take=3"), ("nameless", "sandbox:slow=30"))
                ]
                both = asyncio.gather(*waiting, return_exceptions=True)
                await asyncio.to_thread(until, lambda: vendor.calls()["by_kind"].get("koukoutu", {}).get("look"))
                await asyncio.to_thread(until, lambda: vendor.calls()["by_kind"].get("linkai"))
                house.kill()
                assert all(isinstance(end, httpx.TransportError) for end in await both)

        asyncio.run(killed())
        house.start()
        until(lambda: len(logged(house)) == 3)
        assert sorted(logged(house)) == [
            ("cutout", 0, "ok", 4000),
            ("nameless", 0, "down", 0),
            ("picture", 200, "ok", 0),
        ]


def test_what_was_sent_and_lost_is_told_to_the_operator_and_not_sent_again(tmp_path: Path, state: str) -> None:
    with sandbox() as vendor, Lives(tmp_path, vendor, routes(state)) as house:
        job = begun(house, "/openai/v1/images/generations", {"model": "nameless", "prompt": "a fox sandbox:slow=30"})
        until(lambda: vendor.calls()["total"] == 1)
        house.kill()
        house.start()
        told = end(house, job)
        assert (told["status"], told["error"]["code"]) == ("failed", "lost")
        assert vendor.calls()["total"] == 1
        assert job in (tmp_path / "stderr2.txt").read_text()
        assert "may have been paid for" in (tmp_path / "stderr2.txt").read_text()


def test_a_vendor_that_knows_calls_by_name_is_asked_again_and_works_once(tmp_path: Path) -> None:
    with sandbox() as vendor, Lives(tmp_path, vendor, ROUTES) as house:
        job = begun(house, "/openai/v1/images/generations", {"model": "picture", "prompt": "a fox sandbox:slow=4"})
        until(lambda: vendor.calls()["total"] == 1)
        house.kill()
        house.start()
        assert end(house, job)["status"] == "succeeded"
        calls = vendor.calls()
        assert (calls["total"], calls["orders"]) == (2, {"openai": 1})


def test_a_job_that_cost_nothing_yet_is_begun_by_the_next_process(tmp_path: Path) -> None:
    """The only key is busy, so the job has not gone out when the process dies."""
    one_at_once = "keys: {sandbox-openai: {of: [key-a-0001], at_once: 1}}\n"
    with sandbox() as vendor, Lives(tmp_path, vendor, ROUTES + one_at_once) as house:
        body = {"model": "picture", "prompt": "a fox"}
        first = begun(house, "/openai/v1/images/generations", body | {"prompt": "a hare sandbox:slow=2"})
        until(lambda: vendor.calls()["total"] == 1)
        second = begun(house, "/openai/v1/images/generations", body)
        house.kill()
        house.start()
        assert end(house, second)["status"] == end(house, first)["status"] == "succeeded"
        assert vendor.calls()["orders"] == {"openai": 2}


def parts_of(house: Lives) -> list[Any]:
    """What is written of the parts of the only job there is."""
    with closing(sqlite3.connect(house.folder / "data" / "koci.db")) as database:
        [(parts,)] = database.execute("select parts from jobs").fetchall()
    return list(json.loads(parts).values())


def test_each_part_of_a_job_is_gone_on_with_where_it_was(tmp_path: Path) -> None:
    """Of three parts one has moved to another vendor and was answered there, one is out, one was not begun.

    The next process finds the vendors in another order; the first makes all three pictures a call.
    """
    (tmp_path / "providers" / "cards").mkdir(parents=True)
    (tmp_path / "providers" / "single.yaml").write_text(SINGLE, encoding="utf-8")
    (tmp_path / "providers" / "cards" / "single.yaml").write_text(SINGLE_CARD, encoding="utf-8")
    single, several = "single/gpt-image-2", "sandbox-openai/gpt-image-2"
    before, after = (IN_PARTS.replace("ORDER", f"{one}, {two}") for one, two in ((single, several), (several, single)))
    with sandbox("--fault", "slow=4") as vendor, Lives(tmp_path, vendor, before) as house:
        faults = f"{vendor.url}/_sandbox/faults"
        ask(faults, {"fault": "error", "key": "key-single", "times": 1})
        ask(faults, {"fault": "slow=0", "key": "key-several"})
        job = begun(house, "/openai/v1/images/generations", {"model": "picture", "prompt": "a fox", "n": 3})
        until(lambda: sorted(len(part.keys() & {"target", "result"}) for part in parts_of(house)) == [0, 1, 2])
        until(lambda: vendor.calls()["total"] == 3)
        house.kill()
        (tmp_path / "routes.yaml").write_text(after, encoding="utf-8")
        house.start()
        told = end(house, job)
        assert (told["status"], len(told["result"]["data"])) == ("succeeded", 3)
        calls = vendor.calls()
        assert calls["orders"] == {"openai": 3}
        # The one that failed, its second try, the one that was out, the same again; the last went where it could.
        assert calls["total"] == 5
