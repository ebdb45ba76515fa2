"""What is limited, and how a call fared."""

from __future__ import annotations

from dataclasses import dataclass

from ..faults import Fault


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `amount` in any `per_seconds`, counted under `key`; this call takes `cost` of it.

    `name` says what is counted, for whoever is refused: "requests of this key".
    """

    name: str
    key: str
    amount: int
    per_seconds: int = 60
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stands after a call: what is left of it, and in how many seconds the first of what was taken is back
    (0 where nothing was).
    """

    rule: Rule
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a call may go on. If not, `rule` is the one it has to wait for longest, `retry_after` seconds; None when
    waiting is in vain because it wants more at once than there ever is.
    """

    ok: bool
    standings: tuple[Standing, ...] = ()
    rule: Rule | None = None
    retry_after: float | None = None

    def fault(self) -> Fault:
        """The `Fault` of a call that may not go on: too_fast, or bad_request where waiting is in vain."""
        assert self.rule is not None, "only for one that was refused"
        rule = self.rule
        every = "a minute" if rule.per_seconds == 60 else f"in {rule.per_seconds} seconds"
        limit = f"{rule.amount} {rule.name} {every} is the limit"
        if self.retry_after is None:
            return Fault("bad_request", f"{limit}, and this call alone is {rule.cost}; ask for fewer", field="n")
        return Fault("too_fast", limit, retry_after=self.retry_after)
