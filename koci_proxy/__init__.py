"""The names a plugin author needs: the wire's nouns, the house's own, and the one exception."""

from .faults import Fault
from .types import (
    Balance,
    Caller,
    Done,
    Event,
    Job,
    JobState,
    Listing,
    Lookup,
    Made,
    Media,
    Note,
    Partial,
    Progress,
    Result,
    Size,
    Talk,
    Target,
    Ticket,
    Upload,
)
from .wire import Call, Frame, Reply

__all__ = [
    "Balance",
    "Call",
    "Caller",
    "Done",
    "Event",
    "Fault",
    "Frame",
    "Job",
    "JobState",
    "Listing",
    "Lookup",
    "Made",
    "Media",
    "Note",
    "Partial",
    "Progress",
    "Reply",
    "Result",
    "Size",
    "Talk",
    "Target",
    "Ticket",
    "Upload",
]


def __getattr__(name: str) -> str:
    """`__version__`, read from the installed package when somebody asks: that takes longer than all the rest."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("koci-proxy")
