"""An input at fault by the app's own name: what the house calls `images[1]` is `lastFrame` at one door, `image` at
another."""

from __future__ import annotations

import re
from dataclasses import replace
from types import ModuleType

from .. import fit
from ..faults import Fault
from ..types import Job, JobState

_PICTURE = re.compile(r"(?<![\w.\]])images\[[0-9]+\]")
# What a job asks for, by the house's own names.
_FIELDS = frozenset({*fit.FIELDS, "model", "task", "prompt", "images", "mask", "n", "size", "video"})


def renamed(fault: Fault, job: Job, dialect: ModuleType) -> Fault:
    """The fault of a job in the words of a dialect that has some: its field, and where its message names an input.

    What only the vendor calls so is no field: at this door the name means nothing, and its words stay.
    """
    if fault.field is not None and fault.vendor is not None and not _known(fault.field, job, dialect):
        fault = fault.changed(field=None)
    if not hasattr(dialect, "named"):
        return fault
    field, message = fault.field, _PICTURE.sub(lambda found: str(dialect.named(found[0], job)), fault.message)
    if field is not None:
        own = dialect.named(field, job)
        message = _head(field).sub(lambda _: str(own), message)
        field = own
    return fault.changed(message=message, field=field)


def _known(field: str, job: Job, dialect: ModuleType) -> bool:
    """Whether a field is one of the house's, one of those that a dialect has for them, or one that the app sent."""
    own = {str(dialect.named(name, job)) for name in _FIELDS} if hasattr(dialect, "named") else set()
    sent = {name for name in job.options if not name.startswith("_")}
    return _first(field) in map(_first, own | sent | _FIELDS)


def _first(field: str) -> str:
    """The first word of a path, in the same letters whether it is written as `aWord` or as `a_word`."""
    return re.split(r"[.\[]", field, maxsplit=1)[0].replace("_", "").lower()


def _head(field: str) -> re.Pattern[str]:
    """A field where a message begins with it ("mask is …"), or tells of it ("…: size: bent"): elsewhere the same word
    is plain English."""
    name = re.escape(field)
    return re.compile(rf"^{name}(?=[ :])|(?<=[:;] ){name}(?=:)")


def told(state: JobState, dialect: ModuleType) -> JobState:
    """A job as it stands, its fault in a dialect's words."""
    return state if state.fault is None else replace(state, fault=renamed(state.fault, state.job, dialect))
