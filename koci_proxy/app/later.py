"""Jobs that were answered with an id at once, kept for whoever asks later."""

from __future__ import annotations

import secrets
from types import ModuleType

from cachetools import TTLCache

from ..engine import Served
from ..faults import Fault
from ..jobs import Running
from ..types import Caller, Done, Job, Lookup, Progress
from ..wire import Reply

HOUR = 3600.0
KEPT = 10_000


class Later:
    """Ids of 15 digits, which even clients that read them as floating-point numbers carry unchanged."""

    def __init__(self) -> None:
        self._jobs: TTLCache[str, tuple[str, Running[Served], Job]] = TTLCache(KEPT, HOUR)

    def keep(self, running: Running[Served], caller: Caller, job: Job) -> str:
        name = str(10**14 + secrets.randbelow(9 * 10**14))
        self._jobs[name] = (caller.id, running, job)
        return name

    def told(self, lookup: Lookup, caller: Caller, dialect: ModuleType) -> Reply:
        """What became of a job, in the words of a dialect; `Fault` not_found for an id that is not the caller's."""
        owner, running, job = self._jobs.get(lookup.id, ("", None, None))
        if running is None or owner != caller.id:
            raise Fault("not_found", f"there is no task {lookup.id}", field="task_id")
        reply: Reply = dialect.progress(_state(running), lookup.id, job)
        return reply


def _state(running: Running[Served]) -> Progress | Done | Fault:
    if not running.task.done():
        last = running.last
        return last if isinstance(last, Progress) else Progress(None)
    error = running.task.exception()
    if error is None:
        return Done(running.task.result().result)
    return error if isinstance(error, Fault) else Fault("internal", "internal error")
