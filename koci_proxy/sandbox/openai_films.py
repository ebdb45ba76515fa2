"""The OpenAI Videos shape: jobs made, remixed and edited from JSON or a form, listed, looked at, fetched and deleted.

It takes what the published specification of the API says; characters are not played. ASSUMED: a job under way can't be
deleted; a film that is not there, or not yet, is a 404; the codes of failures that are not about content; an extended
film is the old one and so many seconds more; `openai-poll-after-ms` comes with every job under way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from . import openai
from .body import write
from .fetch import data_uri
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen, Showing
from .openai import key, words
from .openai_rules import MIMES, problem
from .tasks import Task

__all__ = ["NAME", "answer", "empty", "key", "owns", "read", "refuse", "settle", "trouble", "words"]

NAME = openai.NAME
ROOT = "/openai/v1/videos"
MODELS = re.compile(r"sora-2(-pro)?(-20\d\d-\d\d-\d\d)?|bench:\w+")
SIZES = ("720x1280", "1280x720", "1024x1792", "1792x1024")
SECONDS = ("4", "8", "12")
MORE_SECONDS = (*SECONDS, "16", "20")
MOST_PROMPT = 32_000
KEPT = 24 * 3600  # seconds that a finished film is kept
VARIANTS = {"video": "film", "thumbnail": "thumbnail", "spritesheet": "spritesheet"}
# What each way to begin a job takes.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "create": ("prompt", "model", "seconds", "size", "input_reference"),
    "remix": ("prompt",),
    "edit": ("prompt", "video"),
    "extend": ("prompt", "seconds", "video"),
}
STATUS = {"queued": "queued", "running": "in_progress", "refuse": "failed", "fail": "failed", "expire": "failed"}
WHY: Mapping[str, tuple[str, str]] = {
    "refuse": ("moderation_blocked", "Your request was blocked by our moderation system."),
    "fail": ("video_generation_failed", "Video generation failed."),
    "expire": ("video_generation_timeout", "Video generation took too long."),
}

trouble = openai.trouble


def owns(path: str) -> bool:
    return path == ROOT or path.startswith(f"{ROOT}/")


def read(ask: Ask) -> Order | Answer | Showing:
    match ask.method, ask.path.removeprefix(ROOT).strip("/").split("/"):
        case "POST", [""]:
            return _order(ask, "create")
        case "POST", ["edits"]:
            return _order(ask, "edit")
        case "POST", ["extensions"]:
            return _order(ask, "extend")
        case "POST", [name, "remix"]:
            return _order(ask, "remix", name)
        case "GET", [""]:
            return _listed(ask)
        case "GET", [name]:
            return _said(_job(_own(ask, name)))
        case "GET", [name, "content"]:
            return _content(ask, _own(ask, name))
        case "DELETE", [name]:
            return _deleted(ask, _own(ask, name))
    raise Refusal(problem(f"Invalid URL ({ask.method} {ask.path.removeprefix('/openai')})", status=404))


def _refuse(message: str, param: str, code: str) -> NoReturn:
    raise Refusal(problem(message, param, code))


def _own(ask: Ask, name: str) -> Task:
    task = ask.tasks.find(name.removeprefix("video_"), NAME, key(ask) or "") if name.startswith("video_") else None
    if task is None:
        raise Refusal(problem(f"Video with id '{name}' not found.", "video_id", "not_found", status=404))
    return task


def _order(ask: Ask, how: str, name: str = "") -> Order:
    if ask.broken or not isinstance(ask.fields, dict):
        raise Refusal(trouble("bad_body", ask.broken or "not a JSON object"))
    fields = {field: value for field, value in ask.fields.items() if value is not None}  # null is absent
    _check_names(fields, [file.name for file in ask.uploads], how)
    prompt = fields.get("prompt")
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= MOST_PROMPT:
        code = "missing_required_parameter" if prompt is None else "invalid_value"
        _refuse(f"Invalid 'prompt': expected a string of 1 to {MOST_PROMPT} characters.", "prompt", code)
    order = Order(model="", prompt=prompt, mime="video/mp4", words={"from": None})
    if how == "create":
        return _created(ask, fields, order)
    if how == "remix":
        return _from(_finished(_own(ask, name)), order)
    more = float(_one_of(fields, "seconds", MORE_SECONDS, "")) if how == "extend" else 0.0
    return _changed(ask, fields, order, more)


def _check_names(fields: Mapping[str, Any], files: list[str], how: str) -> None:
    allowed = FIELDS[how]
    for field in [*fields, *files]:
        plain = "video" if field == "video[id]" else field
        if plain not in allowed:
            _refuse(f"Unknown parameter: '{field}'.", field, "unknown_parameter")
    for field in files:
        if field not in ("input_reference", "video"):
            _refuse(f"Invalid type for '{field}': expected a string, but got a file instead.", field, "invalid_type")


def _created(ask: Ask, fields: Mapping[str, Any], order: Order) -> Order:
    model = fields.get("model", "sora-2")
    if not isinstance(model, str) or not MODELS.fullmatch(model):
        _refuse(f"The model '{model}' does not exist or is not supported.", "model", "invalid_value")
    seconds = _one_of(fields, "seconds", SECONDS, "4")
    width, height = _one_of(fields, "size", SIZES, "720x1280").split("x")
    reference = _reference(ask, fields)
    return replace(
        order,
        model=model,
        width=int(width),
        height=int(height),
        seconds=float(seconds),
        references=() if reference is None else (reference,),
    )


def _one_of(fields: Mapping[str, Any], name: str, values: tuple[str, ...], default: str) -> str:
    value = fields.get(name, default)
    listed = ", ".join(f"'{one}'" for one in values)
    if not isinstance(value, str):
        kind = "an integer" if isinstance(value, int) else "another type"
        _refuse(f"Invalid type for '{name}': expected one of {listed}, but got {kind} instead.", name, "invalid_type")
    if value not in values:
        _refuse(f"Invalid value: '{value}'. Supported values are: {listed}.", name, "invalid_value")
    return value


def _reference(ask: Ask, fields: Mapping[str, Any]) -> bytes | str | None:
    """The picture to begin with: a file of a form, or in JSON an object with an `image_url`."""
    name = "input_reference"
    files = [file for file in ask.uploads if file.name == name]
    if len(files) > 1:
        _refuse(f"Invalid '{name}': expected one file.", name, "invalid_value")
    if files:
        if files[0].mime not in MIMES.values():
            message = f"Invalid file '{name}': unsupported mimetype ('{files[0].mime}')."
            _refuse(message, name, "unsupported_file_mimetype")
        return files[0].data
    if name not in fields:
        return None
    given = fields[name]
    if ask.form:
        _refuse(f"Invalid type for '{name}': expected a file, but got a string instead.", name, "invalid_type")
    if not isinstance(given, dict) or len(given) != 1 or not isinstance(next(iter(given.values())), str):
        _refuse(
            f"Invalid '{name}': expected an object with exactly one of 'image_url' and 'file_id'.",
            name,
            "invalid_value",
        )
    if "file_id" in given:
        raise Refusal(problem(f"No such File object: {given['file_id']}", name, "file_not_found", status=404))
    if "image_url" not in given:
        _refuse(f"Unknown parameter: '{name}.{next(iter(given))}'.", name, "unknown_parameter")
    link = str(given["image_url"])
    return data_uri(link, 0) if link.startswith("data:") else link


def _changed(ask: Ask, fields: Mapping[str, Any], order: Order, more: float) -> Order:
    """An edit or extension: of a film that is sent, or of an own one by its id."""
    files = [file.data for file in ask.uploads]
    given = fields.get("video")
    name = fields.get("video[id]") or (given.get("id") if isinstance(given, dict) and len(given) == 1 else None)
    if len(files) + (name is not None) != 1:
        _refuse("Invalid 'video': expected a file or an object with an 'id'.", "video", "invalid_value")
    if files:
        words = {**order.words, "more": more}
        return replace(order, model="sora-2", references=(files[0],), seconds=1.0, words=words)  # settled by the file
    order = _from(_finished(_own(ask, str(name))), order)
    return replace(order, seconds=order.seconds + more)


def _finished(task: Task) -> Task:
    if not task.made():
        _refuse("The video must be completed first.", "video_id", "invalid_value")
    return task


def _from(task: Task, order: Order) -> Order:
    """A job that takes after another one."""
    old = task.film
    order = replace(order, model=old.model, width=old.width, height=old.height, seconds=old.seconds)
    return replace(order, words={"from": f"video_{task.id}"})


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    if not seen:
        return order
    [one] = seen
    if order.width and one.format in ("PNG", "JPEG", "WEBP", "MPO"):
        return order
    if order.width or one.format != "MP4":
        raise Refusal(trouble("reference", "0"))
    seconds = one.seconds + order.words["more"]
    return replace(order, width=one.width & ~1, height=one.height & ~1, seconds=seconds)


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    assert order.task
    return _said(_job(order.task))


def _said(body: Mapping[str, Any]) -> Answer:
    later = (("openai-poll-after-ms", "500"),) if body.get("status") in ("queued", "in_progress") else ()
    return Answer(200, write(body), headers=later)


def _job(task: Task) -> Mapping[str, Any]:
    order, state = task.film, task.state()
    status = STATUS.get(state, "completed")
    ended = status in ("completed", "failed")
    code, message = WHY.get(state, ("", ""))
    return {
        "id": f"video_{task.id}",
        "object": "video",
        "model": order.model,
        "status": status,
        "progress": 100 if status == "completed" else 0 if status == "queued" else min(99, int(task.progress())),
        "created_at": task.created,
        "completed_at": task.updated if ended else None,
        "expires_at": task.updated + KEPT if status == "completed" else None,
        "prompt": order.prompt,
        "size": f"{order.width}x{order.height}",
        "seconds": f"{order.seconds:g}",
        "remixed_from_video_id": order.words["from"],
        "error": {"code": code, "message": message} if code else None,
    }


def _listed(ask: Ask) -> Answer:
    query = ask.query
    limit, order = query.get("limit", "20"), query.get("order", "desc")
    if not limit.isdecimal() or int(limit) > 100:
        _refuse(f"Invalid 'limit': expected an integer from 0 to 100, got '{limit}'.", "limit", "invalid_value")
    if order not in ("asc", "desc"):
        _refuse(f"Invalid value: '{order}'. Supported values are: 'asc', 'desc'.", "order", "invalid_value")
    tasks = ask.tasks.of(NAME, key(ask) or "")
    jobs = [_job(task) for task in (tasks if order == "asc" else reversed(tasks))]
    if "after" in query:
        names = [job["id"] for job in jobs]
        if query["after"] not in names:
            _refuse(f"Video with id '{query['after']}' not found.", "after", "invalid_value")
        jobs = jobs[names.index(query["after"]) + 1 :]
    shown = jobs[: int(limit)]
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    more = {"first_id": first, "last_id": last, "has_more": len(jobs) > len(shown)}
    return _said({"object": "list", "data": shown, **more})


def _content(ask: Ask, task: Task) -> Showing:
    variant = ask.query.get("variant", "video")
    if variant not in VARIANTS:
        listed = ", ".join(f"'{one}'" for one in VARIANTS)
        _refuse(f"Invalid value: '{variant}'. Supported values are: {listed}.", "variant", "invalid_value")
    if not task.made():
        message = "Video is not ready yet, use GET /v1/videos/{video_id} to check status."
        raise Refusal(problem(message, "video_id", "not_found", status=404))
    return Showing(task, VARIANTS[variant])


def _deleted(ask: Ask, task: Task) -> Answer:
    if task.state() in ("queued", "running"):
        _refuse("A video can only be deleted once it is completed or failed.", "video_id", "invalid_value")
    ask.tasks.forget(task)
    return _said({"id": f"video_{task.id}", "object": "video.deleted", "deleted": True})


def empty(order: Order, way: int) -> Answer:
    return _said({})


def refuse(order: Order, how: str) -> Answer:
    return problem(WHY["refuse"][1], code="moderation_blocked")
