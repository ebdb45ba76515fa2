"""Cards out of `providers/cards/*.yaml`: the values the schema let pass, complaints where one contradicts itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..facts import Card, InputRules, SizeRules
from .complain import Complaint, hint, spoken
from .sheet import Sheet
from .units import mebibytes, optional, pixels

_LENGTH = re.compile(r"[1-9]\d{0,3}(\.\d{1,3})?")
_PLAIN = (
    *("wire", "default_tier", "default_ratio"),
    *("step", "min_edge", "max_edge", "min_pixels", "max_pixels", "max_ratio"),
)


def card(name: str, sheet: Sheet) -> Card:
    """The card of a sound sheet."""
    value: Mapping[str, Any] = sheet.value
    return Card(
        name=name,
        tasks=frozenset(value.get("tasks", ["generate"])),
        size=_size(value.get("size", {})),
        inputs=_inputs(value.get("inputs", {})),
        n=value.get("n", 1),
        prompt_chars=value.get("prompt_chars"),
        stream=value.get("stream", False),
        takes={field: None if taken == "any" else tuple(taken) for field, taken in value.get("takes", {}).items()},
        renames=value.get("renames", {}),
        omits=frozenset(value.get("omits", ())),
        seconds=optional(value.get("default_seconds"), float),
        lengths={name: tuple(words) for name, words in value.get("lengths", {}).items()},
    )


def _size(value: Mapping[str, Any]) -> SizeRules:
    table = {tier: {ratio: pixels(wxh) for ratio, wxh in row.items()} for tier, row in value.get("table", {}).items()}
    ratios = dict.fromkeys(ratio for row in table.values() for ratio in row)
    return SizeRules(
        tiers=tuple(value.get("tiers", table)),
        ratios=tuple(value.get("ratios", ratios)),
        table=table,
        **{name: value[name] for name in _PLAIN if name in value},
    )


def _inputs(value: Mapping[str, Any]) -> InputRules:
    defaults = InputRules()
    return InputRules(
        max=value.get("max", defaults.max),
        max_bytes=optional(value.get("max_mb"), mebibytes),
        mimes=tuple(value.get("mimes", defaults.mimes)),
        max_edge=value.get("max_edge"),
        mask=value.get("mask", defaults.mask),
        mask_edits=value.get("mask_edits", defaults.mask_edits),
        policy=value.get("policy", defaults.policy),
        roles=tuple(value.get("roles", defaults.roles)),
        mixed=value.get("mixed", defaults.mixed),
    )


def contradictions(card: Card, sheet: Sheet) -> Iterator[Complaint]:
    """What no schema sees: names outside their lists, published pixels that break the card's own rules."""
    document, size = sheet.document, card.size
    for key, word, known in (
        ("default_tier", size.default_tier, size.tiers),
        ("default_ratio", size.default_ratio, size.ratios),
    ):
        if word is not None and word not in known:
            right = hint(word, known) or f": it names none; write {key[8:]}s: ['{word}'] beside it"
            yield document.about(("size", key), f"'{word}' is none of its {key[8:]}s{right}")
    for tier, row in size.table.items():
        if tier not in size.tiers:
            yield document.complaint(("size", "table", tier), f"'{tier}' is none of its tiers" + hint(tier, size.tiers))
        for ratio, (width, height) in row.items():
            place = ("size", "table", tier, ratio)
            if ratio not in size.ratios:
                yield document.complaint(place, f"'{ratio}' is none of its ratios" + hint(ratio, size.ratios))
            elif broken := _broken(size, width, height):
                yield document.about(place, f"{width}x{height} breaks the card's own {broken}")
    for field, words in card.renames.items():
        taken = card.takes.get(field, ())
        for old, new in words.items():
            if taken is not None and new not in taken:
                yield document.about(("renames", field, old), f"'{new}' is no {field} it takes" + hint(new, taken))
    yield from _odd_lengths(card, sheet)


def _odd_lengths(card: Card, sheet: Sheet) -> Iterator[Complaint]:
    """Lengths of a film that are no numbers, and a default that is none of them."""
    words = card.takes.get("seconds", ())
    for index, word in enumerate(words or ()):
        if not _LENGTH.fullmatch(word):
            what = f"must be a number of seconds like '8', not {spoken(word)}"
            yield sheet.document.about(("takes", "seconds", index), what)
    if card.seconds is not None and words is not None and f"{card.seconds:g}" not in words:
        known = f"; known: {', '.join(words)}" if words else ": it takes none"
        what = f"'{card.seconds:g}' is none of the seconds it takes{known}"
        yield sheet.document.about(("default_seconds",), what)
    yield from _odd_company(card, sheet)


def _odd_company(card: Card, sheet: Sheet) -> Iterator[Complaint]:
    """Lengths with a tier or an input that it does not have, and such as it does not take."""
    words = card.takes.get("seconds", ())
    known = (*card.size.tiers, *card.inputs.roles)
    for name, few in card.lengths.items():
        if name not in known:
            what = f"'{name}' is none of its tiers, nor of its inputs' roles" + hint(name, known)
            yield sheet.document.complaint(("lengths", name), what)
        for index, word in enumerate(few):
            if not _LENGTH.fullmatch(word) or (words is not None and word not in words):
                yield sheet.document.about(("lengths", name, index), f"{spoken(word)} is none of the seconds it takes")


def _broken(size: SizeRules, width: int, height: int) -> str | None:
    """The first rule that a size breaks."""
    long, short = max(width, height), min(width, height)
    rules = {
        "step": width % size.step == 0 and height % size.step == 0,
        "min_edge": short >= (size.min_edge or 0),
        "max_edge": long <= (size.max_edge or long),
        "min_pixels": width * height >= (size.min_pixels or 0),
        "max_pixels": width * height <= (size.max_pixels or width * height),
        "max_ratio": long / short <= (size.max_ratio or long / short),
    }
    return next((name for name, kept in rules.items() if not kept), None)
