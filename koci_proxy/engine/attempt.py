"""One attempt: one target, one key, and everything a vendor says until there is a result or a fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from ..facts import Provider
from ..faults import Fault
from ..plugins import ask
from ..store import crammed
from ..types import Done, Job, Made, Note, Partial, Progress, Result, Target, Ticket
from ..wire import Call, Frame, Json, Raw, Reply
from . import exchange
from .diary import Diary
from .shell import Shell

# So often in a row a vendor may say that there is no such task before it is believed.
LOOKS = 5
DENIED = frozenset({401, 403, 404, 410})
TROUBLE = ("down", "slow", "key_busy")
# Seconds between two looks where the vendor does not say, and at most while it is in trouble, whatever it says then.
WAIT, LONGEST = 1.0, 30.0


class Trouble(Exception):
    """A look after a task that told nothing of the task; `lasting` where it is no use to ask for ever."""

    def __init__(self, fault: Fault, *, lasting: bool = False) -> None:
        super().__init__(str(fault))
        self.fault, self.lasting = fault, lasting


@dataclass(frozen=True, slots=True)
class Attempt:
    """What stays the same from the first call to the last look: who is asked, in which words, with which key.

    `name` is the attempt's own: a vendor that knows calls by their names does the work of one only once. `shows` says
    whether listeners may be shown previews.
    """

    job: Job
    target: Target
    dialect: ModuleType
    provider: Provider
    secret: str
    shell: Shell
    diary: Diary
    part: int
    name: str
    give_up: float
    shows: bool = True

    async def make(self, call: Call) -> Result:
        """Send the call and wait until the vendor is done. Raises `Fault` with the stage that was reached."""
        header = self.provider.idempotency_header
        if header is not None:
            call = replace(call, headers={**call.headers, header.lower(): self.name})
        if self.job.stream:
            return await self._stream(call)
        return await self._end(self._decoded(await exchange.send(call, self.provider, self.secret, self.shell)))

    async def _end(self, outcome: Result | Ticket) -> Result:
        if isinstance(outcome, Result):
            return outcome
        await self.diary.accepted(self.part, outcome, self.job)
        return await self.wait(outcome)

    def _decoded(self, reply: Reply) -> Result | Ticket:
        try:
            outcome: Result | Ticket = ask(self.dialect, "decode", reply, self.job, self.target)
        except Fault as raw:
            if raw.kind == "internal":  # the vendor's reply says nothing of it
                raise
            raise exchange.verdict(raw, reply, self.provider, self.secret) from raw
        return exchange.discreet(outcome, self.provider, self.secret) if isinstance(outcome, Result) else outcome

    async def wait(self, ticket: Ticket) -> Result:
        """Look after a task until it ends, always with the key that began it.

        It is paid for: trouble on the way is waited out for as long as there is time. Only where the vendor says again
        and again that there is no such task, or answers what nobody can read, is that believed.
        """
        until = time.monotonic() + self.give_up
        stubborn, wait = 0, ticket.wait or WAIT
        last: Fault | None = None
        while time.monotonic() < until and stubborn < LOOKS:
            if ticket.progress is not None:
                self.diary.tell(Progress(ticket.progress))
            # A vendor may say when to look, not how long we have.
            await asyncio.sleep(min(wait, until - time.monotonic()))
            try:
                outcome = await self._look(ticket)
            except Trouble as trouble:
                last = trouble.fault
                stubborn = stubborn + 1 if trouble.lasting else 0
                wait = min(last.retry_after or wait * 2, LONGEST)
                continue
            if isinstance(outcome, Result):
                return outcome
            # Most vendors do not repeat the handle when they tell how far a task is.
            ticket, stubborn, last = outcome if outcome.handle else replace(outcome, handle=ticket.handle), 0, None
            wait = ticket.wait or WAIT
        if last is not None and last.kind in ("key_refused", "not_found", "unserved"):
            raise Fault("empty", "the upstream took the job and does not know it any more", stage="accepted")
        if last is not None:
            raise accepted(last)
        message = f"the upstream was not done within {self.give_up:g} s"
        raise Fault("slow", message, stage="accepted", code="gave_up")

    async def _look(self, ticket: Ticket) -> Result | Ticket:
        """How far a task is. `Trouble` when the look itself failed; a `Fault` is the vendor's word on the task."""
        call = ask(self.dialect, "poll", ticket, self.job, self.target)
        try:
            reply = await exchange.send(call, self.provider, self.secret, self.shell, again=True)
        except Fault as fault:
            raise Trouble(fault) from fault
        except OSError as error:  # a film comes by such a look, and the disk may be full: its link lives on
            raise Trouble(crammed("accepted")) from error
        page = isinstance(reply.body, Raw) and isinstance(reply.body.content, bytes) and reply.status < 300
        try:
            return self._decoded(reply)
        except Fault as fault:
            if page or reply.status in DENIED:
                raise Trouble(fault, lasting=True) from fault
            if reply.status > 400 or (fault.kind in TROUBLE and fault.stage != "accepted"):
                raise Trouble(fault) from fault
            raise accepted(fault) from fault

    async def cancel(self, ticket: Ticket) -> bool:
        """Ask the vendor to end a task; whether it can, and did. Raises `Fault` when it does not answer.

        One that is done is left alone: its vendor would only forget what it is paid for.
        """
        if not hasattr(self.dialect, "cancel"):
            return False
        try:
            now = await self._look(ticket)
        except Trouble as trouble:
            raise trouble.fault from trouble
        except Fault as fault:
            if fault.kind == "internal":  # of the task we know nothing
                raise
            return True  # it has come to nothing
        if isinstance(now, Result) or now.progress == 100:
            return False
        call = ask(self.dialect, "cancel", ticket, self.job, self.target)
        reply = await exchange.send(call, self.provider, self.secret, self.shell)
        return reply.status < 300

    def _event(self, frame: Frame) -> Any:
        reply = Reply(200, {}, Json(frame.data))
        try:
            event = ask(self.dialect, "event", frame, self.job, self.target)
        except Fault as raw:
            if raw.kind == "internal":
                raise
            raise exchange.verdict(raw, reply, self.provider, self.secret) from raw
        if not isinstance(event, Done):
            return event
        result = exchange.discreet(event.result, self.provider, self.secret)
        fault = event.fault and exchange.verdict(event.fault, reply, self.provider, self.secret)
        return replace(event, result=result, fault=fault)

    async def _stream(self, call: Call) -> Result:
        """Read a stream to its end: previews are told as they come, the pictures that are done become one result."""
        ends: list[Result] = []
        unmade: Fault | None = None
        try:
            async for item in exchange.stream(call, self.provider, self.secret, self.shell):
                if isinstance(item, Reply):
                    return await self._end(self._decoded(item))
                event = self._event(item)
                if isinstance(event, Made):
                    ends.append(await self._made(event, sum(len(end.media) for end in ends)))
                elif isinstance(event, Done):
                    ends.append(event.result)
                    unmade = unmade or event.fault
                elif isinstance(event, Progress) or (isinstance(event, Partial) and self.shows):
                    self.diary.tell(event)
        except Fault as fault:
            if not ends:
                raise
            note = Note("stream", "left out", f"it broke off: {fault.message}")  # what came is paid for
            ends[-1] = replace(ends[-1], notes=(*ends[-1].notes, note))
        if not any(end.media for end in ends):
            raise unmade or Fault("empty", "the upstream ended its stream without a picture", stage="accepted")
        return together(ends)

    async def _made(self, event: Made, index: int) -> Result:
        """A picture that is done before the others: told as the app gets it, where that can be shown already."""
        early = self.diary.early if self.part == 0 else None  # the parts of a job have their order at its end
        media = await early(event.media, self.job, self.provider.url) if early else None
        if media is None:
            return Result((event.media,), created=event.created)
        self.diary.tell(Made(media, index, event.created))
        return Result((media,), created=event.created)


def joined(extras: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Extras of several results: what has an entry for each picture is strung together, else the last word counts."""
    total: dict[str, Any] = {}
    for each in extras:
        for name, value in each.items():
            strung = isinstance(value, tuple) and isinstance(total.get(name), tuple)
            total[name] = total[name] + value if strung else value
    return total


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


def together(results: list[Result]) -> Result:
    """The pictures of one stream, which end one by one, as one result."""
    last = results[-1]
    return replace(
        last,
        media=tuple(media for result in results for media in result.media),
        notes=tuple(dict.fromkeys(note for result in results for note in result.notes)),
        extras=joined([result.extras for result in results]),
    )


def accepted(fault: Fault) -> Fault:
    """The same fault, at the stage where money may have been spent."""
    return fault.changed(stage="accepted")
