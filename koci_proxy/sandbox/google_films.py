"""The Veo shape: predictLongRunning, operations to be looked at, and films to be fetched with the key.

The fast model of 3.1 answers a download with a redirect to a link without a key, the others with the bytes. An extended
film is the old one and seven seconds more. How a prompt is refused at once, what a failed operation says beyond its
code, and the answer for an operation that is not one's own are ASSUMED.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from . import google
from .body import write
from .google import MIME
from .google_film_rules import SIZES, Given, family, instance, longer, not_so, parameters
from .google_rules import invalid, status_answer
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen, Showing
from .tasks import Task

NAME = google.NAME
BEGIN = re.compile(r"/google/(v1|v1beta)/models/([^/:]+):predictLongRunning")
LOOK = re.compile(r"/google/(?:v1|v1beta)/models/([^/:]+)/operations/([a-z0-9]+)")
FETCH = re.compile(r"/google/(?:v1|v1beta)/files/([a-z0-9]+)(:download)?")
TYPES = "type.googleapis.com/google.ai.generativelanguage.v1beta."

key = google.key
trouble = google.trouble


def owns(path: str) -> bool:
    return any(pattern.fullmatch(path) for pattern in (BEGIN, LOOK, FETCH))


def words(ask: Ask) -> tuple[str, str]:
    found = BEGIN.fullmatch(ask.path) or LOOK.fullmatch(ask.path)
    instances = ask.fields.get("instances") if isinstance(ask.fields, dict) else None
    first = instances[0] if isinstance(instances, list) and instances and isinstance(instances[0], dict) else {}
    name = found[2 if found.re is BEGIN else 1] if found else ""
    return name, str(first.get("prompt") or "")


def read(ask: Ask) -> Order | Answer | Showing:
    begin, look = BEGIN.fullmatch(ask.path), LOOK.fullmatch(ask.path)
    if ask.method != ("POST" if begin else "GET"):
        raise Refusal(status_answer(404, "The requested URL was not found on this server."))
    if begin:
        return _order(ask, begin[1], begin[2])
    return _operation(ask, look[1], look[2]) if look else _file(ask)


def _order(ask: Ask, version: str, name: str) -> Order:
    model = family(name, version)
    if ask.broken or ask.form or not isinstance(ask.fields, dict):
        raise Refusal(trouble("bad_body", ask.broken or "Root element must be a message."))
    for field in ask.fields:
        if field not in ("instances", "parameters", "webhookConfig"):
            raise Refusal(invalid(f'Invalid JSON payload received. Unknown name "{field}": Cannot find field.', ""))
    given = instance(ask, model, key(ask) or "", NAME)
    asked = parameters(ask.fields.get("parameters") or {}, model, given.kind)
    extends = given.kind == "extension"
    width, height = SIZES[asked["resolution"]]
    if asked["ratio"] == "9:16":
        width, height = height, width
    return Order(
        model=name,
        prompt=given.prompt,
        width=width,
        height=height,
        mime="video/mp4",
        n=asked["count"],
        references=given.pictures if given.film is None else (*given.pictures, given.film),
        seconds=longer(given.source.film.seconds) if given.source and extends else asked["seconds"],
        words={"extends": extends, "source": _shape(given), "pictures": len(given.pictures)},
    )


def _shape(given: Given) -> tuple[int, int] | None:
    return (given.source.film.width, given.source.film.height) if given.source else None


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    """A film to go on from must have the pixels asked, and its seconds are kept."""
    pictures, extends = order.words["pictures"], order.words["extends"]
    for at, one in enumerate(seen):
        if one.format not in (("PNG", "JPEG", "WEBP", "MPO") if at < pictures else ("MP4",)):
            raise Refusal(trouble("reference", str(at)))
    if not extends:
        return order
    source = order.words["source"] or (seen[0].width, seen[0].height)
    if source != (order.width, order.height):
        not_so(f"The video must be {order.width}x{order.height}.", "instances[0].video")
    return replace(order, seconds=longer(seen[0].seconds)) if seen else order


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    assert order.task
    return _said({"name": _name(order.task)})


def _name(task: Task) -> str:
    return f"models/{task.film.model}/operations/{task.id}"


def _said(body: Mapping[str, Any]) -> Answer:
    return Answer(200, write(body), MIME)


def _operation(ask: Ask, model: str, name: str) -> Answer:
    task = ask.tasks.find(name, NAME, key(ask) or "")
    if task is None or task.film.model != model:
        raise Refusal(status_answer(404, f"Operation models/{model}/operations/{name} was not found."))
    state = task.state()
    if state in ("queued", "running"):
        return _said({"name": _name(task), "metadata": {"@type": f"{TYPES}PredictLongRunningMetadata"}})
    if state in ("fail", "expire"):
        code, message = (
            13,
            "Video generation failed due to an internal server issue. Please try again in a few minutes.",
        )
        if state == "expire":
            code, message = (4, "Deadline expired before operation could complete.")
        return _said({"name": _name(task), "done": True, "error": {"code": code, "message": message}})
    made = {"@type": f"{TYPES}PredictLongRunningResponse", "generateVideoResponse": _made(ask, task, state)}
    return _said({"name": _name(task), "done": True, "response": made})


def _made(ask: Ask, task: Task, state: str) -> Mapping[str, Any]:
    """The films that were made, and how many were filtered out."""
    if state == "empty":
        return {}
    lost = {"refuse": task.film.n, "partial": 1}.get(state, 0)
    uris = [f"{ask.origin}/google/v1beta/files/{task.id}{index}:download?alt=media" for index in range(task.film.n)]
    made: dict[str, Any] = {}
    if lost < task.film.n:
        made["generatedSamples"] = [{"video": {"uri": uri}} for uri in uris[: task.film.n - lost]]
    if lost:
        why = "The video was filtered because it may violate our usage guidelines. You have not been charged for it."
        made |= {"raiMediaFilteredCount": lost, "raiMediaFilteredReasons": [why]}
    return made


def _file(ask: Ask) -> Answer | Showing:
    """A film with the key of who made it; anyone else is told what Google tells of a file that is not his."""
    found = FETCH.fullmatch(ask.path)
    name = found[1] if found else ""
    task = ask.tasks.find(name[:24], NAME, key(ask) or "")
    if task is None or not task.made() or name[24:] not in map(str, range(task.film.n)):
        message = f"You do not have permission to access the File {name} or it may not exist."
        raise Refusal(status_answer(403, message))
    if not (found and found[2]):
        uri = f"{ask.origin}/google/v1beta/files/{name}"
        return _said({"name": f"files/{name}", "mimeType": "video/mp4", "uri": uri, "state": "ACTIVE"})
    if ask.query.get("alt") != "media":
        raise Refusal(invalid("Only alt=media is supported for a download.", "alt"))
    if family(task.film.model, "v1beta").redirects:
        return Answer(302, (), headers=(("location", f"{ask.origin}/films/{task.secret}.mp4"),))
    return Showing(task)


def empty(order: Order, way: int) -> Answer:
    return _said({})


def refuse(order: Order, how: str) -> Answer:
    message = "The prompt could not be submitted. It contains words that violate our usage guidelines."
    return invalid(f"{message} Please rephrase it.", "")
