"""The shelf of facts: every provider and card there is, the shipped ones with those beside `routes.yaml` laid over."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as Folder
from typing import Any

from ..facts import Card, FaultRule, Provider
from ..placeholders import holes
from . import shape
from .cards import card, contradictions
from .complain import Complaint, Path, hint
from .sheet import Sheet
from .units import seconds

Opener = Callable[[Folder, str, str], Sheet]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Providers by name (None where the file is not sound), their sheets, and what is wrong with any of the files."""

    providers: Mapping[str, Provider | None]
    sheets: Mapping[str, Sheet]
    complaints: tuple[Complaint, ...]


def shelf(folders: Iterable[Folder], opened: Opener, dialects: frozenset[str]) -> Shelf:
    """Read `providers/*.yaml` and `providers/cards/*.yaml` of the folders; of two files of one name the later wins.

    `opened` reads one file: path, the name complaints call it by, its kind of schema.
    """
    folders = list(folders)
    roots = [folder / "providers" for folder in folders]
    wires = {path.stem: path for folder in folders for path in sorted((folder / "schemas" / "wire").glob("*.json"))}
    complaints: list[Complaint] = []
    cards: dict[str, Card | None] = {}
    for name, path in _files(root / "cards" for root in roots).items():
        sheet = opened(path, f"providers/cards/{path.name}", "card")
        cards[name] = made = card(name, sheet) if sheet.sound() and not sheet.complaints else None
        complaints += [*sheet.complaints, *sheet.unfilled(()), *(contradictions(made, sheet) if made else ())]
    providers: dict[str, Provider | None] = {}
    sheets: dict[str, Sheet] = {}
    for name, path in _files(roots).items():
        sheets[name] = sheet = opened(path, f"providers/{path.name}", "provider")
        wrong = [*sheet.complaints, *_wrong(sheet, cards, dialects), *_wire(sheet, wires, cards, dialects)]
        providers[name] = None if wrong or not sheet.sound() else _provider(name, sheet.value, cards)
        complaints += wrong
    return Shelf(providers, sheets, tuple(complaints))


def _files(folders: Iterable[Folder]) -> dict[str, Folder]:
    return {path.stem: path for folder in folders for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))}


def _provider(name: str, value: Mapping[str, Any], cards: Mapping[str, Card | None]) -> Provider | None:
    models = {model: found for model, word in value["models"].items() if (found := cards[word])}
    if len(models) < len(value["models"]):  # a card that is not sound: it has been complained of
        return None
    auth = value.get("auth", {})
    return Provider(
        name=name,
        dialect=value["dialect"],
        url=value["url"].rstrip("/"),
        key_header=auth.get("header", "Authorization"),
        key_prefix=auth.get("prefix", "Bearer "),
        headers={header.lower(): text for header, text in value.get("headers", {}).items()},
        models=models,
        faults=tuple(FaultRule(**rule) for rule in value.get("faults", [])),
        timeout=seconds(value.get("timeout", 600.0)),
        sandbox=value.get("sandbox", False),
        idempotency_header=value.get("idempotency_header"),
        wire=value.get("wire", {}),
    )


def _wire(
    sheet: Sheet, schemas: Mapping[str, Folder], cards: Mapping[str, Card | None], dialects: frozenset[str]
) -> Iterator[Complaint]:
    """What a file says to its dialect, held against `schemas/wire/<dialect>.json` where there is one."""
    if not isinstance(sheet.value, dict) or not sheet.sound(("wire",), filled=False):
        return
    models, own = sheet.value.get("models"), sheet.value.get("wire", {}).get("models")
    if isinstance(models, dict) and isinstance(own, dict):
        for model in own.keys() - models.keys():
            yield sheet.document.complaint(("wire", "models", model), "is none of its models" + hint(model, models))
    schema = schemas.get(str(sheet.value.get("dialect")))
    if schema is None:
        return
    breaches = [breach.complaint for breach in shape.breaches(sheet.document, sheet.filled, schema, ("wire",))]
    yield from breaches or _beyond(sheet, json.loads(schema.read_text("utf-8")), cards, dialects)


def _beyond(
    sheet: Sheet, schema: Mapping[str, Any], cards: Mapping[str, Card | None], dialects: frozenset[str]
) -> Iterator[Complaint]:
    """What two words of our own in a schema ask for: `names: dialect` beside a text wants the name of one; `sizes` are
    the placeholders that a card of each wire fills, of which every one in a request must be filled by one.
    """
    wire, models = sheet.value.get("wire", {}), sheet.value.get("models")
    for word, rule in schema.get("properties", {}).items():
        if rule.get("names") == "dialect" and word in wire and wire[word] not in dialects:
            yield sheet.document.about(("wire", word), f"unknown dialect '{wire[word]}'" + hint(wire[word], dialects))
    found = {model: cards.get(word) for model, word in models.items()} if isinstance(models, dict) else {}
    if "sizes" not in schema or None in found.values():  # a card that is not there: it has been complained of
        return
    wires = {model: card.size.wire for model, card in found.items() if card}
    yield from _unfilled(sheet, ("wire", "request"), schema["sizes"], sorted(set(wires.values())))
    for model in wire.get("models", {}).keys() & wires.keys():
        yield from _unfilled(sheet, ("wire", "models", model, "request"), schema["sizes"], [wires[model]])


def _unfilled(
    sheet: Sheet, path: Path, sizes: Mapping[str, Iterable[str]], wires: Iterable[str]
) -> Iterator[Complaint]:
    """Placeholders of a size in a request that no card of these wires fills: what they stand for is never sent."""
    known = {name for names in sizes.values() for name in names}
    filled = [name for wire in wires for name in sizes[wire]]
    right = ", ".join(f"{{{name}}}" for name in filled) or "none"
    for place, text in _texts(sheet.value, path):
        for hole in holes(text):
            if hole.name in known and hole.name not in filled:
                said = " or ".join(wires)
                what = f"{{{hole.name}}} never has a value: its cards say wire: {said}, which fills {right}"
                yield sheet.document.about(place, what)


def _texts(tree: Any, within: Path, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in the part of a tree that is `within` a path, and where it stands."""
    if within:
        part = tree.get(within[0], {})
        yield from _texts(part, within[1:], (*path, within[0]))
    elif isinstance(tree, str):
        yield path, tree
    elif isinstance(tree, (dict, list)):
        for step, each in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _texts(each, (), (*path, step))


def _wrong(sheet: Sheet, cards: Mapping[str, object], dialects: frozenset[str]) -> Iterator[Complaint]:
    """What no schema sees: names that lead nowhere, rules that say nothing."""
    if not isinstance(sheet.value, dict):
        return
    value, document = sheet.value, sheet.document
    if "dialect" in value and sheet.sound(("dialect",)) and value["dialect"] not in dialects:
        yield document.about(("dialect",), f"unknown dialect '{value['dialect']}'" + hint(value["dialect"], dialects))
    for model, word in value.get("models", {}).items() if sheet.sound(("models",)) else ():
        if word not in cards:
            what = f"there is no card providers/cards/{word}.yaml" + hint(word, cards)
            yield document.about(("models", model), what)
    for index, rule in enumerate(value.get("faults", []) if sheet.sound(("faults",)) else ()):
        if rule.keys() <= {"kind"}:
            yield document.about(("faults", index), "needs a status, a code or a path: so it fits every answer")
        if "value" in rule and "path" not in rule:
            yield document.complaint(("faults", index, "value"), "needs a path: the place in the body where it stands")
    simulated = value.get("sandbox") is True
    if "url" in value and sheet.sound(("url",)) and value["url"].startswith("sandbox:") is not simulated:
        what = "sandbox: true goes with a url that begins with sandbox:, and with no other"
        yield document.about(("url",), what)
