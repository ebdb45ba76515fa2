"""A price that has been read, and what it may depend on."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Literal

from .formula import Formula

Tiers = tuple[tuple[str, int], ...]  # smallest first
Field = Literal["size", "quality", "task", "n", "images", "seconds"]
Sign = Literal["=", ">", ">=", "<", "<="]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a job must be: one of `values`, or, with another sign, above or below the only one. Numbers are floats."""

    field: Field
    sign: Sign
    values: tuple[str | float, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A price for jobs that meet all conditions."""

    when: tuple[Condition, ...]
    price: Price


@dataclass(frozen=True, slots=True)
class Price:
    """One of: a price per picture or film, one by size tier, one per second of film (or by size tier), one by quality,
    a formula, or cases of which the first that fits counts; and with any of them a price per picture sent.
    """

    each: int = 0
    tiers: Tiers = ()
    second: int | None = None
    second_tiers: Tiers = ()
    qualities: tuple[tuple[str, Price], ...] = ()
    formula: Formula | None = None
    cases: tuple[Case, ...] = ()
    reference: int = 0


def by_second(price: Price) -> bool:
    """Whether a still picture could be asked to be paid by the second."""
    if price.cases:
        return any(by_second(case.price) for case in price.cases if not _of_films(case))
    return price.second is not None or bool(price.second_tiers)


def turned(price: Price) -> Price | None:
    """What the sums of a price fall short of nothing by, as a price in which all else is free; None without a sum."""
    if any(case.price.formula for case in price.cases):
        return Price(cases=tuple(replace(case, price=turned(case.price) or Price()) for case in price.cases))
    if price.formula is None:
        return None
    return Price(formula=Formula(f"-({price.formula.text})", ast.UnaryOp(ast.USub(), price.formula.tree)))


def _of_films(case: Case) -> bool:
    return any(one.field == "task" and set(one.values) == {"video"} for one in case.when)
