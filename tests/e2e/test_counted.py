"""What is counted and logged of a job that no request waits for, and that nothing is counted twice."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from koci_proxy.app.ordering import Order

from .inside import Inside, inside
from .processes import Sandbox

pytestmark = [pytest.mark.sockets, pytest.mark.anyio]

ROUTES = """
public_url: http://house.example
platforms: {openai: openai, api: koci}
models:
  picture: {to: sandbox-openai/gpt-image-2}
  film: {to: sandbox-openai/sora-2}
"""
PICTURES = "/openai/v1/images/generations"
LATER = {"prefer": "respond-async"}
BODY = {"model": "picture", "prompt": "a secret fox"}


def counted(house: Inside) -> dict[str, int]:
    """How many pictures and films of each model."""
    text = house.proxy.telemetry.render()[0].decode()
    found = re.findall(r'^koci_pictures_total\{model="([^"]*)"\} ([0-9.]+)$', text, re.MULTILINE)
    return {model: int(float(count)) for model, count in found}


def ends(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if ": ended: " in line]


async def test_a_call_that_is_waited_for_counts_once_and_so_does_who_joins_it(
    vendor: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "koci_proxy")
    async with inside(tmp_path, vendor, ROUTES) as house:
        for _ in range(2):
            answer = await house.app.post(PICTURES, json={**BODY, "n": 2}, headers={"idempotency-key": "one"})
            assert answer.status_code == 200
        assert counted(house) == {"picture": 2}
    assert ends(caplog) == []


async def test_a_picture_and_a_film_for_later_count_when_they_are_made(
    vendor: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "koci_proxy")
    async with inside(tmp_path, vendor, ROUTES) as house:
        job = (await house.app.post(PICTURES, json=BODY, headers=LATER)).json()["id"]
        await house.app.get(f"/v1/jobs/{job}/events")
        film = await house.app.post("/api/videos", json={"model": "film", "prompt": "a secret fox"})
        assert film.status_code < 300, film.text
        rows = (await house.app.get("/v1/jobs")).json()["data"]
        for row in rows:
            await house.app.get(f"/v1/jobs/{row['id']}/events")
        assert counted(house) == {"picture": 1, "film": 1}
    first, second = ends(caplog)
    told = r"ended: succeeded model={} target={} pictures=1 seconds=\d+\.\d"
    assert re.fullmatch(f"{job}: " + told.format("picture", "sandbox-openai/gpt-image-2"), first)
    assert re.fullmatch(r"req_\w+: " + told.format("film", "sandbox-openai/sora-2"), second)
    assert "secret fox" not in caplog.text


async def test_one_that_ends_before_it_is_promised_counts_once(
    vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the request knows already what came of it."""
    real: Callable[..., Awaitable[None]] = Order._promise

    async def late(order: Order, row: Any) -> None:
        running = order.runner._jobs.find(row.id)
        assert running is not None
        await running.end()
        await real(order, row)

    monkeypatch.setattr(Order, "_promise", late)
    async with inside(tmp_path, vendor, ROUTES) as house:
        assert (await house.app.post(PICTURES, json=BODY, headers=LATER)).status_code == 202
        assert counted(house) == {"picture": 1}


async def test_the_end_of_one_that_failed_names_why_and_who_was_asked(
    vendor: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "koci_proxy")
    async with inside(tmp_path, vendor, ROUTES) as house:
        body = {**BODY, "prompt": "sandbox:refuse"}
        assert (await house.app.post(PICTURES, json=body, headers=LATER)).status_code == 202
        assert (await house.job())["status"] == "refused"
        assert counted(house) == {}
    (line,) = ends(caplog)
    assert ": ended: refused model=picture target=sandbox-openai/gpt-image-2 pictures=0 " in line
