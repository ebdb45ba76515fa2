"""The front desk: who comes in with which key, and how much of the house one caller may take at once."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from .. import address
from ..facts import Bounds, House, Model
from ..faults import Fault
from ..pace import Pace, Rule, Taken
from ..state import Callers
from ..types import Caller

MINUTE = 60.0


class Desk:
    """Admits callers, and counts what they ask for."""

    def __init__(self, callers: Callers, pace: Pace, admin: Callable[[], str | None] = lambda: None) -> None:
        """`admin` gives the admin token of `routes.yaml` as it is now."""
        self.callers = callers
        self.pace = pace
        self._admin = admin

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

    async def operator(self, headers: Mapping[str, str]) -> None:
        """Let in only who holds an admin token."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        token, own = token.strip(), self._admin()
        known = own is not None and hmac.compare_digest(token.encode(), own.encode())
        if scheme.lower() != "bearer" or not (known or await self.callers.is_admin(token)):
            raise Fault("unauthorized", "this needs 'Authorization: Bearer' with an admin token")

    async def once(self, caller: Caller, content: str | None, tries: int | None) -> bool:
        """Whether a call is to be counted: the SDK's own retry of one that was counted is not."""
        if content is None:
            return True
        first = await self.pace.counted(f"{caller.id}:{content}", MINUTE)
        return first or not tries

    async def count(
        self, caller: Caller, house: House, model: Model, pictures: int, content: str | None = None
    ) -> dict[str, str]:
        """Count a call against all limits; the headers that say how its key stands. Raises `Limited`."""
        key = bounds(caller, house.limits.key)
        rules = [
            *_rules("this key", f"key:{caller.id}", key, pictures),
            *_rules(f"model {model.name}", f"model:{model.name}", model.limits, pictures),
            *_rules("all keys", "house", house.limits.house, pictures),
        ]
        if not rules:
            return {}
        taken = await self.pace.take(rules)
        headers = _headers(taken)
        if not taken.ok:
            if content is not None:  # when it comes again it is new
                await self.pace.forget(f"{caller.id}:{content}")
            raise Limited(taken.fault(), headers)
        return headers

    async def places(self, caller: Caller, house: House, model: Model) -> AsyncExitStack | None:
        """A place among the jobs under way of the key, the model and the house, for whoever closes it; None where
        nothing is bounded. `Fault` too_fast where one is full.
        """
        limits = (
            (f"key:{caller.id}", bounds(caller, house.limits.key).at_once, "calls at once of a key"),
            (f"model:{model.name}", model.limits.at_once, f"calls at once of model {model.name}"),
            ("house", house.limits.house.at_once, "calls at once of all keys"),
        )
        slots = [self.pace.slot(place, limit, name=name) for place, limit, name in limits if limit is not None]
        if not slots:
            return None
        async with AsyncExitStack() as places:
            for slot in slots:
                await places.enter_async_context(slot)
            return places.pop_all()


class Limited(Exception):
    """A call that was refused by a limit, and the headers that tell how its key stands."""

    def __init__(self, fault: Fault, headers: Mapping[str, str]) -> None:
        super().__init__(str(fault))
        self.fault, self.headers = fault, headers


def bounds(caller: Caller, house: Bounds) -> Bounds:
    """A key's own limits where it has some, else the house's for every key."""
    own = {name: value for name, value in caller.limits.items() if value is not None}
    return replace(house, **own) if own else house


def _rules(whose: str, key: str, limits: Bounds, pictures: int) -> Iterator[Rule]:
    if limits.per_minute is not None:
        yield Rule(f"requests of {whose}", f"{key}:requests", limits.per_minute)
    if limits.pictures_per_minute is not None:
        yield Rule(f"pictures of {whose}", f"{key}:pictures", limits.pictures_per_minute, cost=pictures)


def _headers(taken: Taken) -> dict[str, str]:
    """What official SDKs show their programs, of the first limit on requests: that of the key, where it has one."""
    for standing in taken.standings:
        if standing.rule.key.endswith(":requests"):
            return {
                "x-ratelimit-limit-requests": str(standing.rule.amount),
                "x-ratelimit-remaining-requests": str(standing.remaining),
                "x-ratelimit-reset-requests": f"{math.ceil(standing.reset)}s",
            }
    return {}
