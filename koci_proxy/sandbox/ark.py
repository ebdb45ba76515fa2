"""The Ark shape: one JSON path for new pictures, edits and sets, a watermark unless told not to, its own streams."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .ark_rules import (
    FAMILIES,
    check_names,
    check_seen,
    family,
    flag,
    images_of,
    mode,
    problem,
    prompt_of,
    set_size,
    size_of,
    text,
)
from .body import write
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen
from .tables import ARK, nearest_ratio

NAME = "ark"
PATH = "/ark/api/v3/images/generations"
STREAM = "text/event-stream; charset=utf-8"
STAMP = "AI生成"
FAILED = {
    "code": "OutputImageSensitiveContentDetected",
    "message": "The request failed because the output image may contain sensitive information.",
}


def owns(path: str) -> bool:
    return path.startswith("/ark/")


def key(ask: Ask) -> str | None:
    return ask.bearer or None


def words(ask: Ask) -> tuple[str, str]:
    fields = ask.fields if isinstance(ask.fields, dict) else {}
    return str(fields.get("model") or ""), str(fields.get("prompt") or "")


def read(ask: Ask) -> Order:
    if ask.path != PATH:
        raise Refusal(problem(404, "NotFound", f"no such path: {ask.method} {ask.path.removeprefix('/ark')}."))
    if ask.method != "POST":
        raise Refusal(problem(405, "MethodNotAllowed", "The method is not allowed."))
    if ask.broken or ask.form or not isinstance(ask.fields, dict):
        raise Refusal(trouble("bad_body", ask.broken or "not a JSON object"))
    fields = {name: value for name, value in ask.fields.items() if value is not None}  # the SDK sends nulls
    name = family(fields)
    model = FAMILIES[name]
    prompt = prompt_of(fields)
    check_names(fields, model)
    mode(fields, model)
    kind = text(fields, "output_format", ("jpeg", "png"), "jpeg")
    tier, (width, height) = size_of(fields, name)
    references = images_of(fields, model)
    return Order(
        model=str(fields["model"]),
        prompt=prompt,
        width=width,
        height=height,
        mime=f"image/{kind}",
        n=set_size(fields, len(references)),
        references=references,
        stream=flag(fields, "stream", False),
        stamp=STAMP if flag(fields, "watermark", True) else "",
        words={
            "model": name,
            "tier": tier,
            "form": text(fields, "response_format", ("url", "b64_json"), "url"),
            "kind": kind if "output_format" in model.more else "",
        },
    )


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    """A tier alone leaves the ratio to the model: one the prompt names, that of the first reference, else upright."""
    check_seen(seen, FAMILIES[order.words["model"]])
    if order.width:
        return order
    row = ARK[order.words["model"]][order.words["tier"]]
    named = next((ratio for ratio in re.findall(r"\d+:\d+", order.prompt) if ratio in row), None)
    ratio = named or (nearest_ratio(row, seen[0].width, seen[0].height) if seen else "3:4")
    width, height = row[ratio]
    return replace(order, width=width, height=height)


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    if order.words.get("partial"):
        pictures = pictures[:-1]
    if order.stream:
        return _stream(order, pictures, link)
    data: list[Mapping[str, Any]] = [_entry(order, picture, link) for picture in pictures]
    if len(pictures) < order.n:
        data.append({"error": FAILED})
    body = {"model": order.model, "created": int(time.time()), "data": data, "usage": _usage(order, len(pictures))}
    return Answer(200, write(body if pictures else body | {"error": FAILED}))


def _entry(order: Order, picture: Picture, link: Callable[[Picture], str]) -> dict[str, Any]:
    form = order.words["form"]
    found = {form: link(picture) if form == "url" else picture, "size": f"{order.width}x{order.height}"}
    return found | ({"output_format": order.words["kind"]} if order.words["kind"] else {})


def _usage(order: Order, made: int) -> Mapping[str, int]:
    tokens = order.width * order.height // 256 * made
    return {"generated_images": made, "output_tokens": tokens, "total_tokens": tokens}


def _stream(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    """Whole pictures, one event each, then one that counts them."""
    frames = [
        _frame(order, "partial_succeeded", {"image_index": at, **_entry(order, picture, link)})
        for at, picture in enumerate(pictures)
    ]
    if len(pictures) < order.n:
        frames.append(_frame(order, "partial_failed", {"image_index": len(pictures), "error": FAILED}))
    frames.append(_frame(order, "completed", {"usage": _usage(order, len(pictures))}))
    pieces = tuple(piece for frame in frames for piece in frame)
    return Answer(200, (*pieces, b"data: [DONE]\n\n"), STREAM, chunked=True)


def _frame(order: Order, name: str, more: Mapping[str, Any]) -> tuple[bytes, ...]:
    kind = f"image_generation.{name}"
    body = {"type": kind, "model": order.model, "created": int(time.time()), **more}
    return (f"event: {kind}\ndata: ".encode(), *write(body), b"\n\n")


def empty(order: Order, way: int) -> Answer:
    """Nothing at all, nothing but a failed entry, or an error on top; 200 each time."""
    body: dict[str, Any] = {"model": order.model, "created": int(time.time()), "data": [], "usage": _usage(order, 0)}
    if way == 2:
        body["data"] = [{"error": FAILED}]
    if way >= 3:
        body["error"] = FAILED
    return Answer(200, write(body))


def refuse(order: Order, how: str) -> Answer:
    if how != "output":
        message = "The request failed because the input text may contain sensitive information."
        return problem(400, "InputTextSensitiveContentDetected", message)
    if not order.stream:
        return problem(400, FAILED["code"], FAILED["message"])
    failed = _frame(order, "partial_failed", {"image_index": 0, "error": FAILED})
    end = _frame(order, "completed", {"usage": _usage(order, 0)})
    return Answer(200, (*failed, *end, b"data: [DONE]\n\n"), STREAM, chunked=True)


def trouble(what: str, arg: str) -> Answer:
    known: Mapping[str, tuple[int, str, str]] = {
        "no_key": (401, "AuthenticationError", "The API key in the request is missing or invalid."),
        "bad_key": (401, "AuthenticationError", "The API key in the request is missing or invalid."),
        "bad_body": (400, "InvalidParameter", f"The request body is not valid: {arg}."),
        "too_large": (413, "InvalidParameter", "The request body is too large."),
        "limit": (429, "RateLimitExceeded.EndpointRPMExceeded", "The Requests Per Minute (RPM) limit was exceeded."),
        "quota": (403, "AccountOverdueError", "The request failed because your account has an overdue balance."),
        "overloaded": (503, "ServerOverloaded", "The service is overloaded."),  # ASSUMED: no page at hand has it
    }
    if what == "reference":
        message = f"The image {int(arg) + 1} cannot be fetched or read."
        return problem(400, "InvalidParameter", message, "image")
    if what == "error":
        return problem(int(float(arg)), "InternalServiceError", "The service encountered an unexpected internal error.")
    status, code, message = known.get(what, (400, "InvalidParameter", arg))
    return problem(status, code, message, wait=arg if what in ("limit", "overloaded") else "")
