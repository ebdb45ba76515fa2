"""What goes wrong on demand: the words for it, and the choice of which call it befalls."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

WHAT: Mapping[str, str] = {
    "slow": "answers after so many seconds (default 5)",
    "take": "a task takes so many seconds (default 10); in a prompt it may stand beside another word",
    "hang": "never answers",
    "refuse": "content refused; `refuse=output` after drawing, where the shape can tell; a film at its task's end, but "
    "with `refuse=input` at once",
    "fail": "a task fails at its end; 500 where nothing is a task",
    "expire": "a task runs out of time at its end; 500 where nothing is a task",
    "limit": "429, come back in so many seconds (default 30)",
    "quota": "the key's account is used up",
    "error": "a server error with that status (default 500)",
    "overloaded": "503; with a number, come back in so many seconds",
    "cut": "the connection closes in the middle of the body",
    "cut-before": "the connection closes before any answer",
    "drip": "the body comes in small pieces over so many seconds (default 2)",
    "garbage": "200 with an HTML page",
    "truncated-json": "200 with half the JSON, well delivered",
    "empty": "200 without a picture or film; 1 to 4 choose the way where the shape has several",
    "partial": "the last picture of several fails, where the shape can make some fail; alone it fails all",
    "wrong-size": "a picture or film of other pixels than asked",
    "not-image": "text where the picture or film should be",
}
DEFAULTS: Mapping[str, str] = {"slow": "5", "take": "10", "limit": "30", "error": "500", "drip": "2", "empty": "1"}
NUMERIC = frozenset({"slow", "take", "limit", "error", "overloaded", "drip", "empty"})
# What a call is for: it gives work, asks how that stands, fetches what came of it, or ends it.
ON = ("submit", "look", "download", "cancel")
IN_PROMPT = re.compile(r"\bsandbox:([a-z][a-z-]*)(?:=([\w.]*\w))?")


@dataclass(frozen=True, slots=True)
class Mischief:
    """One thing that goes wrong; `arg` is empty when none is given and the fault has no default."""

    what: str
    arg: str = ""

    def number(self, otherwise: float = 0.0) -> float:
        return float(self.arg) if self.arg else otherwise


def parse(spec: str) -> Mischief:
    """Read `what` or `what=arg`. Raises ValueError: the nearest right word, or why the argument does not fit."""
    what, _, arg = spec.strip().partition("=")
    if what not in WHAT:
        near = get_close_matches(what, WHAT, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(WHAT)}"
        raise ValueError(f"no such sandbox fault: {what!r}; {hint}")
    arg = arg or DEFAULTS.get(what, "")
    if arg and what not in NUMERIC and (what, arg) not in (("refuse", "input"), ("refuse", "output")):
        raise ValueError(f"sandbox fault {what!r} does not take {arg!r}")
    if what in NUMERIC and arg and not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", arg):
        raise ValueError(f"sandbox fault {what!r} takes a number, not {arg!r}")
    if what == "error" and not 400 <= float(arg) <= 599:
        raise ValueError(f"sandbox fault 'error' takes a status from 400 to 599, not {arg}")
    if what == "empty" and arg not in ("1", "2", "3", "4"):
        raise ValueError(f"sandbox fault 'empty' takes 1 to 4, not {arg}")
    return Mischief(what, arg)


def in_prompt(prompt: str) -> Mischief | None:
    """The fault a prompt asks for by `sandbox:what` or `sandbox:what=arg`. Raises ValueError as `parse` does."""
    return next((one for one in _words(prompt) if one.what != "take"), None)


def taking(mischief: Mischief | None, prompt: str) -> float | None:
    """How many seconds a task is to take, by `take` in its prompt or as its fault; None for as long as usual."""
    asked = [one for one in (*_words(prompt), mischief) if one and one.what == "take"]
    return asked[0].number() if asked else None


def _words(prompt: str) -> list[Mischief]:
    return [parse(f"{what}={arg}") for what, arg in IN_PROMPT.findall(prompt)]


@dataclass(slots=True)
class _Standing:
    mischief: Mischief
    times: int | None  # calls left, None = every call
    on: str | None  # the only kind of call that meets it

    def meet(self, on: str) -> Mischief | None:
        """The fault for a call of that kind, which is counted."""
        if self.times == 0 or self.on not in (None, on):
            return None
        self.times = self.times - 1 if self.times else None
        return self.mischief


class Plot:
    """Which call meets which fault: its own header, its prompt, its key, then what stands for all."""

    def __init__(self, fault: str | None, rate: float, key_faults: Mapping[str, str], seed: int) -> None:
        self._random = random.Random(seed)
        self._rate = rate
        self._always = parse(fault) if fault else None
        self._fixed = {key: parse(spec) for key, spec in key_faults.items()}
        self._by_key: dict[str, _Standing] = {}
        self._for_all: _Standing | None = None

    def set(self, spec: str, key: str | None = None, times: int | None = None, on: str | None = None) -> None:
        """Set a fault at run time, for one key or for all, for so many calls or until cleared, for one kind of calls or
        for all. Raises ValueError."""
        if on is not None and on not in ON:
            raise ValueError(f"'on' is one of {', '.join(ON)}, not {on!r}")
        standing = _Standing(parse(spec), times, on)
        if key is None:
            self._for_all = standing
        else:
            self._by_key[key] = standing

    def clear(self) -> None:
        """Forget what was set at run time."""
        self._by_key.clear()
        self._for_all = None

    def host(self) -> Mischief | None:
        """What befalls a link that is fetched without a key: only what stands for all, on downloads."""
        standing = self._for_all
        return standing.meet("download") if standing and standing.on == "download" else None

    def pick(self, header: str | None, prompt: str, key: str | None, on: str = "submit") -> Mischief | None:
        """Raises ValueError for an unknown word in the header or the prompt."""
        if header:
            return parse(header)
        asked = in_prompt(prompt)
        if asked:
            return asked
        standing = (self._by_key.get(key) if key else None) or self._for_all
        met = standing.meet(on) if standing else None
        if met:
            return met
        if key in self._fixed:
            return self._fixed[key]
        return self._always if self._always and self._random.random() < self._rate else None
