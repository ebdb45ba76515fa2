"""The fit of a job to a model's card: what keeps a target from doing it, and what has to be renamed or left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from . import sizes
from .facts import Card
from .faults import Fault
from .media import FORMATS, LOSSY
from .types import AUTO, Job, Media, Note, Size

FIELDS = ("quality", "format", "compression", "background", "seconds", "strength", "style")
# What counts as a change to a model that is strict: the app would get something else than it asked for.
CHANGES = ("renamed", "bent", "left out")


# What a model that makes no pictures from words alone, or none from pictures, wants instead.
_WORK = {
    "generate": "it works on a picture: send one, as an edit",
    "edit": "it makes pictures from words alone and takes none",
    "cutout": "it cuts nothing out",
}


def refuses(job: Job, card: Card, policy: sizes.Policy) -> str | None:
    """Why a model cannot do a job, None when it can."""
    fault = refusal(job, card, policy)
    return fault.message if fault else None


def refusal(job: Job, card: Card, policy: sizes.Policy) -> Fault | None:
    """The same as a `Fault` (bad_request) whose field is `task`, `mask`, `images`, `images[0]`, `prompt` or `size`."""
    if job.task not in card.tasks:
        return _bad("task", _WORK.get(job.task, f"it does not do {job.task}"))
    if job.mask is not None and not card.inputs.mask:
        return _bad("mask", "it takes no mask")
    if len(job.inputs) > card.inputs.max:
        most = f"at most {card.inputs.max}" if card.inputs.max else "no"
        return _bad("images", f"it takes {most} images, not {len(job.inputs)}")
    return _unfit_input(job.inputs, card) or _long_prompt(job, card) or _unmade_size(job, card, policy)


def _bad(field: str, message: str) -> Fault:
    return Fault("bad_request", message, field=field)


def _unfit_input(inputs: tuple[Media, ...], card: Card) -> Fault | None:
    faults = (unfit(media, card, f"images[{at}]") for at, media in enumerate(inputs))
    return next((fault for fault in faults if fault is not None), None)


def unfit(media: Media, card: Card, field: str) -> Fault | None:
    """What keeps a picture from a model, do what its card's policy allows. Of a foreign URL nothing is known."""
    rules = card.inputs
    readable = media.mime is None or media.mime in FORMATS.values()
    if not media.mime or media.mime in rules.mimes:
        pass
    elif rules.policy != "convert" or not readable or not {*FORMATS.values()} & {*rules.mimes}:
        return _bad(field, f"{field} is {media.mime}; {card.name} takes {', '.join(rules.mimes)}")
    if rules.policy != "refuse" and readable:
        return None
    if rules.max_bytes is not None and (media.size or 0) > rules.max_bytes:
        return _bad(field, f"{field} has {media.size} bytes; {card.name} takes at most {rules.max_bytes}")
    if rules.max_edge is not None and max(media.pixels or (0,)) > rules.max_edge:
        wide = f"{media.width}x{media.height}"
        return _bad(field, f"{field} is {wide}; {card.name} takes edges of at most {rules.max_edge} pixels")
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

    A file format the card does not take is noted as emulated: it is for the engine to make it of what comes.

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
            changes[name], note = _fit_field(name, value, card, job)
            notes += [note] if note else []
    return replace(job, **changes, notes=(*job.notes, *notes))


def _fit_field(name: str, value: Any, card: Card, job: Job) -> tuple[Any, Note | None]:
    old = _text(value)
    new = card.renames.get(name, {}).get(old, old)
    takes = card.takes.get(name, ())
    if takes is not None and new not in takes:
        if _made_here(name, job):
            return None, Note(name, "emulated", f"{old}, made here")
        return None, Note(name, "left out", old + (f"; one of {', '.join(takes)}" if takes else ""))
    if new == old:
        return value, None
    return type(value)(new), Note(name, "renamed", f"{old} → {new}")


def _made_here(name: str, job: Job) -> bool:
    """Whether a wish can be met by working on the picture that comes."""
    if name == "compression":
        return FORMATS.get(job.format or "") in LOSSY
    return name == "format" and job.format in FORMATS


def strictly(job: Job, notes: Iterable[Note]) -> None:
    """`Fault` bad_request when any of the notes tells of a change; its field is that of the first.

    What was defaulted or emulated gives the app what it asked for, and a target that was skipped changes nothing.
    """
    changes = [note for note in notes if note.what in CHANGES]
    if changes:
        told = "; ".join(dict.fromkeys(str(note) for note in changes))
        message = f"{job.model} takes a job as it is or not at all, and this would be changed: {told}"
        raise Fault("bad_request", message, field=changes[0].field, code="strict")


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
