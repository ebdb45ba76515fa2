"""The front desk: who comes in with which key, and how much of the house one caller may take at once."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .. import address
from ..callers import Callers
from ..facts import Limits
from ..faults import Fault
from ..types import Caller

MINUTE = 60.0


class Desk:
    """Admits callers and counts their requests under way and in the last minute."""

    def __init__(self, callers: Callers) -> None:
        self.callers = callers
        self._inside: Counter[str] = Counter()
        self._recent: dict[str, deque[float]] = {}

    async def admit(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Caller:
        """The caller of a request; `Fault` unauthorized when its key is missing or not one of ours."""
        key = address.take_key(headers, query)
        if not key:
            raise Fault(
                "unauthorized",
                "no API key: send it as 'Authorization: Bearer sk-koci_…', 'X-API-Key', 'x-goog-api-key' or '?key='",
                code="missing_api_key",
            )
        caller = await self.callers.find(key)
        if caller is None:
            hint = "" if key.startswith("sk-koci_") else "; keys of this house begin with sk-koci_"
            raise Fault("unauthorized", f"this API key is not known here, or was revoked{hint}", code="invalid_api_key")
        return caller

    @contextmanager
    def place(self, caller: Caller, limits: Limits) -> Iterator[None]:
        """A place for one request of a caller; `Fault` too_fast when the house's limits are reached."""
        if limits.at_once is not None and self._inside[caller.id] >= limits.at_once:
            raise Fault("too_fast", f"{limits.at_once} requests at once is the limit of a key here", retry_after=1)
        if limits.per_minute is not None:
            self._count(caller, limits.per_minute, time.monotonic())
        self._inside[caller.id] += 1
        try:
            yield
        finally:
            self._inside[caller.id] -= 1
            if not self._inside[caller.id]:
                del self._inside[caller.id]

    def _count(self, caller: Caller, limit: int, now: float) -> None:
        recent = self._recent.setdefault(caller.id, deque())
        while recent and recent[0] <= now - MINUTE:
            recent.popleft()
        if len(recent) >= limit:
            wait = recent[0] + MINUTE - now
            raise Fault("too_fast", f"{limit} requests a minute is the limit of a key here", retry_after=wait)
        recent.append(now)
