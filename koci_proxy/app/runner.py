"""The runner carries jobs: those that are asked for now, and those that another process began and could not end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

from .. import recorded
from ..engine import Engine, Past, Planned
from ..faults import Fault
from ..jobs import Jobs, Running, Tell
from ..state import Callers
from ..state.jobs import FREE, LEASE, JobBook, Lost, Money, NewJob, Row
from ..state.requests import RequestLog
from ..store import Store
from ..types import Caller, Job
from . import answer
from .live import Live, Now
from .parts import LOST, counted, owed, pasts_of, without_unknown
from .record import Record, entry_of, tell_end, unheard
from .rows import Ended, media_of, new_of
from .talks import Talks
from .watched import Watched

log = logging.getLogger("koci_proxy.jobs")

End = TypeVar("End")

# How often is looked for jobs whose holder fell silent, and for changes that other processes make, in seconds.
LOOK = 2.0
ELSEWHERE = 0.5
# A vendor that is told to stop may take so many seconds to answer.
PATIENCE = 5.0
# Jobs taken up or swept at once.
MANY = 50


class Runner:
    """Starts jobs, keeps their leases, takes up what others left, and says when a job has changed."""

    def __init__(
        self, live: Live, jobs: Jobs[Ended], book: JobBook, callers: Callers, talks: Talks, log: RequestLog
    ) -> None:
        self._live, self._jobs, self.book, self.callers, self._talks, self._log = live, jobs, book, callers, talks, log
        self._records: dict[str, Record] = {}
        self._closing = False
        self._watched: dict[str, tuple[int, asyncio.Event]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, name: str) -> asyncio.Lock:
        """The turn of whoever may begin a job of that name in this process."""
        return self._turns.setdefault(name, asyncio.Lock())

    @property
    def store(self) -> Store:
        return self._live.now.engine.shell.store

    # --- carrying ---------------------------------------------------------------------------------------------------

    def start(
        self,
        now: Now,
        caller: Caller,
        wish: Job,
        new: NewJob,
        planned: Planned | None,
        row: Row | None = None,
        *,
        money: Money = FREE,
        deadline: float | None = None,
        places: AsyncExitStack | None = None,
        taken_up: bool = False,
    ) -> Running[Ended]:
        """A job in a task of its own, written down already (`row`) or as soon as something is spent on it.

        It has its `places` among those under way until it ends. One that is `taken_up` from another process is planned
        here.
        """
        record = self._records[new.id] = Record(
            self.book, now.engine.shell.store, new, row, money=money, taken_up=taken_up
        )
        record.deadline = deadline
        work = partial(self._work, record, now, caller, wish, planned, row, places)
        running = self._jobs.start(new.id, work, record.parked)
        now.stay_for(running.task)  # the job may outlive the request, and a reload come before its first step
        return running

    async def _work(
        self,
        record: Record,
        now: Now,
        caller: Caller,
        wish: Job,
        planned: Planned | None,
        row: Row | None,
        places: AsyncExitStack | None,
        tell: Tell,
    ) -> Ended:
        record.listener, began, outcome = tell, time.time(), "cancelled"
        try:
            ended = await self._carry(now, caller, wish, planned, record)
            outcome = "ok"
            return ended
        except Fault as fault:
            outcome = fault.kind
            raise
        finally:
            record.listener = unheard  # else the job and its record would keep each other, pictures and all
            if record.left and outcome != "cancelled":  # else whoever ended it, or goes on with it, writes that
                self._write_down(record, caller, wish, row.created_at if row else began, outcome)
            if self._records.get(record.new.id) is record:
                del self._records[record.new.id]
            self.ring(record.new.id)
            if places is not None:
                await places.aclose()

    def _write_down(
        self, record: Record, caller: Caller, wish: Job, at: float, outcome: str, price: int | None = None
    ) -> None:
        """The row of the request log for the end of a job that no visit waits for; nobody was answered with it."""
        prompt = wish.prompt if self._live.now.engine.house.log.prompts else None
        row = entry_of(record, caller, wish, at, outcome)
        entry = replace(row, prompt=prompt, price=row.price if price is None else price)
        self._log.add(entry)
        self._live.telemetry.pictures(entry.model, entry.pictures)
        tell_end(entry)

    async def _carry(self, now: Now, caller: Caller, wish: Job, planned: Planned | None, record: Record) -> Ended:
        id, base = record.new.id, record.new.links.rpartition("/")[0]
        engine = now.engine
        keep = engine.house.jobs.keep if record.new.background else engine.house.jobs.keep_answers
        try:
            if planned is None:
                if not record.begun:
                    self.store.check()
                planned = await self._planned(engine, wish, caller, record)
            served = await engine.run(planned, base, record)
            price = engine.charge(planned, served)
            ended = Ended(served.result, answer.told(served, wish.size), str(served.target), price)
            conversation = wish.options.get("_conversation")
            if conversation:
                await self._talks.remember(caller, conversation, wish, served.result)
            await record.end(ended, keep, partial(self._jobs.answer, id, ended))
            record.told = ended.told()
            return ended
        except Fault as fault:
            seen = answer.shown(fault, id)  # here, for whoever listens to the job and however late
            await self._failed(record, seen, keep)
            raise seen from fault
        except Lost as lost:
            record.left = False
            row = await self.book.find(record.new.owner, id)
            if row is None or row.status == "cancelled":  # else another process goes on with it
                await self._square(record, caller, wish)
            raise Fault("gone", f"the job {id} was ended from outside", stage="accepted") from lost
        except Exception as error:
            log.exception("%s: a fault of this house", id)
            seen = answer.internal(id)
            await self._failed(record, seen, keep)
            raise seen from error

    async def _planned(self, engine: Engine, wish: Job, caller: Caller, record: Record) -> Planned:
        """What another process began, planned anew as far as it was not begun."""
        if not record.sent:
            return await engine.plan(wish, caller)
        planned = engine.order(wish)
        if record.begun or not record.new.background:
            return planned
        try:
            return await engine.plan(wish, caller)
        except Fault as fault:  # what was begun goes on
            log.warning("%s: its other parts cannot be begun: %s", record.new.id, fault)
            return replace(planned, targets=())

    async def _failed(self, record: Record, fault: Fault, keep: float | None) -> None:
        try:
            await record.fail(fault, keep)
        except Lost:
            record.left = False
            log.info("%s failed after it was ended from outside: %s", record.new.id, fault)

    def record(self, id: str) -> Record | None:
        """The record of a job that runs here."""
        return self._records.get(id)

    # --- listening --------------------------------------------------------------------------------------------------

    def listen(self, row: Row) -> Running[Ended] | Watched:
        """A job under way or ended, here or elsewhere."""
        return self._jobs.find(row.id) or Watched(self, row)

    async def changed(self, row: Row) -> Row | None:
        """The row once it is newer than this one; None when it is gone."""
        while True:
            fresh = await self.book.find(row.owner, row.id)
            if fresh is None or fresh.version > row.version:
                if fresh is None or fresh.ended:
                    self._leave(row.id)
                return fresh
            _, bell = self._watched.setdefault(row.id, (row.version, asyncio.Event()))
            await bell.wait()

    def _leave(self, id: str) -> None:
        """Stop working on a job that was ended from outside; a call that is out is waited for."""
        record, running = self._records.get(id), self._jobs.find(id)
        if record is not None and running is not None and not record.ending and not record.calling:
            running.task.cancel()

    def ring(self, id: str) -> None:
        """Whoever watches this job looks again."""
        _, bell = self._watched.pop(id, (0, None))
        if bell is not None:
            bell.set()

    # --- ending from outside ----------------------------------------------------------------------------------------

    async def cancel(self, row: Row) -> Row | None:
        """End a caller's job: here, at the vendor where that can be, and for whoever works on it.

        What a vendor was asked for and does not stop is made and paid for: that share of what is held is charged, in
        the transaction that ends the job. Where the job comes to an end first, that end stands.
        """
        if row.ended:
            return None
        wish: Job = recorded.read(row.wish)
        record, running = self._records.get(row.id) or self._record_of(row), self._jobs.find(row.id)
        self._leave(row.id)  # nobody looks after a task that is called off; a call that is out is waited for
        await self._tried(self.book.beat([row.id]), set())  # nor does another process while its vendor is told
        stopped = await self._stopped(self._record_of(row), wish)
        keep = self._live.now.engine.house.jobs.keep
        cancelled = await self.book.cancel(row.owner, row.id, keep, lambda now: owed(now.parts, stopped))
        if cancelled is None:
            return None
        before, price = cancelled
        if running is not None:
            running.let_go()  # it ends as soon as its call is answered
        caller = await self._caller(row.owner)
        self._write_down(record, caller, wish, row.created_at, "cancelled", price)
        self._leave(row.id)
        self.ring(row.id)
        if before.parts != row.parts:
            await self._square(self._record_of(before), caller, wish)
        return before

    async def _square(self, record: Record, caller: Caller, wish: Job) -> None:
        """Call off what a job that was ended had begun by then, and give back what was charged for calls of no use."""
        stopped = await self._stopped(record, wish)
        back = await self._tried(self.book.give_back(record.new.id, record.owed(stopped)), 0)
        if back:
            self._write_down(record, caller, wish, time.time(), "cancelled", -back)

    async def _stopped(self, record: Record, wish: Job) -> set[str]:
        """Tell the vendors of a job to stop; the names of the attempts that they stopped."""
        pasts = record.pasts()
        stopped = await asyncio.gather(*(self._call_off(wish, past, record) for past in pasts))
        return {past.attempt for past, well in zip(pasts, stopped, strict=True) if well}

    async def _call_off(self, wish: Job, past: Past, record: Record) -> bool:
        """Tell the vendor to stop; whether it does nothing more. That it cannot be told changes nothing for the app."""
        if past.fault is not None:
            return True
        if past.ticket is None or past.result is not None:
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._live.now.engine.cancel(wish, past, record)
        except (Fault, TimeoutError) as error:
            log.info("%s goes on at %s: %s", record.new.id, past.target, error)
            return False

    def _record_of(self, row: Row) -> Record:
        """The record of a job that is looked at, not worked on."""
        return Record(self.book, self.store, new_of(row), row, taken_up=True)

    async def hung_up(self, id: str) -> bool:
        """An app has gone and the house wants no work for nobody: end the job if no other listens and it saves any."""
        record, running = self._records.get(id), self._jobs.find(id)
        if record is None or running is None:
            return False
        if running.listeners > 1:
            return False
        stopped = await self._stopped(record, recorded.read(record.new.wish)) if record.sent else set()
        if record.owed(stopped) or running.listeners > 1:  # somebody may have joined meanwhile
            return False
        keep, owner = self._live.now.engine.house.jobs.keep_answers, record.new.owner
        cancelled = await self.book.cancel(owner, id, keep, lambda now: owed(now.parts, stopped))
        if cancelled is None and record.written:  # it has come to an end
            return False
        record.told = {"price": cancelled[1]} if cancelled else None  # of a call that went out at the last moment
        running.let_go()
        self._leave(id)
        return True

    # --- keeping ----------------------------------------------------------------------------------------------------

    def work(self) -> list[Callable[[], Awaitable[None]]]:
        """What goes on in the background, each for ever."""
        return [self._beat, self._take_up, self._look_elsewhere, self._sweep]

    async def _beat(self) -> None:
        """Renew the leases of what runs here; what is no longer ours was ended by somebody, and stops."""
        while True:
            ids = [id for id, record in self._records.items() if record.written]
            if ids:
                ours = await self._tried(self.book.beat(ids), set(ids))
                for id in set(ids) - ours:
                    self._leave(id)
            await asyncio.sleep(LEASE / 3)

    async def _take_up(self) -> None:
        """Go on with the jobs of processes that fell silent."""
        while True:
            rows = [] if self._closing else await self._tried(self.book.claim(MANY), [])
            for row in rows:
                if row.id not in self._records:  # else we were only too slow to say that it is ours
                    await self._go_on(row)
            if len(rows) < MANY:
                await asyncio.sleep(LOOK)

    async def _go_on(self, row: Row) -> None:
        wish: Job = recorded.read(row.wish)
        row = replace(row, parts=counted(row.parts, wish.n, self._live.now.engine.most))
        if not row.background:
            # Its pictures went with its process, so it can be gone on with but not begun.
            bare, made = bool(wish.inputs or wish.mask), pasts_of(row.parts).values()
            if not made or (bare and not any(past.ticket or past.result for past in made)):
                await self._give_up(row, sent=bool(made))
                return
            row = replace(row, parts=without_unknown(row.parts)) if bare else row
            wish = replace(wish, inputs=(), mask=None, roles=())
        log.info("%s is gone on with; its process fell silent", row.id)
        caller = await self._caller(row.owner)
        self.start(self._live.now, caller, wish, new_of(row), None, row, taken_up=True)

    async def _give_up(self, row: Row, *, sent: bool) -> None:
        """The end of a job that nobody can go on with."""
        message = "this process was stopped while the job was under way; nothing was spent: ask again"
        fault = LOST if sent else Fault("down", message, stage="not_sent")
        record, wish = self._record_of(row), recorded.read(row.wish)
        await self._failed(record, fault, self._live.now.engine.house.jobs.keep)
        if record.left:
            self._write_down(record, await self._caller(row.owner), wish, row.created_at, fault.kind)

    async def _caller(self, owner: str) -> Caller:
        """Whose job it is; its key may be gone by now."""
        return await self.callers.by_id(owner) or Caller(owner, owner)

    async def _look_elsewhere(self) -> None:
        """Hear of jobs that change in other processes, all that are watched here by one look."""
        while True:
            await asyncio.sleep(ELSEWHERE)
            ids = list(self._watched)
            if not ids:
                continue
            versions = await self._tried(self.book.versions(ids), {})
            for id in ids:
                seen, _ = self._watched.get(id, (0, None))
                if versions.get(id, seen + 1) > seen:
                    self.ring(id)

    async def _sweep(self) -> None:
        """Forget jobs that were kept long enough, and pictures that were only kept for them."""
        while True:
            rows = await self._tried(self.book.expired(MANY), [])
            for row in rows:
                await self.forget(row)
            if len(rows) < MANY:
                await asyncio.sleep(LEASE)

    async def forget(self, row: Row) -> None:
        """Delete a job that has ended, and the pictures that were only kept for it."""
        shown = {media.key for media in media_of(row)}
        kept = [*recorded.keys(recorded.read(row.wish))] if row.background else []
        kept += [key for past in pasts_of(row.parts).values() if past.result for key in recorded.keys(past.result)]
        for key in {*(row.result or {}).get("held", ()), *(key for key in kept if key not in shown)}:
            await asyncio.to_thread(self.store.drop, key)
        await self.book.delete(row.id)
        self.ring(row.id)

    async def _tried(self, work: Awaitable[End], otherwise: End) -> End:
        """What a database that does not answer now, and has said so itself, keeps from nothing but this round."""
        try:
            return await work
        except Fault as fault:
            log.debug("the jobs wait: %s", fault)
            return otherwise

    async def close(self, grace: float) -> None:
        """Wait for what only this process can end; the rest is free for another at once."""
        self._closing = True
        left = await self._jobs.close(grace)
        if left:
            await self._tried(self.book.release(left), None)
