"""An input at fault by the app's own name: what the house calls `images[1]` is `lastFrame` at one door, `image` at
another."""

from __future__ import annotations

import re
from dataclasses import replace
from types import ModuleType

from ..faults import Fault
from ..types import Job, JobState

_PICTURE = re.compile(r"(?<![\w.\]])images\[[0-9]+\]")


def renamed(fault: Fault, job: Job, dialect: ModuleType) -> Fault:
    """The fault of a job in the words of a dialect that has some: its field, and where its message names an input."""
    if not hasattr(dialect, "named"):
        return fault
    field, message = fault.field, _PICTURE.sub(lambda found: str(dialect.named(found[0], job)), fault.message)
    if field is not None:
        own = dialect.named(field, job)
        message = _head(field).sub(lambda _: str(own), message)
        field = own
    return fault.changed(message=message, field=field)


def _head(field: str) -> re.Pattern[str]:
    """A field where a message begins with it ("mask is …"), or tells of it ("…: size: bent"): elsewhere the same word
    is plain English."""
    name = re.escape(field)
    return re.compile(rf"^{name}(?=[ :])|(?<=[:;] ){name}(?=:)")


def told(state: JobState, dialect: ModuleType) -> JobState:
    """A job as it stands, its fault in a dialect's words."""
    return state if state.fault is None else replace(state, fault=renamed(state.fault, state.job, dialect))
