"""Loading: plugin files become the set of plugins that one configuration runs with."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Iterator, Mapping, Sequence, Set
from inspect import isawaitable
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pluggy import PluginValidationError

from ..faults import Fault
from ..types import Result, Target
from ..words import told
from . import doors, hooks
from .hooks import HOOKS, Roll, User
from .sources import PluginError, Sources, say, show
from .values import article, either, flaw

logger = logging.getLogger(__name__)
Wanted = tuple[str, Mapping[str, Any]]

# Tasks of asynchronous `on_close`: the loop alone would not keep them alive.
_closing: set[asyncio.Task[None]] = set()


class Plugins:
    """The plugins of one load: dialects by name, and who is asked at which hook.

    A request keeps the set it began with; a reload makes a new one beside it.
    """

    def __init__(self, dialects: Mapping[str, ModuleType], roll: Roll, sources: Sources) -> None:
        self.dialects = dialects
        self._sources = sources
        # For each hook the name of its value and its users: a request looks here and never asks the roll.
        self._users: dict[str, tuple[str, tuple[User, ...]]] = {
            hook: (arguments[0] if arguments else "", roll.users(hook)) for hook, arguments in HOOKS.items()
        }
        self._listing = [
            (name.partition(":")[2], show(_file(plugin)), roll.hooks(plugin))
            for name, plugin in roll.list_name_plugin()
        ]

    def listing(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Name, file and hooks of each plugin, in the order they are asked."""
        return list(self._listing)

    def asks(self, hook: str) -> bool:
        """Whether any plugin uses a hook."""
        return bool(self._users[hook][1])

    def waits(self, hook: str) -> bool:
        """Whether all users of a hook are asynchronous."""
        return all(inspect.iscoroutinefunction(user.function) for user in self._users[hook][1])

    async def run(self, hook: str, /, **args: Any) -> Any:
        """Ask all users of a hook in order and give back its value, the hook's first argument, as they leave it.

        All arguments of the hook must be given. A plugin's `Fault` passes; whatever else it does wrong is an
        `internal` one.
        """
        value, users = self._users[hook]
        for user in users:
            new = await _ask(user, args)
            if new is not None and new is not args[value]:
                args[value] = _checked(user, args[value], new)
        return args[value]

    def close(self) -> list[asyncio.Task[None]]:
        """Run every `on_close` and forget the modules. Calls that are still in flight keep what they hold.

        Gives back the tasks of asynchronous ones: the end of the process should wait for them, a reload need not.
        """
        tasks = [task for user in self._users["on_close"][1] if (task := _close(user))]
        self._sources.drop()
        return tasks


async def _ask(user: User, args: Mapping[str, Any]) -> Any:
    taken = {name: args[name] for name in user.takes}
    try:
        answer = user.function(**taken)
        return await answer if isawaitable(answer) else answer
    except Fault:
        raise
    except (Exception, SystemExit) as error:
        logger.exception("plugin %s failed in %s", user.plugin, user.hook)
        raise Fault("internal", f"the plugin {user.plugin!r} failed in {user.hook}") from error


def _checked(user: User, old: Any, new: Any) -> Any:
    """What a plugin gave back in place of a value, if the house can go on with it."""
    several = isinstance(old, (tuple, list)) and isinstance(new, (tuple, list))
    wrong = _stray(user.hook, old, new) if several else _wrong(user.hook, old, new)
    if wrong:
        message = f"the plugin {user.plugin!r} gave {wrong}"
        logger.error(message)
        raise Fault("internal", message)
    if isinstance(new, Result) and old.media and not new.media:
        logger.error("the plugin %r left no picture in %s, so that the app gets none", user.plugin, user.hook)
        raise Fault("empty", told("empty", ""), stage="accepted")
    return type(old)(new) if several else new


def _wrong(hook: str, old: Any, new: Any) -> str:
    if not isinstance(new, type(old)):
        return f"{type(new).__name__} back from {hook}, not {type(old).__name__}"
    field = flaw(new)
    return f"{article(new)} back from {hook} whose {field}" if field else ""


def _stray(hook: str, old: Sequence[Target], new: Sequence[Any]) -> str:
    """What is none of the targets that a plugin was given: it may drop some and change their order, no more."""
    known = {(each.provider, each.model, each.dialect) for each in old}
    for each in new:
        if not isinstance(each, Target):
            return f"{type(each).__name__} back from {hook}, not Target"
        if (each.provider, each.model, each.dialect) not in known:
            return f"the target {each} back from {hook}, which is none of those it was given"
    return ""


def _close(user: User) -> asyncio.Task[None] | None:
    """Run one `on_close`; an asynchronous one becomes a task where a loop runs, else it is run to its end here."""
    try:
        answer = user.function()
    except (Exception, SystemExit):
        logger.exception("plugin %s failed in on_close", user.plugin)
        return None
    if not isawaitable(answer):
        return None
    work = _closed(user, answer)
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return None
    task = loop.create_task(work)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
    return task


async def _closed(user: User, answer: Awaitable[Any]) -> None:
    try:
        await answer
    except (Exception, SystemExit):
        logger.exception("plugin %s failed in on_close", user.plugin)


def load(folders: Sequence[Path], wanted: Sequence[Wanted]) -> Plugins:
    """Load every dialect of the plugin folders, nearest folder first, and the wanted plugins with their options.

    Raises `PluginError`, and then nothing of it stays behind.
    """
    sources = Sources(folders)
    roll = Roll()
    dialects: dict[str, ModuleType] = {}
    try:
        for name, file in sources.files("dialects").items():
            dialects[name] = dialect(sources, file)
        makings = [(name, *making(sources, find(sources, name), options)) for name, options in wanted]
        # All are checked before the first is made: making may open files or sockets.
        for at, (name, file, holder, options) in enumerate(makings):
            enter(roll, f"{at}:{name}", make(sources, file, holder, options), file)
    except BaseException:
        Plugins(dialects, roll, sources).close()
        raise
    return Plugins(dialects, roll, sources)


def dialect(sources: Sources, file: Path) -> ModuleType:
    """Import a dialect and check its names."""
    module = sources.load(file)
    flaws = doors.flaws(module)
    if flaws:
        raise PluginError(show(file), *flaws)
    return module


def find(sources: Sources, name: str) -> Path:
    """The file of a plugin named in the configuration."""
    files = sources.files("", "transforms")
    if name in files:
        return files[name]
    hint = hooks.near(name, list(files)) or (f"; there are {', '.join(sorted(files))}" if files else "")
    raise PluginError("", f"no plugin {name!r} in {', '.join(map(show, sources.roots)) or 'any folder'}{hint}")


def making(sources: Sources, file: Path, options: Mapping[str, Any]) -> tuple[Path, object, Mapping[str, Any]]:
    """What a plugin is made of, checked: its file, its class `Plugin` (or else the module), its options."""
    module = sources.load(file)
    holder = getattr(module, "Plugin", module)
    flaws = hooks.flaws(holder) + _outside(module, holder) + option_flaws(holder, options)
    if flaws:
        raise PluginError(show(file), *flaws)
    return file, holder, options


def _outside(module: ModuleType, holder: object) -> list[str]:
    if holder is module:
        return []
    names = [name for name in vars(module) if name.startswith("on_") and inspect.isfunction(getattr(module, name))]
    return [f"{name} stands outside class Plugin and would never run" for name in names]


def option_flaws(holder: object, options: Mapping[str, Any]) -> list[str]:
    """Options that a plugin does not know, needs and is not given, or takes in another type."""
    if not inspect.isclass(holder):
        return [f"no option {name!r}: it has no class Plugin that could take any" for name in options]
    parameters = inspect.signature(holder).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    slips: dict[str, str] = {}
    for name in () if open_ended else [name for name in options if name not in parameters]:
        free = [known for known in parameters if known not in options]
        slips[name] = hooks.near(name, free) or f" (it takes {', '.join(parameters) or 'none'})"
    missing = [name for name in needed(holder) if name not in options]
    return [f"no option {name!r}{hint}" for name, hint in slips.items()] + [
        *(f"option {name!r} is missing" for name in missing if repr(name) not in "".join(slips.values())),
        *(
            flaw
            for name, kind in _types(holder).items()
            if name in options
            for flaw in _misfits(name, kind, options[name])
        ),
    ]


# What YAML has, as the types of options name it, and how each is called. A path is text in it, and a set a list.
_PLAIN: Mapping[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "text"),
    Path: ((str,), "text"),
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    NoneType: ((NoneType,), "nothing"),
    **dict.fromkeys((list, Sequence, tuple, set, frozenset, Set), ((list,), "a list")),
    **dict.fromkeys((dict, Mapping), ((dict,), "a map")),
}


def _types(holder: type) -> Mapping[str, Any]:
    """The types of a plugin's options, as far as they can be read."""
    try:
        return get_type_hints(holder.__init__)  # type: ignore[misc]
    except (NameError, AttributeError, TypeError, SyntaxError):  # they may name what is there for a checker alone
        return {}


def _misfits(name: str, kind: Any, value: Any) -> Iterator[str]:
    """Where a value is none of a plain type, nor any of a union; what else a type may be is the plugin's own business.
    Shows no text, which may be a secret.
    """
    kinds = list(_either(kind))
    fits = [each for each in kinds if _outside_of(each, value) == ""]
    if fits:
        inner = [list(_inner_misfits(name, each, value)) for each in fits]
        yield from min(inner, key=len)
    else:
        yield f"option {name!r} must be {either([_outside_of(each, value) for each in kinds])}, not {_spoken(value)}"


def _either(kind: Any) -> Iterator[Any]:
    """The members of a union, each word of a `Literal` as one of its own; any other type is its only member."""
    for each in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        yield from (Literal[word] for word in get_args(each)) if get_origin(each) is Literal else (each,)


def _outside_of(kind: Any, value: Any) -> str:
    """What a value would have to be to be of a type; empty where it is, or where nobody can say."""
    if get_origin(kind) is Literal:
        [word] = get_args(kind)
        return "" if type(value) is type(word) and value == word else repr(word)
    kinds, words = _PLAIN.get(get_origin(kind) or kind, ((object,), ""))
    return "" if isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds) else words


def _inner_misfits(name: str, kind: Any, value: Any) -> Iterator[str]:
    """What is in a list or map and does not fit."""
    inside = [each for each in get_args(kind) if each is not ...]
    if isinstance(value, list) and len(inside) == 1:
        for at, each in enumerate(value):
            yield from _misfits(f"{name}[{at}]", inside[0], each)
    elif isinstance(value, dict) and len(inside) == 2:
        for key, each in value.items():
            yield from _misfits(f"{name}.{key}", inside[1], each)


def _spoken(value: Any) -> str:
    """What a value is, in the words of YAML."""
    match value:
        case None:
            return "nothing"
        case bool() | int() | float():
            return str(value).lower()
        case _:
            return next((words for kinds, words in _PLAIN.values() if isinstance(value, kinds)), type(value).__name__)


def needed(holder: type) -> list[str]:
    """The options a plugin's class cannot do without."""
    return [
        parameter.name
        for parameter in inspect.signature(holder).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    ]


def make(sources: Sources, file: Path, holder: object, options: Mapping[str, Any]) -> object:
    """A plugin, made with its options."""
    if not inspect.isclass(holder):
        return holder
    try:
        return holder(**options)
    except (Exception, SystemExit) as error:
        raise PluginError(sources.place(error, file), say(error)) from error


def enter(roll: Roll, name: str, plugin: object, file: Path) -> None:
    """Put a plugin on the roll."""
    if roll.is_registered(plugin):
        raise PluginError(show(file), "wanted twice, and it has no class Plugin that could be made twice")
    try:
        roll.register(plugin, name)
        roll.check_pending()
    except PluginValidationError as error:  # of hooks that came to be only as it was made
        raise PluginError(show(file), " ".join(str(error).split())) from error


def _file(plugin: object) -> Path:
    module = plugin if isinstance(plugin, ModuleType) else inspect.getmodule(type(plugin))
    return Path(getattr(module, "__file__", None) or "?")
