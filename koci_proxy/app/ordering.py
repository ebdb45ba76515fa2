"""A job at the door: joined to the one it repeats, or begun; then answered, streamed, or promised for later."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import fit, recorded
from ..facts import Model
from ..faults import Fault
from ..jobs import Running
from ..state.jobs import Money, NewJob, Row
from ..types import Caller, Done, Job, JobState, Made, Media
from ..wire import Json, Reply
from . import answer, earlier, intake, naming, repeats
from .callers import bounds
from .record import Record
from .rows import Ended, state_of
from .watched import Watched

if TYPE_CHECKING:
    from .door import Visit

# A listener hears something at least this often, in seconds: idle-timeouts on the way are a minute or more.
KEEP_ALIVE = 15.0
# From this try on an SDK's call may be its last (2 is where they give up by default), and is kept alive.
LAST_TRY = 2
LEAST = 0.4  # seconds between two signs of life
# A job's webhook may be asked for here.
WEBHOOK = "x-koci-webhook"

Listened = Running[Ended] | Watched


class Order:
    """One job that was asked for by one request."""

    __slots__ = (
        "caller",
        "ended",
        "joined",
        "known",
        "later",
        "model",
        "promised",
        "record",
        "runner",
        "visit",
        "wish",
    )

    def __init__(self, visit: Visit, wish: Job, caller: Caller) -> None:
        self.visit, self.wish, self.caller = visit, wish, caller
        self.runner = visit.hall.runner
        self.later = bool(wish.options.get("_async"))
        self.promised = "respond-async" in visit.headers.get("prefer", "").lower()
        self.model = ""
        self.joined = ""
        self.known: Mapping[str, str] = {}
        self.ended: Ended | None = None
        self.record: Record | None = None

    @property
    def background(self) -> bool:
        """Whether nobody waits for the end."""
        return self.later or self.promised

    def told(self) -> dict[str, Any]:
        """What the request log keeps of the job."""
        ended, record = self.ended, self.record
        prompt = self.wish.prompt if self.visit.engine.house.log.prompts else None
        told: dict[str, Any] = {
            "model": self.model,
            "task": self.wish.task,
            "asked": str(self.wish.size)[:40],
            "prompt": prompt,
        }
        told |= {"job": self.joined, "attempts": record.calls() if record else ()}
        if record is not None:
            record.left = record.told is None  # then what its job still comes to is the runner's to write down
            return told | dict(record.told or {})
        return told | (ended.told(joined=bool(self.joined)) if ended else {})

    async def placed(self) -> Coroutine[Any, Any, None]:
        """Join the job that this one repeats, or begin it; how it is answered, to be awaited."""
        visit = self.visit
        conversation = self.wish.options.get("_conversation")
        if conversation:
            await visit.hall.talks.own(self.caller, conversation)
        self.wish = await earlier.with_films(self.wish, self.caller, self.runner.book)
        model = visit.allow(self.wish, self.caller)
        self.model = model.name
        if defaults := visit.engine.house.defaults.get(visit.platform):
            self.wish = fit.defaulted(self.wish, defaults, model.set, visit.engine.cards(model))
        tries, name = repeats.retries(visit.headers), repeats.key(visit.headers)
        content = None
        if name is not None or tries is not None:
            content = await repeats.content(self.wish, visit.platform)
        if content is None:
            listened, row = await self._begin(model, name, content, tries)
        else:  # equal ones that come meanwhile wait until this one is written down
            async with self.runner.turn(f"{self.caller.id} {name or content}"):
                known = await self._repeated(name, content, tries)
                listened, row = self._join(known) if known else await self._begin(model, name, content, tries)
        return self._answering(listened, row)

    # --- which job --------------------------------------------------------------------------------------------------

    async def _repeated(self, name: str | None, content: str | None, tries: int | None) -> Row | None:
        """The job that this call repeats. `Fault` conflict for one that has its name and asks for something else."""
        book, owner = self.runner.book, self.caller.id
        if name is not None:
            row = await book.named(owner, name)
            if row is not None and row.repeat_of != content:
                message = "this Idempotency-Key was used for another request; a new request needs a new one"
                raise Fault("conflict", message, field="Idempotency-Key", code="idempotency_key_reused")
            return row
        if content is None or not tries:
            return None
        return await book.like(owner, content, self.visit.engine.house.jobs.keep_answers)

    def _join(self, row: Row) -> tuple[Listened, Row]:
        """The job that is answered with what it came to, or comes to; its id is this request's."""
        self.joined, self.visit.id = self.visit.id, row.id
        self.wish = replace(self.wish, options={**self.wish.options, "_id": row.id})
        return self.runner.listen(row), row

    async def _begin(
        self, model: Model, name: str | None, content: str | None, tries: int | None
    ) -> tuple[Listened, Row | None]:
        """A new job, as far as the limits let it, or the equal one that another process began a moment ago."""
        house, desk = self.visit.engine.house, self.visit.hall.desk
        places = await desk.places(self.caller, house, model)
        started = False
        try:
            if await desk.once(self.caller, content, tries):
                self.visit.pace = await desk.count(self.caller, house, model, self.wish.most, content)
            listened, row = await self._start(name, content, places)
            started = not self.joined
            return listened, row
        finally:
            if places is not None and not started:
                await places.aclose()

    async def _start(
        self, name: str | None, content: str | None, places: contextlib.AsyncExitStack | None
    ) -> tuple[Listened, Row | None]:
        visit = self.visit
        background = self.background
        self.wish = wish = replace(self.wish, options={**self.wish.options, "_id": visit.id})
        if background:
            wish = await visit.engine.gathered(wish, visit.base)
        planned = await visit.engine.plan(wish, self.caller)
        self.runner.store.check()
        webhook = self._webhook()
        if background:  # what is wrong with it is said now, not when somebody asks
            self.known = answer.noted(await visit.engine.rehearse(planned))
            wish = await self._kept(wish)
        new = NewJob(
            id=visit.id,
            owner=self.caller.id,
            platform=visit.platform,
            links=f"{visit.base}/{visit.platform}",
            task=wish.task,
            model=self.model,
            wish=recorded.write(wish),
            background=background,
            number=str(10**14 + secrets.randbelow(9 * 10**14)) if self.later else None,
            repeat_key=name,
            repeat_of=content,
            webhook=webhook,
            story=[[time.time(), "queued" if background else "running", None]],
        )
        per_day = bounds(self.caller, visit.engine.house.limits.key).credits_per_day
        money = Money(visit.engine.quote(planned), per_day)
        row = None
        if background or content is not None or wish.stream:  # else it is written when something is spent
            try:
                row = await self.runner.book.begin(new, money)
            finally:
                if row is None and background:
                    for key in recorded.keys(wish):
                        self.runner.store.drop(key)
            if row is None:  # an equal call was a moment faster
                joined = await self._repeated(name, content, None)
                if joined is None:
                    raise Fault("conflict", "an equal request ended just now; ask again", retry_after=1)
                return self._join(joined)
        running = self.runner.start(
            visit.now,
            self.caller,
            wish,
            new,
            planned,
            row,
            money=money,
            deadline=None if background else self._deadline(),
            places=places,
        )
        self.record = self.runner.record(visit.id)
        return running, row

    async def _kept(self, wish: Job) -> Job:
        """The wish of a job that nobody waits for, its pictures in the store for as long as it takes."""
        kept = {id(media): await self.runner.store.put(media) for media in recorded.held(wish)}
        known: Job = recorded.exchanged(wish, lambda media: kept.get(id(media), media))
        return known

    def _webhook(self) -> str | None:
        """Where the app wants to be told of the end; `Fault` bad_request for an address that may not be called."""
        url = self.visit.headers.get(WEBHOOK)
        if url is not None:
            self.visit.hall.webhooks.check(url)
        return url

    def _deadline(self) -> float | None:
        """When the app's own patience ends: nothing more is begun for it then."""
        said = [_seconds(self.visit.headers.get(name)) for name in ("x-server-timeout", "x-stainless-read-timeout")]
        known = [each for each in said if each is not None]
        return time.monotonic() + min(known) if known else None

    # --- how it is answered -----------------------------------------------------------------------------------------

    def _answering(self, listened: Listened, row: Row | None) -> Coroutine[Any, Any, None]:
        if self.background:
            assert row is not None, "a job for later is written down first"
            return self._promise(row)
        work = self._stream(listened) if self.wish.stream else self._whole(listened)
        if self.visit.engine.house.jobs.hang_up == "finish" or not isinstance(listened, Running):
            return work
        return self._listening(listened, work)

    async def _promise(self, row: Row) -> None:
        """Answer at once with where the job will be found."""
        visit, state = self.visit, state_of(row, self.runner.store)
        if self.later:
            state = naming.told(replace(state, job=self.wish), visit.dialect)
            await visit.reply(visit.dialect.accepted(state), self.known)
        else:
            where = {"location": f"/v1/jobs/{row.id}", "preference-applied": "respond-async"}
            await visit.reply(Reply(202, where, Json(shown_job(state, row))), self.known)

    async def _listening(self, listened: Running[Ended], work: Awaitable[None]) -> None:
        """Answer an app. The last that hangs up ends its job too, where that saves anything."""
        listened.listeners += 1
        answering = asyncio.ensure_future(work)
        gone = asyncio.ensure_future(self.visit.hung_up())
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and await self.runner.hung_up(self.visit.id):
                raise intake.HungUp
            await answering
        finally:
            listened.listeners -= 1
            for task in (answering, gone):
                task.cancel()
            await asyncio.gather(answering, gone, return_exceptions=True)

    async def _whole(self, listened: Listened) -> None:
        ended = await self._end(listened)
        self.ended = ended
        ready = await asyncio.to_thread(self._readable, ended) if _lies(ended) else ended
        await self.visit.reply(self.visit.dialect.render(ready.result, self.wish), ended.headers)

    def _end(self, listened: Listened) -> Awaitable[Ended]:
        """The end of a job, for as long as the app waits. The last try of an SDK is kept alive meanwhile."""
        limit = _seconds(self.visit.headers.get("x-server-timeout"))
        reading = _seconds(self.visit.headers.get("x-stainless-read-timeout"))
        if (repeats.retries(self.visit.headers) or 0) < LAST_TRY:
            reading = None
        return listened.end() if limit is None and reading is None else self._patiently(listened, limit, reading)

    async def _patiently(self, listened: Listened, limit: float | None, reading: float | None) -> Ended:
        end = asyncio.ensure_future(listened.end())
        try:
            if reading is not None:
                while not (await asyncio.wait({end}, timeout=max(reading / 2, LEAST)))[0]:
                    await self.visit.blank()
            elif limit is not None and not (await asyncio.wait({end}, timeout=limit))[0]:
                message = (
                    f"not done within the {limit:g} s of X-Server-Timeout; it goes on as GET /v1/jobs/{self.visit.id}"
                )
                raise Fault("slow", message, stage="sent", code="deadline")
            return await end
        finally:
            end.cancel()
            with contextlib.suppress(asyncio.CancelledError, Fault):
                await end

    def _readable(self, ended: Ended) -> Ended:
        """A kept answer with its pictures' bytes at hand again."""
        store = self.runner.store
        read = recorded.exchanged(ended.result, lambda each: store.media(each.key or "") if _unread(each) else each)
        return replace(ended, result=read)

    async def _stream(self, listened: Listened) -> None:
        """A job as a stream of events. Until the first one a fault is still a plain HTTP status."""
        visit, dialect, wish = self.visit, self.visit.dialect, self.wish
        early: list[Media] = []
        async for event in answer.with_pauses(listened.events(), KEEP_ALIVE):
            if isinstance(event, Made):
                early.append(event.media)
                frames = dialect.made(event, wish)
            else:
                frames = dialect.frame(event, wish) if event is not None else ()
            if frames or event is None:
                await visit.begin({})
            await (answer.piece(visit.send, dialect.KEEP_ALIVE) if event is None else answer.frames(visit.send, frames))
        try:
            ended = await listened.end()
        except Fault as fault:
            if not visit.status:
                raise
            await answer.frames(visit.send, [dialect.fail_frame(naming.renamed(fault, wish, dialect), wish)])
        else:
            self.ended = ended
            await visit.begin(ended.headers)
            ready = await asyncio.to_thread(self._readable, ended) if _lies(ended) else ended
            shown = frozenset(at for at, media in enumerate(ended.result.media) if media in early)
            await answer.frames(visit.send, dialect.frame(Done(ready.result, shown), wish))
        await answer.end_stream(visit.send, dialect.end(wish) if hasattr(dialect, "end") else dialect.END)


def _unread(media: Media) -> bool:
    return media.data is None and media.url is None and media.key is not None


def _lies(ended: Ended) -> bool:
    """Whether pictures of an answer lie in the store and must be read from there."""
    return any(_unread(media) for media in ended.result.media)


def _seconds(text: str | None) -> float | None:
    """A header's number of seconds; None for none and for what is no time to wait."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        value = float(text)
        return value if 0 < value < 86_400 else None
    return None


def shown_job(state: JobState, row: Row) -> Mapping[str, Any]:
    """A job in the house's own words, which no dialect has."""
    shown: dict[str, Any] = {
        "id": state.id,
        "object": "job",
        "status": state.status,
        "progress": None if state.progress is None else round(state.progress),
        "model": row.model,
        "task": row.task,
        "created_at": int(state.created_at),
        "ended_at": None if state.ended_at is None else int(state.ended_at),
        "expires_at": None if state.expires_at is None else int(state.expires_at),
        "result": None,
        "error": None,
    }
    if state.result is not None:
        shown["result"] = {
            "data": [_picture(media) for media in state.result.media],
            "text": state.result.text,
            "usage": dict(state.result.usage),
            "size": row.result["headers"].get("x-koci-size"),
            "notes": [str(note) for note in state.result.notes],
        }
    if state.fault is not None:
        fault = state.fault
        shown["error"] = {"type": fault.kind, "code": fault.code or fault.kind, "message": fault.message}
    return shown


def _picture(media: Media) -> dict[str, Any]:
    known = {name: getattr(media, name) for name in ("url", "mime", "width", "height", "seconds", "size")}
    return {name: value for name, value in known.items() if value is not None}
