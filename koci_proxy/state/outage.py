"""While the database is away: said when it begins, once a minute while it lasts, and when it answers again."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable

from sqlalchemy.exc import DataError, IntegrityError, NotSupportedError, ProgrammingError

from ..faults import SILENT as CODE
from ..faults import Fault

log = logging.getLogger(__name__)

SILENT = "the state database does not answer"
DAMAGED = "the state database is damaged"
# Seconds between two lines on what is known already; all that is asked of the database would say it several times in
# each of them.
EVERY = 60.0
# Seconds after which an app may ask again: a server that is restarted takes about so long.
AGAIN = 3.0
_MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
_DAMAGES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Outage:
    """What is known of the trouble with one database, and told in the log; one that comes and goes tells no more."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._away = self._told = False
        self._damage = ""
        self._since = 0.0
        self._said: dict[str, float] = {}

    @property
    def away(self) -> bool:
        return self._away or bool(self._damage)

    @property
    def what(self) -> str:
        """What is the matter, as anybody may hear it: what a server says of itself may name a user or a host."""
        return f"{DAMAGED}: {self._damage}" if self._damage else SILENT

    def begins(self, error: BaseException, why: str) -> None:
        """It did not answer, for that reason; where that is no news it is only told how long it has been."""
        if is_damage(error):
            self._damage = why
        if not self._away:
            self._away, self._since = True, self._timer()
        lasted = self._timer() - self._since
        if self._due(self._words()):
            self._told = True
            log.error("%s: %s%s", self._words(), why, f"; for {lasted:.0f} s by now" if lasted >= 1 else "")

    def ends(self) -> None:
        """It answers. A file that is damaged stays so, whatever else can be read of it."""
        if self._away and self._told and not self._damage:
            log.info("the state database answers again, after %.0f s", self._timer() - self._since)
        self._away = self._told = False

    def refused(self, error: BaseException) -> None:
        """It answers, and cannot do what was asked: a mistake of ours, so the log gets all of it."""
        self.ends()
        if self._due(str(error)):
            log.error("the state database refused a statement", exc_info=error)

    def _words(self) -> str:
        return DAMAGED if self._damage else SILENT

    def _due(self, what: str) -> bool:
        """Whether that is to be said now: it is new, or was said a while ago."""
        now = self._timer()
        self._said = {each: at for each, at in self._said.items() if now - at < EVERY}
        if what in self._said:
            return False
        self._said[what] = now
        return True

    def fault(self) -> Fault:
        """For whoever wanted something of it, of which no vendor has heard."""
        message = "the state database of this house " + ("is damaged" if self._damage else "does not answer")
        return Fault("unserved", message, code=CODE, retry_after=AGAIN, stage="not_sent")


def is_mistake(error: BaseException) -> bool:
    """Whether one statement is wrong, which says nothing of the database."""
    return isinstance(error, _MISTAKES) or _sqlite(error) == sqlite3.SQLITE_ERROR


def is_damage(error: BaseException) -> bool:
    """Whether a SQLite file holds what no SQLite has written."""
    return _sqlite(error) & 0xFF in _DAMAGES


def _sqlite(error: BaseException) -> int:
    """SQLite's own number of an error, 0 for one of another database."""
    code: int = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", 0)
    return code
