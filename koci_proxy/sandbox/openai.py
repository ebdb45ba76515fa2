"""The OpenAI Images shape: JSON generations, multipart or JSON edits, base64 answers, image streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .body import write
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen
from .openai_rules import (
    Family,
    check_fidelity,
    check_frames,
    check_markup,
    check_names,
    family,
    from_text,
    problem,
    read_enum,
    read_flag,
    read_images,
    read_number,
    read_prompt,
    read_size,
)

NAME = "openai"
PATHS = {"/openai/v1/images/generations": False, "/openai/v1/images/edits": True}
STREAM = "text/event-stream; charset=utf-8"


def owns(path: str) -> bool:
    return path.startswith("/openai/")


def key(ask: Ask) -> str | None:
    return ask.bearer or None


def words(ask: Ask) -> tuple[str, str]:
    fields = ask.fields if isinstance(ask.fields, dict) else {}
    return str(fields.get("model") or ""), str(fields.get("prompt") or "")


def read(ask: Ask, takes: Family | None = None) -> Order:
    """The order; `takes` is what a relay of this shape takes, where it is not what OpenAI does."""
    edit = PATHS.get(ask.path)
    if edit is None:
        raise Refusal(problem(f"Invalid URL ({ask.method} {ask.path.removeprefix('/openai')})", status=404))
    if ask.method != "POST":
        raise Refusal(problem(f"Not allowed to {ask.method} on {ask.path.removeprefix('/openai')}.", status=405))
    if ask.broken or not isinstance(ask.fields, dict) or (ask.form and not edit):
        raise Refusal(trouble("bad_body", ask.broken or "not a JSON object"))
    fields = {name: value for name, value in ask.fields.items() if value is not None}  # null is absent
    fields = from_text(fields) if ask.form else fields
    files = [file.name for file in ask.uploads]
    check_names(fields, files, edit, ask.form)
    prompt = read_prompt(fields)
    model = takes or family(fields.get("model"), edit)
    check_fidelity(model, fields)
    check_markup(model, files)
    check_frames(model, fields, "mask" in (*files, *fields))
    kind = read_enum(fields, "output_format", model.formats, "png")
    words = {
        "quality": read_enum(fields, "quality", model.qualities, "auto"),
        "background": read_enum(fields, "background", model.backgrounds, "auto"),
        "output_format": kind,
        "edit": edit,
    }
    read_enum(fields, "moderation", ("low", "auto"), "auto")
    read_enum(fields, "complexity", ("low", "medium", "high"), "medium")
    _check_pairs(fields, words)
    width, height = read_size(fields, model)
    references, mask = read_images(ask, fields) if edit else ((), None)
    return Order(
        model=str(fields.get("model", "")),
        prompt=prompt,
        width=width,
        height=height,
        mime=f"image/{kind}",
        n=read_number(fields, "n", 1, 10, 1),
        references=references,
        mask=mask,
        transparent=words["background"] == "transparent",
        stream=read_flag(fields, "stream"),
        partials=read_number(fields, "partial_images", 0, 3, 0),
        words=words,
    )


def _check_pairs(fields: Mapping[str, Any], words: Mapping[str, Any]) -> None:
    """Fields that only go with others."""
    kind = words["output_format"]
    squeeze = read_number(fields, "output_compression", 0, 100, 100)
    if kind == "png" and "output_compression" in fields and squeeze < 100:
        message = "Compression less than 100 is not supported for PNG output format"
        raise Refusal(problem(message, "output_compression", "invalid_png_output_compression", user_error=True))
    if words["background"] == "transparent" and kind == "jpeg":
        message = "Transparent background is not supported for JPEG output format"
        raise Refusal(problem(message, "background", "invalid_value", user_error=True))


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    for at, one in enumerate(seen):
        if one.format not in ("PNG", "JPEG", "WEBP", "MPO"):
            raise Refusal(trouble("reference", str(at)))
    if mask:
        _check_mask(seen[0], mask)
    if order.width:
        return order
    ratio = seen[0].width / seen[0].height if seen else 1.0
    width, height = (1536, 1024) if ratio > 1.2 else (1024, 1536) if ratio < 1 / 1.2 else (1024, 1024)
    return replace(order, width=width, height=height)


def _check_mask(first: Seen, mask: Seen) -> None:
    why = ""
    if mask.format != "PNG":
        why = "mask is not a PNG"
    elif not mask.alpha:
        why = "mask image missing alpha channel"
    elif (mask.width, mask.height) != (first.width, first.height):
        why = f"mask size {mask.width}x{mask.height} does not match image size {first.width}x{first.height}"
    if why:
        message = f"Invalid mask image format - {why}"
        raise Refusal(problem(message, "mask", "invalid_mask_image_format", user_error=True))


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    if order.stream:
        return _stream(order, pictures)
    body = {
        "created": int(time.time()),
        "background": _effective(order)["background"],
        "data": [{"b64_json": picture} for picture in pictures],
        "output_format": order.words["output_format"],
        "quality": _effective(order)["quality"],
        "size": f"{order.width}x{order.height}",
        "usage": _usage(order, details=True),
    }
    return Answer(200, write(body), headers=_headers())


def _stream(order: Order, pictures: tuple[Picture, ...]) -> Answer:
    """One completed event a picture, each after as many previews as were asked for."""
    stem = "image_edit" if order.words["edit"] else "image_generation"
    pieces: list[bytes] = []
    for made in pictures:
        for index, preview in enumerate(made.previews):
            pieces += _event(f"{stem}.partial_image", order, preview, {"partial_image_index": index})
        pieces += _event(f"{stem}.completed", order, made, {"usage": _usage(order, details=False)})
    return Answer(200, tuple(pieces), STREAM, _headers(), chunked=True)


def _event(name: str, order: Order, made: Picture, more: Mapping[str, Any]) -> tuple[bytes, ...]:
    data = {
        "type": name,
        "b64_json": made,
        "created_at": int(time.time()),
        "size": f"{order.width}x{order.height}",
        **_effective(order),
        "output_format": order.words["output_format"],
        **more,
    }
    return (f"event: {name}\ndata: ".encode(), *write(data), b"\n\n")


def _effective(order: Order) -> Mapping[str, str]:
    quality, background = order.words["quality"], order.words["background"]
    return {
        "quality": "medium" if quality == "auto" else quality,
        "background": "opaque" if background == "auto" else background,
    }


def _usage(order: Order, details: bool) -> Mapping[str, Any]:
    text, image = len(order.prompt) // 4 + 1, 256 * len(order.references)
    # a preview costs 100 tokens more
    output = (order.width * order.height // 1024 + 100 * order.partials) * order.n
    usage: dict[str, Any] = {
        "input_tokens": text + image,
        "input_tokens_details": {"image_tokens": image, "text_tokens": text},
        "output_tokens": output,
        "total_tokens": text + image + output,
    }
    return {**usage, "output_tokens_details": {"image_tokens": output, "text_tokens": 0}} if details else usage


def _headers() -> tuple[tuple[str, str], ...]:
    return (
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "42"),
        ("x-request-id", f"req_{time.monotonic_ns():032x}"),
    )


def empty(order: Order, way: int) -> Answer:
    return Answer(200, write({"created": int(time.time()), "data": []}), headers=_headers())


def refuse(order: Order, how: str) -> Answer:
    """400, or an error event when a stream has already begun."""
    details = {"moderation_stage": how or "input", "categories": ["other"]}
    message = "Your request was rejected by the safety system."
    refused = problem(message, code="moderation_blocked", user_error=True, more={"moderation_details": details})
    if not (order.stream and how == "output"):
        return refused
    data = b'{"type":"error",' + b"".join(refused.pieces).removeprefix(b"{")
    return Answer(200, (b"event: error\ndata: " + data + b"\n\n",), STREAM, _headers(), chunked=True)


def trouble(what: str, arg: str) -> Answer:
    if what == "no_key":
        return problem(
            "You didn't provide an API key. You need to provide it in an Authorization header using Bearer auth.",
            status=401,
        )
    if what == "bad_key":
        message = f"Incorrect API key provided: {arg[:3]}***{arg[-4:]}."
        return problem(message, code="invalid_api_key", status=401)
    if what == "bad_body":
        return problem(f"We could not parse the JSON body of your request: {arg}.")
    if what == "too_large":
        return problem("Maximum request body size exceeded.", status=413)
    if what == "reference":
        number = int(arg) + 1
        name = f"image file or mode for image {number}" if number else "mask image format"
        code = "invalid_image_file" if number else "invalid_mask_image_format"
        return problem(
            f"Invalid {name}, please check your image file.", "image" if number else "mask", code, user_error=True
        )
    return _on_demand(what, arg)


def _on_demand(what: str, arg: str) -> Answer:
    if what == "limit":
        message = f"Rate limit reached. Please try again in {arg}s."
        return problem(message, code="rate_limit_exceeded", kind="requests", status=429, wait=arg)
    if what == "quota":
        message = "You exceeded your current quota, please check your plan and billing details."
        return problem(message, code="insufficient_quota", kind="insufficient_quota", status=429)
    if what == "error":
        message = "The server had an error while processing your request. Sorry about that!"
        return problem(message, kind="server_error", status=int(float(arg)))
    if what == "overloaded":
        message = "The server is currently overloaded with other requests."
        kind, code = "service_unavailable_error", "server_is_overloaded"
        return problem(message, code=code, kind=kind, status=503, wait=arg)
    return problem(arg)  # a complaint of the sandbox itself
