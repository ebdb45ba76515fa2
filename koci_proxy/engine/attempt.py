"""One attempt: one target, one key, and everything a vendor says until there is a result or a fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from ..facts import Provider
from ..faults import Fault
from ..jobs import Tell
from ..types import Done, Job, Partial, Progress, Result, Target, Ticket
from ..wire import Call, Frame, Json, Reply
from . import exchange
from .shell import Shell

# Looking after a picture that is being made costs nothing: trouble on the way is waited out this often in a row.
LOOKS = 5
WAIT = 1.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """What stays the same from the first call to the last look: who is asked, in which words, with which key."""

    job: Job
    target: Target
    dialect: ModuleType
    provider: Provider
    secret: str
    shell: Shell
    tell: Tell
    give_up: float

    async def make(self, call: Call) -> Result:
        """Send the call and wait until the vendor is done. Raises `Fault` with the stage that was reached."""
        if self.job.stream:
            return await self._stream(call)
        outcome = await self._ask(call)
        return outcome if isinstance(outcome, Result) else await self._wait(outcome)

    async def _ask(self, call: Call) -> Result | Ticket:
        return self._decoded(await exchange.send(call, self.provider, self.secret, self.shell))

    def _decoded(self, reply: Reply) -> Result | Ticket:
        try:
            outcome: Result | Ticket = self.dialect.decode(reply, self.job, self.target)
        except Fault as raw:
            raise exchange.verdict(raw, reply, self.provider) from raw
        return outcome

    async def _wait(self, ticket: Ticket) -> Result:
        """Look after a task until it ends, always with the key that began it."""
        until = time.monotonic() + self.give_up
        failed = 0
        while time.monotonic() < until:
            if ticket.progress is not None:
                self.tell(Progress(ticket.progress))
            await asyncio.sleep(ticket.wait or WAIT)
            try:
                outcome = await self._ask(self.dialect.poll(ticket, self.job, self.target))
            except Fault as fault:
                failed += 1
                if fault.kind not in ("down", "slow", "key_busy"):
                    raise  # the vendor's word on the task itself
                if failed >= LOOKS:
                    raise accepted(fault) from fault
                ticket = replace(ticket, wait=fault.retry_after or (ticket.wait or WAIT) * 2)
                continue
            if isinstance(outcome, Result):
                return outcome
            # Most vendors do not repeat the handle when they tell how far a task is.
            ticket, failed = outcome if outcome.handle else replace(outcome, handle=ticket.handle), 0
        raise Fault("slow", f"the upstream was not done within {self.give_up:g} s", stage="accepted")

    def _event(self, frame: Frame) -> Any:
        try:
            return self.dialect.event(frame, self.job, self.target)
        except Fault as raw:
            raise exchange.verdict(raw, Reply(200, {}, Json(frame.data)), self.provider) from raw

    async def _stream(self, call: Call) -> Result:
        """Read a stream to its end: previews are told as they come, the pictures that are done become one result."""
        ends: list[Result] = []
        async for item in exchange.stream(call, self.provider, self.secret, self.shell):
            if isinstance(item, Reply):
                outcome = self._decoded(item)
                return outcome if isinstance(outcome, Result) else await self._wait(outcome)
            event = self._event(item)
            if isinstance(event, Done):
                ends.append(event.result)
            elif isinstance(event, Partial | Progress):
                self.tell(event)
        if not ends:
            raise Fault("empty", "the upstream ended its stream without a picture", stage="accepted")
        return together(ends)


def joined(extras: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Extras of several results: what has an entry for each picture is strung together, else the last word counts."""
    total: dict[str, Any] = {}
    for each in extras:
        for name, value in each.items():
            strung = isinstance(value, tuple) and isinstance(total.get(name), tuple)
            total[name] = total[name] + value if strung else value
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
    return Fault(
        fault.kind,
        fault.message,
        field=fault.field,
        code=fault.code,
        retry_after=fault.retry_after,
        vendor=fault.vendor,
        stage="accepted",
        details=fault.details,
    )
