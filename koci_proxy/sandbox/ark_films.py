"""The Ark shape for films: tasks made, looked at, listed, and ended while they wait; a link without a key at their end.

ASSUMED: the answer for a task that is not one's own, and the code and words of a failure that is not about content.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from . import ark, ark_rules
from .ark import STAMP
from .ark_film_rules import FAMILIES, FPS, check_names, check_seen, content_of, family, length_of, pixels, ratio_of
from .ark_rules import flag, problem, text
from .body import write
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen
from .tasks import Task

NAME = ark.NAME
ROOT = "/ark/api/v3/contents/generations/tasks"
STATUS = {"good": "succeeded", "partial": "succeeded", "empty": "succeeded", "not-image": "succeeded"}
STATUS |= {"queued": "queued", "running": "running", "cancelled": "cancelled", "expire": "expired"}
WHY: Mapping[str, tuple[str, str]] = {
    "refuse": (
        "OutputVideoSensitiveContentDetected",
        "The request failed because the output video may contain sensitive information.",
    ),
    "fail": ("InternalServiceError", "The service encountered an unexpected internal error."),
}

key = ark.key
trouble = ark.trouble


def owns(path: str) -> bool:
    return path == ROOT or path.startswith(f"{ROOT}/")


def words(ask: Ask) -> tuple[str, str]:
    fields = ask.fields if isinstance(ask.fields, dict) else {}
    parts = fields.get("content")
    texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return str(fields.get("model") or ""), "\n".join(one for one in texts if isinstance(one, str))


def read(ask: Ask) -> Order | Answer:
    match ask.method, ask.path.removeprefix(ROOT).strip("/"):
        case "POST", "":
            return _order(ask)
        case "GET", "":
            return _listed(ask)
        case "GET", name:
            return Answer(200, write(_told(ask, _own(ask, name))))
        case "DELETE", name:
            return _ended(ask, _own(ask, name))
    raise Refusal(problem(405, "MethodNotAllowed", "The method is not allowed."))


def _order(ask: Ask) -> Order:
    if ask.broken or ask.form or not isinstance(ask.fields, dict):
        raise Refusal(trouble("bad_body", ask.broken or "not a JSON object"))
    fields = {name: value for name, value in ask.fields.items() if value is not None}  # the SDK sends nulls
    name = family(fields)
    model = FAMILIES[name]
    check_names(fields, model)
    content = content_of(fields, model)
    return Order(
        model=str(fields["model"]),
        prompt=content.prompt,
        mime="video/mp4",
        references=content.references,
        seconds=length_of(fields, model),
        stamp=STAMP if flag(fields, "watermark", False) else "",
        words={
            "model": name,
            "roles": content.roles,
            "resolution": text(fields, "resolution", tuple(model.table), model.resolution),
            "ratio": ratio_of(fields, model, content.way),
            "frames": fields.get("frames"),
            "last": fields.get("return_last_frame", False),
            "seed": fields.get("seed", -1),
            "tier": fields.get("service_tier", "default"),
            "expires": fields.get("execution_expires_after", 172_800),
        },
    )


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    check_seen(seen, order.words["roles"])
    model = FAMILIES[order.words["model"]]
    ratio, (width, height) = pixels(model, order.words["resolution"], order.words["ratio"], order.prompt, seen)
    return replace(order, width=width, height=height, words={**order.words, "ratio": ratio})


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    assert order.task
    return Answer(200, write({"id": _name(order.task)}))


def _name(task: Task) -> str:
    return f"cgt-{time.strftime('%Y%m%d%H%M%S', time.gmtime(task.created))}-{task.id}"


def _own(ask: Ask, name: str) -> Task:
    task = ask.tasks.find(name.rpartition("-")[2], NAME, key(ask) or "")
    if task is None or _name(task) != name:
        raise Refusal(problem(404, "ResourceNotFound", f"The specified task {name} is not found."))
    return task


def _told(ask: Ask, task: Task) -> Mapping[str, Any]:
    order, state = task.film, task.state()
    status = STATUS.get(state, "failed")
    told: dict[str, Any] = {
        "id": _name(task),
        "model": order.words["model"],
        "status": status,
        "created_at": task.created,
        "updated_at": task.updated,
        "service_tier": order.words["tier"],
        "execution_expires_after": order.words["expires"],
    }
    if status == "failed":
        code, message = WHY[state]
        words = f"{message} Request id: 0217000000000000000000000000000000"
        return told | {"error": {"code": code, "message": words}}
    if status != "succeeded":
        return told
    tokens = order.width * order.height * round(order.seconds * FPS) // 1024
    links = {"video_url": f"{ask.origin}/films/{task.secret}.mp4"}
    links |= {"last_frame_url": f"{ask.origin}/films/{task.secret}.png"} if order.words["last"] else {}
    length = {"frames": order.words["frames"]} if order.words["frames"] else {"duration": int(order.seconds)}
    return {
        **told,
        "content": {} if state == "empty" else links,
        "seed": order.words["seed"] if order.words["seed"] >= 0 else 42,
        "resolution": order.words["resolution"],
        "ratio": order.words["ratio"],
        **length,
        "framespersecond": FPS,
        "usage": {"completion_tokens": tokens, "total_tokens": tokens},
    }


def _listed(ask: Ask) -> Answer:
    """Newest first, by pages and filters."""
    query = ask.query
    number, size = (_page(query, name, default) for name, default in (("page_num", 1), ("page_size", 20)))
    items = [_told(ask, task) for task in reversed(ask.tasks.of(NAME, key(ask) or ""))]
    for name in ("status", "model"):
        wanted = query.get(f"filter.{name}")
        items = [item for item in items if wanted in (None, item[name])]
    names = query.get("filter.task_ids")
    items = [item for item in items if names is None or item["id"] in names.split(",")]
    return Answer(200, write({"items": items[(number - 1) * size : number * size], "total": len(items)}))


def _page(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isdecimal() or not 1 <= int(value) <= 500:
        ark_rules.refuse(name, f"expected an integer from 1 to 500, got {value!r}")
    return int(value)


def _ended(ask: Ask, task: Task) -> Answer:
    """A task that waits is cancelled, one that has ended forgotten; one that runs can't be stopped."""
    state = task.state()
    if state == "queued":
        task.cancelled = True
    elif state == "running":
        message = f"Cannot delete task {_name(task)} because it is currently running."
        raise Refusal(problem(409, "InvalidAction.RunningTaskDeletion", message))
    elif state == "cancelled":
        raise Refusal(problem(409, "InvalidAction", f"Cannot delete task {_name(task)} because it is cancelled."))
    else:
        ask.tasks.forget(task)
    return Answer(200, write({}))


def empty(order: Order, way: int) -> Answer:
    return Answer(200, write({}))


def refuse(order: Order, how: str) -> Answer:
    return ark.refuse(order, how)
