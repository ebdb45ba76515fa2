"""Pixels each model makes for a tier and a ratio, as its vendor publishes them.

Gemini: Google's image generation page of July 2026. Seedream: Volcengine Ark's table of June 2026, 5.0 pro as public
catalogues of July have it (4:5 and 5:4 are in none and stand for the nearest legal size). Seedance: Ark's page for
making a video task, August 2026, without 4k (which is another codec). GPT Image by way of LinkAI: the long edge is the
tier (2K 16:9 = 2048x1152), bent to what the model makes: edges in steps of 16, at most 3840, 655,360 to 8,294,400
pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Pixels = tuple[int, int]
Table = Mapping[str, Mapping[str, Pixels]]  # tier -> ratio -> (width, height)

TEN = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")


def _row(*pairs: str) -> dict[str, Pixels]:
    """`16:9=1376x768` …; a ratio that is not given gets the pixels of its reverse, turned."""
    row: dict[str, Pixels] = {}
    for pair in pairs:
        ratio, _, size = pair.partition("=")
        width, height = (int(edge) for edge in size.split("x"))
        row[ratio] = (width, height)
    for ratio, (width, height) in list(row.items()):
        if ratio != "21:9":
            row.setdefault(":".join(reversed(ratio.split(":"))), (height, width))
    return row


def _times(row: Mapping[str, Pixels], factor: int) -> dict[str, Pixels]:
    return {ratio: (width * factor, height * factor) for ratio, (width, height) in row.items()}


def _only(row: Mapping[str, Pixels], ratios: Iterable[str]) -> dict[str, Pixels]:
    return {ratio: row[ratio] for ratio in ratios}


_GEMINI_512 = _row(
    *("1:1=512x512", "1:4=256x1024", "1:8=192x1536", "2:3=424x632", "3:4=448x600", "4:5=464x576", "9:16=384x688"),
    "21:9=792x168",  # as printed; every other value is half of its 1K
)
_GEMINI_1K = _row(
    *("1:1=1024x1024", "1:4=512x2048", "1:8=384x3072", "2:3=848x1264", "3:4=896x1200", "4:5=928x1152"),
    *("9:16=768x1376", "21:9=1584x672"),
)
_GEMINI_3_FLASH: Table = {
    "512": _GEMINI_512,
    "1K": _GEMINI_1K,
    "2K": _times(_GEMINI_1K, 2),
    "4K": _times(_GEMINI_1K, 4),
}
_GEMINI_3_PRO: Table = {tier: _only(_GEMINI_3_FLASH[tier], TEN) for tier in ("1K", "2K", "4K")}
_GEMINI_2: Table = {
    "1K": _row(
        *("1:1=1024x1024", "2:3=832x1248", "3:4=864x1184", "4:5=896x1152", "9:16=768x1344", "21:9=1536x672"),
    ),
}
GEMINI: Mapping[str, Table] = {
    "gemini-2.5-flash-image": _GEMINI_2,
    "gemini-3-pro-image": _GEMINI_3_PRO,
    "gemini-3.1-flash-image": _GEMINI_3_FLASH,
    "gemini-3.1-flash-lite-image": {tier: _GEMINI_3_FLASH[tier] for tier in ("512", "1K")},
}

_SEEDREAM: Table = {
    "2K": _row(
        *("1:1=2048x2048", "4:3=2304x1728", "16:9=2848x1600", "3:2=2496x1664", "21:9=3136x1344", "5:4=2280x1824"),
    ),
    "4K": _row(
        *("1:1=4096x4096", "4:3=4704x3520", "16:9=5504x3040", "3:2=4992x3328", "21:9=6240x2656", "5:4=4560x3648"),
    ),
}
_SEEDREAM_1K = _row(
    *("1:1=1024x1024", "4:3=1152x864", "16:9=1312x736", "3:2=1248x832", "21:9=1568x672", "5:4=1120x896"),
)
_SEEDREAM_5: Table = {
    "2K": _SEEDREAM["2K"],
    "3K": _row(
        *("1:1=3072x3072", "4:3=3456x2592", "16:9=4096x2304", "3:2=3744x2496", "21:9=4704x2016", "5:4=3420x2736"),
    ),
}
_SEEDREAM_5_PRO: Table = {
    "1K": _SEEDREAM_1K | _row("16:9=1424x800"),
    "1.5K": _row(
        *("1:1=1536x1536", "4:3=1792x1344", "16:9=2048x1152", "3:2=1872x1248", "21:9=2352x1008", "5:4=1600x1280"),
    ),
    "2K": _row(
        *("1:1=2048x2048", "4:3=2368x1776", "16:9=2816x1584", "3:2=2496x1664", "21:9=3136x1344", "5:4=2240x1792"),
    ),
}
ARK: Mapping[str, Table] = {
    "doubao-seedream-4-0-250828": {"1K": _SEEDREAM_1K, **_SEEDREAM},
    "doubao-seedream-4-5-251128": _SEEDREAM,
    "doubao-seedream-5-0-260128": _SEEDREAM_5,
    "doubao-seedream-5-0-lite-260128": _SEEDREAM_5,
    "doubao-seedream-5-0-pro-260628": _SEEDREAM_5_PRO,
}
SEEDANCE_1: Table = {
    "480p": _row("1:1=640x640", "4:3=736x544", "16:9=864x480", "21:9=960x416"),
    "720p": _row("1:1=960x960", "4:3=1120x832", "16:9=1248x704", "21:9=1504x640"),
    "1080p": _row("1:1=1440x1440", "4:3=1664x1248", "16:9=1920x1088", "21:9=2176x928"),
}
SEEDANCE_2: Table = {  # 1.5 pro too
    "480p": _row("1:1=640x640", "4:3=752x560", "16:9=864x496", "21:9=992x432"),
    "720p": _row("1:1=960x960", "4:3=1112x834", "16:9=1280x720", "21:9=1470x630"),
    "1080p": _row("1:1=1440x1440", "4:3=1664x1248", "16:9=1920x1080", "21:9=2206x946"),
}
_GPT_IMAGE: Table = {
    "1K": _row("1:1=1024x1024", "3:2=1024x688", "16:9=1280x720"),
    "2K": _row("1:1=2048x2048", "3:2=2048x1360", "16:9=2048x1152"),
    "4K": _row("1:1=2880x2880", "3:2=3504x2336", "16:9=3840x2160"),
}
LINKAI: Mapping[str, Table] = {
    "gpt-image-2": _GPT_IMAGE,
    "doubao-seedream-4.5": _SEEDREAM,
    "doubao-seedream-4.0": _SEEDREAM,
    "gemini-3-pro-image-preview": _GEMINI_3_PRO,
    "gemini-3.1-flash-image-preview": {tier: _only(row, TEN) for tier, row in _GEMINI_3_FLASH.items()},
    "gemini-2.5-flash-image": _GEMINI_2,
}


def nearest_ratio(ratios: Iterable[str], width: int, height: int) -> str:
    """The ratio of a list that comes nearest to a picture's own."""

    def distance(ratio: str) -> float:
        across, down = ratio.split(":")
        wanted = int(across) / int(down)
        return max(wanted * height / width, width / (wanted * height))

    return min(ratios, key=distance)
