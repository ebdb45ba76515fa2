"""A trial: a stranger's plugin file run against what every plugin must keep."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args
from urllib.parse import urlencode

from ..facts import Card
from ..faults import KINDS, Fault
from ..media import from_base64
from ..types import (
    UNDER_WAY,
    Caller,
    Delivery,
    Done,
    Event,
    Job,
    JobState,
    Listing,
    Lookup,
    Media,
    Partial,
    Progress,
    Result,
    Status,
    Target,
    Ticket,
)
from ..wire import Call, Form, Frame, Json, Raw, Reply, Spelled
from . import doors
from .hooks import HOOKS, Roll
from .loading import Plugins, dialect, enter, make, making, needed
from .sources import PluginError, Sources, say
from .values import listed
from .verbs import GIVES, slip

JOB = Job(model="sample", prompt="a fox in the snow")
# A PNG of 8x8 pixels, all of one blue.
PICTURE = from_base64(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mNQaDiAFTEMLQkAOsZYAf+tz8gAAAAASUVORK5CYII="
)
LINKED = replace(PICTURE, data=None, url="https://example.com/1.png")
RESULT = Result((PICTURE,), text="a fox", created=1_700_000_000)
TARGET = Target("sample", "sample-1", "sample", Card("sample"))
VIDEO = Job(model="sample", prompt="a fox in the snow", task="video", options={"_async": True})
EDIT = Job(model="sample", prompt="a fox in the snow", task="edit", inputs=(PICTURE, LINKED), mask=PICTURE)
FILM = Media(url="https://example.com/1.mp4", mime="video/mp4", width=1280, height=720, size=8, seconds=8.0)
# What each end of a job comes with; one that was cancelled has neither.
ENDS: Mapping[Status, Result | Fault | None] = {
    "succeeded": Result((FILM,), created=1_700_000_000),
    "partial": Result((FILM, FILM), created=1_700_000_000),
    "refused": Fault("refused", "a sample of a refusal", field="prompt"),
    "failed": Fault("down", "a sample of what can go wrong"),
    "expired": Fault("gone", "a sample of what was kept too long"),
    "cancelled": None,
}
# What the house may find fault with, and a field that only an app can have.
FIELDS = (
    *("images", "images[0]", "images[1]", "video", "mask", "prompt", "size", "seconds", "strength"),
    *("n", "format", "compression", "quality", "background", "style", "task", "model"),
)
FOREIGN = "no_such_field"
NO_JSON = "which is no JSON"
# Seconds that a plain hook may take: it runs between all other calls.
SHORT = 0.1
# What a value given to a plugin's option stands for when only its type is known.
OPTIONS: Mapping[str, Any] = {"str": "sample", "int": 1, "float": 1.0, "bool": True, "list": ["sample"], "dict": {}}


def contract(
    file: Path,
    options: Mapping[str, Any] | None = None,
    folders: Sequence[Path] = (),
    show: Callable[[str], object] = str,
) -> list[str]:
    """Run the contract tests against a plugin or dialect; what it breaks, one line each, and none when it keeps all.

    `options` are what the configuration would give it; what is needed and not given is made up by its type. Modules
    that it borrows from are looked for beside it and in `folders`. `show` is told what a dialect would send. Not to be
    called where an event loop runs.
    """
    file = file.resolve()
    inside = file.parent.name in ("dialects", "transforms")
    sources = Sources([file.parent.parent if inside else file.parent, *folders])
    try:
        if file.parent.name == "dialects":
            return dialect_breaks(dialect(sources, file), show)
        module = sources.load(file)
        if not hasattr(module, "Plugin") and any(doors.faces(module, side) for side in (doors.DOOR, doors.VENDOR)):
            return dialect_breaks(dialect(sources, file), show)
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
    return {**{name: _sample(*kind) for name, kind in kinds.items() if kind[0] in OPTIONS}, **options}


def _kind(annotation: Any) -> tuple[str, str]:
    """(`list`, `str`) of `list[str]`, whether it stands there as a type or, with postponed annotations, as text."""
    plain = isinstance(annotation, type) and not get_args(annotation)
    kind, _, inside = (annotation.__name__ if plain else str(annotation)).partition("[")
    return kind, inside.removesuffix("]")


def _sample(kind: str, inside: str) -> Any:
    return [OPTIONS[inside]] if kind == "list" and inside in OPTIONS else OPTIONS[kind]


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
    asked = {name: samples[name] for name in HOOKS[hook]}
    try:
        # The first time may load what all others find.
        took = min(_asked(plugins, hook, asked) for _ in range(2))
    except Fault as fault:
        if fault.kind == "internal":
            return fault.message + (f": {say(fault.__cause__)}" if fault.__cause__ else "")
        return ""
    if took > SHORT and not plugins.waits(hook):
        return (
            f"{hook} took {took:.2f} s, and all other calls wait meanwhile: make it async, and await what it waits for"
        )
    return ""


def _asked(plugins: Plugins, hook: str, asked: Mapping[str, Any]) -> float:
    """Ask, and say how many seconds it took."""
    begun = time.perf_counter()
    asyncio.run(plugins.run(hook, **asked))
    return time.perf_counter() - begun


class _AnyHandle(dict[str, Any]):
    """A stranger's handle, of which nobody knows what is in it."""

    def __missing__(self, name: str) -> str:
        return "sample"


class _Findings:
    """What a dialect breaks when its functions are tried one by one."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tried(
        self,
        what: str,
        kinds: tuple[type, ...],
        function: Callable[..., Any],
        *args: Any,
        may_fault: bool = False,
        may_raise: bool = False,
    ) -> Any:
        """What a function gave, None where it raised or gave something of another type than `kinds`."""
        try:
            value = function(*args)
        except Fault as fault:
            if not (may_fault or may_raise):
                self.lines.append(f"{what} raised {fault!r}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's code raises is a finding
            if not may_raise:
                self.lines.append(f"{what} raised {say(error)}")
        else:
            if isinstance(value, kinds):
                return value
            self.lines.append(f"{what} gave {type(value).__name__} back, not {listed(kinds)}")
        return None


def dialect_breaks(module: ModuleType, show: Callable[[str], object] = str) -> list[str]:
    """What a dialect with all its names breaks when it is used."""
    findings = _Findings()
    if doors.faces(module, doors.DOOR):
        _try_parse(module, findings)
        _try_render(module, findings)
        _try_fail(module, findings)
        _try_frame(module, findings)
        _try_named(module, findings)
        _try_jobs(module, findings)
    if doors.faces(module, doors.VENDOR):
        _try_vendor(module, findings, show)
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


def _try_named(module: ModuleType, findings: _Findings) -> None:
    if not hasattr(module, "named"):
        return
    for job in (JOB, EDIT, VIDEO):
        for field in (*FIELDS, FOREIGN):
            what = f"named of {field!r} for {job.task}"
            name = findings.tried(what, (str,), module.named, field, job)
            if name == "" or (field == FOREIGN and name not in (None, field)):
                findings.lines.append(f"{what} gave {name!r}: give a field back that it does not know")


def _states() -> Iterator[JobState]:
    """A film in every status of its life."""
    now = JobState(
        id="req_0123456789abcdef01234567",
        job=VIDEO,
        status="queued",
        created_at=1_700_000_000.0,
        links="https://example.com/sample",
        number="123456789012345",
    )
    yield now
    yield replace(now, status="running", progress=30.0)
    for status, end in ENDS.items():
        result, fault = (end, None) if isinstance(end, Result) else (None, end)
        yield replace(now, status=status, ended_at=1_700_000_060.0, result=result, fault=fault)


def _try_jobs(module: ModuleType, findings: _Findings) -> None:
    """The functions about jobs that are asked after, as far as the dialect has them."""
    states = list(_states())
    for state in states:
        job = f"a {state.status} job"
        if hasattr(module, "accepted") and state.status in UNDER_WAY:
            _try_reply(f"accepted of {job}", findings, module.accepted, state)
        if hasattr(module, "progress"):
            told = findings.tried(f"progress of {job}", (Reply,), module.progress, state)
            if told is not None and told.status >= 400 and (state.result or not state.ended):
                findings.lines.append(f"progress of {job} gave status {told.status}")
        if hasattr(module, "story"):
            _try_story(f"story of {job}", findings, module.story, state)
        if hasattr(module, "deleted"):
            _try_reply(f"deleted of {job}", findings, module.deleted, state)
    if hasattr(module, "listed"):
        # What a dialect's own `parse` notes in a lookup is not in this one.
        lookup = Lookup("list", task="video")
        _try_reply("listed of no jobs", findings, module.listed, [], lookup, False, may_raise=True)
        _try_reply("listed of jobs", findings, module.listed, states, lookup, True, may_raise=True)


def _try_reply(
    what: str, findings: _Findings, function: Callable[..., Any], *args: Any, may_raise: bool = False
) -> None:
    reply = findings.tried(what, (Reply,), function, *args, may_raise=may_raise)
    if reply is not None and reply.status >= 400:
        findings.lines.append(f"{what} gave status {reply.status}")


def _try_story(what: str, findings: _Findings, story: Callable[..., Any], state: JobState) -> None:
    frames = findings.tried(what, (list, tuple), story, state)
    if frames is not None and not all(isinstance(frame, Frame) for frame in frames):
        findings.lines.append(f"{what} must give Frames")
    if frames is not None and state.ended and not frames:
        findings.lines.append(f"{what} gave no Frame, so that nobody hears of the end")


def _try_vendor(module: ModuleType, findings: _Findings, show: Callable[[str], object]) -> None:
    for status in (200, 500):
        what = f"decode of an empty answer with status {status}"
        result = _try_verb(what, module, "decode", findings, Reply(status, {}, Json({})), JOB, TARGET, may_fault=True)
        if isinstance(result, Result) and not result.media:
            findings.lines.append(f"{what} gave a Result without a picture: raise a Fault, 'empty' or 'refused'")
    call = _try_verb("encode of a sample", module, "encode", findings, JOB, TARGET, may_fault=True)
    if call is not None:
        show(f"encode of a sample: {_shown(call)}")
        findings.lines += ["encode of a sample gave a body that is no JSON"] if NO_JSON in _shown(call) else []
    if call is not None and doors.faces(module, doors.DOOR):
        again = findings.tried("parse of what encode wrote", (Job,), module.parse, call)
        if again is not None and again.prompt != JOB.prompt:
            findings.lines.append("parse of what encode wrote lost the prompt")
    if not hasattr(module, "poll") and _may_wait(module) and "no poll" not in "".join(findings.lines):
        findings.lines.append("'poll' is missing: it makes a Ticket, and nothing would look after that")
    about: Mapping[str, Any] = dict.fromkeys(("poll", "cancel"), Ticket(_AnyHandle())) | {"event": Frame(None, {})}
    for name, of in about.items():
        if hasattr(module, name):
            _try_verb(f"{name} of a sample", module, name, findings, of, JOB, TARGET, may_raise=True)
    for name in ("words", "left_out"):
        if hasattr(module, name):
            _try_verb(f"{name} of a sample", module, name, findings, JOB, TARGET)


def _try_verb(what: str, module: ModuleType, verb: str, findings: _Findings, *args: Any, **may: bool) -> Any:
    """What a function towards a vendor gave, None where the house could not go on with it."""
    value = findings.tried(what, GIVES[verb], getattr(module, verb), *args, **may)
    wrong = slip(module, verb, value) if value is not None else ""
    if wrong:
        findings.lines.append(f"{what}: it {wrong}")
    return None if wrong else value


def _may_wait(module: ModuleType) -> bool:
    """Whether a function beside `decode` has a word for a `Ticket`; what it borrows makes its own."""
    beside = getattr(module.decode, "__globals__", {}).values()
    return any("Ticket" in each.__code__.co_names for each in beside if inspect.isfunction(each))


def _shown(call: Call) -> str:
    """A call as its author wants to see it, on one line."""
    match call.body:
        case Json(value) | Form(value):
            body = " " + json.dumps(value, ensure_ascii=False, default=_spelled)
        case Raw(_, mime):
            body = f" ({mime})"
        case _:
            body = ""
    return f"{call.method} {call.path}{'?' if call.query else ''}{urlencode(call.query)}{body}"


def _spelled(value: Any) -> str:
    """A picture in a body, or what is no JSON."""
    if isinstance(value, Spelled):
        return f"({value.form} of {value.media.mime})"
    return f"({value.mime or 'a picture'})" if isinstance(value, Media) else f"({type(value).__name__}, {NO_JSON})"
