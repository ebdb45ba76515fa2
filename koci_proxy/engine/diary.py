"""The diary of a job: what is written down while it is under way, so that another process can go on with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..faults import Fault
from ..types import Job, Media, Result, Target, Ticket, Told

# A picture that is done before its job, the job as the vendor got it, and the provider's address -> the picture as the
# app gets it; None where that cannot be said yet.
Early = Callable[[Media, Job, str], Awaitable[Media | None]]


@dataclass(frozen=True, slots=True)
class Past:
    """What was written of a call to a vendor before its process ended.

    `target` is as text ("provider/model"), `key` the mark of the vendor key it went out with, `attempt` the name that
    was given to it, `job` the job as the vendor got it. `fault` is why nothing came of it though it may have been paid
    for. Without a ticket, a result and a fault nobody knows what became of it.
    """

    target: str
    key: str
    attempt: str
    job: Job | None = None
    ticket: Ticket | None = None
    result: Result | None = None
    fault: Fault | None = None


class Diary(Protocol):
    """Kept by whoever runs a job. A job is part 0 of itself, or the parts that it was split into.

    How many pictures a part is for is decided once, before the first call, and holds for every process after that.
    `deadline` is the time (`time.monotonic`) after which nothing more is tried, None where only the house's own counts.
    `early` is there while listeners can be shown one picture before the others.
    """

    deadline: float | None
    early: Early | None

    def tell(self, event: Told) -> None:
        """Something happened that listeners may want to know."""

    def parts(self) -> Mapping[int, int]:
        """The parts that an earlier process wrote down, and how many pictures each is for."""

    def split(self, part: int, counts: Sequence[int]) -> Mapping[int, int]:
        """A part is done in several instead, for so many pictures each; they get numbers that no part has had."""

    def past(self, part: int) -> Past | None:
        """What an earlier process wrote of a part's call, until that has failed; None for a part that was not begun."""

    async def sending(self, part: int, count: int, target: Target, key: str) -> str:
        """A call for so many pictures is about to go out; it goes out once this returns.

        Gives the attempt's name, new each time.
        """

    async def accepted(self, part: int, ticket: Ticket, job: Job) -> None:
        """The vendor took the job and is at work on it."""

    async def answered(self, part: int, result: Result, job: Job) -> None:
        """A part has ended well while others of its job have not. One that was split has nothing to add to them."""

    async def failed(self, part: int, fault: Fault) -> None:
        """A call has ended without a result, and nothing of it is under way any more."""
