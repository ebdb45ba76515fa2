"""The fit of a job to a model's card: what keeps a target from doing it, and what has to be renamed or left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from . import sizes
from .facts import Card
from .faults import Fault
from .types import AUTO, Job, Media, Note, Size

FIELDS = ("quality", "format", "compression", "background", "seconds", "strength", "style")


def refuses(job: Job, card: Card, policy: sizes.Policy) -> str | None:
    """Why a model cannot do a job, None when it can."""
    fault = refusal(job, card, policy)
    return fault.message if fault else None


def refusal(job: Job, card: Card, policy: sizes.Policy) -> Fault | None:
    """The same as a `Fault` (bad_request) whose field is `task`, `mask`, `images`, `prompt` or `size`."""
    if job.task not in card.tasks:
        return _bad("task", f"{card.name} does not do {job.task}, only {', '.join(sorted(card.tasks))}")
    if job.mask is not None and not card.inputs.mask:
        return _bad("mask", f"{card.name} takes no mask")
    if len(job.inputs) > card.inputs.max:
        most = f"at most {card.inputs.max}" if card.inputs.max else "no"
        return _bad("images", f"{card.name} takes {most} images, not {len(job.inputs)}")
    return _unfit_input(job.inputs, card) or _long_prompt(job, card) or _unmade_size(job, card, policy)


def _bad(field: str, message: str) -> Fault:
    return Fault("bad_request", message, field=field)


def _unfit_input(inputs: tuple[Media, ...], card: Card) -> Fault | None:
    """What is known of the references already; of a foreign URL nothing is."""
    rules = card.inputs
    for number, media in enumerate(inputs, start=1):
        if media.mime is not None and media.mime not in rules.mimes:
            return _bad("images", f"image {number} is {media.mime}; {card.name} takes {', '.join(rules.mimes)}")
        if rules.max_bytes is not None and (media.size or 0) > rules.max_bytes:
            return _bad("images", f"image {number} has {media.size} bytes; {card.name} takes at most {rules.max_bytes}")
    return None


def _long_prompt(job: Job, card: Card) -> Fault | None:
    if card.prompt_chars is None or len(job.prompt) <= card.prompt_chars:
        return None
    return _bad("prompt", f"the prompt has {len(job.prompt)} characters; {card.name} takes {card.prompt_chars}")


def _unmade_size(job: Job, card: Card, policy: sizes.Policy) -> Fault | None:
    if policy != "exact":
        return None
    try:
        sizes.resolve(job.size, card.size, policy)
    except Fault as fault:
        return fault
    return None


def fit(job: Job, card: Card) -> Job:
    """The job in a card's own words: values renamed, fields and values the card does not take left out, all noted.

    Raises `Fault` (bad_request, field `prompt`) for a prompt longer than the card allows.
    """
    too_long = _long_prompt(job, card)
    if too_long:
        raise too_long
    changes: dict[str, Any] = {}
    notes: list[Note] = []
    for name in FIELDS:
        value = getattr(job, name)
        if value is not None:
            changes[name], note = _fit_field(name, value, card)
            notes += [note] if note else []
    return replace(job, **changes, notes=(*job.notes, *notes))


def _fit_field(name: str, value: Any, card: Card) -> tuple[Any, Note | None]:
    old = _text(value)
    new = card.renames.get(name, {}).get(old, old)
    if name not in card.takes:
        return None, Note(name, "left out", old)
    takes = card.takes[name]
    if takes is not None and new not in takes:
        return None, Note(name, "left out", f"{old}; one of {', '.join(takes)}")
    if new == old:
        return value, None
    return type(value)(new), Note(name, "renamed", f"{old} → {new}")


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def set_fields(job: Job, fields: Mapping[str, Any]) -> Job:
    """The job with what the house sets on it; what the app had asked otherwise is noted.

    `size` is text as apps write it; a tier alone keeps the app's ratio, a ratio alone the app's tier. Raises `Fault`
    (internal) for a field that cannot be set.
    """
    for name, value in fields.items():
        if name not in (*FIELDS, "size"):
            near = get_close_matches(name, (*FIELDS, "size"), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise Fault("internal", f"a model cannot set {name!r}{hint}", field=f"set.{name}")
        job = _set(job, name, _merged(job.size, _house_size(value)) if name == "size" else value)
    return job


def _house_size(value: Any) -> Size:
    try:
        return sizes.parse(str(value))
    except Fault as fault:
        raise Fault("internal", fault.message, field="set.size") from fault


def _set(job: Job, name: str, value: Any) -> Job:
    asked = getattr(job, name)
    changed = replace(job, **{name: value})
    if asked is None or asked in (AUTO, value):
        return changed
    return replace(
        changed, notes=(*job.notes, Note(name, "bent", f"{_text(asked)} → {_text(value)}, set by the house"))
    )


def _merged(asked: Size, given: Size) -> Size:
    if given.pixels or (given.tier and given.ratio):
        return given
    if given.tier:
        return Size(tier=given.tier, ratio=asked.ratio or (sizes.ratio_of(asked.pixels) if asked.pixels else None))
    return Size(tier=asked.tier, ratio=given.ratio)
