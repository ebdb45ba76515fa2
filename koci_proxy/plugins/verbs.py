"""The functions of a dialect that face a vendor, asked: what they give is looked at before anyone goes by it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any

from .. import recorded
from ..faults import Fault
from ..types import Done, Made, Partial, Progress, Result, Ticket
from ..wire import Call
from .sources import show
from .values import article, flaw, listed

logger = logging.getLogger(__name__)
# What each function must give.
GIVES: Mapping[str, tuple[type, ...]] = {
    "encode": (Call,),
    "decode": (Result, Ticket),
    "event": (Partial, Progress, Made, Done, NoneType),
    "poll": (Call,),
    "cancel": (Call,),
    "words": (tuple, list, Set, Mapping),
    "left_out": (tuple, list),
}
# Those that are asked while nothing has been sent yet; what any other does wrong may have been paid for.
_BEFORE = frozenset({"encode", "words", "left_out"})


def ask(dialect: ModuleType, verb: str, *args: Any) -> Any:
    """What a function of a dialect gives. A `Fault` of its own passes; where it gives what is not of its type, or ends
    the program, that is an `internal` one, and the log has the file.
    """
    try:
        value = getattr(dialect, verb)(*args)
    except SystemExit as error:
        name, file = _author(dialect)
        logger.exception("the dialect %r (%s) ended the program in %s", name, file, verb)
        raise _internal(verb, f"the dialect {name!r} failed in {verb}") from error
    wrong = slip(dialect, verb, value)
    if wrong:
        name, file = _author(dialect)
        logger.error("the dialect %r (%s) %s", name, file, wrong)
        raise _internal(verb, f"the dialect {name!r} {wrong}")
    return value


def slip(dialect: ModuleType, verb: str, value: Any) -> str:
    """What is wrong with what a function gave, behind the dialect's name; empty when all is well."""
    if not isinstance(value, GIVES[verb]):
        return f"gave {type(value).__name__} back from {verb}, not {listed(GIVES[verb])}"
    wrong = flaw(value)
    if wrong:
        return f"gave {article(value)} back from {verb} whose {wrong}"
    return _task_slip(dialect, verb, value) if isinstance(value, Ticket) else ""


def _task_slip(dialect: ModuleType, verb: str, ticket: Ticket) -> str:
    """A task is looked after by `poll`, after a restart too."""
    if not hasattr(dialect, "poll"):
        return f"gave a Ticket back from {verb} and has no poll to look after it"
    try:
        recorded.write(ticket.handle)
    except TypeError as error:
        return f"gave a Ticket back from {verb} whose handle is no JSON: {error}"
    return ""


def _author(dialect: ModuleType) -> tuple[str, str]:
    """A dialect's name and its file."""
    file = getattr(dialect, "__file__", None)
    return dialect.__name__.rpartition(".")[2], show(Path(file)) if file else "?"


def _internal(verb: str, message: str) -> Fault:
    return Fault("internal", message, stage="not_sent" if verb in _BEFORE else "accepted")
