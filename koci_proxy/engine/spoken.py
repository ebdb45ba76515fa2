"""What of an app's own words a target is told, and the notes of what it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType

from ..faults import Fault
from ..fields import meant
from ..plugins import ask
from ..types import Job, Media, Note, Target


def spoken(job: Job, target: Target, dialect: ModuleType, *, previews: bool) -> Job:
    """The job as a target is told it, with notes of what it is not told; `previews` says whether any may be shown."""
    job = same_words(job, target, dialect)
    if job.partials and not previews:
        note = Note("partial_images", "left out", "a plugin is to see every picture before it is shown")
        job = replace(job, partials=0, notes=(*job.notes, note))
    if hasattr(dialect, "left_out"):
        job = replace(job, notes=(*job.notes, *ask(dialect, "left_out", job, target)))
    return job if not job.stream or (target.card.stream and hasattr(dialect, "event")) else without_stream(job)


def same_words(job: Job, target: Target, dialect: ModuleType) -> Job:
    """The app's extra words reach a vendor that speaks its dialect, or knows them, unless its card omits them; any
    other is noted as left out, as is what a conversation says beside its prompt. `Fault` bad_request for one that is
    a picture: that is never left out.
    """
    own = job.dialect == target.dialect
    said = {name: value for name, value in job.options.items() if not name.startswith("_")}
    known = ask(dialect, "words", job, target) if hasattr(dialect, "words") else said if own else ()
    omits = target.card.omits
    # A form spells a field of an object `name[field]`.
    kept = {name: value for name, value in said.items() if name in known and name.partition("[")[0] not in omits}
    left = [name for name in said if name not in kept]
    slips: Mapping[str, str] = job.options.get("_slips", {})
    picture = next((name for name in left if isinstance(said[name], Media)), None)
    if picture is not None:
        hint = f"; {meant(slips[picture])}" if picture in slips else ""
        raise Fault("bad_request", f"{picture} is not known to this model{hint}", field=picture, code="invalid_value")
    if own and not left:
        return job
    paths = [path for name in left for path in _paths(name, said[name], slips)]
    lost = [(path, meant(slips.get(path))) for path in paths]
    lost += [] if own else list(job.options.get("_lost", ()))
    notes = tuple(Note(name, "left out", what or "not known to this model's upstream") for name, what in lost)
    marks = {name: value for name, value in job.options.items() if name not in said} if own else {}
    return replace(job, options=marks | kept, notes=job.notes + notes)


def _paths(name: str, value: object, slips: Mapping[str, str]) -> Iterator[str]:
    """Under which names a word is left out: under those inside it where one of them is misspelt."""
    if isinstance(value, Mapping) and any(path.startswith(f"{name}.") for path in slips):
        for inner, each in value.items():
            yield from _paths(f"{name}.{inner}", each, slips)
    else:
        yield name


def without_stream(job: Job) -> Job:
    """The job for a vendor that sends no stream, and so no previews."""
    note = Note("partial_images", "left out", "this model's upstream sends no previews")
    return replace(job, stream=False, partials=0, notes=(*job.notes, note) if job.partials else job.notes)
