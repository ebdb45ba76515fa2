"""The models of `routes.yaml`: who serves which name, checked against the shelf of providers and cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from .. import fit, prices, sizes
from ..facts import Card, House, Model, Provider, Share
from ..faults import Fault
from ..types import Job, Media, Size, Task
from .complain import Complaint, Path, hint
from .fixed import never
from .providers import Shelf
from .sheet import Sheet
from .units import bounds

# What `set` may hold beside a size, and a card may or may not take.
_FIXED = ("quality", "format", "compression", "background", "seconds", "strength", "style")


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to serve a model, and where it is written."""

    path: Path
    text: str
    weight: float

    @property
    def provider(self) -> str:
        return self.text.partition("/")[0]

    @property
    def model(self) -> str:
        return self.text.partition("/")[2]


class Reader:
    """Reads the models one by one; `used` gathers the providers they name."""

    def __init__(self, sheet: Sheet, shelf: Shelf) -> None:
        self.sheet, self.shelf = sheet, shelf
        self.models: dict[str, Model] = {}
        self.used: set[str] = set()
        self.complaints: list[Complaint] = []
        written = sheet.value.get("models")
        self.names = list(written) if isinstance(written, dict) else []
        platforms = sheet.value.get("platforms")
        self.platforms = list(platforms) if isinstance(platforms, dict) else []
        self.keyed = sheet.value.get("keys", {}) or {}
        self.keyless: set[str] = set()
        for name in self.names:
            self.complaints += sheet.unfilled(("models", name))
            if sheet.sound(("models", name)):
                self._read(name, sheet.value["models"][name])

    def _read(self, name: str, value: Any) -> None:
        path: Path = ("models", name)
        written: Mapping[str, Any] = value if isinstance(value, dict) else {"to": value}
        steps = _steps(written["to"], (*path, "to") if isinstance(value, dict) else path)
        ways = [way for step in steps for way in step]
        self.used.update(way.provider for way in ways)
        wrong = [
            *(complaint for way in ways for complaint in self._misled(way)),
            *self._mixed(path, ways),
            *self._misplaced(path, written.get("on", [])),
            *self._unread(path, written, ways),
            *self._missed(path, written.get("set", {}), ways),
        ]
        self.models[name] = Model(
            name=name,
            to=tuple(Share(tuple((way.provider, way.model, way.weight) for way in step)) for step in steps),
            price=written.get("price", 0),
            set=written.get("set", {}),
            size_policy=written.get("size_policy"),
            strict=written.get("strict", False),
            platforms=tuple(written.get("on", [])),
            limits=bounds(written.get("limits", {})),
        )
        self.complaints += wrong or self._unserved(path, self.models[name], ways)

    def _at(self, way: _Way, what: str) -> Complaint:
        """A target is a key in a map, else a value."""
        document = self.sheet.document
        return document.complaint(way.path, what) if way.path[-1] == way.text else document.about(way.path, what)

    def _misled(self, way: _Way) -> Iterator[Complaint]:
        name = way.provider
        if name not in self.shelf.providers:
            yield self._at(way, f"unknown provider '{name}'" + hint(name, self.shelf.providers))
            return
        provider = self.shelf.providers[name]
        if provider is None:  # its own file has been complained of, or lacks a variable
            return
        if way.model not in provider.models:
            yield self._at(way, f"{name} has no model '{way.model}'" + hint(way.model, provider.models))
        if not provider.sandbox and name not in self.keyed and name not in self.keyless:
            self.keyless.add(name)
            yield self._at(way, f"{name} has no key; add one under keys, such as {name}: ${{{_variable(name)}}}")

    def _mixed(self, path: Path, ways: list[_Way]) -> Iterator[Complaint]:
        found = {way.provider: found for way in ways if (found := self.shelf.providers.get(way.provider))}
        played = sorted(name for name, provider in found.items() if provider.sandbox)
        real = sorted(name for name, provider in found.items() if not provider.sandbox)
        if played and real:
            what = f"mixes the sandbox ({', '.join(played)}) with real vendors ({', '.join(real)})"
            yield self.sheet.document.complaint((*path, "to"), what)

    def _misplaced(self, path: Path, on: list[str]) -> Iterator[Complaint]:
        for index, word in enumerate(on):
            if word not in self.platforms:
                what = f"unknown platform '{word}'" + hint(word, self.platforms)
                yield self.sheet.document.about((*path, "on", index), what)

    def _unread(self, path: Path, written: Mapping[str, Any], ways: list[_Way]) -> Iterator[Complaint]:
        """A price or a size that the rooms which work with it cannot read."""
        try:
            price = prices.parse(written.get("price", 0))
        except Fault as fault:
            found = self.sheet.document.about((*path, "price", *fault.details.get("at", ())), fault.message)
            if found.key not in {
                complaint.key for complaint in self.sheet.complaints
            }:  # one word too many is said once
                yield found
        else:
            still = [way.text for way in ways if prices.by_second(price) and not self._films(way)]
            if still:
                what = f"is per second of film, and {still[0]} makes no films"
                yield self.sheet.document.about((*path, "price"), what)
            yield from self._worthless(path, price, ways)
        try:
            sizes.parse(written.get("set", {}).get("size", ""))
        except Fault as fault:
            yield self.sheet.document.about((*path, "set", "size"), fault.message)

    def _films(self, way: _Way) -> bool:
        """Whether a target makes films; one of which nothing is known has been complained of."""
        card = _card(self.shelf.providers.get(way.provider), way.model)
        return card is None or "video" in card.tasks

    def _missed(self, path: Path, fixed: Mapping[str, Any], ways: list[_Way]) -> Iterator[Complaint]:
        """What is set on each job must be taken by one of the model's cards at least."""
        cards = self._cards(ways)
        for field in _FIXED if len(cards) == len(ways) else ():
            if field not in fixed:
                continue
            value = fixed[field]
            if any(card.tasks - fit.FILMS for card in cards) and fit.made_here(field, _picture(fixed)):
                continue
            taking = [card.takes[field] for card in cards if field in card.takes]
            if not taking:
                yield self.sheet.document.complaint((*path, "set", field), f"none of its targets takes a {field}")
            elif None not in taking and not any(_takes(card, field, value) for card in cards):
                known = {word for words in taking for word in words or ()}
                what = f"none of its targets takes the {field} '{value}'" + hint(str(value), known)
                yield self.sheet.document.about((*path, "set", field), what)

    def _unserved(self, path: Path, model: Model, ways: list[_Way]) -> Iterator[Complaint]:
        """What is set on each job must leave a call that one of the model's targets would do."""
        house = self.sheet.part("sizes", {}).get("policy", House.__dataclass_fields__["size_policy"].default)
        strict = model.strict and "size" in self.sheet.part("transforms", ("size",))
        cards = self._cards(ways)
        faults = [never(model, card, model.size_policy or house, strict=strict) for card in cards]
        reasons = dict.fromkeys(fault.message for fault in faults if fault is not None)
        if len(cards) == len(ways) and faults[0] is not None and None not in faults:
            what = f"every call would be refused: {'; '.join(reasons)}"
            yield self.sheet.document.about((*path, "set", faults[0].field or ""), what)

    def _worthless(self, path: Path, price: prices.Price, ways: list[_Way]) -> Iterator[Complaint]:
        """A sum that comes to less than nothing for what apps plainly ask for: nobody would be charged anything."""
        short = prices.turned(price)
        if short is None:
            return
        for wish in (wish for card in self._cards(ways) for wish in _plain_wishes(card)):
            if prices.of(short, wish, 1) > 0 == prices.of(price, wish, 1):
                what = f"comes to less than nothing for n: {wish.n} at {wish.size}, so that it is free"
                yield self.sheet.document.about((*path, "price"), f"{what}; write max(0, …) if that is meant")
                return

    def _cards(self, ways: list[_Way]) -> list[Card]:
        """What those targets can do that are known."""
        return [card for way in ways if (card := _card(self.shelf.providers.get(way.provider), way.model))]


def _steps(to: Any, path: Path) -> list[list[_Way]]:
    """`to` in its long form: the order of fallback, each step with the targets that share it."""
    if isinstance(to, str):
        return [[_Way(path, to, 1.0)]]
    if isinstance(to, dict):
        return [[_Way((*path, text), text, float(weight)) for text, weight in to.items()]]
    return [step for index, item in enumerate(to) for step in _steps(item, (*path, index))]


def _card(provider: Provider | None, model: str) -> Card | None:
    return provider.models.get(model) if provider else None


def _plain_wishes(card: Card) -> Iterator[Job]:
    """One, two and four pieces of each kind that a card makes, in each of its tiers."""
    for tier in card.size.tiers or ("1K",):
        try:
            size = sizes.resolve(Size(tier, "1:1"), card.size).size
        except Fault:  # a card that contradicts itself
            return
        for task in (task for task in get_args(Task) if task in card.tasks):
            inputs = (Media(),) if task in ("edit", "cutout") else ()
            wish = Job("", "", task=task, inputs=inputs, size=size, seconds=card.seconds or 8.0)
            yield from (replace(wish, n=n) for n in (1, 2, 4))


def _picture(fixed: Mapping[str, Any]) -> Job:
    """A picture of the format that is set, or of one that an app may ask for."""
    return Job("", "", format=fixed.get("format", "webp"))


def _takes(card: Card, field: str, value: Any) -> bool:
    words = card.takes.get(field) or ()
    word = f"{value:g}" if isinstance(value, float) else str(value)
    return card.renames.get(field, {}).get(word, word) in words


def _variable(provider: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in provider).upper() + "_KEY"
