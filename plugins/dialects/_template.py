"""Templates of requests: trees of a YAML file whose texts hold placeholders, filled with what a job says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from koci_proxy import sizes
from koci_proxy.facts import Card
from koci_proxy.faults import Fault
from koci_proxy.fields import respelled, size_words
from koci_proxy.fit import FIELDS
from koci_proxy.placeholders import Hole, holes, split
from koci_proxy.types import Job, Media, Size, Target
from koci_proxy.wire import Spelled, base64, data_uri, url

GONE = object()  # what a template without any value comes to
SIZES = ("size", "tier", "ratio", "width", "height")
# Placeholders of other names than the house has for what they say.
_HOUSE = {"similarity": "strength", "image": "images", **dict.fromkeys(SIZES, "size")}
Values = Mapping[str, Any]


def laid_over(under: Any, over: Any) -> Any:
    """A tree with another laid over it: maps are merged, all else is replaced."""
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {**under, **{name: laid_over(under.get(name), each) for name, each in over.items()}}
    return over


def texts(tree: Any) -> Iterator[str]:
    """Every text in a tree; the names of its maps are none."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, (Mapping, list)):
        for each in tree.values() if isinstance(tree, Mapping) else tree:
            yield from texts(each)


def named(tree: Any) -> set[str]:
    """The placeholders in a tree."""
    return {hole.name for text in texts(tree) for hole in holes(text)}


# --- what a job says ------------------------------------------------------------------------------------------------


def values(job: Job, target: Target, words: Mapping[str, Mapping[str, Any]], files: bool) -> dict[str, Any]:
    """What each placeholder stands for; `words` are the vendor's own for some values, by placeholder.

    With `files` a picture is a file of a form, else a data URI.
    """
    found: dict[str, Any] = {
        "model": target.model,
        "prompt": job.prompt or None,
        "n": job.n,
        **sized(job.size, target.card),
        **{name: getattr(job, name) for name in FIELDS},
        "similarity": None if job.strength is None else round(1 - job.strength, 6),
        **{f"options.{name}": each for name, each in job.options.items() if not name.startswith("_")},
    }
    found = {name: _mapped(each, words.get(name)) for name, each in found.items()}
    if not files:
        found = {name: respelled(each) for name, each in found.items()}
    spelled = [_picture(media, files) for media in job.inputs]
    mask = _picture(job.mask, files) if job.mask is not None else {}
    return (
        found
        | {f"images{kind}": [each[kind] for each in spelled] for kind in ("", ".base64", ".mime") if spelled}
        | {f"image{kind}": each for kind, each in (spelled[0] if spelled else {}).items()}
        | {f"mask{kind}": each for kind, each in mask.items()}
    )


def sized(size: Size, card: Card) -> dict[str, Any]:
    """What each of `SIZES` stands for, None where the card's wire has no such word."""
    tier, ratio = size_words(size, card.size.wire)
    width, height = (size.pixels if card.size.wire == "pixels" else None) or (None, None)
    return {
        "size": f"{width}x{height}" if width else None,
        "tier": tier if width is None else None,
        "ratio": ratio,
        "width": width,
        "height": height,
    }


def _mapped(value: Any, words: Mapping[str, Any] | None) -> Any:
    return words.get(as_text(value), value) if words and isinstance(value, (str, int, float)) else value


def _picture(media: Media, files: bool) -> dict[str, Any]:
    plain: Any = media if files else url(media) if media.url else data_uri(media)
    return {"": plain, ".base64": base64(media), ".mime": media.mime or "image/png"}


def as_text(value: Any) -> str:
    """A value as the wires without types have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- filling --------------------------------------------------------------------------------------------------------


def fill(tree: Any, said: Values, card: Card) -> Any:
    """A template with its values put in, `GONE` where it has none at all.

    What holds only placeholders without a value is left out, and so is the map or list that is empty for it. An item of
    a list that holds `{images}` is written once for each picture. `Fault` bad_request where a `{name!}` has no value.
    """
    if isinstance(tree, str):
        return _filled(tree, said, card)
    if isinstance(tree, Mapping):
        pairs = {name: fill(each, said, card) for name, each in tree.items()}
        kept = {name: each for name, each in pairs.items() if each is not GONE}
        return kept if kept or not tree else GONE
    if isinstance(tree, list):
        items = [fill(each, now, card) for each in tree for now in _turns(each, said)]
        return [each for each in items if each is not GONE] or (GONE if tree else [])
    return tree


def _turns(item: Any, said: Values) -> list[Values]:
    """The values of each turn in which an item of a list is written."""
    turning = {name for name in named(item) if name.partition(".")[0] == "images"}
    if not turning:
        return [said]
    count = len(said.get("images", ()))
    return [{**said, **{name: [said[name][at]][0] for name in turning if name in said}} for at in range(count)]


def _filled(text: str, said: Values, card: Card) -> Any:
    pieces = split(text)
    found = [_value(piece, said, card) if isinstance(piece, Hole) else piece for piece in pieces]
    if len(pieces) == 1:
        return GONE if found[0] is None else found[0]
    if any(isinstance(piece, Hole) for piece in pieces) and all(
        each is None for piece, each in zip(pieces, found, strict=True) if isinstance(piece, Hole)
    ):
        return GONE
    if any(isinstance(each, (Spelled, Media, list, Mapping)) for each in found):
        raise Fault("internal", "a placeholder that is no plain value stands in the midst of a text", field="wire")
    return "".join("" if each is None else as_text(each) for each in found)


def _value(hole: Hole, said: Values, card: Card) -> Any:
    """What a placeholder stands for, else its default: only what the card takes has one."""
    value = said.get(hole.name)
    if value is None and hole.default is not None and _takes(card, hole.name):
        return plain(hole.default)
    if value is None and hole.must:
        raise _missing(hole.name, card)
    return value


def _missing(name: str, card: Card) -> Fault:
    """What an app must say for a placeholder that has to have a value."""
    word = name.partition(".")[0]
    field = name[8:] if word == "options" else _HOUSE.get(word, word)
    how = _asked_for(card) if field == "size" and card.size.wire != "none" else ""
    message = f"{field} is required for this model{how}"
    return Fault("bad_request", message, field=field, code="missing_required_parameter")


def _asked_for(card: Card) -> str:
    """How a size is asked for that a card makes."""
    ratio = card.size.default_ratio
    example = sizes.resolve(Size(ratio=ratio if ratio not in (None, "auto") else "1:1"), card.size).size
    return f": ask for example for {example}; allowed: {sizes.allowed(card.size)}"


def _takes(card: Card, name: str) -> bool:
    if name in SIZES:
        spelt = {"pixels": ("size", "width", "height"), "tier_ratio": ("tier", "ratio"), "ratio": ("ratio",)}
        return name in spelt.get(card.size.wire, ())
    name = "strength" if name == "similarity" else name
    return name not in FIELDS or name in card.takes


def plain(word: str) -> Any:
    """A default as what it looks like: a number, true or false, else text."""
    try:
        value = json.loads(word)
    except ValueError:
        return word
    return value if isinstance(value, (bool, int, float)) else word


# --- bodies ---------------------------------------------------------------------------------------------------------


def flat(fields: Mapping[str, Any], leaf: Callable[[str, Any], Any]) -> Iterator[tuple[str, Any]]:
    """Fields as a form has them: a list is a name written several times."""
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, leaf(name, each)


def text_leaf(name: str, value: Any) -> str:
    """A value of a query or an urlencoded form. `Fault` bad_request for a picture, which has no place there."""
    if _pictured(value):
        raise Fault("bad_request", f"{name} cannot be a picture for this model", field=name)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (Mapping, list)) else as_text(value)


def _pictured(value: Any) -> bool:
    """Whether a picture stands anywhere in a value."""
    if isinstance(value, (Mapping, list)):
        return any(_pictured(each) for each in (value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, (Media, Spelled))


def part_leaf(name: str, value: Any) -> str | Media:
    """A value of a multipart form: a picture is a file."""
    return value if isinstance(value, Media) else text_leaf(name, value)
