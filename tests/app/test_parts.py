"""The parts of a job as its row has them, from one process to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from koci_proxy import recorded
from koci_proxy.app.parts import LOST, counted, lost, owed, pasts_of, without_unknown
from koci_proxy.app.record import Record
from koci_proxy.app.rows import Ended, ended_of, media_of, state_of
from koci_proxy.facts import Card
from koci_proxy.faults import Fault
from koci_proxy.state import Database
from koci_proxy.state.jobs import JobBook, Lost, Money, Row
from koci_proxy.store import Store
from koci_proxy.types import Job, Media, Result, Target, Ticket
from tests.pixels.pictures import PNG
from tests.state.opened import JOB, opened

pytestmark = pytest.mark.anyio
WISH = Job("picture", "a fox", n=3)
NEW = replace(JOB, wish=recorded.write(WISH), repeat_key="name")
TARGET = Target("vendor", "m", "wire", Card("c"))
OUT = {"target": "vendor/m", "key": "k", "attempt": "a"}
MADE = Result((PNG,))
CUT = Fault("down", "cut off", stage="sent")
REFUSED = Fault("refused", "not this", stage="accepted")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(f"sqlite:///{tmp_path / 'koci.db'}") as database:
        yield database


@pytest.fixture
def book(database: Database) -> JobBook:
    return JobBook(database, "one")


@pytest.fixture
def record(book: JobBook, tmp_path: Path) -> Record:
    return Record(book, Store(tmp_path / "media"), NEW, None, taken_up=False)


async def row(book: JobBook) -> Row:
    found = await book.find(NEW.owner, NEW.id)
    assert found is not None
    return found


async def next_record(book: JobBook, tmp_path: Path) -> Record:
    return Record(book, Store(tmp_path / "media"), NEW, await row(book), taken_up=True)


async def test_the_first_writing_tells_of_all_parts(book: JobBook, record: Record, tmp_path: Path) -> None:
    assert (record.parts(), record.split(0, [2, 1])) == ({}, {1: 2, 2: 1})
    await record.sending(2, 1, TARGET, "k")
    again = await next_record(book, tmp_path)
    assert again.parts() == {1: 2, 2: 1}
    assert (again.past(1), again.sent, again.begun) == (None, True, False)
    known = again.past(2)
    assert known is not None
    assert (known.target, known.ticket, known.result, known.fault) == ("vendor/m", None, None, None)


async def test_parts_of_a_part_get_numbers_of_their_own(record: Record) -> None:
    record.split(0, [2, 2])
    await record.sending(2, 2, TARGET, "k")
    assert record.split(1, [1, 1]) == {3: 1, 4: 1}
    assert record.split(4, [1]) == {5: 1}
    assert record.parts() == {2: 2, 3: 1, 5: 1}
    await record.answered(4, MADE, WISH)  # it has none of its own to add
    assert [past.result for past in record.pasts()] == [None]


async def test_what_may_have_been_paid_for_is_remembered_and_what_cost_nothing_is_not(
    book: JobBook, record: Record, tmp_path: Path
) -> None:
    record.split(0, [1, 1, 1])
    for part in (1, 2):
        await record.sending(part, 1, TARGET, "k")
    await record.failed(1, CUT)
    await record.failed(2, Fault("down", "not now", stage="answered"))
    await record.failed(3, Fault("key_busy", "later", stage="not_sent"))
    again = await next_record(book, tmp_path)
    assert again.parts() == {1: 1, 2: 1, 3: 1}
    known = again.past(1)
    assert known is not None
    assert known.fault is not None
    assert (known.fault.message, known.fault.stage) == ("cut off", "sent")
    assert (again.past(2), again.past(3)) == (None, None)
    assert not again.calling


async def ended(record: Record, book: JobBook, *faults: Fault | None) -> Row:
    """The row of a job of three parts that came to two pictures at most, and what befell the others."""
    record.split(0, [1] * 3)
    for part in (1, 2, 3):
        await record.sending(part, 1, TARGET, "k")
    await record.answered(1, MADE, WISH)
    for part, fault in enumerate(faults, 2):
        await (record.failed(part, fault) if fault else record.answered(part, MADE, WISH))
    await record.end(Ended(Result((PNG,) * (1 + faults.count(None))), {}, "vendor/m"), None)
    return await row(book)


@pytest.mark.parametrize(
    ("faults", "status", "told"),
    [
        ((None, None), "succeeded", None),
        ((None, CUT), "partial", "1 of 3 upstream calls: cut off; it may have been paid for"),
        ((REFUSED, CUT), "partial", "1 of 3 upstream calls: cut off; it may have been paid for"),
        ((None, REFUSED), "partial", None),
        ((None, Fault("down", "not now", stage="answered")), "partial", None),
    ],
)
async def test_a_part_that_was_lost_is_told_to_the_operator(
    book: JobBook, record: Record, faults: tuple[Fault | None, ...], status: str, told: str | None
) -> None:
    row = await ended(record, book, *faults)
    assert (row.status, row.attention) == (status, told)
    assert [each.id for each in await book.newest(10, attention=True)] == ([NEW.id] if told else [])


async def test_a_part_whose_picture_never_came_is_told_too(book: JobBook, record: Record) -> None:
    """Its call was answered, and nobody could fetch the picture: nothing was written of that."""
    row = await ended(record, book, None)
    assert row.attention == "1 of 3 upstream calls: nothing came of it; it may have been paid for"


async def test_one_refusal_does_not_hide_what_another_part_lost(book: JobBook, record: Record) -> None:
    record.split(0, [1, 1])
    for part, fault in ((1, REFUSED), (2, CUT)):
        await record.sending(part, 1, TARGET, "k")
        await record.failed(part, fault)
    await record.fail(REFUSED, None)
    ended = await row(book)
    assert (ended.status, ended.repeat_key) == ("refused", "name")
    assert "cut off" in (ended.attention or "")


async def test_an_answer_outlives_a_database_that_does_not_answer(
    record: Record, book: JobBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a part came to is written again and again; its end writes it once more, so nothing is lost without it."""
    monkeypatch.setattr("koci_proxy.app.record.WAITS", (0.0, 0.0))
    locked: list[int] = []
    change = JobBook.change

    async def slow(self: JobBook, id: str, **values: Any) -> None:
        if locked:
            locked.pop()
            raise Fault("internal", "the database does not answer")
        await change(self, id, **values)

    monkeypatch.setattr(JobBook, "change", slow)
    record.split(0, [1, 1])
    for part in (1, 2):
        await record.sending(part, 1, TARGET, "k")
    for part, times in ((1, 2), (2, 3)):
        locked += [1] * times
        await record.answered(part, MADE, WISH)
        assert ("result" in (await row(book)).parts[str(part)]) == (part == 1)
    await record.end(Ended(Result((PNG, PNG)), {}, "vendor/m"), None)
    assert len(media_of(await row(book))) == 2


class Full(Store):
    """The shelf on a disk that is full for so many writes."""

    def __init__(self, folder: Path, writes: int) -> None:
        super().__init__(folder)
        self.writes = writes

    async def put(self, media: Media) -> Media:
        if self.writes:
            self.writes -= 1
            raise OSError(28, "No space left on device")
        return await super().put(media)


async def test_who_waits_gets_a_picture_that_cannot_be_kept(book: JobBook, tmp_path: Path) -> None:
    """It is charged, and who asks for it once more is told what became of it."""
    record = Record(book, Full(tmp_path, 9), NEW, None, money=Money(4000), taken_up=False)
    await record.sending(0, 1, TARGET, "k")
    await record.end(Ended(MADE, {}, "vendor/m", 4000), None)
    ended = await row(book)
    assert (ended.status, ended.attention, ended.result["held"]) == ("partial", None, [])
    with pytest.raises(Fault, match="the disk was full") as caught:
        ended_of(ended)
    assert (caught.value.kind, caught.value.stage) == ("gone", "accepted")
    (told,) = state_of(ended, Store(tmp_path)).result.media  # type: ignore[union-attr]
    assert (told.key, told.url, told.data) == (None, None, None)


async def test_what_nobody_waits_for_waits_for_room(
    book: JobBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koci_proxy.store.FIRST", 0.001)
    record = Record(book, Full(tmp_path, 3), NEW, None, taken_up=False)
    await record.sending(0, 1, TARGET, "k")
    record.left = True
    await record.end(Ended(MADE, {}, "vendor/m"), None)
    assert media_of(await row(book))[0].key is not None


@pytest.mark.parametrize(
    ("parts", "stopped", "due"),
    [
        ({}, (), (0, 0)),
        ({"0": {"n": 1}}, (), (0, 1)),
        ({"0": {**OUT, "n": 3}}, (), (3, 3)),
        ({"0": {**OUT, "n": 3}}, ("a",), (0, 3)),
        ({"0": {**OUT, "n": 3}}, ("of before",), (3, 3)),
        ({"0": OUT}, (), (1, 1)),
        ({"1": {**OUT, "n": 2, "result": {}}, "2": {"n": 2}, "3": {**OUT, "n": 1, "fault": {}}}, (), (2, 5)),
    ],
)
def test_what_is_owed_of_a_job_that_is_ended(parts: dict[str, Any], stopped: tuple[str], due: tuple[int, int]) -> None:
    assert owed(parts, stopped) == due


async def test_a_call_that_did_not_go_out_is_not_owed(book: JobBook, record: Record) -> None:
    """The job was ended as its second part was about to be sent."""
    record.split(0, [1, 1])
    await record.sending(1, 1, TARGET, "k")
    await book.cancel(NEW.owner, NEW.id, None)
    with pytest.raises(Lost):
        await record.sending(2, 1, TARGET, "k")
    assert record.owed(()) == 1
    assert len(record.calls()) == 1


async def test_a_job_that_somebody_waits_for_is_left_to_others_only_once_all_of_it_is_begun(record: Record) -> None:
    record.split(0, [1, 1])
    await record.sending(1, 1, TARGET, "k")
    await record.accepted(1, Ticket({"id": 1}), WISH)
    assert not record.parked()
    await record.sending(2, 1, TARGET, "k")
    assert not record.parked()
    await record.failed(2, CUT)
    assert record.parked()


@pytest.mark.parametrize("method", ["begin", "change"])
@pytest.mark.parametrize("fault", [Fault("no_credit", "0 are left", stage="not_sent"), Fault("internal", "silent")])
async def test_a_call_that_the_book_refuses_is_no_attempt(
    method: str, fault: Fault, book: JobBook, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No vendor was called, so the request log tells of none."""
    record.split(0, [1, 1])
    if method == "change":
        await record.sending(1, 1, TARGET, "k")
    before = [attempt[0] for attempt in record.calls()]

    async def refused(self: JobBook, *given: Any, **values: Any) -> None:
        raise fault

    with monkeypatch.context() as patched:
        patched.setattr(JobBook, method, refused)
        with pytest.raises(Fault, match=fault.message):
            await record.sending(2, 1, TARGET, "k")
    await record.failed(2, fault)
    assert [attempt[0] for attempt in record.calls()] == before
    assert len(record.pasts()) == len(before)
    await record.sending(2, 1, TARGET, "k")
    assert [attempt[:2] for attempt in record.calls()] == [["vendor/m", "ok"]] * (len(before) + 1)


async def given_up(book: JobBook) -> None:
    """Another process took the job for lost: it gave up what was out, and began the third part to no avail."""
    parts = without_unknown((await row(book)).parts)
    await book.change(NEW.id, parts=parts | {"3": {**OUT, "n": 1, "fault": recorded.write(CUT)}})
    await book.end(NEW.id, "failed", None, attention="its answer was lost", fault=recorded.write(LOST))


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (None, "1 of 3 upstream calls: cut off; it may have been paid for"),
        (CUT, "2 of 3 upstream calls: cut off; it may have been paid for"),
    ],
)
async def test_what_comes_after_all_does_not_hide_what_other_parts_lost(
    second: Fault | None, told: str, book: JobBook, record: Record
) -> None:
    record.split(0, [1, 1, 1])
    for part in (1, 2):
        await record.sending(part, 1, TARGET, "k")
    if second is not None:
        await record.failed(2, second)
    await given_up(book)
    for part in (1, 2) if second is None else (1,):
        await record.answered(part, MADE, WISH)
    came = (PNG,) if second else (PNG, PNG)
    with pytest.raises(Lost):
        await record.end(Ended(Result(came), {}, "vendor/m"), None)
    late = await row(book)
    assert (late.status, late.fault, len(media_of(late)), late.attention) == ("partial", None, len(came), told)
    assert [each.id for each in await book.newest(10, attention=True)] == [NEW.id]


@pytest.mark.parametrize(
    ("parts", "n", "counts"),
    [
        ({}, 3, {}),
        ({"0": OUT}, 1, {"0": 1}),
        ({"0": OUT}, 3, {"0": 2, "1": 1}),
        ({"1": OUT}, 3, {"1": 1, "2": 2}),
        ({"0": {**OUT, "job": recorded.write(replace(WISH, n=1))}}, 3, {"0": 1, "1": 2}),
        ({"0": {**OUT, "job": recorded.write(WISH)}}, 3, {"0": 3}),
        ({"5": OUT}, 3, {"5": 1, "6": 2}),
        ({"1": {"n": 1, **OUT}, "2": {"n": 1}}, 3, {"1": 1, "2": 1}),
    ],
)
def test_a_row_of_before_is_read_too(parts: dict[str, Any], n: int, counts: dict[str, int]) -> None:
    """Its vendor makes two pictures a call."""
    read = counted(parts, n, lambda target: 2)
    assert {part: value["n"] for part, value in read.items()} == counts
    assert pasts_of(read).keys() == {int(part) for part, value in parts.items() if "target" in value}


def test_calls_that_cannot_be_made_again_are_given_up_and_no_others() -> None:
    ticket = {**OUT, "n": 1, "ticket": recorded.write(Ticket({"id": 1}))}
    parts = {"1": {**OUT, "n": 1}, "2": ticket, "3": {"n": 1}}
    read = without_unknown(parts)
    assert (read["2"], read["3"], "fault" in parts["1"]) == (parts["2"], parts["3"], False)
    fault = pasts_of(read)[1].fault
    assert (fault.code, fault.stage) == (LOST.code, LOST.stage) if fault else False
    assert lost({"1": read["1"]}) is not None
    assert lost({"3": read["3"]}) is None
