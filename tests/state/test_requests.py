"""The request log, on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from koci_proxy import Fault
from koci_proxy.state import Database
from koci_proxy.state.requests import BATCH, Asked, Entry, RequestLog

pytestmark = pytest.mark.anyio


@pytest.fixture
async def log(url: str) -> AsyncIterator[RequestLog]:
    database = Database(url)
    await database.open()
    yield RequestLog(database)
    await database.close()


async def test_rows_come_back_as_they_were(log: RequestLog) -> None:
    entry = Entry(
        "req_1", 5.5, "abc", "shop", "openai", "POST", "images/generations", "picture", "generate", "a/b", 200,
        asked="2K 16:9", sent="2048x1152", got="2048x1152", pictures=2, attempts=[["a/b", "ok", 1.5]], price=8000,
        usage={"total_tokens": 5}, seconds=1.75, bytes_in=100, bytes_out=2**40, prompt="a fox",
    )  # fmt: skip
    log.add(entry)
    assert await log.newest(Asked(), 10) == []
    await log.flush()
    await log.flush()
    ((_, found),) = await log.newest(Asked(), 10)
    assert found == entry


async def test_filters_and_order(log: RequestLog) -> None:
    for at in range(10):
        kind = "refused" if at % 3 == 0 else "ok"
        log.add(Entry(f"req_{at}", float(at), key="k1", key_name="shop", model=f"m{at % 2}", status=200, outcome=kind))
    await log.flush()

    async def ids(asked: Asked, most: int = 99) -> list[str]:
        return [entry.id[-1] for _, entry in await log.newest(asked, most)]

    assert await ids(Asked(), 3) == ["7", "8", "9"]
    assert await ids(Asked(key="shop", model="m1")) == ["1", "3", "5", "7", "9"]
    assert await ids(Asked(key="k1", failed=True)) == ["0", "3", "6", "9"]
    assert await ids(Asked(outcome="refused", since=3, until=9)) == ["3", "6"]
    assert await ids(Asked(key="other")) == []
    (number, last) = (await log.newest(Asked(), 1))[0]
    assert last.id == "req_9"
    assert await log.after(number, Asked()) == []
    log.add(Entry("req_a", 11.0, outcome="slow"))
    await log.flush()
    assert [entry.id for _, entry in await log.after(number, Asked(failed=True))] == ["req_a"]


async def test_totals(log: RequestLog) -> None:
    for price in (1000, 2500):
        log.add(Entry("req_1", 1.0, key_name="shop", model="m", pictures=2, price=price))
    log.add(Entry("req_2", 1.0, key_name="web", model="m"))
    await log.flush()
    assert await log.totals(Asked()) == [("shop", "m", 2, 4, 3500), ("web", "m", 1, 0, 0)]


async def test_old_rows_go(log: RequestLog) -> None:
    for at in range(BATCH + 10):
        log.add(Entry(f"req_{at}", float(at)))
    await log.flush()
    assert await log.sweep(BATCH + 5) == BATCH + 5
    assert len(await log.newest(Asked(), 100)) == 5
    assert await log.sweep(0) == 0


async def test_a_row_is_kept_as_every_database_can_hold_it(log: RequestLog) -> None:
    half = "\ud800 lone"
    usage = {"half": [half], "none": float("nan"), half: 1.5}
    log.add(
        Entry("req_1", 1.0, path=half, model="m" * 300, prompt=half + "\0", usage=usage, attempts=[[half, "ok", 0.5]])
    )
    await log.flush()
    ((_, found),) = await log.newest(Asked(), 10)
    assert (found.path, found.prompt, found.model) == ("? lone", "? lone", "m" * 200)
    assert (found.usage, found.attempts) == ({"half": ["? lone"], "none": None, "? lone": 1.5}, [["? lone", "ok", 0.5]])


async def test_no_key_is_kept(log: RequestLog) -> None:
    key = "sk-koci_" + "nggW_-04x" * 4
    log.add(Entry("req_1", 1.0, path=f"models/{key}/x", prompt=f"é{key} sk-other_house-0123456789", asked=key[:40]))
    await log.flush()
    ((_, found),) = await log.newest(Asked(), 10)
    assert (found.path, found.prompt, found.asked) == ("models/(key)/x", "é(key) (key)", "(key)")


async def test_a_row_that_cannot_be_written_keeps_no_other_back(
    log: RequestLog, caplog: pytest.LogCaptureFixture
) -> None:
    for at in range(5):
        log.add(Entry(f"req_{at}", float(at), usage={"at": object() if at in (0, 3) else at}))
    await log.flush()
    assert [entry.id for _, entry in await log.newest(Asked(), 10)] == ["req_1", "req_2", "req_4"]
    assert "req_0 is left out of the request log" in caplog.text
    assert "req_3 is left out of the request log" in caplog.text
    log.add(Entry("req_5", 5.0))
    log.add(Entry("req_6", 6.0, price=10**20))
    log.add(Entry("req_7", 7.0))
    await log.flush()
    assert [entry.id for _, entry in await log.newest(Asked(), 2)] == ["req_5", "req_7"]


async def test_what_the_database_does_not_take_now_is_held_on_to(
    log: RequestLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> None:
        raise Fault("internal", "the state database does not answer")

    log.add(Entry("req_1", 1.0))
    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", silent)
        with pytest.raises(Fault):
            await log.flush()
    await log.flush()
    assert [entry.id for _, entry in await log.newest(Asked(), 10)] == ["req_1"]
