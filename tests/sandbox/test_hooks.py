"""The addresses for webhooks: what is posted there is kept as it came, and answered as the address says."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from koci_proxy.sandbox import Running, start

from .asking import client_of

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

HOOKS = "/_sandbox/hooks"


async def test_what_is_posted_is_kept_as_it_came(running: Running) -> None:
    async with client_of(running) as client:
        before = time.time()
        answer = await client.post(f"{HOOKS}/a", content=b'{"b":  "\xc3\xbc"}', headers={"webhook-id": "req_1"})
        assert (answer.status_code, answer.content) == (204, b"")
        await client.post(f"{HOOKS}/a", content=b"\xff")
        (first, second) = (await client.get(f"{HOOKS}/a")).json()["hooks"]
        assert (first["body"], first["headers"]["webhook-id"], first["status"]) == ('{"b":  "ü"}', "req_1", 204)
        assert before <= first["at"] <= second["at"] <= time.time()
        assert (await client.get(HOOKS)).json() == (await client.get(f"{HOOKS}/b")).json() == {"hooks": []}
        assert (await client.delete(f"{HOOKS}/a")).status_code == 204
        assert (await client.get(f"{HOOKS}/a")).json() == {"hooks": []}
        assert (await client.get("/_sandbox/calls")).json()["total"] == 0


async def test_an_address_says_how_it_answers(running: Running) -> None:
    async with client_of(running) as client:
        always = [(await client.post(f"{HOOKS}/c?status=410")).status_code for _ in range(3)]
        twice = [(await client.post(f"{HOOKS}/d?status=500&times=2")).status_code for _ in range(3)]
        assert (always, twice) == ([410] * 3, [500, 500, 204])
        kept = (await client.get(f"{HOOKS}/d")).json()["hooks"]
        assert [hook["status"] for hook in kept] == [500, 500, 204]
        assert (await client.put(HOOKS)).status_code == 405
        assert (await client.get("/_sandbox/hooked")).status_code == 404


async def test_who_asks_for_more_waits_until_they_have_come() -> None:
    running = await start()
    async with client_of(running) as client:
        waiting = asyncio.create_task(client.get(f"{HOOKS}?least=2"))
        await client.post(HOOKS)
        assert not waiting.done()
        await client.post(HOOKS)
        assert len((await waiting).json()["hooks"]) == 2
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{HOOKS}?least=3", timeout=0.1)
    await running.stop()  # nobody waits any more
