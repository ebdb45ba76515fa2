"""The engine: carries one job through its plan, from the app's wish to pictures delivered."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import ModuleType

from .. import fit, routing
from ..facts import House, Model
from ..faults import Fault
from ..jobs import Tell
from ..plugins import Plugins
from ..sizes import Policy
from ..types import Caller, Job, Note, Progress, Result, Target
from ..wire import Call
from . import pictures
from .attempt import Attempt, joined
from .keys import Keys
from .shell import Shell

CUTOUT = frozenset({"cutout"})


@dataclass(frozen=True, slots=True)
class Served:
    """A job that ended well: what came, the job as the vendor got it, and who served it."""

    result: Result
    job: Job
    target: Target


class Engine:
    """One house at run time. A request keeps the engine it began with; a reload makes a new one beside it."""

    def __init__(self, house: House, plugins: Plugins, keys: Mapping[str, Keys], shell: Shell) -> None:
        self.house = house
        self.plugins = plugins
        self.keys = keys
        self.shell = shell
        self.rng = random.Random()

    async def run(self, job: Job, caller: Caller, base: str, tell: Tell) -> Served:
        """Carry a job to its end. `base` is the URL that links are made under. Raises `Fault`."""
        job, model, targets = await self.plan(job, caller)
        job = await pictures.gather(job, base, self.shell)
        tell(Progress(None))  # from here on a stream has begun; what was wrong before is a plain refusal
        served = await self._conduct(job, model, targets, tell)
        result = await pictures.finish(served.result, job, served.job, self.shell)
        media = await pictures.deliver(result.media, job.deliver, base, self.shell)
        small = await pictures.deliver(result.thumbnails, "url", base, self.shell)
        created = result.created or int(time.time())
        return replace(served, result=replace(result, media=media, thumbnails=small, created=created))

    async def plan(self, job: Job, caller: Caller) -> tuple[Job, Model, tuple[Target, ...]]:
        """The job as the house sets it, and the targets that can do it, in order."""
        job = await self.plugins.run("on_job", job=job, caller=caller)
        model = self.model(job.model)
        job = fit.set_fields(job, model.set)
        targets = routing.order(model, self.house.providers, self.rng)
        targets = await self.plugins.run("on_plan", targets=targets, job=job)
        if job.task == "edit" and all(target.card.tasks == CUTOUT for target in targets):
            job = replace(job, task="cutout")
        targets, notes = routing.capable(targets, job, self.policy(model))
        return replace(job, notes=job.notes + notes), model, targets

    def model(self, name: str) -> Model:
        """The model of that name or alias; `Fault` not_found with the nearest name."""
        found = self.house.models.get(self.house.aliases.get(name, name))
        if found is None:
            near = get_close_matches(name, [*self.house.models, *self.house.aliases], n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise Fault("not_found", f"there is no model {name!r}{hint}", field="model", code="model_not_found")
        return found

    def policy(self, model: Model) -> Policy:
        return model.size_policy or self.house.size_policy

    async def _conduct(self, job: Job, model: Model, targets: Sequence[Target], tell: Tell) -> Served:
        """Try target after target as the plan says, until one serves or the plan stops."""
        began = time.monotonic()
        step: routing.Try | routing.Wait | routing.Stop = routing.Plan(tuple(targets), self.house.retry).first()
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
                        return await self._serve(job, model, target, rest, tell)
                    except Fault as fault:
                        seen = await self.plugins.run("on_fault", fault=fault, job=job, target=target)
                        step = plan.after(seen, time.monotonic() - began, self.keys[target.provider].left)

    async def _serve(self, job: Job, model: Model, target: Target, rest: Sequence[Target], tell: Tell) -> Served:
        """One call, or as many at once as the vendor needs for `n` pictures."""
        each = max(target.card.n, 1)
        if job.n <= each:
            return await self._attempt(job, model, target, tell)
        counts = [each] * (job.n // each) + ([job.n % each] if job.n % each else [])
        ends = await asyncio.gather(
            *(self._conduct(replace(job, n=count), model, rest, tell) for count in counts), return_exceptions=True
        )
        return merge(job, ends)

    async def _attempt(self, job: Job, model: Model, target: Target, tell: Tell) -> Served:
        """One call to one vendor with one key."""
        job, call = await self.prepare(job, model, target)
        provider = self.house.providers[target.provider]
        keys = self.keys[target.provider]
        held = await keys.take()
        dialect = self.plugins.dialects[target.dialect]
        attempt = Attempt(job, target, dialect, provider, held.lease.secret, self.shell, tell, self.house.retry.give_up)
        began = time.monotonic()
        fault: Fault | None = None
        try:
            result = await attempt.make(call)
        except Fault as raised:
            fault = raised
            raise
        finally:
            took = time.monotonic() - began
            keys.give(held, fault, took)
            self.shell.telemetry.vendor_call(target.provider, fault.kind if fault else "ok", took)
        result = await pictures.fetch(result, self.shell)
        result = await self.plugins.run("on_result", result=result, job=job, target=target)
        return Served(replace(result, notes=job.notes + result.notes), job, target)

    async def prepare(self, job: Job, model: Model, target: Target) -> tuple[Job, Call]:
        """A job in one target's words, and the call that asks for it. Nothing is sent."""
        job = await self.plugins.run("on_target", job=job, target=target, policy=self.policy(model))
        job = await self.shell.pixels.fit_inputs(job, target.card)
        dialect = self.plugins.dialects[target.dialect]
        job = same_words(job, target, dialect)
        if model.strict:
            fit.strictly(job, job.notes)
        if job.stream and not (target.card.stream and hasattr(dialect, "event")):
            job = replace(job, stream=False, partials=0)
        call = await self.plugins.run("on_call", call=dialect.encode(job, target), target=target)
        return job, call

    async def close(self) -> None:
        """Let the plugins end what they hold. Only once no request is in here any more."""
        await asyncio.gather(*self.plugins.close())


def same_words(job: Job, target: Target, dialect: ModuleType) -> Job:
    """The app's extra words reach a vendor that speaks its dialect, or knows them; any other is noted as left out."""
    if not job.options or job.dialect == target.dialect:
        return job
    known = dialect.words(job, target) if hasattr(dialect, "words") else ()
    left = tuple(
        Note(name, "left out", "not known to this model's upstream")
        for name in job.options
        if not name.startswith("_") and name not in known
    )
    options = {name: value for name, value in job.options.items() if name in known}
    return replace(job, options=options, notes=job.notes + left)


def merge(job: Job, ends: Sequence[Served | BaseException]) -> Served:
    """Several calls for one wish as one: what came, and a note of what did not; the first fault where nothing came."""
    good = [end for end in ends if isinstance(end, Served)]
    bad = [end for end in ends if isinstance(end, BaseException)]
    for end in bad:
        if not isinstance(end, Fault):
            raise end
    if not good:
        raise bad[0]
    first = good[0]
    notes = tuple(dict.fromkeys(note for end in good for note in end.result.notes))
    if bad:
        notes += (Note("n", "left out", f"{len(bad)} of {len(ends)} upstream calls failed: {bad[0]}"),)
    result = replace(
        first.result,
        media=tuple(media for end in good for media in end.result.media),
        usage=add([end.result.usage for end in good]),
        extras=joined([end.result.extras for end in good]),
        notes=notes,
    )
    return Served(result, replace(first.job, n=job.n), first.target)


def add(usages: Sequence[Mapping[str, object]]) -> Mapping[str, object]:
    """Usage of several calls, number by number; what is no number is taken from the first."""
    total: dict[str, object] = dict(usages[0])
    for usage in usages[1:]:
        for key, value in usage.items():
            have = total.get(key)
            if isinstance(value, int) and isinstance(have, int):
                total[key] = have + value
            elif isinstance(value, Mapping) and isinstance(have, Mapping):
                total[key] = add([have, value])
            elif key not in total:
                total[key] = value
    return total
