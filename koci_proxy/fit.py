"""The fit of a job to a model's card: what keeps a target from doing it, and what has to be renamed or left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from . import sizes
from .facts import Card
from .faults import Fault
from .media import FORMATS, LOSSY, OPAQUE
from .types import AUTO, Job, Media, Note, Role, Size

FIELDS = ("quality", "format", "compression", "background", "seconds", "strength", "style")
# What counts as a change to a model that is strict: the app would get something else than it asked for.
CHANGES = ("renamed", "bent", "left out")


# What a model that makes no pictures from words alone, or none from pictures, wants instead.
_WORK = {
    "generate": "it works on a picture: send one, as an edit",
    "edit": "it makes pictures from words alone and takes none",
    "cutout": "it cuts nothing out",
    "video": "it makes pictures, not films",
}
FILMS = frozenset({"video"})
_ROLES: Mapping[Role, str] = {
    "reference": "reference pictures",
    "first": "first frame",
    "last": "last frame",
    "video": "film",
}
# The same as company: "with 1080p and a last frame".
_BESIDE = {"reference": "references", "first": "a first frame", "last": "a last frame", "video": "a film"}
_FRAMES = frozenset({"first", "last"})


def roles(job: Job) -> tuple[Role, ...]:
    """What each input of a job is to it; those that have no role are references."""
    plain: Role = "reference"
    return job.roles[: len(job.inputs)] + (plain,) * (len(job.inputs) - len(job.roles))


def input_names(job: Job) -> tuple[str, ...]:
    """What each input is called in messages: a film `video`, the pictures `images[0]`, `images[1]` in their order."""
    named = roles(job)
    films = [named[:at].count("video") for at in range(len(named))]
    return tuple("video" if role == "video" else f"images[{at - films[at]}]" for at, role in enumerate(named))


def refuses(job: Job, card: Card, policy: sizes.Policy) -> str | None:
    """Why a model cannot do a job, None when it can."""
    fault = refusal(job, card, policy)
    return fault.message if fault else None


def refusal(job: Job, card: Card, policy: sizes.Policy) -> Fault | None:
    """The same as a `Fault` (bad_request).

    Its field is `task`, `mask`, `images`, `images[0]`, `video`, `prompt`, `format`, `size` or `seconds`.
    """
    if job.task not in card.tasks:
        return _bad("task", "it makes films, not pictures" if card.tasks == FILMS else _WORK[job.task])
    if job.mask is not None and not card.inputs.mask:
        return _bad("mask", "it takes no mask")
    return (
        _misplaced_input(job, card)
        or _too_many(job, card)
        or _unfit_input(job, card)
        or _long_prompt(job, card)
        or _filled(job)
        or _unmade(job, card, policy)
    )


def _bad(field: str, message: str) -> Fault:
    return Fault("bad_request", message, field=field)


def _misplaced_input(job: Job, card: Card) -> Fault | None:
    """An input in a role that the card does not take, or beside one that it does not go with."""
    named = roles(job)
    for at, (role, field) in enumerate(zip(named, input_names(job), strict=True)):
        if role not in card.inputs.roles:
            return _bad(field, f"it takes no {_ROLES[role]}")
        if role != "reference" and role in named[:at]:
            return _bad(field, f"it takes one {_ROLES[role]}, not {named.count(role)}")
        if role == "last" and "first" not in named:
            return _bad(field, "a last frame needs a first one")
        if not card.inputs.mixed and role != named[0] and not {role, named[0]} <= _FRAMES:
            return _bad(field, "it takes references, or frames, or a film: not several of these at once")
    return None


def _too_many(job: Job, card: Card) -> Fault | None:
    """The number of references; a frame or a film is one at most and does not count."""
    count = roles(job).count("reference")
    if count <= card.inputs.max:
        return None
    most = f"at most {card.inputs.max}" if card.inputs.max else "no"
    return _bad("images", f"it takes {most} images, not {count}")


def _unfit_input(job: Job, card: Card) -> Fault | None:
    inputs = zip(job.inputs, roles(job), input_names(job), strict=True)
    faults = (unfit(media, card, field) for media, role, field in inputs if role != "video")
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


def _filled(job: Job) -> Fault | None:
    """A file format in which what was cut out, or left transparent, would be filled again."""
    transparent = job.task == "cutout" or job.background == "transparent"
    if not transparent or FORMATS.get(job.format or "") not in OPAQUE:
        return None
    return _bad("format", f"{job.format} has no transparency: ask for png or webp")


def _unmade(job: Job, card: Card, policy: sizes.Policy) -> Fault | None:
    """A size or a length that would have to be bent."""
    if policy != "exact":
        return None
    try:
        sizes.resolve(job.size, card.size, policy)
        length(job, card, policy)
    except Fault as fault:
        return fault
    return None


def length(job: Job, card: Card, policy: sizes.Policy = "nearest") -> float | None:
    """How many seconds of film a card makes of a job, None where nobody says: what its price goes by.

    `Fault` (bad_request, field `seconds`) with the allowed ones where `exact` forbids to bend.
    """
    return _fit_length(job, card, policy)[0]


def _fit_length(job: Job, card: Card, policy: sizes.Policy) -> tuple[float | None, Note | None]:
    asked = job.seconds if job.seconds is not None or job.task != "video" else card.seconds
    if asked is None:
        return None, None
    words, beside = _lengths(job, card, policy)
    if job.seconds is None:
        made = _near(asked, words, policy) if words else asked
        return made, Note("seconds", "defaulted", _text(made) + (beside if made != asked else ""))
    seconds, note = _fit_field("seconds", asked, replace(card, takes={**card.takes, "seconds": words}), job)
    if seconds is not None or not words:
        return seconds, note
    near = _near(asked, words, policy)
    if policy == "exact":
        what = f"this model does not make {_text(asked)} seconds{beside}; allowed: {', '.join(words)}"
        raise _bad("seconds", f"{what}; the nearest is {_text(near)}")
    return near, Note("seconds", "bent", f"{_text(asked)} → {_text(near)}; one of {', '.join(words)}{beside}")


def _near(asked: float, words: Iterable[str], policy: sizes.Policy) -> float:
    lengths = sorted(float(word) for word in words)
    if policy == "cover":
        return next((one for one in lengths if one >= asked), lengths[-1])
    return min(lengths, key=lambda one: abs(one - asked))


def _lengths(job: Job, card: Card, policy: sizes.Policy) -> tuple[tuple[str, ...] | None, str]:
    """The seconds of which a card makes a film, None for any, and beside what they are fewer than it makes at all."""
    words = card.takes.get("seconds", ())
    beside: list[str] = []
    for name in dict.fromkeys((_tier(job, card, policy), *roles(job))) if card.lengths else ():
        few = card.lengths.get(name or "")
        if few is not None:
            words = tuple(word for word in few if words is None or word in words)
            beside.append(_BESIDE.get(str(name), str(name)))
    return words, f" with {' and '.join(beside)}" if beside else ""


def _tier(job: Job, card: Card, policy: sizes.Policy) -> str | None:
    """The tier of what is made of a job: as it is sent, else by its pixels, else the card's own."""
    sent = sizes.resolve(job.size, card.size, policy).size
    if sent.tier or not sent.pixels:
        return sent.tier or card.size.default_tier
    return next((tier for tier, row in card.size.table.items() if sent.pixels in row.values()), None)


def fit(job: Job, card: Card, policy: sizes.Policy = "nearest") -> Job:
    """The job in a card's own words: values renamed, fields and values the card does not take left out, all noted.

    A file format the card does not take is noted as emulated: it is for the engine to make it of what comes.

    The length of a film is bent to one the card makes, by `policy`, or is the card's own where nobody asks for one; the
    card may make fewer of one tier, or beside an input.

    Raises `Fault` (bad_request) for a prompt longer than the card allows (field `prompt`), and for a length or a size
    that would have to be bent where `policy` forbids it (field `seconds` or `size`).
    """
    too_long = _long_prompt(job, card)
    if too_long:
        raise too_long
    changes: dict[str, Any] = {}
    notes: list[Note] = []
    for name in FIELDS:
        value = getattr(job, name)
        if name == "seconds":
            changes[name], note = _fit_length(job, card, policy)
        elif value is not None:
            changes[name], note = _fit_field(name, value, card, job)
        else:
            continue
        notes += [note] if note else []
    changed = {name: value for name, value in changes.items() if value is not getattr(job, name)}
    if not changed and not notes:
        return job
    return replace(job, **changed, notes=(*job.notes, *notes))


def _fit_field(name: str, value: Any, card: Card, job: Job) -> tuple[Any, Note | None]:
    old = _text(value)
    new = card.renames.get(name, {}).get(old, old)
    takes = card.takes.get(name, ())
    if takes is not None and new not in takes:
        if made_here(name, job):
            return None, Note(name, "emulated", f"{old}, made here")
        return None, Note(name, "left out", old + (f"; one of {', '.join(takes)}" if takes else ""))
    if new == old:
        return value, None
    return type(value)(new), Note(name, "renamed", f"{old} → {new}")


def made_here(name: str, job: Job) -> bool:
    """Whether a wish can be met by working on the picture that comes; films are not worked on."""
    if job.task == "video":
        return False
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
        job = _set(job, name, _own(job, name, value))
    return job


def defaulted(job: Job, fields: Mapping[str, Any], fixed: Collection[str] = (), cards: Sequence[Card] = ()) -> Job:
    """The job with what a platform says where its app does not, all of it noted; a film has no such defaults.

    `fields` are those of a picture, `size` as text; of a size the half is filled in that the app leaves out. What the
    model itself sets is `fixed`, and where none of its `cards` has a word for a size none is filled in.
    """
    unsized = bool(cards) and all(card.size.wire == "none" for card in cards)
    for name, value in fields.items() if job.task != "video" else ():
        asked = getattr(job, name)
        if name in fixed or (unsized if name == "size" else asked is not None):
            continue
        given: Any = _completed(asked, sizes.parse(value)) if name == "size" else value
        if given != asked and not (name in ("format", "background") and _filled(replace(job, **{name: given}))):
            note = Note(name, "defaulted", _added(asked, given) if name == "size" else _text(value))
            job = replace(job, **{name: given}, notes=(*job.notes, note))
    return job


def _completed(asked: Size, given: Size) -> Size:
    if asked.is_auto or asked.pixels or given.pixels:
        return given if asked.is_auto else asked
    return Size(tier=asked.tier or given.tier, ratio=asked.ratio or given.ratio)


def _added(asked: Size, given: Size) -> str:
    if asked.is_auto:
        return str(given)
    return f"tier {given.tier}" if given.tier != asked.tier else f"ratio {given.ratio}"


def _own(job: Job, name: str, value: Any) -> Any:
    """What the house sets, as a job holds it."""
    if name == "size":
        return _merged(job.size, _house_size(value))
    return float(value) if name == "seconds" else value


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
