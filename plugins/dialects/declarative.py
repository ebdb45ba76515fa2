"""A vendor without code: the `wire:` section of its file holds the request, where the answer is, and how to wait.

Towards vendors only. docs/declarative.md has every word; schemas/wire/declarative.json checks them at load.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

from koci_proxy.blame import at, default_kind, same
from koci_proxy.facts import Card
from koci_proxy.faults import Fault
from koci_proxy.fields import picture, respelled
from koci_proxy.fit import FIELDS
from koci_proxy.types import Job, Media, Note, Result, Target, Ticket
from koci_proxy.wire import Body, Call, Form, Json, Raw, Reply
from koci_proxy.words import answer, complaint, from_vendor

from . import _template as template

EVERY = 1.0  # seconds between two looks at a task, where the file does not say otherwise


def _wire(target: Target) -> Mapping[str, Any]:
    """The section as it is for one model."""
    own = target.wire.get("models", {}).get(target.model, {})
    wire: Mapping[str, Any] = template.laid_over(target.wire, own)
    return wire


# --- the call -------------------------------------------------------------------------------------------------------


def words(job: Job, target: Target) -> Collection[str]:
    """The app's extra words that will be sent: those the templates name; all, if it speaks as the vendor does."""
    wire = _wire(target)
    if job.dialect == wire.get("speaks"):
        return frozenset(job.options)
    return frozenset(name[8:] for name in template.named(wire) if name.startswith("options.")) & job.options.keys()


def encode(job: Job, target: Target) -> Call:
    """The vendor's call. `Fault` bad_request where the template has no place for what cannot be left out."""
    wire = _wire(target)
    request = wire.get("request")
    if not isinstance(request, Mapping):
        raise Fault("internal", f"the file of {target.provider} has no wire.request", field="wire")
    _unplaceable(job, target, template.named(request))
    said = template.values(job, target, wire.get("map", {}), _kind(request)[0] == "multipart")
    return _call(request, said, target.card, _extras(job, wire, template.named(wire)))


def poll(ticket: Ticket, job: Job, target: Target) -> Call:
    """The call that asks after a task."""
    look = _wire(target).get("poll", {})
    return _call(look, {"model": target.model, **ticket.handle}, target.card, {})


def _call(request: Mapping[str, Any], said: template.Values, card: Card, extras: Mapping[str, Any]) -> Call:
    """A template filled, with the words beside it that have no place in it."""

    def filled(part: Any) -> Any:
        found = template.fill(part, said, card)
        return {} if found is template.GONE else found

    kind, tree = _kind(request)
    query = {**filled(request.get("query", {})), **({} if kind else extras)}
    return Call(
        request.get("method", "POST"),
        str(filled(request["path"]) or "").strip("/"),
        dict(template.flat(query, template.text_leaf)),
        {name.lower(): template.as_text(each) for name, each in filled(request.get("headers", {})).items()},
        _body(kind, {**filled(tree), **(extras if kind else {})}),
    )


def _kind(request: Mapping[str, Any]) -> tuple[str, Any]:
    """The body's kind and its fields; where a model has another kind of its own, that one."""
    bodies = list(request.get("body", {}).items())
    return bodies[-1] if bodies else ("", {})


def _body(kind: str, fields: Mapping[str, Any]) -> Body:
    match kind:
        case "json":
            return Json(respelled(fields))
        case "multipart":
            return Form(tuple(template.flat(fields, template.part_leaf)))
        case "form":
            text = urlencode(list(template.flat(fields, template.text_leaf)))
            return Raw(text.encode(), "application/x-www-form-urlencoded")
        case _:
            return None


def _extras(job: Job, wire: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The words of an app that speaks as the vendor does, but for those that have a place of their own."""
    if job.dialect != wire.get("speaks"):
        return {}
    return {
        name: value
        for name, value in job.options.items()
        if not name.startswith("_") and f"options.{name}" not in names
    }


def _unplaceable(job: Job, target: Target, names: Collection[str]) -> None:
    """Pictures that would be lost: without them an edit is another wish."""
    kinds = {name.partition(".")[0] for name in names}
    most = None if "images" in kinds else 1 if "image" in kinds else 0
    if most is not None and len(job.inputs) > most:
        what = "one picture" if most else "no pictures"
        raise Fault("bad_request", f"{target.model} takes {what}, not {len(job.inputs)}", field="images")
    if job.mask is not None and "mask" not in kinds:
        raise Fault("bad_request", f"{target.model} takes no mask", field="mask")


def left_out(job: Job, target: Target) -> tuple[Note, ...]:
    """What the app asked for and no template says; what the vendor's `map` names has been thought of."""
    wire = _wire(target)
    names = template.named(wire.get("request")) | wire.get("map", {}).keys()
    asked: dict[str, bool] = {name: getattr(job, name) is not None for name in FIELDS}
    asked |= {"prompt": bool(job.prompt), "n": job.n > 1}
    same_as = {"strength": {"similarity"}}
    gone = {name: "none" for name, said in asked.items() if said and not ({name} | same_as.get(name, set())) & names}
    if unsaid := _unsaid(job, target, names):
        gone["size"] = unsaid
    return tuple(Note(name, "left out", f"{target.model} takes {what}") for name, what in gone.items())


def _unsaid(job: Job, target: Target, names: Collection[str]) -> str | None:
    """What of a size no template says, "none" for all of it; None where nothing is lost."""
    if job.size.is_auto or target.card.size.wire == "none":
        return None
    halves = {name for name, value in template.sized(job.size, target.card).items() if value is not None}
    if not halves & set(names):
        return "none"
    lost = [] if "size" in halves & set(names) else sorted(halves - {"size", *names})
    return " and ".join(f"no {name}" for name in lost) or None


# --- the answer -----------------------------------------------------------------------------------------------------


def decode(reply: Reply, job: Job, target: Target) -> Result | Ticket:
    """The pictures, or the task that makes them; a ticket without a handle is a later look at the same task.

    A body that is a picture needs no word in the file. Raises `Fault`; the rules under `faults` see it after this.
    """
    wire = _wire(target)
    if isinstance(reply.body, Raw) and isinstance(reply.body.content, Media) and reply.status < 300:
        return Result((reply.body.content,))
    body = answer(reply)
    found = wire.get("answer", {})
    if reply.status >= 300 or _holds(found.get("ok"), body) is False:
        raise _refusal(reply.status, body, found)
    if not isinstance(body, (Mapping, list)):
        raise from_vendor("garbled", None, status=reply.status)
    ticket = _ticket(body, wire) if "poll" in wire else None
    return ticket or _result(body, reply.status, found)


def _result(body: Any, status: int, found: Mapping[str, Any]) -> Result:
    media = tuple(_media(each, status) for each in _first(body, found.get("pictures", [])))
    if not media:
        raise from_vendor("empty", _told(body, found)[0], status=status)
    created = _number(_one(body, found.get("created")))
    counted = {name: _number(_one(body, path)) for name, path in found.get("usage", {}).items()}
    text = _one(body, found.get("text"))
    return Result(
        media,
        text=text if isinstance(text, str) else "",
        usage={name: int(count) for name, count in counted.items() if count is not None},
        created=int(created) if created and created > 0 else None,
    )


def _first(body: Any, paths: Any) -> list[Any]:
    """What stands at the first of the paths that leads anywhere."""
    for path in [paths] if isinstance(paths, str) else paths:
        found = [each for value in at(body, path) for each in (value if isinstance(value, list) else [value]) if each]
        if found:
            return found
    return []


def _one(body: Any, path: str | None) -> Any:
    return next(iter(at(body, path)), None) if path else None


def _media(value: Any, status: int) -> Media:
    try:
        return picture(value, "the picture")
    except Fault as fault:
        raise from_vendor("garbled", fault.message, status=status) from fault


def _number(value: Any) -> float | None:
    """A number, which may be written as text ("65.71", "70%")."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        found = float(value.strip().rstrip("%") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e15 else None  # neither nan nor infinite


# --- refusals and tasks ---------------------------------------------------------------------------------------------


def _holds(condition: Mapping[str, Any] | None, body: Any) -> bool | None:
    """Whether a condition is met; None where it is not set, or nothing stands at its path."""
    there = at(body, condition["path"]) if condition else []
    if condition is None or not there:
        return None
    wanted = condition.get("is")
    if wanted is None:
        return True
    return any(same(value, each) for value in there for each in (wanted if isinstance(wanted, list) else [wanted]))


def _told(body: Any, found: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The vendor's words and its code: where the file says, else where errors commonly have them."""
    said, paths = complaint(body), found.get("error", {})
    code = _one(body, paths["code"]) if "code" in paths else said.code
    return (
        _one(body, paths["message"]) if "message" in paths else said.words,
        template.as_text(code) if isinstance(code, (str, int, float)) and code != "" else None,
    )


def _refusal(status: int, body: Any, found: Mapping[str, Any]) -> Fault:
    """An HTTP error, or a 200 whose success condition fails: a number there is read as a status."""
    words, code = _told(body, found)
    if status < 300:
        own = _number(_one(body, found["ok"]["path"]))
        if own is None or not 300 <= own < 600:
            return from_vendor("empty", words, code=code, status=status)
        status = int(own)
    return from_vendor(default_kind(status), words, code=code, status=status)


def _ticket(body: Any, wire: Mapping[str, Any]) -> Ticket | None:
    """The ticket of a task under way; None when it is done. `Fault` when it failed, or its state is not known."""
    look = wire["poll"]
    if _holds(look.get("failed"), body):
        message = look["failed"].get("message")
        raise from_vendor("empty", _one(body, message) if message else _told(body, wire.get("answer", {}))[0])
    if _holds(look["done"], body):
        return None
    running = _holds(look.get("running"), body)
    if running is False:
        state = _one(body, look["running"]["path"])
        raise from_vendor("garbled", f"state {template.as_text(state)}", status=200)
    begun = _one(body, look["ticket"])
    handle = {"ticket": begun} if isinstance(begun, (str, int)) and begun != "" else {}
    states = [look[name]["path"] for name in ("done", "failed") if name in look]
    if not handle and running is None and not any(at(body, path) for path in states):
        return None
    percent = _number(_one(body, look.get("progress")))
    shown = percent if percent is not None and 0 <= percent <= 100 else None
    return Ticket(handle, shown, float(look.get("every", EVERY)))
