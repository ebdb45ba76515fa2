"""The record of one job: its diary in the book of jobs, its story for listeners, its end for whoever comes later."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .. import recorded
from ..engine import Early, Past
from ..faults import Fault
from ..jobs import Tell
from ..routing import may_be_paid
from ..state.jobs import FREE, Charge, JobBook, Lost, Money, NewJob, Row
from ..state.requests import Entry
from ..store import PATIENCE, Store, patiently
from ..types import Caller, Job, Media, Progress, Result, Status, Target, Ticket, Told
from .parts import is_out, lost, owed, pasts_of
from .rows import Ended

log = logging.getLogger("koci_proxy.jobs")

# Progress is written down at most so often, in seconds: a listener elsewhere needs no more.
EVERY = 1.0
# What was paid for is written again after so many seconds each where the database does not answer. Then whoever waits
# gets the answer, and the end of the job is written again and again, for as long as room on a disk is waited for.
WAITS, AGAIN = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0), 15.0


def unheard(event: Told) -> None:
    """Where nobody listens."""


class Record:
    """Implements the engine's `Diary` for a job that this process holds the lease of.

    A job that somebody waits for is only written down when its first call goes out: until then nothing was spent.
    """

    def __init__(
        self, book: JobBook, store: Store, new: NewJob, row: Row | None, *, money: Money = FREE, taken_up: bool
    ) -> None:
        """`row` is what the book has of it already, None for a job that is not in it yet; `taken_up` from another."""
        self.new = new
        self.attempts: list[list[Any]] = []
        self.deadline: float | None = None
        self.early: Early | None = None
        self.listener: Tell = unheard
        self._book, self._store, self._money = book, store, money
        self._parts: dict[str, Any] = dict(row.parts) if row else {}
        self._story: list[Any] = list(row.story if row else new.story)
        self._percent = (row.progress if row else None) or 0.0
        self.written = row is not None  # in the book, so that its lease must be kept
        self._pasts = pasts_of(row.parts) if row else {}
        # The pictures of a job that somebody waited for are not kept: without that somebody it is not begun anew.
        self._finish_only = taken_up and not new.background
        # Nobody's visit is written down with what it comes to: whoever carries it does that. And what it came to.
        self.left = taken_up or new.background
        self.told: Mapping[str, Any] | None = None
        self.ending = False
        self._turn = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None

    def parked(self) -> bool:
        """Whether another process could go on with it: the vendor has all of it, or nobody waits for the rest."""
        return self.written and not self.calling and (self.new.background or self.begun)

    def pasts(self) -> list[Past]:
        """The calls that were made, as another process would find them."""
        return list(pasts_of(self._parts).values())

    @property
    def calling(self) -> bool:
        """Whether a call is out that the vendor has not answered yet: to end the job now would lose what it costs."""
        return any(is_out(value) for value in self._parts.values())

    def owed(self, stopped: Collection[str]) -> int:
        """How many pictures of it are paid for though it is ended; not those of the attempts that were `stopped`."""
        return owed(self._parts, stopped)[0]

    def calls(self) -> list[list[Any]]:
        """The calls to vendors so far: [target, outcome, seconds]; one that is under way took its time until now."""
        now = time.monotonic()
        return [[target, out, round(took if took >= 0 else now + took, 3)] for target, out, took, _ in self.attempts]

    @property
    def sent(self) -> bool:
        """Whether any call was made of which something may have come."""
        return any("target" in value for value in self._parts.values())

    @property
    def begun(self) -> bool:
        """Whether calls were made for all that it is to come to."""
        return bool(self._parts) and all("target" in value for value in self._parts.values())

    # --- what the engine says --------------------------------------------------------------------------------------

    def tell(self, event: Told) -> None:
        self.listener(event)
        if isinstance(event, Progress) and event.percent is not None and event.percent >= self._percent + 1:
            self._percent = event.percent
            if self.written and (self._writing is None or self._writing.done()):
                self._writing = asyncio.ensure_future(self._progress())

    def parts(self) -> Mapping[int, int]:
        return {int(part): value["n"] for part, value in self._parts.items()}

    def split(self, part: int, counts: Sequence[int]) -> Mapping[int, int]:
        new = dict(enumerate(counts, 1 + max(map(int, self._parts), default=0)))
        self._parts.pop(str(part), None)
        self._parts |= {str(each): {"n": count} for each, count in new.items()}
        return new

    def past(self, part: int) -> Past | None:
        return self._pasts.get(part)

    async def sending(self, part: int, count: int, target: Target, key: str) -> str:
        if self._finish_only:
            raise Fault("down", "this process was stopped while the job was under way; ask again", stage="accepted")
        name = f"{self.new.id}-{part}-{secrets.token_hex(4)}"
        self._parts[str(part)] = {"n": count, "target": str(target), "key": key, "attempt": name}
        try:
            await self._write_sending()
        except BaseException:
            self._parts[str(part)] = {"n": count}  # it does not go out
            raise
        # Only now it goes out: a call that the book refuses is no attempt.
        self.attempts.append([str(target), "ok", -time.monotonic(), part])
        return name

    async def _write_sending(self) -> None:
        """Write down that a call is about to go out, and the job itself where it is the first."""
        async with self._turn:  # several parts may want to be the first
            if not self.written:
                await self._book.begin(replace(self.new, parts=self._parts), self._money)
                self.written = True
                return
        first = not self._told("running")
        await self._book.change(self.new.id, parts=self._parts, **(self._running() if first else {}))

    async def accepted(self, part: int, ticket: Ticket, job: Job) -> None:
        self._parts[str(part)] |= {"ticket": recorded.write(ticket), "job": recorded.write(job)}
        async with self._turn:
            try:
                await self._surely(lambda: self._book.change(self.new.id, parts=self._parts))
            except Fault as fault:  # the task is looked after all the same, and what is written next tells of it
                log.error("%s: the task of a vendor could not be written down: %s", self.new.id, fault)

    async def answered(self, part: int, result: Result, job: Job) -> None:
        value = self._parts.get(str(part))
        if value is None or "result" in value:  # it was split, or written before
            return
        kept = await self._kept(result)
        value |= {"result": recorded.write(kept), "job": recorded.write(job)}
        async with self._turn:
            try:
                await self._surely(lambda: self._book.change(self.new.id, parts=self._parts))
            except Fault as fault:  # its end writes what came, of all parts
                log.error("%s: the answer of a part could not be written down: %s", self.new.id, fault)
            except Lost:  # as does its end where another process has given the job up
                log.info("%s: a part was answered after the job was ended from outside", self.new.id)

    async def failed(self, part: int, fault: Fault) -> None:
        self._over(part, fault.kind)
        self._pasts.pop(part, None)
        value = self._parts.get(str(part), {})
        said = f"{fault.kind} ({fault.code})" if fault.code else fault.kind  # its words may quote the prompt
        log.info("%s: %s: %s", self.new.id, value.get("target", "not sent"), said)
        if "target" not in value or "fault" in value:  # it did not go out
            return
        if may_be_paid(fault):
            value["fault"] = recorded.write(fault)
        else:
            self._parts[str(part)] = {"n": value["n"]}
        if self.written:
            await self._surely(lambda: self._book.change(self.new.id, parts=self._parts))

    def _over(self, part: int, outcome: str) -> None:
        """How long the last call of a part took, and what came of it."""
        for attempt in reversed(self.attempts):
            if attempt[2] < 0 and attempt[3] == part:
                attempt[1:3] = [outcome, time.monotonic() + attempt[2]]
                return

    # --- its end ---------------------------------------------------------------------------------------------------

    async def end(self, ended: Ended, keep: float | None, late: Callable[[], None] = lambda: None) -> None:
        """Keep what came. What comes after the job was given up for lost is kept all the same: it was paid for.

        Where the database is silent for long, `late` is called once: whoever waits need not wait for this any more.
        """
        if not self.written:
            return
        await self._quiet()
        status: Status = "partial" if len(ended.result.media) < self._wished() else "succeeded"
        kept = await self._kept(ended.result)
        held = [each.key for each in kept.media if each.url is None and each.key is not None]
        result = {"result": recorded.write(kept), "headers": dict(ended.headers), "target": ended.target, "held": held}
        result |= {"price": ended.price}
        values = {"result": result, "progress": 100.0, **self._webhook(), **self._last(status)}
        values |= self._lost_parts(self._parts)
        try:
            charge = Charge(ended.price, self.new.model, len(ended.result.media))
            await self._at_last(lambda: self._book.end(self.new.id, status, keep, charge, **values), late)
        except Lost:
            if await self._is(status, result):  # written, though the database could not say so any more
                return
            values |= self._lost_parts(await self._all_parts())
            await self._book.recover(self.new.id, keep, status=status, **values)
            raise

    async def fail(self, fault: Fault, keep: float | None) -> None:
        """Keep why nothing came. A call that cost nothing may be made again under the same name."""
        if not self.written:
            return
        await self._quiet()
        status: Status = "refused" if fault.kind == "refused" else "failed"
        status = "expired" if fault.code == "gave_up" else status
        values: dict[str, Any] = {"fault": recorded.write(fault), **self._webhook(), **self._last(status)}
        if fault.kind != "refused" and (may_be_paid(fault) or self.sent):
            values["attention"] = f"{fault.message}; it may have been paid for"
            log.error("%s may have been paid for: %s", self.new.id, fault)
        else:
            values |= self._lost_parts(self._parts) or {"repeat_key": None, "repeat_of": None}
        await self._book.end(self.new.id, status, keep, **values)

    async def _all_parts(self) -> Mapping[str, Any]:
        """The parts with those calls that another process made of this job before it gave it up."""
        row = await self._book.find(self.new.owner, self.new.id)
        made = {part: value for part, value in self._parts.items() if "target" in value}
        return {**self._parts, **(row.parts if row else {}), **made}

    def _lost_parts(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        """The mark for the operator on a job of several parts where some came to nothing and may have been paid for."""
        told = lost(parts) if len(parts) > 1 else None
        if told is None:
            return {}
        log.error("%s: %s", self.new.id, told)
        return {"attention": told}

    async def _progress(self) -> None:
        """Write how far it is, as often as it may be told; whoever lost the job writes nothing more."""
        self._story.append([time.time(), "running", round(self._percent)])
        try:
            await self._book.change(self.new.id, progress=self._percent, story=self._story)
        except Lost:
            return
        except Fault as fault:
            log.warning("%s: how far it is could not be written: %s", self.new.id, fault)
        await asyncio.sleep(EVERY)

    async def _surely(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write what was paid for, also where the database does not answer just now."""
        for wait in WAITS:
            try:
                await write()
                return
            except Fault as fault:
                log.warning("%s: its end is written again in %g s: %s", self.new.id, wait, fault)
                await asyncio.sleep(wait)
        await write()

    async def _at_last(self, write: Callable[[], Awaitable[None]], late: Callable[[], None]) -> None:
        """Write the end of what was paid for, however long the database does not answer, within reason."""
        try:
            await self._surely(write)
            return
        except Fault as fault:
            log.error("%s: its end waits for the database: %s", self.new.id, fault)
        late()
        until = time.monotonic() + PATIENCE
        while True:
            await asyncio.sleep(AGAIN)
            try:
                await write()
                return
            except Fault:
                if time.monotonic() > until:
                    raise

    async def _is(self, status: Status, result: Any) -> bool:
        """Whether the job has ended just so."""
        row = await self._book.find(self.new.owner, self.new.id)
        return row is not None and (row.status, row.result) == (status, result)

    async def _quiet(self) -> None:
        """The end is the last thing that is written."""
        self.ending = True
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _kept(self, result: Result) -> Result:
        """The result with its pictures in the store, where they are found again."""
        kept = {id(media): await self._put(media) for media in recorded.held(result)}
        kept_result: Result = recorded.exchanged(result, lambda media: kept.get(id(media), media))
        return kept_result

    async def _put(self, media: Media) -> Media:
        """A picture in the store. Whoever waits for it gets it also where it cannot be kept for later."""
        if self.left:
            return await patiently(partial(self._store.put, media))
        try:
            return await self._store.put(media)
        except OSError as error:
            log.error("%s: a picture is answered and not kept: %s", self.new.id, error)
            return media

    def _wished(self) -> int:
        return int(self.new.wish.get("n", 1))

    def _webhook(self) -> dict[str, Any]:
        return {"webhook_at": 0.0} if self.new.webhook else {}

    def _told(self, status: str) -> bool:
        return any(word == status for _, word, _ in self._story)

    def _running(self) -> dict[str, Any]:
        self._story.append([time.time(), "running", None])
        return {"status": "running", "story": self._story}

    def _last(self, status: Status) -> dict[str, Any]:
        percent = 100 if status in ("succeeded", "partial") else None
        return {"story": [*self._story, [time.time(), status, percent]]}


def tell_end(entry: Entry) -> None:
    """The one line of the process log on the end of a job that no visit waits for, and nothing that its app wrote."""
    if entry.price < 0:  # it has ended before: this only gives something back
        return
    target = entry.target or (entry.attempts[-1][0] if entry.attempts else "-")
    outcome = "succeeded" if entry.outcome == "ok" else entry.outcome
    log.info(
        "%s: ended: %s model=%s target=%s pictures=%s seconds=%.1f",
        entry.id, outcome, entry.model, target, entry.pictures, entry.seconds,
    )  # fmt: skip


def entry_of(record: Record, caller: Caller, wish: Job, at: float, outcome: str) -> Entry:
    """The row of the request log for the end of a job that began then; one that answers nobody has no status."""
    new = record.new
    return Entry(
        id=new.id,
        at=at,
        key=caller.id,
        key_name=caller.name,
        platform=new.platform,
        model=new.model,
        task=new.task,
        status=202 if new.background else 0,
        outcome=outcome,
        asked=str(wish.size)[:40],
        attempts=record.calls(),
        seconds=round(time.time() - at, 3),
        **(record.told or {}),
    )
