"""Editing routes.yaml under load: good edits are live within a second, bad ones change nothing and are reported."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from .processes import House, Sandbox, proxy

HEAD = "platforms: {openai: openai}\nmodels:\n  picture: {to: sandbox-openai/gpt-image-2}\n"
EDITS = 100


async def edit_under_load(house: House) -> tuple[list[int], list[float]]:
    """The statuses of every request made meanwhile, and how long each good edit took to be live."""
    statuses: list[int] = []
    stop = asyncio.Event()
    headers = {"authorization": f"Bearer {house.key}"}
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=60), headers=headers) as client:

        async def asking() -> None:
            body = {"model": "picture", "prompt": "sandbox:slow=0.3"}
            while not stop.is_set():
                answer = await client.post(f"{house.url}/openai/v1/images/generations", json=body)
                statuses.append(answer.status_code)

        async def live(model: str) -> bool:
            answer = await client.get(f"{house.url}/openai/v1/models")
            return any(row["id"] == model for row in answer.json()["data"])

        async def reported(line: int) -> bool:
            admin = {"authorization": f"Bearer {house.admin}"}
            answer = await client.get(f"{house.url}/admin/status", headers=admin)
            return any(f"routes.yaml:{line}:" in text for text in answer.json()["config"]["complaints"])

        askers = [asyncio.create_task(asking()) for _ in range(50)]
        took = []
        for edit in range(EDITS):
            began = time.monotonic()
            if edit % 3 == 2:
                write(house.folder / "routes.yaml", HEAD + "\n" * edit + f"  broken-{edit}: {{too: x}}\n")
                await until(lambda edit=edit: reported(4 + edit))
            else:
                write(house.folder / "routes.yaml", HEAD + f"  live-{edit}: {{to: sandbox-openai/gpt-image-2}}\n")
                await until(lambda edit=edit: live(f"live-{edit}"))
                took.append(time.monotonic() - began)
        stop.set()
        await asyncio.gather(*askers)
    return statuses, took


def write(path: Path, text: str) -> None:
    """As an editor does: a new file in the place of the old one."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


async def until(holds: object) -> None:
    deadline = time.monotonic() + 10
    while not await holds():  # type: ignore[operator]
        assert time.monotonic() < deadline, "not seen within 10 seconds"


@pytest.mark.sockets
def test_a_hundred_edits_under_fifty_requests_in_flight(vendor: Sandbox, tmp_path: Path) -> None:
    with proxy(tmp_path, vendor, HEAD) as house:
        statuses, took = asyncio.run(edit_under_load(house))
    assert set(statuses) == {200}
    assert len(statuses) > EDITS
    # All but what a busy test machine delays; on a quiet one the slowest takes a fifth of a second.
    assert sorted(took)[int(len(took) * 0.95)] < 1
