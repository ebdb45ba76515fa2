"""Size rules of every kind a card can have, for the tests."""

from __future__ import annotations

from dataclasses import replace

from koci_proxy.facts import SizeRules

TEN = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")

# Free sizes by rule: steps of 16, up to 3840, 655,360 to 8,294,400 pixels, 3:1.
FREE = SizeRules("pixels", step=16, max_edge=3840, min_pixels=655_360, max_pixels=8_294_400, max_ratio=3)
# Free sizes with a table of recommended ones.
BOTH = SizeRules(
    "pixels",
    tiers=("2K", "4K"),
    table={
        "2K": {"1:1": (2048, 2048), "16:9": (2848, 1600), "21:9": (3136, 1344)},
        "4K": {"1:1": (4096, 4096), "16:9": (5504, 3040)},
    },
    min_pixels=3_686_400,
    max_pixels=16_777_216,
    max_ratio=16,
    default_tier="2K",
)
# Three sizes and no other.
FIXED = SizeRules("pixels", table={"1K": {"1:1": (1024, 1024), "3:2": (1536, 1024), "2:3": (1024, 1536)}})
# A tier and a ratio, with the pixels they give.
TABLE = SizeRules(
    "tier_ratio",
    table={
        "512": {"1:1": (512, 512), "16:9": (688, 384), "21:9": (792, 168)},
        "1K": {"1:1": (1024, 1024), "16:9": (1376, 768), "9:16": (768, 1376), "4:3": (1200, 896), "21:9": (1584, 672)},
        "2K": {"1:1": (2048, 2048), "16:9": (2752, 1536), "9:16": (1536, 2752), "4:3": (2400, 1792)},
        "4K": {"1:1": (4096, 4096), "16:9": (5504, 3072), "9:16": (3072, 5504), "4:3": (4800, 3584)},
    },
    default_tier="1K",
    default_ratio="1:1",
)
# The pixels that the house formula makes of a tier are those of another tier.
LONG = SizeRules("tier_ratio", table={"512": {"4:1": (1024, 256)}, "1K": {"4:1": (2048, 512)}}, default_tier="1K")
# A tier and a ratio, pixels by the house formula.
NAMES = SizeRules(
    "tier_ratio", tiers=("1K", "2K", "4K"), ratios=("1:1", "3:2", "2:3", "16:9", "9:16"), default_tier="2K"
)
NAMES_WIDE = replace(NAMES, default_ratio="16:9")
NAMES_AUTO = replace(NAMES, ratios=("auto", *TEN), default_ratio="auto")
RATIO = SizeRules("ratio", table={"1K": {"1:1": (1024, 1024), "16:9": (1344, 768), "9:16": (768, 1344)}})
RATIO_BLIND = SizeRules("ratio", ratios=("1:1", "16:9", "9:16"))
# Films: a tier is the short edge, and one of the tiers has fewer ratios than the other.
FILM = SizeRules(
    "tier_ratio",
    tiers=("720p", "1080p"),
    ratios=("16:9", "9:16"),
    table={"720p": {"16:9": (1280, 720), "9:16": (720, 1280)}, "1080p": {"16:9": (1920, 1080)}},
    default_tier="720p",
    default_ratio="16:9",
)
NONE = SizeRules("none")
