"""Everything that can go wrong, with blame: the one exception that crosses a room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Blame = Literal["app", "key", "upstream", "house"]
Stage = Literal["not_sent", "sent", "accepted", "answered"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Whose doing it is, and the HTTP status an app sees."""

    blame: Blame
    status: int


KINDS: Mapping[str, Kind] = {
    "bad_request": Kind("app", 400),
    "unauthorized": Kind("app", 401),
    "no_credit": Kind("app", 402),
    "forbidden": Kind("app", 403),
    "not_found": Kind("app", 404),
    "wrong_method": Kind("app", 405),
    "conflict": Kind("app", 409),
    "gone": Kind("app", 410),
    "too_large": Kind("app", 413),
    "wrong_type": Kind("app", 415),
    "unsatisfiable": Kind("app", 416),
    "refused": Kind("app", 400),
    "too_fast": Kind("app", 429),
    "key_refused": Kind("key", 503),
    "key_spent": Kind("key", 503),
    "key_busy": Kind("key", 429),
    "unserved": Kind("upstream", 503),
    "down": Kind("upstream", 502),
    "slow": Kind("upstream", 504),
    "garbled": Kind("upstream", 502),
    "empty": Kind("upstream", 502),
    "internal": Kind("house", 500),
}
# A call is unserved and yet no vendor is to blame: whoever goes on would meet the same database.
SILENT = "state_silent"


_FIELDS = ("kind", "message", "field", "code", "retry_after", "vendor", "stage", "details")


class Fault(Exception):
    """A call cannot go on.

    `message` is written for the app's developer. `field` names the input at fault. `code` is a machine word for this
    very cause where the kind is too broad. `retry_after` is in seconds. `vendor` holds the vendor's own words, never
    its host, key or base64. `stage` says how far an attempt had come when it failed: one that was *sent* may have cost
    money.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        field: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        vendor: str | None = None,
        stage: Stage = "answered",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"no such kind of fault: {kind!r}; one of {', '.join(KINDS)}")
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.field = field
        self.code = code
        self.retry_after = retry_after
        self.vendor = vendor
        self.stage: Stage = stage
        self.details: Mapping[str, Any] = details or {}

    @property
    def blame(self) -> Blame:
        return "house" if self.code == SILENT else KINDS[self.kind].blame

    @property
    def status(self) -> int:
        return KINDS[self.kind].status

    def changed(self, **fields: Any) -> Fault:
        """The same fault, some of its fields changed."""
        return Fault(**{name: getattr(self, name) for name in _FIELDS} | fields)

    def __repr__(self) -> str:
        return f"Fault({self.kind!r}, {self.message!r})"
