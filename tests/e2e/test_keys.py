"""Vendor keys in use: a key that is limited rests as long as it was told to, and nobody notices."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from .processes import Sandbox, proxy, sandbox

ROUTES = """
platforms: {openai: openai}
keys: {sandbox-openai: [key-good-0001, key-busy-0002]}
models: {picture: {to: sandbox-openai/gpt-image-2}}
retry: {maybe_paid: 0}
"""
BODY = {"model": "picture", "prompt": "bench:small"}


async def many(url: str, key: str, count: int, at_once: int) -> list[int]:
    gate = asyncio.Semaphore(at_once)
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=at_once)) as client:

        async def one() -> int:
            async with gate:
                headers = {"authorization": f"Bearer {key}"}
                answer = await client.post(f"{url}/openai/v1/images/generations", json=BODY, headers=headers)
                return answer.status_code

        return await asyncio.gather(*(one() for _ in range(count)))


@pytest.mark.sockets
def test_a_limited_key_rests_and_every_request_succeeds(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        vendor.fault("limit=30", key="key-busy-0002")
        statuses = asyncio.run(many(house.url, house.key, 200, 1))
        assert statuses == [200] * 200
        assert tails(vendor) == {"0001": 200, "0002": 1}
        rows = {row["name"]: row for row in house.status()["keys"]["sandbox-openai"]}
        assert 0 < rows["sandbox-openai#2"]["rests"] <= 30


@pytest.mark.sockets
def test_all_keys_resting_is_a_429_with_the_true_wait(tmp_path: Path) -> None:
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        vendor.fault("limit=30")
        headers = {"authorization": f"Bearer {house.key}"}
        answers = [
            httpx.post(f"{house.url}/openai/v1/images/generations", json=BODY, headers=headers) for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [429] * 3
        assert all(25 <= int(answer.headers["retry-after"]) <= 30 for answer in answers)
        assert tails(vendor) == {"0001": 1, "0002": 1}


@pytest.mark.sockets
def test_all_keys_spent_is_a_503_that_says_when_and_names_them_in_the_log(tmp_path: Path) -> None:
    """Not a 429: no app asks too often, and an SDK that comes again soon is no help."""
    with sandbox() as vendor, proxy(tmp_path, vendor, ROUTES) as house:
        vendor.fault("error=402")
        headers = {"authorization": f"Bearer {house.key}"}
        answers = [
            httpx.post(f"{house.url}/openai/v1/images/generations", json=BODY, headers=headers) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [503, 503]
        assert 3500 <= int(answers[1].headers["retry-after"]) <= 3600
        assert tails(vendor) == {"0001": 1, "0002": 1}
    log = (tmp_path / "stderr.txt").read_text()
    for number in (1, 2):
        assert log.count(f"sandbox-openai#{number} rests for 60 min: key_spent") == 1
    assert "key-good" not in log


def tails(vendor: Sandbox) -> dict[str, int]:
    """How often the vendor was called with each key."""
    count: dict[str, int] = {}
    for call in vendor.calls()["calls"]:
        count[call["key_tail"]] = count.get(call["key_tail"], 0) + 1
    return count
