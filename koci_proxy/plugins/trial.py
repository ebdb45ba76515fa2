"""A trial: a stranger's plugin file run against what every plugin must keep."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from ..facts import Card
from ..faults import KINDS, Fault
from ..types import Caller, Delivery, Done, Event, Job, Listing, Media, Partial, Progress, Result, Target, Ticket
from ..wire import Call, Frame, Json, Reply
from . import doors
from .hooks import HOOKS, Roll
from .loading import Plugins, dialect, enter, make, making, needed
from .sources import PluginError, Sources, say


@dataclass(frozen=True, slots=True)
class _Bytes:
    """A picture too small to matter."""

    content: bytes = b"\x89PNG\r\n\x1a\n"

    @property
    def size(self) -> int:
        return len(self.content)

    def pieces(self, length: int = 262_144) -> Iterator[bytes]:
        yield self.content


JOB = Job(model="sample", prompt="a fox in the snow")
PICTURE = Media(data=_Bytes(), mime="image/png", width=1, height=1, size=8)
LINKED = Media(url="https://example.com/1.png", mime="image/png", width=1, height=1, size=8)
RESULT = Result((PICTURE,), text="a fox", created=1_700_000_000)
TARGET = Target("sample", "sample-1", "sample", Card("sample"))
# What a value given to a plugin's option stands for when only its type is known.
OPTIONS: Mapping[str, Any] = {"str": "sample", "int": 1, "float": 1.0, "bool": True, "list": ["sample"], "dict": {}}


def contract(file: Path, options: Mapping[str, Any] | None = None, folders: Sequence[Path] = ()) -> list[str]:
    """Run the contract tests against a plugin or dialect; what it breaks, one line each, and none when it keeps all.

    `options` are what the configuration would give it; what is needed and not given is made up by its type. Modules
    that it borrows from are looked for beside it and in `folders`. Not to be called where an event loop runs.
    """
    file = file.resolve()
    inside = file.parent.name in ("dialects", "transforms")
    sources = Sources([file.parent.parent if inside else file.parent, *folders])
    try:
        if file.parent.name == "dialects":
            return dialect_breaks(dialect(sources, file))
        module = sources.load(file)
        if not hasattr(module, "Plugin") and any(doors.faces(module, side) for side in (doors.DOOR, doors.VENDOR)):
            return dialect_breaks(dialect(sources, file))
        return _plugin_breaks(sources, file, sample_options(module, options or {}))
    except PluginError as error:
        return list(error.complaints)
    finally:
        sources.drop()


def sample_options(module: ModuleType, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options given, and for each needed one that is not a value of its type, as far as the type is a plain one."""
    holder = getattr(module, "Plugin", None)
    if not inspect.isclass(holder):
        return options
    parameters = inspect.signature(holder).parameters
    kinds = {name: _kind(parameters[name].annotation) for name in needed(holder) if name not in options}
    return {**{name: OPTIONS[kind] for name, kind in kinds.items() if kind in OPTIONS}, **options}


def _kind(annotation: Any) -> str:
    """`list` of `list[str]`, whether it stands there as a type or, with postponed annotations, as text."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return str(text).partition("[")[0]


def _plugin_breaks(sources: Sources, file: Path, options: Mapping[str, Any]) -> list[str]:
    file, holder, options = making(sources, file, options)
    try:
        plugin = make(sources, file, holder, options)
    except PluginError as error:
        given = ", ".join(f"{name}: {value!r}" for name, value in options.items())
        return [*error.complaints, f"it could not be made with the options {{{given}}}"]
    roll = Roll()
    enter(roll, f"0:{file.stem}", plugin, file)
    plugins = Plugins({}, roll, sources)
    breaks = [line for hook in roll.hooks(plugin) if (line := _hook_break(plugins, hook))]
    plugins.close()
    return breaks


def _hook_break(plugins: Plugins, hook: str) -> str:
    """Ask a plugin at one hook with sample values; a `Fault` that it raises itself is its right."""
    samples = {
        "job": JOB,
        "caller": Caller("sample", "sample"),
        "targets": (TARGET,),
        "target": TARGET,
        "policy": "nearest",
        "call": Call("POST", "sample", body=Json({})),
        "result": RESULT,
        "fault": Fault("down", "sample"),
    }
    if hook == "on_close":
        return ""
    try:
        asyncio.run(plugins.run(hook, **{name: samples[name] for name in HOOKS[hook]}))
    except Fault as fault:
        if fault.kind == "internal":
            return fault.message + (f": {say(fault.__cause__)}" if fault.__cause__ else "")
    return ""


class _Findings:
    """What a dialect breaks when its functions are tried one by one."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tried(
        self, what: str, kinds: tuple[type, ...], function: Callable[..., Any], *args: Any, may_fault: bool = False
    ) -> Any:
        """What a function gave, None where it raised or gave something of another type than `kinds`."""
        try:
            value = function(*args)
        except Fault as fault:
            if not may_fault:
                self.lines.append(f"{what} raised {fault!r}")
        except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises is a finding
            self.lines.append(f"{what} raised {say(error)}")
        else:
            if isinstance(value, kinds):
                return value
            names = " or ".join(kind.__name__ for kind in kinds)
            self.lines.append(f"{what} gave {type(value).__name__} back, not {names}")
        return None


def dialect_breaks(module: ModuleType) -> list[str]:
    """What a dialect with all its names breaks when it is used."""
    findings = _Findings()
    if doors.faces(module, doors.DOOR):
        _try_parse(module, findings)
        _try_render(module, findings)
        _try_fail(module, findings)
        _try_frame(module, findings)
    if doors.faces(module, doors.VENDOR):
        _try_vendor(module, findings)
    return findings.lines


def _try_parse(module: ModuleType, findings: _Findings) -> None:
    stray = Call("POST", "no/such/path", body=Json({}))
    findings.tried("schema of an unknown path", (str, type(None)), module.schema, stray, may_fault=True)
    findings.tried("parse of an unknown path", (Job, Listing), module.parse, stray, may_fault=True)
    for name in ("KEEP_ALIVE", "END"):
        if not isinstance(getattr(module, name), bytes):
            findings.lines.append(f"{name} must be bytes")
    if module.DELIVER not in get_args(Delivery):
        findings.lines.append(f"DELIVER must be one of {', '.join(get_args(Delivery))}")


def _try_render(module: ModuleType, findings: _Findings) -> None:
    for media in (PICTURE, LINKED):
        result = Result((media,), text="a fox", created=1_700_000_000)
        reply = findings.tried("render of a sample", (Reply,), module.render, result, JOB)
        if reply is not None and reply.status >= 400:
            findings.lines.append(f"render of a sample gave status {reply.status}")
    findings.tried("catalogue", (Reply,), module.catalogue, ["sample"], Listing())


def _try_fail(module: ModuleType, findings: _Findings) -> None:
    for kind in KINDS:
        fault = Fault(kind, "a sample of what can go wrong", field="prompt", retry_after=3)
        reply = findings.tried(f"fail of {kind}", (Reply,), module.fail, fault)
        if reply is not None and reply.status // 100 != fault.status // 100:
            findings.lines.append(f"fail of {kind} gave status {reply.status}, not {fault.status}")


def _try_frame(module: ModuleType, findings: _Findings) -> None:
    events: tuple[Event, ...] = (Progress(50), Partial(PICTURE), Done(RESULT))
    for event in events:
        what = f"frame of {type(event).__name__}"
        frames = findings.tried(what, (list, tuple), module.frame, event, JOB)
        if frames is not None and not all(isinstance(frame, Frame) for frame in frames):
            findings.lines.append(f"{what} must give Frames")
    findings.tried("fail_frame", (Frame,), module.fail_frame, Fault("down", "sample"), JOB)


def _try_vendor(module: ModuleType, findings: _Findings) -> None:
    for status in (200, 500):
        what = f"decode of an empty answer with status {status}"
        answer = Reply(status, {}, Json({}))
        result = findings.tried(what, (Result, Ticket), module.decode, answer, JOB, TARGET, may_fault=True)
        if isinstance(result, Result) and not result.media:
            findings.lines.append(f"{what} gave a Result without a picture: raise a Fault, 'empty' or 'refused'")
    call = findings.tried("encode of a sample", (Call,), module.encode, JOB, TARGET, may_fault=True)
    if call is not None and doors.faces(module, doors.DOOR):
        again = findings.tried("parse of what encode wrote", (Job,), module.parse, call)
        if again is not None and again.prompt != JOB.prompt:
            findings.lines.append("parse of what encode wrote lost the prompt")
