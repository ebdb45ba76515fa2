"""The engine: carries one job through its plan, from the app's wish to pictures delivered."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial

from .. import fit, prices, routing
from ..facts import Card, House, Model
from ..faults import Fault
from ..plugins import Plugins, ask
from ..sizes import Policy
from ..types import Caller, Job, Note, Progress, Result, Target, Task
from ..wire import Call
from . import pictures
from .attempt import Attempt, add, joined
from .diary import Diary, Early, Past
from .keys import Keys, mark_of
from .shell import Shell
from .spoken import spoken

CUTOUT = frozenset({"cutout"})


@dataclass(frozen=True, slots=True)
class Served:
    """A job that ended well: what came, the job as the vendor got it, and who served it."""

    result: Result
    job: Job
    target: Target


class Tried(Exception):
    """All parts of a job have failed, each after all that could be tried for it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Planned:
    """A job as the house sets it, its model, and the targets that can do it, in order."""

    job: Job
    model: Model
    targets: tuple[Target, ...]


class Engine:
    """One house at run time. A request keeps the engine it began with; a reload makes a new one beside it."""

    def __init__(self, house: House, plugins: Plugins, keys: Mapping[str, Keys], shell: Shell) -> None:
        self.house = house
        self.plugins = plugins
        self.keys = keys
        self.shell = shell
        self.rng = random.Random()
        self._prices: dict[str, prices.Price] = {}

    async def run(self, planned: Planned, base: str, diary: Diary) -> Served:
        """Carry a planned job to its end, or go on with what the diary says.

        `base` is the URL that links are made under. Raises `Fault`.
        """
        job = await pictures.gather(planned.job, base, self.shell)
        diary.early = self._early(job, base)
        diary.tell(Progress(None))  # from here on a stream has begun; what was wrong before is a plain refusal
        try:
            parts = diary.parts()
            if parts:
                served = await self._rest(job, planned, diary, parts)
            else:
                served = await self._conduct(job, planned.model, planned.targets, diary, 0)
        except Tried as tried:
            raise tried.fault from tried
        result = await pictures.finish(served.result, job, served.job, self.shell)
        media = await pictures.deliver(result.media, job.deliver, base, self.shell)
        small = await pictures.deliver(result.thumbnails, "url", base, self.shell)
        created = result.created or int(time.time())
        return replace(served, result=replace(result, media=media, thumbnails=small, created=created))

    def _early(self, job: Job, base: str) -> Early | None:
        """How a picture is delivered before its job is done, where the app's wire shows one and no plugin wants all."""
        shows = job.stream and hasattr(self.plugins.dialects.get(job.dialect), "made")
        if not shows or self.plugins.asks("on_result"):
            return None
        return partial(pictures.early, wish=job, base=base, shell=self.shell)

    async def plan(self, job: Job, caller: Caller) -> Planned:
        """What would be done for a caller. `Fault` for what nobody can do, before anything is asked of anyone."""
        job = await self.plugins.run("on_job", job=job, caller=caller)
        planned = self.order(job)
        job, model = planned.job, planned.model
        targets = await self.plugins.run("on_plan", targets=planned.targets, job=job, caller=caller)
        if job.task == "edit" and all(target.card.tasks == CUTOUT for target in targets):
            job = replace(job, task="cutout")
        targets, notes = routing.capable(targets, job, self.policy(model))
        return Planned(replace(job, notes=job.notes + notes) if notes else job, model, tuple(targets))

    def order(self, job: Job) -> Planned:
        """A job that was planned before it was sent, for whoever goes on with it."""
        model = self.model(job.model, job.task)
        targets = routing.order(model, self.house.providers, self.rng)
        return Planned(fit.set_fields(job, model.set), model, targets)

    def quote(self, planned: Planned) -> int:
        """The most that a planned job can cost, in thousandths of a credit."""
        job, price = planned.job, self._price(planned.model)
        policy = self.policy(planned.model)
        lengths = [fit.length(job, target.card, policy) for target in planned.targets]
        return max((prices.of(price, _lasting(job, length), job.most) for length in dict.fromkeys(lengths)), default=0)

    def charge(self, planned: Planned, served: Served) -> int:
        """What a served job costs: what the app asked for, as far as it came."""
        asked = _lasting(planned.job, served.job.seconds)
        return prices.came(self._price(planned.model), asked, served.result.media)

    def _price(self, model: Model) -> prices.Price:
        if model.name not in self._prices:
            self._prices[model.name] = prices.parse(model.price)
        return self._prices[model.name]

    async def gathered(self, job: Job, base: str) -> Job:
        """The job with all pictures at hand that the app linked to. `Fault` bad_request with the field."""
        return await pictures.gather(job, base, self.shell)

    def has(self, name: str) -> bool:
        """Whether there is a model of that name or alias."""
        return name in self.house.models or name in self.house.aliases

    def model(self, name: str, task: Task | None = None) -> Model:
        """The model of that name or alias; `Fault` not_found with the nearest name, of one for that kind of work."""
        found = self.house.models.get(self.house.aliases.get(name, name))
        if found is None:
            known = [each for each in (*self.house.models, *self.house.aliases) if self._does(each, task)]
            near = get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise Fault("not_found", f"there is no model {name!r}{hint}", field="model", code="model_not_found")
        return found

    def most(self, target: str) -> int:
        """How many pictures a target, as text, makes at a call."""
        provider, _, name = target.partition("/")
        facts = self.house.providers.get(provider)
        return max(facts.models[name].n, 1) if facts is not None and name in facts.models else 1

    def cards(self, model: Model) -> list[Card]:
        """What its targets can do, in order."""
        targets = [target for share in model.to for target in share.targets]
        return [self.house.providers[provider].models[name] for provider, name, _ in targets]

    def _does(self, name: str, task: Task | None) -> bool:
        """Whether a model makes films, or pictures, as the task does."""
        tasks = self.tasks(self.model(name))
        return task is None or bool(tasks & fit.FILMS if task == "video" else tasks - fit.FILMS)

    def tasks(self, model: Model) -> frozenset[str]:
        """What any of its targets can do."""
        return frozenset(task for card in self.cards(model) for task in card.tasks)

    def policy(self, model: Model) -> Policy:
        return model.size_policy or self.house.size_policy

    async def _rest(self, job: Job, planned: Planned, diary: Diary, parts: Mapping[int, int]) -> Served:
        """What is left to do of a job in the parts that an earlier process made of it."""
        model, targets = planned.model, planned.targets
        job = replace(job, n=sum(parts.values()))
        if len(parts) == 1:
            return await self._conduct(job, model, targets, diary, *parts)
        return await self._together(job, model, targets, diary, parts)

    async def _conduct(self, job: Job, model: Model, targets: Sequence[Target], diary: Diary, part: int) -> Served:
        """Try target after target as the plan says, until one serves or the plan stops."""
        past = diary.past(part)
        if past is not None:
            targets = self._first(past, targets)
        began, retry = time.monotonic(), self.house.retry
        if diary.deadline is not None:  # a call that is out by then is waited for all the same
            retry = replace(retry, give_up=min(retry.give_up, max(diary.deadline - began, 0.0)))
        step: routing.Try | routing.Wait | routing.Stop = routing.Plan(tuple(targets), retry).first()
        while True:
            match step:
                case routing.Stop(fault):
                    raise fault
                case routing.Wait(seconds, then):
                    await asyncio.sleep(seconds)
                    step = then
                case routing.Try(target, plan):
                    try:
                        rest = targets[list(targets).index(target) :]
                        return await self._serve(job, model, target, rest, diary, part)
                    except Fault as fault:
                        seen = await self.plugins.run("on_fault", fault=fault, job=job, target=target)
                        if routing.may_be_paid(fault) and not routing.may_be_paid(seen):  # a plugin changes no bill
                            seen = seen.changed(stage="accepted")
                        step = plan.after(seen, time.monotonic() - began, self.keys[target.provider].left)

    def _first(self, past: Past, targets: Sequence[Target]) -> tuple[Target, ...]:
        """The target that has the job already, then the others. `Fault` down when it is not configured any more."""
        provider, _, name = past.target.partition("/")
        facts = self.house.providers.get(provider)
        if facts is None or name not in facts.models:
            raise gone("the provider")
        target = Target(provider, name, facts.dialect, facts.models[name], facts.wire)
        return (target, *(each for each in targets if each != target))

    def _serve(
        self, job: Job, model: Model, target: Target, rest: Sequence[Target], diary: Diary, part: int
    ) -> Awaitable[Served]:
        """One call, or as many at once as the vendor needs for `n` pictures. A call that was made stays as it is."""
        each = max(target.card.n, 1)
        if job.n <= each or diary.past(part) is not None:
            return self._attempt(job, model, target, diary, part)
        counts = [each] * (job.n // each) + ([job.n % each] if job.n % each else [])
        return self._together(job, model, rest, diary, diary.split(part, counts))

    async def _together(
        self, job: Job, model: Model, targets: Sequence[Target], diary: Diary, parts: Mapping[int, int]
    ) -> Served:
        """All parts of a job at once, each for so many pictures. `Tried` where none came to anything."""
        ends = await asyncio.gather(
            *(self._part(replace(job, n=count), model, targets, diary, part) for part, count in parts.items()),
            return_exceptions=True,
        )
        try:
            named = getattr(self.plugins.dialects.get(job.dialect), "named", None)
            return merge(job, ends, named("n", job) if named else "n")
        except Fault as fault:
            raise Tried(fault) from fault

    async def _part(self, job: Job, model: Model, targets: Sequence[Target], diary: Diary, part: int) -> Served:
        try:
            served = await self._conduct(job, model, targets, diary, part)
        except Tried as tried:
            raise tried.fault from tried
        await diary.answered(part, served.result, served.job)
        return served

    async def _attempt(self, job: Job, model: Model, target: Target, diary: Diary, part: int) -> Served:
        """One call to one vendor with one key, or what is left to do of one that was made before."""
        past = diary.past(part)
        if past is not None:
            return await self._resume(past, job, model, target, diary, part)
        count = job.n
        job, call = await self.prepare(job, model, target)
        keys = self.keys[target.provider]
        held = await keys.take()
        try:
            name = await diary.sending(part, count, target, mark_of(held.lease.secret))
        except BaseException:
            keys.drop(held)
            raise
        fault: Fault | None = None
        began, ended = time.monotonic(), False
        try:
            attempt = self._call(job, target, held.lease.secret, diary, part, name)
            result = await attempt.make(call)
            ended = True
        except Fault as raised:
            fault, ended = raised, True
            await diary.failed(part, fault)
            raise
        finally:
            if ended:
                took = time.monotonic() - began
                keys.give(held, fault, took)
                self.shell.telemetry.vendor_call(target.provider, fault.kind if fault else "ok", took)
            else:
                keys.drop(held)
        return await self._received(result, job, target)

    async def _resume(self, past: Past, job: Job, model: Model, target: Target, diary: Diary, part: int) -> Served:
        """Go on with a call of before. One whose fate nobody knows is sent again only where that is not done twice."""
        if past.result is not None:
            return Served(self._read(past.result), past.job or job, target)
        began, asked = time.monotonic(), False
        try:
            if past.fault is not None:
                raise past.fault
            secret = self.keys[target.provider].secret(past.key)
            if secret is None:
                raise gone("the upstream key")
            if past.ticket is not None:
                job, asked = past.job or job, True
                result = await self._call(job, target, secret, diary, part, past.attempt).wait(past.ticket)
            elif self.house.providers[target.provider].idempotency_header is not None:
                job, call = await self.prepare(job, model, target)
                asked = True
                result = await self._call(job, target, secret, diary, part, past.attempt).make(call)
            else:
                message = "the upstream had been asked when this process was stopped, and its answer was lost"
                raise Fault("down", message, stage="sent", code="lost")
        except Fault as fault:
            if asked:  # else no call went out, and no task was looked after
                self.shell.telemetry.vendor_call(target.provider, fault.kind, time.monotonic() - began)
            await diary.failed(part, fault)
            raise
        self.shell.telemetry.vendor_call(target.provider, "ok", time.monotonic() - began)
        return await self._received(result, job, target)

    def _read(self, result: Result) -> Result:
        """A kept result with its pictures' bytes at hand."""
        store = self.shell.store
        return replace(result, media=tuple(store.media(each.key) if each.key else each for each in result.media))

    def _call(self, job: Job, target: Target, secret: str, diary: Diary, part: int, name: str) -> Attempt:
        dialect, provider = self.plugins.dialects[target.dialect], self.house.providers[target.provider]
        give_up = self.house.retry.give_up
        shows = not self.plugins.asks("on_result")  # else it sees the pictures first
        return Attempt(job, target, dialect, provider, secret, self.shell, diary, part, name, give_up, shows)

    async def _received(self, result: Result, job: Job, target: Target) -> Served:
        result = await pictures.fetch(result, self.shell, self.house.providers[target.provider].url)
        try:
            result = await self.plugins.run("on_result", result=result, job=job, target=target)
        except Fault as fault:
            raise fault.changed(stage="accepted") from fault  # what came is paid for, whatever a plugin makes of it
        return Served(replace(result, notes=job.notes + result.notes), job, target)

    async def cancel(self, job: Job, past: Past, diary: Diary) -> bool:
        """Ask a vendor to end the task it is at work on; whether it can, and did."""
        (target, *_) = self._first(past, ())
        secret = self.keys[target.provider].secret(past.key)
        if past.ticket is None or secret is None:
            return False
        return await self._call(past.job or job, target, secret, diary, 0, past.attempt).cancel(past.ticket)

    async def rehearse(self, planned: Planned) -> tuple[Note, ...]:
        """See that a planned job can be put in its first target's words; what is noted then. Nothing is sent."""
        job, target = planned.job, planned.targets[0]
        job = await self.gathered(job, "")
        job, _ = await self.prepare(replace(job, n=min(job.n, max(target.card.n, 1))), planned.model, target)
        return job.notes

    async def prepare(self, job: Job, model: Model, target: Target) -> tuple[Job, Call]:
        """A job in one target's words, and the call that asks for it. Nothing is sent."""
        job = await self.plugins.run("on_target", job=job, target=target, policy=self.policy(model))
        job = await self.shell.pixels.fit_inputs(job, target.card)
        dialect = self.plugins.dialects[target.dialect]
        job = spoken(job, target, dialect, previews=not self.plugins.asks("on_result"))
        if model.strict:
            books = getattr(self.plugins.dialects.get(job.dialect), "BOOKS", ())
            fit.strictly(job, [note for note in job.notes if note.field not in books])
        call = await self.plugins.run("on_call", call=ask(dialect, "encode", job, target), target=target)
        return job, call

    async def close(self) -> None:
        """Let the plugins end what they hold. Only once no request is in here any more."""
        await asyncio.gather(*self.plugins.close())


def _lasting(job: Job, seconds: float | None) -> Job:
    return job if job.seconds == seconds else replace(job, seconds=seconds)


def gone(what: str) -> Fault:
    message = f"{what} that has this job is not configured any more"
    return Fault("down", message, stage="accepted", code="lost")


def merge(job: Job, ends: Sequence[Served | BaseException], field: str = "n") -> Served:
    """Several calls for one wish as one: what came, and a note of what did not, under the app's `field` for a number;
    the first fault where nothing came. Why a call was refused stands in the result's extras too.
    """
    good = [end for end in ends if isinstance(end, Served)]
    bad = [end for end in ends if isinstance(end, BaseException)]
    for end in bad:
        if not isinstance(end, Fault) and (not good or not isinstance(end, Exception)):
            raise end
    if not good:
        faults = [end for end in bad if isinstance(end, Fault)]
        raise next((fault for fault in faults if routing.may_be_paid(fault)), faults[0])
    first = good[0]
    notes = tuple(dict.fromkeys(note for end in good for note in end.result.notes))
    if bad:
        notes += (Note(field, "left out", f"{len(bad)} of {len(ends)} upstream calls failed: {bad[0]}"),)
    refused = tuple(end.message for end in bad if isinstance(end, Fault) and end.kind == "refused")
    result = replace(
        first.result,
        media=tuple(media for end in good for media in end.result.media),
        usage=add([end.result.usage for end in good]),
        extras=joined([end.result.extras for end in good]) | ({"refused": refused} if refused else {}),
        notes=notes,
    )
    return Served(result, replace(first.job, n=job.n), first.target)
