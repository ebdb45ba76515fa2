"""Calls under an Idempotency-Key: the work is done once, whoever asks again and whenever."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from koci_proxy.sandbox.nouns import Answer
from koci_proxy.sandbox.repeats import MOST, Repeats

from .asking import LINKAI, OPENAI, VIDEOS

KEY = {"idempotency-key": "req_1"}
PATHS = {VIDEOS: {"prompt": "a fox"}, OPENAI: {"model": "gpt-image-2", "prompt": "a fox"}}


async def counted(client: httpx.AsyncClient) -> tuple[dict[str, int], dict[str, int]]:
    report = (await client.get("/_sandbox/calls")).json()
    return report["orders"], report["tasks"]


@pytest.mark.anyio
@pytest.mark.sockets
@pytest.mark.parametrize("path", PATHS)
async def test_the_same_key_gets_the_same_answer(client: httpx.AsyncClient, path: str) -> None:
    tasks = {"openai": 1} if path == VIDEOS else {}
    first = await client.post(path, json=PATHS[path], headers=KEY)
    again = await client.post(path, json=PATHS[path], headers=KEY)
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    assert await counted(client) == ({"openai": 1}, tasks)
    for headers in ({"idempotency-key": "req_2"}, {**KEY, "authorization": "Bearer k-other"}, {}):
        assert "idempotent-replayed" not in (await client.post(path, json=PATHS[path], headers=headers)).headers
    assert (await counted(client))[0] == {"openai": 4}


@pytest.mark.anyio
@pytest.mark.sockets
@pytest.mark.parametrize("path", PATHS)
async def test_while_the_first_is_under_way(client: httpx.AsyncClient, path: str) -> None:
    answers = await asyncio.gather(*[client.post(path, json=PATHS[path], headers=KEY) for _ in range(8)])
    assert len({answer.content for answer in answers}) == 1
    assert (await counted(client))[0] == {"openai": 1}


@pytest.mark.anyio
@pytest.mark.sockets
async def test_after_an_answer_that_never_arrived(client: httpx.AsyncClient) -> None:
    await client.post("/_sandbox/faults", json={"fault": "cut", "times": 1, "on": "submit"})
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(VIDEOS, json=PATHS[VIDEOS], headers=KEY)
    again = await client.post(VIDEOS, json=PATHS[VIDEOS], headers=KEY)
    assert again.headers["idempotent-replayed"] == "true"
    assert [job["id"] for job in (await client.get(VIDEOS)).json()["data"]] == [again.json()["id"]]


@pytest.mark.anyio
@pytest.mark.sockets
async def test_a_bad_answer_is_not_remembered(client: httpx.AsyncClient) -> None:
    await client.post("/_sandbox/faults", json={"fault": "error", "times": 1})
    sent: list[dict[str, Any]] = [PATHS[VIDEOS], {**PATHS[VIDEOS], "size": "1x1"}, PATHS[VIDEOS], PATHS[VIDEOS]]
    statuses = [(await client.post(VIDEOS, json=one, headers=KEY)).status_code for one in sent]
    assert statuses == [500, 400, 200, 200]
    assert await counted(client) == ({"openai": 1}, {"openai": 1})


@pytest.mark.anyio
@pytest.mark.sockets
async def test_shapes_without_such_a_key(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await client.post(LINKAI, json=PATHS[OPENAI], headers=KEY)
    assert (await counted(client))[0] == {"linkai": 2}


@pytest.mark.anyio
async def test_who_waits_for_a_failure_works_himself() -> None:
    repeats, turn = Repeats(), asyncio.Event()
    tries: list[int] = []

    async def make() -> Answer:
        tries.append(len(tries))
        await turn.wait()
        if len(tries) == 1:
            raise ConnectionResetError
        return Answer(200, (b"x",))

    both = [asyncio.create_task(repeats.once("k", make)) for _ in range(2)]
    await asyncio.sleep(0)
    assert tries == [0]
    turn.set()
    first, second = await asyncio.gather(*both, return_exceptions=True)
    assert isinstance(first, ConnectionResetError)
    assert isinstance(second, Answer)
    assert tries == [0, 1]


@pytest.mark.anyio
async def test_old_answers_are_forgotten() -> None:
    repeats = Repeats()
    made: list[int] = []

    async def make() -> Answer:
        made.append(1)
        return Answer(200, (b"x",))

    for number in range(MOST + 1):
        await repeats.once(number, make)
    await repeats.once(MOST, make)
    assert len(made) == MOST + 1
    await repeats.once(0, make)
    assert len(made) == MOST + 2
