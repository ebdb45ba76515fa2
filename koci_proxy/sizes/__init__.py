"""A size is what an app asks for and what a vendor's wire takes: read the one, work out the other, say what changed.

One resolver serves all model families; what differs is data (`SizeRules`). It reads a card's pixel table first, then
its rules, then the house formula: the long edge is the tier (of a film's, 720p, the short one), the other follows the
ratio, rounded to the card's step.
"""

from .grid import fits
from .resolver import Policy, Resolved, allowed, resolve
from .words import RATIOS, TIERS, check, edge, formula, holds, parse, ratio_of, tier_and_ratio, tier_named

__all__ = [
    "RATIOS",
    "TIERS",
    "Policy",
    "Resolved",
    "allowed",
    "check",
    "edge",
    "fits",
    "formula",
    "holds",
    "parse",
    "ratio_of",
    "resolve",
    "tier_and_ratio",
    "tier_named",
]
