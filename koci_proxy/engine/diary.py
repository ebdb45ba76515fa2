"""The diary of a job: what is written down while it is under way, so that another process can go on with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..faults import Fault
from ..types import Event, Job, Result, Target, Ticket


@dataclass(frozen=True, slots=True)
class Past:
    """What was written of a call to a vendor before its process ended.

    `target` is as text ("provider/model"), `key` the mark of the vendor key it went out with, `attempt` the name that
    was given to it, `job` the job as the vendor got it. Without a ticket and a result nobody knows what became of it.
    """

    target: str
    key: str
    attempt: str
    job: Job | None = None
    ticket: Ticket | None = None
    result: Result | None = None


class Diary(Protocol):
    """Kept by whoever runs a job. A job that needs several calls at once numbers them from 0: its parts.

    `deadline` is the time (`time.monotonic`) after which nothing more is tried, None where only the house's own counts.
    """

    deadline: float | None

    def tell(self, event: Event) -> None:
        """Something happened that listeners may want to know."""

    def past(self, part: int) -> Past | None:
        """What an earlier process wrote of a part, told once; None for a part that was not begun."""

    async def sending(self, part: int, target: Target, key: str) -> str:
        """A call is about to go out; it goes out once this returns. Gives the attempt's name, new each time."""

    async def accepted(self, part: int, ticket: Ticket, job: Job) -> None:
        """The vendor took the job and is at work on it."""

    async def answered(self, part: int, result: Result, job: Job) -> None:
        """A part has ended well while others of its job have not."""

    async def failed(self, part: int, fault: Fault) -> None:
        """A call has ended without a result, and nothing of it is under way any more."""
