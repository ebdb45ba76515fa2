"""Routing is the order of targets for one job and the machine that says, after each fault, what is tried next.

The machine is pure: each state has one `next`, whose return type names its successors. Money decides: what may already
have cost something is repeated only as far as `Retry.maybe_paid` allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from . import fit
from .facts import Model, Provider, Retry, Share
from .faults import Fault
from .sizes import Policy
from .types import Job, Note, Target

# The longest wait, in seconds, that a vendor in trouble may ask of the last target; beyond it the app is told to wait.
PATIENCE = 30.0


def order(model: Model, providers: Mapping[str, Provider], rng: Random) -> tuple[Target, ...]:
    """All targets of a model: its steps in order, within a step a draw by weight first and the others behind it."""
    return tuple(_target(providers[provider], name) for share in model.to for provider, name, _ in _drawn(share, rng))


def _target(provider: Provider, name: str) -> Target:
    return Target(provider.name, name, provider.dialect, provider.models[name], provider.wire)


def _drawn(share: Share, rng: Random) -> list[tuple[str, str, float]]:
    """Weighted order without replacement: sort by u^(1/w) (Efraimidis and Spirakis, 2006). Weight 0 comes last."""
    lots = [rng.random() ** (1 / weight) if weight > 0 else -1.0 for _, _, weight in share.targets]
    return [target for _, target in sorted(zip(lots, share.targets, strict=True), key=lambda pair: -pair[0])]


def capable(targets: Sequence[Target], job: Job, policy: Policy) -> tuple[tuple[Target, ...], tuple[Note, ...]]:
    """The targets that can do a job, and a note for each that is skipped.

    Raises `Fault` (bad_request) with all reasons when none is left; its field is that of the first.
    """
    judged = [(target, fit.refusal(job, target.card, policy)) for target in targets]
    able = tuple(target for target, fault in judged if fault is None)
    faults = [fault for _, fault in judged if fault is not None]
    if not able and faults:
        reasons = "; ".join(dict.fromkeys(fault.message for fault in faults))
        raise Fault("bad_request", f"{job.model} cannot do this: {reasons}", field=faults[0].field)
    skipped = [Note("model", "skipped", f"{target}: {fault.message}") for target, fault in judged if fault]
    return able, tuple(skipped)


@dataclass(frozen=True, slots=True)
class Try:
    """Call this target now; if it fails, ask this plan what is next."""

    target: Target
    plan: Plan


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait so many seconds first."""

    seconds: float
    then: Try


@dataclass(frozen=True, slots=True)
class Stop:
    """Give up with this fault."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a job stands: the target at hand, how often it was tried, what may have been paid, what went wrong."""

    targets: tuple[Target, ...]
    retry: Retry
    at: int = 0
    tries: int = 0
    paid: int = 0
    faults: tuple[Fault, ...] = ()

    def first(self) -> Try:
        """Raises `Fault` (unserved) when there is no target at all."""
        if not self.targets:
            raise Fault("unserved", "no provider serves this model", stage="not_sent")
        return Try(self.targets[0], self)

    def after(self, fault: Fault, elapsed: float, keys_left: bool = False) -> Try | Wait | Stop:
        """What follows a fault, `elapsed` seconds after the job began.

        `keys_left` says whether the pool of this target has a key that could be used at once.
        """
        if fault.blame in ("app", "house"):
            return Stop(fault)
        plan = replace(self, faults=(*self.faults, fault))
        if elapsed >= self.retry.give_up:
            return plan._stop()
        if fault.blame == "key" and not may_be_paid(fault):
            return Try(self.targets[self.at], plan) if keys_left else plan._next_target()
        if not may_be_paid(fault):
            return plan._again(fault, elapsed)
        if self.paid >= self.retry.maybe_paid:
            return Stop(fault)
        return replace(plan, paid=self.paid + 1)._again(fault, elapsed)

    def _again(self, fault: Fault, elapsed: float) -> Try | Wait | Stop:
        """The same target after a wait that doubles each time, or the next one when this one had its chances."""
        tries = self.tries + 1
        if tries >= self.retry.tries or fault.kind == "unserved":
            return self._next_target()
        own, asked = self.retry.wait * 2.0 ** (tries - 1), fault.retry_after or 0.0
        patience = own if self.at + 1 < len(self.targets) else PATIENCE
        wait = max(own, asked)
        if asked > patience or elapsed + wait >= self.retry.give_up:
            return self._next_target()
        return Wait(wait, Try(self.targets[self.at], replace(self, tries=tries)))

    def _next_target(self) -> Try | Stop:
        if self.at + 1 >= len(self.targets):
            return self._stop()
        return Try(self.targets[self.at + 1], replace(self, at=self.at + 1, tries=0))

    def _stop(self) -> Stop:
        """All busy is worth a true Retry-After; else the last thing a vendor did wrong; else nobody could serve."""
        waits = [fault.retry_after for fault in self.faults if fault.retry_after is not None]
        soonest = min(waits, default=None)
        if all(fault.kind == "key_busy" for fault in self.faults):
            message = "all providers of this model are busy; try again later"
            return Stop(Fault("key_busy", message, retry_after=soonest, stage=self.faults[-1].stage))
        upstream = [fault for fault in self.faults if fault.blame == "upstream"]
        if upstream:
            return Stop(upstream[-1])
        return Stop(Fault("unserved", "no provider can serve this model at the moment", retry_after=soonest))


def may_be_paid(fault: Fault) -> bool:
    """Whether a failed call may have cost money: no answer came, or one that was no error and yet of no use."""
    return fault.stage in ("sent", "accepted") or (fault.stage == "answered" and fault.kind in ("empty", "garbled"))
