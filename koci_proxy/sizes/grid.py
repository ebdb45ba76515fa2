"""The grid is what a card's step, edges, area and ratio leave of all sizes, and the way to its nearest point."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

from ..facts import Pixels, SizeRules
from ..faults import Fault
from .words import LONGEST, STEEPEST, apart, covers

# How much larger than the least allowed a picture may get for the sake of its exact ratio, and how much smaller than
# the most allowed: 1K 16:9 becomes 1280x720, not 1088x608, yet 4K 3:2 becomes 3520x2352, not 3504x2336.
RAISED, CAPPED = 1.5, 1.01


def fits(pixels: Pixels, rules: SizeRules) -> bool:
    """Whether a card's rules (step, edges, area, ratio) allow a size in pixels."""
    long, short = max(pixels), min(pixels)
    low, high = _edges(rules)
    return (
        not (long % rules.step or short % rules.step)
        and low <= short
        and long <= high
        and (rules.min_pixels or 1) <= long * short <= (rules.max_pixels or LONGEST**2)
        and long <= (rules.max_ratio or STEEPEST) * short
    )


def spelled(rules: SizeRules) -> str:
    """A card's rules in a few words, for an error or an explanation."""
    low, high = _edges(rules)
    area = f"{rules.min_pixels or low * low} to {rules.max_pixels or high * high} pixels"
    step = f"edges in steps of {rules.step}, " if rules.step > 1 else ""
    return f"{step}edges {low} to {high}, {area}, ratio at most {rules.max_ratio or STEEPEST:g}:1"


def bend(wanted: Pixels, shape: Fraction, rules: SizeRules, cover: bool) -> Pixels:
    """The size within the rules nearest to `wanted`, or, to cover it, the smallest not below it, else the largest.

    `shape` is the ratio meant, which `wanted` may only come near to. Where it has to give way, `cover` keeps the long
    edge, else the area is kept. An exact ratio is preferred where it costs little area (`RAISED`, `CAPPED`).
    """
    if shape < 1:
        height, width = bend((wanted[1], wanted[0]), 1 / shape, rules, cover)
        return width, height
    area = max(wanted) ** 2 / shape
    shape = min(shape, _steepest(rules))
    least, most = _long_edge(shape, rules)
    length = float(max(wanted)) if cover else math.sqrt(area * shape)
    aim = min(max(length, least), most)
    free = _nearby(aim, shape, rules, wanted if cover else None)
    exact = _same_shape(aim, shape, rules)
    if exact is None or (cover and covers(free, wanted) and not covers(exact, wanted)):
        return free
    slack = RAISED if length < least else CAPPED
    return exact if apart(math.prod(exact), math.prod(free)) <= math.log(slack) else free


def _long_edge(shape: Fraction, rules: SizeRules) -> tuple[float, float]:
    """Between which lengths the long edge of a shape may lie, before the step is thought of."""
    low, high = _edges(rules)
    least = max(math.sqrt((rules.min_pixels or 1) * shape), float(low * shape))
    return least, min(math.sqrt((rules.max_pixels or LONGEST**2) * shape), float(high))


def _steepest(rules: SizeRules) -> Fraction:
    """The most extreme ratio that edges, area and `max_ratio` together leave room for."""
    low, high = _edges(rules)
    steep = [Fraction(rules.max_ratio or STEEPEST).limit_denominator(1000), Fraction(high, low)]
    if rules.min_pixels:
        steep.append(Fraction(high * high, rules.min_pixels))
    if rules.max_pixels:
        steep.append(Fraction(rules.max_pixels, low * low))
    return max(min(steep), Fraction(1))


def _nearby(aim: float, shape: Fraction, rules: SizeRules, cover: Pixels | None) -> Pixels:
    """The best valid pair on the grid around (aim, aim / shape); the circle widens until there is one."""
    short = aim / shape
    for reach in (1, 2, 8, 32):
        pairs = product(_steps(aim, rules.step, reach), _steps(short, rules.step, reach))
        valid = [pair for pair in pairs if pair[0] >= pair[1] and fits(pair, rules)]
        covering = [pair for pair in valid if cover and covers(pair, cover)]
        if covering:
            return min(covering, key=math.prod)
        if valid:
            return min(
                valid, key=lambda pair: apart(pair[0], aim) + apart(pair[1], short) + apart(pair[0], pair[1] * shape)
            )
    raise Fault("bad_request", f"no size near it is made; allowed: {spelled(rules)}", field="size")


def _same_shape(aim: float, shape: Fraction, rules: SizeRules) -> Pixels | None:
    """The valid pair of exactly this ratio that is nearest to the wanted long edge, None when there is none."""
    long, short, step = shape.numerator, shape.denominator, rules.step
    unit = math.lcm(step // math.gcd(step, long), step // math.gcd(step, short))
    pairs = [(long * times, short * times) for times in _steps(aim / long, unit, 1)]
    return min((pair for pair in pairs if fits(pair, rules)), key=lambda pair: apart(pair[0], aim), default=None)


def _steps(aim: float, step: int, reach: int) -> list[int]:
    first = math.floor(aim / step) - reach + 1
    return [step * times for times in range(max(first, 1), first + 2 * reach)]


def _edges(rules: SizeRules) -> Pixels:
    """The shortest and longest edge on the grid of a card's step."""
    low = -(-(rules.min_edge or 1) // rules.step) * rules.step
    return low, max((rules.max_edge or LONGEST) // rules.step * rules.step, low)
