"""What a job comes to: at most, before it is made, and in the end, by what came."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from .. import sizes
from ..faults import Fault
from ..types import Job, Media, Size
from .formula import DOMAIN, Span
from .price import Case, Condition, Price, Tiers

# A picture counts to a tier whose area it keeps, for vendors' tables round to blocks and keep the area of odd shapes:
# 1376x768 is 1K.
SLACK = Fraction(105, 100)
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class View:
    """What is known of one picture or film: as it was asked for, or, `made`, as it came."""

    task: str
    quality: str
    n: int
    images: int
    seconds: Fraction | None
    size: Size
    made: bool = False

    def spans(self) -> dict[str, Span]:
        """What a formula may speak of, within the bounds that it was checked for."""
        found = {name: self._span(name) for name in DOMAIN}
        return {
            name: Span(*(min(max(bound, DOMAIN[name].low), DOMAIN[name].high) for bound in (span.low, span.high)))
            for name, span in found.items()
        }

    def _span(self, name: str) -> Span:
        match name:
            case "n":
                return Span.of(self.n)
            case "images":
                return Span.of(self.images)
            case "seconds":
                return Span.of(self.seconds if self.seconds is not None else 0)
            case _:
                return self._pixels()[name]

    def _pixels(self) -> Mapping[str, Span]:
        """Edges in pixels, and the area: of a tier somewhere below those of its square, of `auto` of the largest."""
        if self.size.pixels:
            width, height = self.size.pixels
            area = Span.of(Fraction(width * height, 10**6))
            return {"width": Span.of(width), "height": Span.of(height), "megapixels": area}
        long = sizes.edge(self.size.tier or max(sizes.TIERS, key=sizes.edge))
        edge = Span(Fraction(long, 20) if self.size.tier else Fraction(1), Fraction(long))
        area = Span(edge.low * edge.low / 10**6, edge.high * edge.high / 10**6)
        return {"width": edge, "height": edge, "megapixels": area}


def _asked(job: Job) -> View:
    pictures = len([role for role in job.roles if role != "video"]) if job.roles else len(job.inputs)
    seconds = None if job.seconds is None else Fraction(str(job.seconds))
    return View(job.task, (job.quality or AUTO).lower(), job.n, pictures, seconds, job.size)


def _made(view: View, media: Media) -> View:
    """What was asked, seen by what came; a film that is longer than asked is as long as asked."""
    lengths = [view.seconds] if view.seconds is not None else []
    lengths += [Fraction(str(media.seconds))] if media.seconds is not None else []
    size = Size(width=media.width, height=media.height) if media.pixels else view.size
    return replace(view, seconds=min(lengths, default=None), size=size, made=True)


def of(price: Price, job: Job, n: int) -> int:
    """The most that `n` pieces of a job cost, in thousandths of a credit, rounded up.

    A size that no tier covers, or `auto`, costs the highest, and so does a quality that the price does not name; where
    it depends on what is not known yet which case counts, the dearest does. Pictures sent are paid once, however many
    are made of them.

    The seconds are those of the job as it goes to a target: where the app names none, `fit.length` knows what its card
    makes. Raises `Fault` (bad_request, field `seconds`) when the price is per second and the job does not say how many.
    """
    if n <= 0:
        return 0
    view = _asked(job)
    return _each(price, view) * n + _reference(price, view) * view.images


def came(price: Price, job: Job, result_pictures: Sequence[Media]) -> int:
    """What a job costs by what was delivered, in thousandths of a credit: nothing where nothing came, else what each
    piece costs by its own pixels and seconds, and the pictures that were sent.

    No piece costs more than it would as it was asked for, and none beyond the most that the job may come to costs
    anything: what comes of it is never more than `of` for so many. A tier is that of the long edge or of the area,
    whichever is cheaper. What nobody can tell of a piece (its quality) costs as it was asked.
    """
    view = _asked(job)
    pieces = [_made(view, media) for media in result_pictures[: job.most]]
    if not pieces:
        return 0
    most = _each(price, view)
    total = sum(min(_each(price, piece), most) for piece in pieces)
    return total + min(_reference(price, pieces[0]), _reference(price, view)) * view.images


def _each(price: Price, view: View) -> int:
    """The most that one piece costs without the pictures that were sent."""
    if price.cases:
        return max(_each(case.price, view) for case in _possible(price.cases, view))
    if price.formula is not None:
        if view.task == "video" and price.formula.speaks_of("seconds"):
            _seconds(view)
        return price.formula.high(view.spans())
    if price.qualities:
        named = dict(price.qualities)
        found = [named[view.quality]] if view.quality in named else list(named.values())
        return max(_each(one, view) for one in found)
    if price.second is not None or price.second_tiers:
        second = _by_tier(price.second_tiers, view) if price.second_tiers else price.second or 0
        return math.ceil(second * _seconds(view))
    return _by_tier(price.tiers, view) if price.tiers else price.each


def _reference(price: Price, view: View) -> int:
    if price.cases:
        return max(_reference(case.price, view) for case in _possible(price.cases, view))
    return price.reference


def _seconds(view: View) -> Fraction:
    if view.seconds is None:
        raise Fault("bad_request", "this model is paid by the second; say how many, for example 8", field="seconds")
    return view.seconds


def _possible(cases: Sequence[Case], view: View) -> list[Case]:
    """The cases that may be the one that counts: only one, where all that they depend on is known."""
    found = []
    for case in cases:
        met = [_met(condition, view) for condition in case.when]
        if False not in met:
            found.append(case)
            if None not in met:
                break
    return found


def _met(condition: Condition, view: View) -> bool | None:
    """Whether a job meets a condition; None while nobody knows."""
    match condition.field:
        case "task":
            return view.task in condition.values
        case "quality":
            return True if view.quality in condition.values else None if view.quality == AUTO else False
        case "size":
            return _size_met(condition, view)
        case "seconds":
            number = view.seconds
        case "n":
            number = Fraction(view.n)
        case "images":
            number = Fraction(view.images)
    return None if number is None else _compared(number, condition)


def _compared(number: Fraction | float, condition: Condition) -> bool:
    values = [float(value) for value in condition.values]
    match condition.sign:
        case "=":
            return number in values
        case ">":
            return number > values[0]
        case ">=":
            return number >= values[0]
        case "<":
            return number < values[0]
        case "<=":
            return number <= values[0]


def _size_met(condition: Condition, view: View) -> bool | None:
    if view.size.tier is None and view.size.pixels is None:
        return None
    edges = tuple(float(sizes.edge(str(value))) for value in condition.values)
    films = str(condition.values[0]).endswith("p")
    long = float(sizes.edge(view.size.tier)) if view.size.tier else _rank(films, view)
    return _compared(long, replace(condition, values=edges))


def _rank(films: bool, view: View) -> float:
    """The edge of the smallest tier that holds a size in pixels; beyond all of them where none does."""
    tiers = [tier for tier in sorted(sizes.TIERS, key=sizes.edge) if tier.endswith("p") is films]
    return next((float(sizes.edge(tier)) for tier in tiers if _covers(tier, view)), math.inf)


def _by_tier(tiers: Tiers, view: View) -> int:
    covering = [each for tier, each in tiers if _covers(tier, view)]
    return covering[0] if covering else max(each for _, each in tiers)


def _covers(tier: str, view: View) -> bool:
    if view.size.tier is not None:
        return sizes.edge(tier) >= sizes.edge(view.size.tier)
    pixels = view.size.pixels
    if pixels is None:
        return False
    return sizes.holds(tier, pixels) or (view.made and pixels[0] * pixels[1] <= _area(tier) * SLACK)


def _area(tier: str) -> int:
    """Of the square of a picture's tier; of a film's tier at 16:9."""
    return sizes.edge(tier) * (int(tier[:-1]) if tier.endswith("p") else sizes.edge(tier))
