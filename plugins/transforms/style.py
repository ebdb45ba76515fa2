"""The style transform: a style, or how far an edit may go, is said in the prompt to a model that has no field for it.

An emulated field is noted as such. What cannot be said so (a cut-out has no prompt, a prompt may be full, a strength
in the middle is what an edit does anyway) is left to the size transform, which notes it as left out.
"""

from __future__ import annotations

from dataclasses import replace

from koci_proxy.facts import Card
from koci_proxy.types import Job, Note, Target

# How far an edit may leave its picture, 0 to 1: below the first, and above the second, words can say so.
NEAR, FAR = 0.4, 0.8
_ENDS = (".", "!", "?", "…", "。", "！", "？")


class Plugin:
    def on_target(self, job: Job, target: Target) -> Job | None:
        """The job with style and strength in its prompt, where the target's card takes them nowhere else."""
        if job.style is None and job.strength is None:
            return None
        job = _without_default(job, target.card)
        return job if job.task == "cutout" else _strength(_style(job, target.card), target.card)


def _without_default(job: Job, card: Card) -> Job:
    """The job without a strength that nobody asked for and the card does not take: there is nothing to tell of it."""
    default = Note("strength", "defaulted", f"{job.strength:g}") if job.strength is not None else None
    if default not in job.notes or takes(card, "strength", f"{job.strength:g}"):
        return job
    return replace(job, strength=None, notes=tuple(note for note in job.notes if note != default))


def _style(job: Job, card: Card) -> Job:
    if job.style is None or takes(card, "style", job.style):
        return job
    words = " ".join(job.style.replace("_", " ").replace("-", " ").split())
    if not words:
        return job
    ended = job.prompt.rstrip().endswith(_ENDS)
    said = f" In {words} style." if ended else f", in {words} style"
    return _said(job, card, said, "style", job.style)


def _strength(job: Job, card: Card) -> Job:
    if job.strength is None or takes(card, "strength", f"{job.strength:g}"):
        return job
    if not job.inputs or NEAR <= job.strength <= FAR:
        return job
    degree = "Stay very close to" if job.strength < NEAR else "Depart freely from"
    said = f"{'' if job.prompt.rstrip().endswith(_ENDS) else '.'} {degree} the original picture."
    return _said(job, card, said, "strength", f"{job.strength:g}")


def takes(card: Card, field: str, value: str) -> bool:
    """Whether a card has a field for a value, by its own name or by another."""
    values = card.takes.get(field, ())
    return values is None or card.renames.get(field, {}).get(value, value) in values


def _said(job: Job, card: Card, words: str, field: str, value: str) -> Job:
    """The job with a field's value said in words, unless the prompt has no room for them."""
    prompt = job.prompt.rstrip() + words
    if card.prompt_chars is not None and len(prompt) > card.prompt_chars:
        return job
    note = Note(field, "emulated", f"{value}: said in the prompt")
    changed = replace(job, style=None) if field == "style" else replace(job, strength=None)
    return replace(changed, prompt=prompt, notes=(*job.notes, note))
