"""What a call for a picture comes to while the state database does not answer, or a reload comes between its steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from koci_proxy.engine import Engine, Planned
from koci_proxy.faults import Fault
from koci_proxy.state.jobs import JobBook

from .inside import inside
from .pictures import png
from .processes import Sandbox

pytestmark = pytest.mark.anyio

ROUTES = """
public_url: http://house.example
platforms: {openai: openai}
models:
  picture: {price: 4, to: sandbox-linkai/gpt-image-2}
"""
PICTURES = "/openai/v1/images/generations"
BODY = {"model": "picture", "prompt": "a fox", "size": "1024x1024"}
AGAIN = {"idempotency-key": "order-1"}
SILENT = "the state database does not answer"


def once(real: Callable[..., Awaitable[Any]], *, written: bool) -> Callable[..., Awaitable[Any]]:
    """A write during which the database falls silent the first time: before it is `written`, or after."""
    done = False

    async def write(*args: Any, **values: Any) -> Any:
        nonlocal done
        if done:
            return await real(*args, **values)
        done = True
        if written:
            await real(*args, **values)
        raise Fault("internal", SILENT)

    return write


async def test_a_picture_is_answered_while_its_end_cannot_be_written_and_charged_once_it_can(
    vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koci_proxy.app.record.WAITS", (0.01, 0.01))
    monkeypatch.setattr("koci_proxy.app.record.AGAIN", 0.01)
    real, silent = JobBook.end, True

    async def end(*args: Any, **values: Any) -> None:
        if silent:
            raise Fault("internal", SILENT)
        await real(*args, **values)

    monkeypatch.setattr(JobBook, "end", end)
    async with inside(tmp_path, vendor, ROUTES) as house:
        before = vendor.calls()["total"]
        first = await house.app.post(PICTURES, json=BODY, headers=AGAIN)
        assert first.status_code == 200
        assert await house.money() == (96, 4)
        joined = await house.app.post(PICTURES, json=BODY, headers=AGAIN)
        assert joined.json()["data"] == first.json()["data"]
        silent = False
        assert (await house.job())["status"] == "succeeded"
        assert await house.money() == (96, 0)
        late = await house.app.post(PICTURES, json=BODY, headers=AGAIN)
        assert late.json()["data"] == first.json()["data"]
        assert vendor.calls()["total"] == before + 1


async def test_an_end_that_was_written_though_the_database_could_not_say_so_is_an_end(
    vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koci_proxy.app.record.WAITS", (0.01, 0.01))
    monkeypatch.setattr(JobBook, "end", once(JobBook.end, written=True))
    async with inside(tmp_path, vendor, ROUTES) as house:
        assert (await house.app.post(PICTURES, json=BODY)).status_code == 200
        assert (await house.job())["status"] == "succeeded"
        assert await house.money() == (96, 0)


async def test_a_task_that_cannot_be_written_down_is_looked_after_all_the_same(
    vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a film the vendor has, the database hears when it answers again."""
    monkeypatch.setattr("koci_proxy.app.record.WAITS", ())
    real, silent = JobBook.change, False

    async def change(book: JobBook, id: str, **values: Any) -> None:
        nonlocal silent
        if any("ticket" in part for part in values.get("parts", {}).values()) and not silent:
            silent = True
            raise Fault("internal", SILENT)
        await real(book, id, **values)

    monkeypatch.setattr(JobBook, "change", change)
    routes = ROUTES.replace("sandbox-linkai/gpt-image-2", "sandbox-koukoutu-async/background-removal")
    async with inside(tmp_path, vendor, routes) as house:
        with_picture = {"image": ("a.png", png(512, 512), "image/png")}
        words = {"model": "picture", "prompt": "cut it out"}
        answer = await house.app.post("/openai/v1/images/edits", data=words, files=with_picture, timeout=60)
        assert answer.status_code == 200, answer.text
        assert silent
        assert await house.money() == (96, 0)


async def test_a_call_that_could_not_be_written_down_first_was_not_made_and_can_be_made_again(
    vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobBook, "change", once(JobBook.change, written=False))
    async with inside(tmp_path, vendor, ROUTES) as house:
        before = vendor.calls()["total"]
        later = AGAIN | {"prefer": "respond-async"}
        assert (await house.app.post(PICTURES, json=BODY, headers=later)).status_code == 202
        job = await house.job()
        assert (job["status"], vendor.calls()["total"]) == ("failed", before)
        row = await house.proxy.runner.book.find(house.caller.id, job["id"])
        assert row is not None
        assert (row.attention, await house.money()) == (None, (100, 0))
        assert (await house.app.post(PICTURES, json=BODY, headers=AGAIN)).status_code == 200
        assert vendor.calls()["total"] == before + 1


PLUGIN = """
class Plugin:
    def __init__(self, to: str):
        self.to, self.open = to, True

    def on_result(self, result):
        self.tell(f"result, open: {self.open}; ")

    def on_close(self):
        self.open = False
        self.tell("closed; ")

    def tell(self, words):
        with open(self.to, "a") as log:
            log.write(words)
"""


async def test_a_reload_while_a_job_begins_closes_its_plugins_after_it(
    vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugins/transforms").mkdir(parents=True)
    (tmp_path / "plugins/transforms/told.py").write_text(PLUGIN, encoding="utf-8")
    log = tmp_path / "log"
    async with inside(tmp_path, vendor, f"{ROUTES}plugins: [told: {{to: {log}}}]\n") as house:
        real = Engine.plan

        async def plan(engine: Engine, *args: Any) -> Planned:
            planned = await real(engine, *args)
            assert await house.proxy.live.reload()
            return planned

        monkeypatch.setattr(Engine, "plan", plan)
        assert (await house.app.post(PICTURES, json=BODY, headers={"prefer": "respond-async"})).status_code == 202
        assert (await house.job())["status"] == "succeeded"
    assert log.read_text(encoding="utf-8").startswith("result, open: True; closed; ")
