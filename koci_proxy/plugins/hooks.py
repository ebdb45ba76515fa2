"""The hooks: the moments on a job's way at which a plugin is asked, and the roll of those who want to be."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MethodType
from typing import Any

import pluggy

from ..faults import Fault
from ..types import Caller, Job, Result, Target
from ..wire import Call


class Hooks:
    """Every hook with its arguments; a plugin names those it wants. The first is the value it may replace."""

    def on_job(self, job: Job, caller: Caller) -> Job | None:
        """A caller's job has been read and nothing is decided yet: refuse it, or change what is asked for."""

    def on_plan(self, targets: Sequence[Target], job: Job, caller: Caller) -> Sequence[Target] | None:
        """The targets that could serve the job stand in order: drop some, or put them in another order."""

    def on_target(self, job: Job, target: Target, policy: str) -> Job | None:
        """The job is about to be put into one target's words: fit its size (by `policy`) and fields to that target."""

    def on_call(self, call: Call, target: Target) -> Call | None:
        """The call to the vendor is written and has no key yet: add a header, or change its body."""

    def on_result(self, result: Result, job: Job, target: Target) -> Result | None:
        """The vendor's answer has been read: check it, mark it, or write it down.

        A stream shows no preview, and no picture of a set, before this has seen all of them. One that leaves no picture
        of some makes the answer an `empty` one.
        """

    def on_fault(self, fault: Fault, job: Job, target: Target) -> Fault | None:
        """An attempt has failed: replace the fault to change what happens next, raise one to try nothing more.

        An attempt that may have been paid for stays one, whatever is said of it.
        """

    def on_close(self) -> None:
        """This set of plugins goes out of use, by a reload or at the end: give back what is held open."""


# Hook name -> its arguments in order.
HOOKS: dict[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(function).parameters)[1:]
    for name, function in vars(Hooks).items()
    if name.startswith("on_")
}


def near(word: str, words: Sequence[str]) -> str:
    """A hint at the nearest right word, empty where none is near."""
    found = get_close_matches(word, words, n=1)
    return f" — did you mean {found[0]!r}?" if found else ""


def flaws(holder: object) -> list[str]:
    """What is wrong with the hooks of a plugin class or module, one line each; empty when all is well."""
    names = [name for name in dir(holder) if name.startswith("on_") and callable(getattr(holder, name))]
    if not names:
        return [f"no hook in it, so it would never run; the hooks are {', '.join(HOOKS)}"]
    return [flaw for name in names for flaw in _flaws(holder, name)]


def _flaws(holder: object, name: str) -> list[str]:
    if name not in HOOKS:
        return [f"no hook {name!r}" + (near(name, list(HOOKS)) or f"; the hooks are {', '.join(HOOKS)}")]
    if not _is_function(inspect.getattr_static(holder, name)):
        return [f"{name} must be a plain function"]
    allowed = HOOKS[name]
    given = f"(it gets {', '.join(allowed) or 'none'})"
    return [
        f"{name} gets no argument {parameter.name!r}{near(parameter.name, allowed)} {given}"
        for parameter in _parameters(holder, name)
        if parameter.kind is not parameter.VAR_KEYWORD
        and parameter.kind is not parameter.VAR_POSITIONAL
        and (parameter.kind is parameter.POSITIONAL_ONLY or parameter.name not in allowed)
        and parameter.default is parameter.empty
    ]


def _is_function(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, (staticmethod, classmethod, MethodType))


def _parameters(holder: object, name: str) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(getattr(holder, name)).parameters.values())
    takes_self = inspect.isclass(holder) and inspect.isfunction(inspect.getattr_static(holder, name))
    return parameters[1:] if takes_self else parameters


@dataclass(frozen=True, slots=True)
class User:
    """One plugin's use of one hook: its function, and the arguments it takes."""

    plugin: str
    hook: str
    function: Any
    takes: tuple[str, ...]


class Roll(pluggy.PluginManager):
    """Who uses which hook. Every public `on_…` method counts; no decorator is needed.

    Entries are named `<number>:<plugin>`, since one plugin may be wanted twice with other options.
    """

    def __init__(self) -> None:
        super().__init__("koci_proxy")
        self.add_hookspecs(Hooks)

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> pluggy.HookspecOpts | None:
        if not name.startswith("on_"):
            return None
        return {"firstresult": False, "historic": False, "warn_on_impl": None, "warn_on_impl_args": None}

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> pluggy.HookimplOpts | None:
        if not name.startswith("on_") or not _is_function(inspect.getattr_static(plugin, name)):
            return None
        return {
            "wrapper": False,
            "hookwrapper": False,
            "optionalhook": False,
            "tryfirst": False,
            "trylast": False,
            "specname": None,
        }

    def users(self, hook: str) -> tuple[User, ...]:
        """Those who use a hook, in the order in which they were entered."""
        return tuple(
            User(entry.plugin_name.partition(":")[2], hook, entry.function, _takes(entry.function, HOOKS[hook]))
            for entry in getattr(self.hook, hook).get_hookimpls()
        )

    def hooks(self, plugin: object) -> tuple[str, ...]:
        """The hooks a plugin uses, in the order in which a job meets them."""
        used = {caller.name for caller in self.get_hookcallers(plugin) or ()}
        return tuple(hook for hook in HOOKS if hook in used)


def _takes(function: Any, allowed: Sequence[str]) -> tuple[str, ...]:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return tuple(allowed)
    return tuple(parameter.name for parameter in parameters if parameter.name in allowed)
