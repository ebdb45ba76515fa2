"""What a model fixes by `set`, held against what its targets can do: whether there is any call that one would serve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from .. import fit, sizes
from ..facts import Card, Model
from ..faults import Fault
from ..sizes import Policy
from ..types import AUTO, Job, Size, Task

# A transform may say these in the prompt where a card has no field for them, so nothing is known of them beforehand.
_IN_WORDS = frozenset({"style", "strength"})
# What an app may ask a file format of: none, and one that can be both compressed and transparent.
_FORMATS = (None, "webp")


def never(model: Model, card: Card, policy: Policy, *, strict: bool) -> Fault | None:
    """Why a target refuses every call because of what the model sets, None where it would serve one.

    The field of the `Fault` is the one that is set. What an app may choose beside it is tried: the kind of work, the
    other half of a size, a file format. A `strict` model refuses what is changed on the way as well.
    """
    fixed = {name: value for name, value in model.set.items() if name in (*fit.FIELDS, "size")}
    if not fixed:
        return None
    first = None
    for wish in _wishes(model, card):
        job = fit.set_fields(wish, fixed)
        fault = fit.refusal(job, card, policy) or (_changed(job, model, card, policy) if strict else None)
        if fault is None:
            return None
        first = first or fault
    return first if first is not None and first.field in fixed else None


def _wishes(model: Model, card: Card) -> Iterator[Job]:
    """What apps may ask of a card, the plainest first."""
    halves = [AUTO]
    if "size" in model.set:
        tiers = dict.fromkeys((*sizes.TIERS, *card.size.tiers))
        ratios = dict.fromkeys((*sizes.RATIOS, *card.size.ratios))
        halves += [Size(tier=tier) for tier in tiers] + [Size(ratio=ratio) for ratio in ratios if ratio != "auto"]
    tasks = [task for task in get_args(Task) if task in card.tasks]
    for half in halves:
        for format in _FORMATS:
            yield from (Job(model.name, "", task=task, size=half, format=format) for task in tasks)


def _changed(job: Job, model: Model, card: Card, policy: Policy) -> Fault | None:
    """What of that which is set would be changed as a job is put in a target's words."""
    try:
        notes = (*fit.fit(job, card, policy).notes, *sizes.resolve(job.size, card.size, policy).notes)
        fit.strictly(job, [note for note in notes if note.field in model.set and note.field not in _IN_WORDS])
    except Fault as fault:
        return fault
    return None
