"""The resolver: what each vendor's wire is sent for the size an app asked for, and what had to change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from ..facts import Pixels, SizeRules
from ..faults import Fault
from ..types import AUTO, Note, Size
from .grid import bend, fits, spelled
from .words import RATIOS, SAME_RATIO, alike, apart, covers, edge, formula, fraction, shape_of

Policy = Literal["exact", "nearest", "cover"]

# Who asks for 1920x1080 and can have 1376x768 or 2752x1536, half or twice as much, would rather have it too large: of
# two sizes the smaller is taken only if it is nearer by more than this.
SMALLER = 1.1


@dataclass(frozen=True, slots=True)
class Resolved:
    """What to send to one vendor: `size` holds the words its wire takes and, where known, the pixels to expect."""

    size: Size
    notes: tuple[Note, ...] = ()


def resolve(asked: Size, rules: SizeRules, policy: Policy = "nearest") -> Resolved:
    """What a card's wire is sent for an asked size. `auto` stays auto: nothing is sent.

    `exact` refuses what would have to be bent (`Fault` bad_request, field `size`, with what is allowed), `nearest`
    takes the nearest ratio and then the nearest area, `cover` the smallest that covers the asked pixels in both edges,
    else the largest. A card of wire `pixels` with a table and no other rule makes the sizes of its table only.
    """
    if asked.is_auto:
        return Resolved(AUTO)
    if rules.wire == "none":
        return _left_out(asked, AUTO, rules, policy)
    if rules.wire == "ratio":
        return _by_ratio(asked, rules, policy)
    if rules.wire == "pixels" and (_is_free(rules) or not rules.table):
        return _by_rules(asked, rules, policy)
    return _by_table(asked, rules, policy)


def _by_rules(asked: Size, rules: SizeRules, policy: Policy) -> Resolved:
    """Wire `pixels`, any size within the rules; tiers and ratios the card does not name are made where they fit."""
    named, notes = _filled(asked, rules)
    if named.tier and named.ratio:
        sent, right = _named_pixels(named.tier, named.ratio, rules, policy)
    else:
        sent, right = _asked_pixels(named.pixels or (0, 0), rules, policy)
    return _answer(asked, Size(width=sent[0], height=sent[1]), not right, notes, rules, policy)


def _named_pixels(tier: str, ratio: str, rules: SizeRules, policy: Policy) -> tuple[Pixels, bool]:
    """The pixels of a tier and a ratio, and whether they are what was asked."""
    wanted = formula(tier, ratio, rules.step)
    offered = _nearest_tier(tier, rules.tiers, policy) if rules.tiers else tier
    if offered != tier and not fits(wanted, rules):
        return _named_pixels(offered, ratio, replace(rules, tiers=()), policy)[0], False
    listed = _listed(tier, ratio, rules)
    if listed:
        return listed, True
    return (wanted, True) if fits(wanted, rules) else (bend(wanted, fraction(ratio), rules, policy == "cover"), False)


def _asked_pixels(wanted: Pixels, rules: SizeRules, policy: Policy) -> tuple[Pixels, bool]:
    if fits(wanted, rules) or any(wanted in row.values() for row in rules.table.values()):
        return wanted, True
    return bend(wanted, Fraction(*wanted), rules, policy == "cover"), False


def _nearest_tier(tier: str, tiers: Sequence[str], policy: Policy) -> str:
    if policy == "cover":
        by_size = sorted(tiers, key=edge)
        return next((other for other in by_size if edge(other) >= edge(tier)), by_size[-1])
    return min(tiers, key=lambda other: _away(edge(other), edge(tier)))


def _by_table(asked: Size, rules: SizeRules, policy: Policy) -> Resolved:
    """Wire `tier_ratio`, or `pixels` from a table alone: one of what the card offers."""
    named, notes = _filled(asked, rules)
    if named.ratio is None and named.pixels is None and rules.wire == "tier_ratio":
        tier = _nearest_tier(named.tier or "1K", _tiers(rules), policy)
        return _answer(asked, Size(tier=tier), tier != named.tier, notes, rules, policy)
    best = _choose(named, _offers(rules), policy)
    if asked.tier or asked.ratio:
        bent = best.tier != named.tier or not alike(shape_of(best), shape_of(named))
    else:
        bent = best.pixels != asked.pixels
    sent = best if rules.wire == "tier_ratio" else replace(best, tier=None, ratio=None)
    return _answer(asked, sent, bent, notes, rules, policy)


def _by_ratio(asked: Size, rules: SizeRules, policy: Policy) -> Resolved:
    """Wire `ratio`: the card has one tier, which nobody can choose."""
    own = _default_tier(rules) if rules.table or rules.default_tier else None
    if asked.ratio is None and asked.pixels is None:
        return Resolved(AUTO) if asked.tier == own else _left_out(asked, AUTO, rules, policy)
    best = _choose(asked, _offers(rules), policy)
    sent = replace(best, tier=None)
    if asked.ratio is None:
        return _answer(asked, sent, best.pixels != asked.pixels, (), rules, policy)
    answer = _answer(asked, sent, not alike(shape_of(best), shape_of(asked)), (), rules, policy)
    if asked.tier is None or asked.tier == own:
        return answer
    left = _left_out(Size(tier=asked.tier), sent, rules, policy)
    return replace(answer, notes=(*answer.notes, *left.notes))


def _answer(asked: Size, sent: Size, bent: bool, notes: tuple[Note, ...], rules: SizeRules, policy: Policy) -> Resolved:
    if bent and policy == "exact":
        raise _inexact(asked, f"; the nearest is {_shown(sent)}", rules)
    return Resolved(sent, (*notes, Note("size", "bent", f"{_shown(asked)} → {_shown(sent)}")) if bent else notes)


def _left_out(asked: Size, sent: Size, rules: SizeRules, policy: Policy) -> Resolved:
    if policy == "exact":
        raise _inexact(asked, "", rules)
    return Resolved(sent, (Note("size", "left out", str(asked)),))


def _inexact(asked: Size, nearest: str, rules: SizeRules) -> Fault:
    return Fault("bad_request", f"this model does not make {asked}; allowed: {allowed(rules)}{nearest}", field="size")


def allowed(rules: SizeRules) -> str:
    """What a card makes, in a few words, for an error or an explanation."""
    if rules.wire == "none":
        return "auto"
    if rules.wire == "ratio":
        return "ratios " + ", ".join(_ratios(rules, _default_tier(rules)))
    if rules.wire == "tier_ratio":
        tiers = _tiers(rules)
        return f"tiers {', '.join(tiers)}; ratios {', '.join(_ratios(rules, _default_tier(rules)))}"
    if rules.table and not _is_free(rules):
        return ", ".join(f"{offer.width}x{offer.height}" for offer in _offers(rules)[:12])
    return spelled(rules)


def _is_free(rules: SizeRules) -> bool:
    bounds = (rules.min_edge, rules.max_edge, rules.min_pixels, rules.max_pixels, rules.max_ratio)
    return rules.step > 1 or any(bound is not None for bound in bounds)


def _tiers(rules: SizeRules) -> Sequence[str]:
    return rules.tiers or tuple(rules.table) or ("1K", "2K", "4K")


def _ratios(rules: SizeRules, tier: str) -> Sequence[str]:
    named = rules.ratios or tuple(rules.table.get(tier, ())) or RATIOS
    return tuple(ratio for ratio in named if ratio != "auto")


def _default_tier(rules: SizeRules) -> str:
    """The card's default, else the smallest it has from 1K on."""
    tiers = sorted(_tiers(rules), key=edge)
    return rules.default_tier or next((tier for tier in tiers if edge(tier) >= 1024), tiers[-1])


def _listed(tier: str, ratio: str, rules: SizeRules) -> Pixels | None:
    row, shape = rules.table.get(tier, {}), fraction(ratio)
    if ratio in row:
        return row[ratio]
    return next((pixels for name, pixels in row.items() if alike(fraction(name), shape)), None)


def _offers(rules: SizeRules) -> tuple[Size, ...]:
    tiers = (_default_tier(rules),) if rules.wire == "ratio" else _tiers(rules)
    offers = tuple(
        Size(tier, ratio, *(_expected(tier, ratio, rules) or (None, None)))
        for tier in tiers
        for ratio in _ratios(rules, tier)
        if (rules.wire != "pixels" and not rules.table.get(tier)) or _listed(tier, ratio, rules)
    )
    if not offers:
        raise Fault("internal", "a model's card names sizes that are not in its table", field="size")
    return offers


def _expected(tier: str, ratio: str, rules: SizeRules) -> Pixels | None:
    if rules.wire == "ratio" or rules.table.get(tier):
        return _listed(tier, ratio, rules)
    return formula(tier, ratio, rules.step)


def _filled(asked: Size, rules: SizeRules) -> tuple[Size, tuple[Note, ...]]:
    """The asked size with the half it does not name; `default_ratio: auto` leaves the ratio to a vendor that can."""
    if asked.tier and not asked.ratio:
        if rules.default_ratio == "auto" and rules.wire == "tier_ratio":
            return Size(tier=asked.tier), ()
        ratio = rules.default_ratio if rules.default_ratio not in (None, "auto") else "1:1"
        return Size(asked.tier, ratio), (Note("size", "defaulted", f"ratio {ratio}"),)
    if asked.ratio and not asked.tier:
        tier = _default_tier(rules)
        return Size(tier, asked.ratio), (Note("size", "defaulted", f"tier {tier}"),)
    return asked, ()


def _choose(asked: Size, offers: Sequence[Size], policy: Policy) -> Size:
    """The offer nearest in ratio, then in tier or area; to cover, the smallest of that ratio that covers, else of any.

    Asked pixels that are offered just so are taken whatever their ratio is called: printed tables have their odd rows.
    Those that the formula makes of a name are not, for they may be another tier's.
    """
    shape = shape_of(asked)
    wanted = asked.pixels or (formula(asked.tier, asked.ratio) if asked.tier and asked.ratio else None)

    def slant(offer: Size) -> float:
        away = apart(shape_of(offer), shape)
        return away if away > SAME_RATIO else 0.0

    def scale(offer: Size) -> float:
        if asked.tier and offer.tier:
            return _away(edge(offer.tier), edge(asked.tier))
        return _away(math.prod(offer.pixels), math.prod(wanted)) if offer.pixels and wanted else 0.0

    def unlike(offer: Size) -> bool:
        return asked.pixels is None or offer.pixels != asked.pixels

    best = min(offers, key=lambda offer: (unlike(offer), slant(offer), scale(offer)))
    as_named = best.tier == asked.tier and slant(best) == 0
    if policy != "cover" or wanted is None or as_named or not unlike(best):
        return best
    alike_ones = [offer for offer in offers if slant(offer) == slant(best)]
    for among in (alike_ones, offers):
        covering = [offer for offer in among if offer.pixels and covers(offer.pixels, wanted)]
        if covering:
            return min(covering, key=_area)
    return max(alike_ones, key=_area)


def _away(offered: int, wanted: int) -> float:
    """How far an offer is from what is wanted, edge by edge or area by area: the smaller one is a little further."""
    return apart(offered, wanted) * (SMALLER if offered < wanted else 1)


def _area(size: Size) -> int:
    return math.prod(size.pixels or (0,))


def _shown(size: Size) -> str:
    known = f"{size.width}x{size.height}" if size.pixels else ""
    return f"{size} ({known})" if known and (size.tier or size.ratio) else str(size)
