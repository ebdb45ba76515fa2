"""A job as one listens to it by its row, wherever it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ..faults import Fault
from ..state.jobs import Row
from ..types import Event, Progress
from .rows import Ended, ended_of

if TYPE_CHECKING:
    from .runner import Runner


class Watched:
    """A job that may run in another process, as its row tells it: it can be listened to like one of ours."""

    def __init__(self, runner: Runner, row: Row) -> None:
        self._runner, self._row = runner, row

    async def rows(self) -> AsyncIterator[Row]:
        """The row as it is now, and again whenever it has changed, up to its end."""
        yield self._row
        while not self._row.ended:
            changed = await self._runner.changed(self._row)
            if changed is None:
                return
            self._row = changed
            yield self._row

    async def events(self) -> AsyncIterator[Event]:
        async for row in self.rows():
            if not row.ended:
                yield Progress(row.progress)

    async def end(self) -> Ended:
        """As `Running.end`. `Fault` not_found when the job was deleted meanwhile."""
        async for _ in self.rows():
            pass
        if not self._row.ended:
            raise Fault("not_found", f"the job {self._row.id} was deleted")
        return ended_of(self._row)
