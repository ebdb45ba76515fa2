"""A price as `routes.yaml` writes it, read and checked whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from .. import sizes
from ..types import Task
from .amounts import Path, hint, thousandths, wrong
from .formula import read
from .price import Case, Condition, Field, Price, Sign, Tiers

WORDS = ("picture", "quality", "second", "reference")
FIELDS: tuple[Field, ...] = get_args(Field)
TASKS: tuple[str, ...] = get_args(Task)
_COMPARED = re.compile(r"\s*(>=|<=|>|<)\s*(.*)")


def parse(price: Any) -> Price:
    """A price as `routes.yaml` writes it, in credits.

    4 or "0.5", a picture; {1K: 4, 2K: 8}, by size tier; {second: 10} or {second: {720p: 10, 1080p: 15}}, of films;
    {quality: {low: 1, high: {1K: 4, 2K: 8}, auto: 4}}; {picture: 4, reference: 0.5}, where `reference` is for each
    picture sent and goes with any map; a sum such as "4 + 0.5*images"; or a list of {when: {…}, price: …}, at its end a
    price for all other jobs.

    Raises `Fault` (internal, field `price`): a wrong price is the house's doing. `details["at"]` is the way to its part
    at fault.
    """
    if isinstance(price, list | tuple):
        return _cases(price)
    return _price(price, ())


def _price(written: Any, at: Path) -> Price:
    if isinstance(written, list | tuple):
        raise wrong("conditions stand in one list, not one within another", at)
    if isinstance(written, Mapping):
        return _map(written, at)
    if isinstance(written, str) and not _is_number(written):
        return Price(formula=read(written, at))
    return Price(each=thousandths(written, at))


def _is_number(text: str) -> bool:
    try:
        Decimal(text)
    except InvalidOperation:
        return False
    return True


def _map(written: Mapping[Any, Any], at: Path) -> Price:
    tiers = {key: value for key, value in written.items() if str(key) not in WORDS}
    _check_words(tiers, written, at)
    reference = thousandths(written["reference"], (*at, "reference")) if "reference" in written else 0
    found = [word for word in WORDS[:3] if word in written]
    if len(found) + bool(tiers) != 1:
        told = " and ".join([*found, *("size tier" for _ in range(bool(tiers)))]) or "nothing"
        raise wrong(f"a map of prices goes by one of picture, quality, second or size tiers, not by {told}", at)
    if tiers:
        return Price(tiers=_tiers(tiers, at), reference=reference)
    word, value = found[0], written[found[0]]
    if word == "picture":
        return Price(each=thousandths(value, (*at, word)), reference=reference)
    if word == "quality":
        return Price(qualities=_qualities(value, (*at, word)), reference=reference)
    if isinstance(value, Mapping):
        return Price(second_tiers=_tiers(value, (*at, word)), reference=reference)
    return Price(second=thousandths(value, (*at, word)), reference=reference)


def _check_words(tiers: Iterable[Any], written: Mapping[Any, Any], at: Path) -> None:
    """Refuse a key that is neither a word nor a tier."""
    for key in tiers:
        if sizes.tier_named(str(key)) is None:
            known = f"a map of prices is by size tier ({', '.join(sizes.TIERS)}) or has {', '.join(WORDS)}"
            raise wrong(f"{known}, not '{key}'{_near(str(key))}", (*at, key) if key in written else at)


def _near(word: str) -> str:
    told = hint(word, (*WORDS, *sizes.TIERS))
    return told if "did you mean" in told else ""


def _tiers(written: Mapping[Any, Any], at: Path) -> Tiers:
    if not written:
        raise wrong("a map of prices is empty; write for example {1K: 4, 2K: 8}", at)
    _check_words(written, written, at)
    found = {sizes.tier_named(str(tier)) or "": thousandths(value, (*at, tier)) for tier, value in written.items()}
    return tuple(sorted(found.items(), key=lambda item: sizes.edge(item[0])))


def _qualities(written: Any, at: Path) -> tuple[tuple[str, Price], ...]:
    if not isinstance(written, Mapping) or not written:
        raise wrong("prices by quality are a map such as {low: 1, medium: 4, high: 16}", at)
    found = {}
    for word, value in written.items():
        here = (*at, word)
        price = Price(tiers=_tiers(value, here)) if isinstance(value, Mapping) else Price(each=thousandths(value, here))
        found[str(word).lower()] = price
    return tuple(found.items())


def _cases(written: Sequence[Any]) -> Price:
    if not written:
        raise wrong("a list of prices is empty; it ends with a price for all other jobs")
    if len(written) == 1:
        raise wrong("a list of one price has nothing to choose from; write the price alone, without the list")
    cases = [_case(item, (at,)) for at, item in enumerate(written[:-1])]
    last = len(written) - 1
    if isinstance(written[-1], Mapping) and {"when", "price"} & set(written[-1]):
        raise wrong("the last entry is a price for all other jobs: 4, or a map, without when", (last,))
    return Price(cases=(*cases, Case((), _price(written[-1], (last,)))))


def _case(item: Any, at: Path) -> Case:
    if not isinstance(item, Mapping) or "when" not in item:
        raise wrong("only the last entry may do without when: none after it would ever count", at)
    if set(item) != {"when", "price"}:
        extra = [str(key) for key in item if key not in ("when", "price")]
        what = f"an entry has when and price, not '{extra[0]}'" if extra else "an entry with when needs a price"
        raise wrong(what, (*at, extra[0]) if extra else at)
    when = item["when"]
    if not isinstance(when, Mapping) or not when:
        raise wrong("when is a map such as {size: 4K, quality: high}", (*at, "when"))
    conditions = tuple(_condition(field, value, (*at, "when", field)) for field, value in when.items())
    return Case(conditions, _price(item["price"], (*at, "price")))


def _condition(field: Any, value: Any, at: Path) -> Condition:
    name = next((known for known in FIELDS if known == field), None)
    if name is None:
        raise wrong(f"no price depends on '{field}'{hint(str(field), FIELDS)}", at)
    found = _COMPARED.fullmatch(value) if isinstance(value, str) else None
    if found and name in ("task", "quality"):
        raise wrong(f"a {name} is one word or a list of words; it is not more or less than another", at)
    if found:
        sign: Sign = next(one for one in get_args(Sign) if one == found[1])
        return Condition(name, sign, (_value(name, found[2], at),))
    several = value if isinstance(value, list | tuple) else [value]
    if not several:
        raise wrong(f"{name} is compared with nothing", at)
    return Condition(name, "=", tuple(_value(name, one, at) for one in several))


def _value(field: Field, value: Any, at: Path) -> str | float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong(f"{value!r} is nothing to compare a {field} with", at)
    text = str(value).strip()
    if field == "size":
        tier = sizes.tier_named(text)
        if tier is None:
            raise wrong(f"'{text}' is no size tier{hint(text, sizes.TIERS)}", at)
        return tier
    if field in ("task", "quality"):
        return _word(field, text.lower(), at)
    try:
        return float(Decimal(text))
    except InvalidOperation as error:
        raise wrong(f"{field} is compared with a number, such as 2 or \">2\", not '{text}'", at) from error


def _word(field: Field, text: str, at: Path) -> str:
    if field == "task" and text not in TASKS:
        raise wrong(f"there is no task '{text}'{hint(text, TASKS)}", at)
    if not text:
        raise wrong(f"{field} is compared with nothing", at)
    return text
