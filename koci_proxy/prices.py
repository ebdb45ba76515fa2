"""Prices are what a job costs an app, in thousandths of a credit: whole numbers, so that no sum ever loses a crumb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from . import sizes
from .faults import Fault
from .types import Job


@dataclass(frozen=True, slots=True)
class Price:
    """One of: a price per picture, a price per picture by size tier (smallest first), a price per second of film."""

    each: int = 0
    tiers: tuple[tuple[str, int], ...] = ()
    second: int | None = None


def parse(price: Any) -> Price:
    """A price as `routes.yaml` writes it: 4, "0.5", {1K: 4, 2K: 8, 4K: 16} or {second: 10}, in credits.

    Raises `Fault` (internal, field `price`): a wrong price is the house's doing.
    """
    if not isinstance(price, Mapping):
        return Price(each=_thousandths(price))
    if set(price) == {"second"}:
        return Price(second=_thousandths(price["second"]))
    tiers = {str(tier).upper(): _thousandths(value) for tier, value in price.items()}
    wrong = [tier for tier in tiers if tier not in sizes.TIERS]
    if wrong or not tiers:
        known = ", ".join(sizes.TIERS)
        raise _wrong(f"a map of prices is by size tier ({known}) or {{second: credits}}, not by {', '.join(wrong)!r}")
    return Price(tiers=tuple(sorted(tiers.items(), key=lambda item: sizes.edge(item[0]))))


def _thousandths(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise _wrong(f"{value!r} is no number of credits; write 4 or 0.5")
    try:
        amount = Decimal(str(value)) * 1000
        whole = int(amount)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise _wrong(f"{value!r} is no number of credits; write 4 or 0.5") from error
    if amount < 0 or amount != whole:
        raise _wrong(f"{value!r}: credits are not negative and have at most three decimals")
    return whole


def _wrong(message: str) -> Fault:
    return Fault("internal", message, field="price")


def of(price: Price, job: Job, n: int) -> int:
    """What `n` pieces of a job cost, in thousandths of a credit, rounded up.

    A size that no tier covers, or `auto`, costs the highest: what is held before a call must be enough for what comes.
    Raises `Fault` (bad_request, field `seconds`) when the price is per second and the job does not say how many.
    """
    if price.second is not None:
        if job.seconds is None:
            raise Fault("bad_request", "this model is paid by the second; say how many, for example 8", field="seconds")
        each = Decimal(price.second) * Decimal(str(job.seconds))
        return int((each * n).to_integral_value(ROUND_CEILING))
    return (_by_tier(price, job) if price.tiers else price.each) * n


def _by_tier(price: Price, job: Job) -> int:
    size = job.size
    if size.tier is not None:
        edge: int | None = sizes.edge(size.tier)
    else:
        edge = max(size.pixels) if size.pixels else None
    covering = [each for tier, each in price.tiers if edge is not None and sizes.edge(tier) >= edge]
    return covering[0] if covering else max(each for _, each in price.tiers)


def show(thousandths: int) -> str:
    """Credits as people write them: 4000 -> "4", 500 -> "0.5"."""
    whole, rest = divmod(abs(thousandths), 1000)
    sign = "-" if thousandths < 0 else ""
    return f"{sign}{whole}" + (f".{rest:03d}".rstrip("0") if rest else "")
