"""The words for a size: what people write, which tiers and ratios there are, and when two shapes count as one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from ..facts import Pixels
from ..faults import Fault
from ..types import AUTO, Size

PICTURE_TIERS: Mapping[str, int] = {"512": 512, "1K": 1024, "1.5K": 1536, "2K": 2048, "3K": 3072, "4K": 4096}
# A film's tier names the short edge; the number is the long one at 16:9, by which all tiers are put in order.
FILM_TIERS: Mapping[str, int] = {"480p": 854, "720p": 1280, "1080p": 1920}
TIERS: Mapping[str, int] = {**PICTURE_TIERS, **FILM_TIERS}
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")

LONGEST = 16384
STEEPEST = 20

# Published tables round to whole blocks: "16:9" comes as 1376x768 (0.8 % off), "21:9" as 1584x672 (1.0 %).
SAME_RATIO = math.log(1.011)

_PIXELS = re.compile(r"([0-9]{1,5})\s*[xX*×]\s*([0-9]{1,5})")
_RATIO = re.compile(r"([0-9]{1,5}):([0-9]{1,5})")
_RIGHT = "pixels (1024x1024), a tier (" + ", ".join(TIERS) + "), a ratio (16:9), both (2K 16:9), or auto"


def tier_named(text: str) -> str | None:
    """The tier that a word of any case names ("2k" -> "2K", "720P" -> "720p"), None when it names none."""
    return next((word for word in (text.upper(), text.lower()) if word in TIERS), None)


def parse(text: str, field: str = "size") -> Size:
    """A size as people write it: "1024x768", "1024*768", "2K", "512", "720p", "16:9", "2K 16:9",
    "auto" or "".

    Raises `Fault` (bad_request) with `field` and an example of what is right.
    """
    if found := _PIXELS.fullmatch(text.strip()):
        size = Size(width=int(found[1]), height=int(found[2]))
    else:
        size = _words(text, field)
    check(size, field)
    return size


def _words(text: str, field: str) -> Size:
    size = AUTO
    for word in text.replace(",", " ").split():
        if (tier := tier_named(word)) and size.tier is None:
            size = replace(size, tier=tier)
        elif (found := _RATIO.fullmatch(word)) and size.ratio is None:
            size = replace(size, ratio=f"{int(found[1])}:{int(found[2])}")
        elif word.lower() != "auto":
            raise Fault("bad_request", f"{text[:40]!r} is not a size; ask for {_RIGHT}", field=field)
    return size


def tier_and_ratio(tier: str | None, ratio: str | None, field: str = "size", ratio_field: str = "aspect_ratio") -> Size:
    """A size from two inputs of an app, either of them absent or `auto`; pixels may stand in place of the tier."""
    size, shape = parse(tier or "", field), parse(ratio or "", ratio_field)
    if shape.tier or shape.pixels:
        raise Fault("bad_request", f"{(ratio or '')[:40]!r} is not a ratio; write for example 16:9", field=ratio_field)
    if shape.ratio is None:
        return size
    own = Fraction(*size.pixels) if size.pixels else fraction(size.ratio) if size.ratio else None
    if own and not alike(own, fraction(shape.ratio)):
        raise Fault("bad_request", f"a size of {size} does not have the ratio {shape.ratio}", field=ratio_field)
    return size if size.pixels else replace(size, ratio=shape.ratio)


def check(size: Size, field: str = "size") -> None:
    """Refuse what no picture can be: edges outside 1 to 16384, ratios beyond 20:1, tiers nobody knows."""
    problem = _problem(size)
    if problem:
        raise Fault("bad_request", problem, field=field)


def _problem(size: Size) -> str | None:
    if (size.width is None) != (size.height is None):
        return "a size in pixels has a width and a height, for example 1024x1024"
    if size.pixels and not (min(size.pixels) >= 1 and max(size.pixels) <= LONGEST):
        return f"{size.width}x{size.height}: an edge has 1 to {LONGEST} pixels, for example 1024x1024"
    if size.tier is not None and size.tier not in TIERS:
        return f"{size.tier[:40]!r} is not a size tier; one of {', '.join(TIERS)}"
    if size.ratio is not None:
        found = _RATIO.fullmatch(size.ratio)
        if not found or not int(found[1]) or not int(found[2]):
            return f"{size.ratio[:40]!r} is not a ratio; write for example 16:9"
    shape = _shape(size)
    if shape and not Fraction(1, STEEPEST) <= shape <= STEEPEST:
        return (
            f"{size}: no picture is longer than {STEEPEST} times its other edge; ask for example for 16:9 or 1024x1024"
        )
    return None


def edge(tier: str) -> int:
    """The long edge a tier's name promises, in pixels: "2K" -> 2048, "512" -> 512; a film's at 16:9: "720p" -> 1280."""
    return TIERS[tier]


def formula(tier: str, ratio: str, step: int = 1) -> Pixels:
    """The house formula: the long edge is the tier, the other edge follows the ratio, both rounded to the step.

    Of a film's tier it is the short edge that is the tier, and both edges are even: most codecs want that.
    """
    shape = fraction(ratio)
    steep = max(shape, 1 / shape)
    if tier in FILM_TIERS:
        short, step = Fraction(_short(tier)), math.lcm(step, 2)
        long = short * steep
    else:
        long = Fraction(edge(tier))
        short = long / steep
    pair = _round(long, step), _round(short, step)
    return pair if shape >= 1 else (pair[1], pair[0])


def holds(tier: str, pixels: Pixels) -> bool:
    """Whether a size is no larger than a tier: by its long edge, for a film's tier by its short one."""
    return min(pixels) <= _short(tier) if tier in FILM_TIERS else max(pixels) <= edge(tier)


def _short(tier: str) -> int:
    return int(tier[:-1])


def ratio_of(pixels: Pixels) -> str:
    """The common name of a shape if it has one (1376x768 is 16:9), else its width and height in lowest terms."""
    shape = Fraction(*pixels)
    named = [ratio for ratio in RATIOS if alike(shape, fraction(ratio))]
    return named[0] if named else f"{shape.numerator}:{shape.denominator}"


def fraction(ratio: str) -> Fraction:
    width, _, height = ratio.partition(":")
    return Fraction(int(width), int(height))


def _shape(size: Size) -> Fraction | None:
    if size.ratio:
        return fraction(size.ratio)
    return Fraction(*size.pixels) if size.pixels else None


def shape_of(size: Size) -> Fraction:
    return _shape(size) or Fraction(1)


def apart(one: float | Fraction, other: float | Fraction) -> float:
    return abs(math.log(one / other))


def alike(one: Fraction, other: Fraction) -> bool:
    return apart(one, other) <= SAME_RATIO


def covers(pixels: Pixels, wanted: Pixels) -> bool:
    return pixels[0] >= wanted[0] and pixels[1] >= wanted[1]


def _round(length: Fraction, step: int) -> int:
    return max(math.floor(length / step + Fraction(1, 2)), 1) * step
