"""The Anthropic Messages shape of a relay that answers with pictures: strict bodies, sizes as fields, image blocks.

Anthropic's own API makes no pictures, so models, sizes and the form of the answer are invented: one model for each form
that such an answer may take. What is refused, and how, is as the types and errors of its API have it.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from .body import write
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen
from .tables import GEMINI, nearest_ratio

NAME = "anthropic"
PATH = "/anthropic/v1/messages"
TABLE = GEMINI["gemini-3-pro-image"]
# model -> how its answer holds a picture
FORMS: Mapping[str, str] = {"picture-1": "base64", "picture-1-link": "url", "picture-1-markdown": "markdown"}
MIMES = ("image/jpeg", "image/png", "image/gif", "image/webp")
MOST = 20  # pictures in a request
FIELDS = frozenset(
    {
        *("model", "max_tokens", "messages", "system", "stream", "stop_sequences", "metadata", "tools", "tool_choice"),
        *("thinking", "service_tier", "output_config", "container", "cache_control", "speed", "inference_geo"),
        *("diagnostics", "size", "aspect_ratio"),
    }
)
SAMPLING = frozenset({"temperature", "top_p", "top_k"})  # what the later of the API's two versions takes no more
VERSIONS: Mapping[str, frozenset[str]] = {"2023-06-01": FIELDS | SAMPLING, "2026-10-21": FIELDS}
TYPES: Mapping[int, str] = {
    **{400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error"},
    **{404: "not_found_error", 408: "timeout_error", 409: "conflict_error", 413: "request_too_large"},
    **{429: "rate_limit_error", 504: "timeout_error", 529: "overloaded_error"},
}


def owns(path: str) -> bool:
    return path.startswith("/anthropic/")


def key(ask: Ask) -> str | None:
    """`x-api-key`, as older clients have it, or a bearer."""
    return ask.headers.get("x-api-key", "").strip() or ask.bearer or None


def words(ask: Ask) -> tuple[str, str]:
    fields = ask.fields if isinstance(ask.fields, dict) else {}
    return str(fields.get("model") or ""), "\n".join(_said(fields.get("messages")))


def _said(messages: Any) -> list[str]:
    """The texts of the last turn of the user, whatever else is wrong."""
    turns = [turn for turn in messages if isinstance(turn, dict)] if isinstance(messages, list) else []
    content = next((turn.get("content") for turn in reversed(turns) if turn.get("role") == "user"), None)
    if isinstance(content, str):
        return [content]
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    return [str(block.get("text")) for block in blocks if block.get("type") == "text"]


def read(ask: Ask) -> Order:
    if ask.path != PATH:
        raise Refusal(problem(404, "Not found"))
    if ask.method != "POST":
        raise Refusal(problem(405, "Method Not Allowed"))
    version = ask.headers.get("anthropic-version")
    if not version:
        _refuse("anthropic-version: header is required")
    if version not in VERSIONS:
        _refuse(f'anthropic-version: "{version}" is not a valid version')
    if ask.broken or ask.form or not isinstance(ask.fields, dict):
        raise Refusal(trouble("bad_body", ask.broken or "not a JSON object"))
    fields = ask.fields
    for name in ("model", "max_tokens", "messages"):
        if name not in fields:
            _refuse(f"{name}: Field required")
    for name in fields:
        if name not in VERSIONS[version]:
            _refuse(f"{name}: Extra inputs are not permitted")
    model = fields["model"]
    form = FORMS.get("picture-1" if str(model).startswith("bench:") else str(model))
    if form is None:
        raise Refusal(problem(404, f"model: {model}"))
    _check_numbers(fields)
    references = _references(fields["messages"])
    prompt = "\n".join(_said(fields["messages"]))
    if not prompt.strip():
        _refuse("messages: text content blocks must be non-empty")
    settings = {"form": form, "tier": _among(fields, "size", TABLE, "1K"), "ratio": _ratio(fields)}
    return Order(model=str(model), prompt=prompt, references=references, words=settings)


def _check_numbers(fields: Mapping[str, Any]) -> None:
    limit = fields["max_tokens"]
    if isinstance(limit, bool) or not isinstance(limit, int):
        _refuse("max_tokens: Input should be a valid integer")
    if limit < 1:
        _refuse("max_tokens: Input should be greater than or equal to 1")
    for name in SAMPLING & fields.keys():
        if isinstance(fields[name], bool) or not isinstance(fields[name], int if name == "top_k" else (int, float)):
            _refuse(f"{name}: Input should be a valid number")
    if fields.get("stream") not in (None, False):
        _refuse("stream: this model does not stream")


def _ratio(fields: Mapping[str, Any]) -> str:
    return _among(fields, "aspect_ratio", TABLE["1K"], "")


def _among(fields: Mapping[str, Any], name: str, values: Mapping[str, Any], otherwise: str) -> str:
    value = fields.get(name, otherwise)
    if name in fields and value not in values:
        _refuse(f"{name}: Input should be {', '.join(repr(each) for each in values)}")
    return str(value)


def _references(messages: Any) -> tuple[bytes | str, ...]:
    """Every picture of every turn, in order."""
    if not isinstance(messages, list) or not messages:
        _refuse("messages: at least one message is required")
    found: list[bytes | str] = []
    for at, turn in enumerate(messages):
        where = f"messages.{at}"
        if not isinstance(turn, dict) or set(turn) != {"role", "content"}:
            _refuse(f"{where}: expected an object with role and content")
        if turn["role"] not in ("user", "assistant"):
            _refuse(f"{where}.role: Input should be 'user' or 'assistant'")
        found += _in_blocks(turn["content"], f"{where}.content")
    if messages[0]["role"] != "user":
        _refuse("messages: first message must use the user role")
    if len(found) > MOST:
        _refuse(f"messages: at most {MOST} images are allowed")
    return tuple(found)


def _in_blocks(content: Any, where: str) -> list[bytes | str]:
    if isinstance(content, str):
        return []
    if not isinstance(content, list) or not content:
        _refuse(f"{where}: Input should be a valid string or a non-empty list")
    found: list[bytes | str] = []
    for at, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "image":
            found.append(_source(block, f"{where}.{at}"))
        elif kind == "tool_result":
            found += _in_blocks(block.get("content", ""), f"{where}.{at}.content")
        elif kind == "text":
            if not isinstance(block.get("text"), str) or set(block) - {"type", "text", "cache_control", "citations"}:
                _refuse(f"{where}.{at}.text: Input should be a valid string")
        elif kind not in ("tool_use", "document", "thinking", "redacted_thinking", "search_result"):
            _refuse(f"{where}.{at}: Input tag '{kind}' does not match any of the expected tags")
    return found


def _source(block: Mapping[str, Any], where: str) -> bytes | str:
    source = block.get("source")
    if not isinstance(source, dict) or set(block) - {"type", "source", "cache_control", "transformations"}:
        _refuse(f"{where}.source: Field required, and nothing beside it")
    if source.get("type") == "url" and isinstance(source.get("url"), str) and len(source) == 2:
        return str(source["url"])
    if source.get("type") != "base64" or set(source) != {"type", "media_type", "data"}:
        _refuse(f"{where}.source: expected base64 with media_type and data, or url")
    if source["media_type"] not in MIMES:
        _refuse(f"{where}.source.base64.media_type: Input should be {', '.join(map(repr, MIMES))}")
    try:
        return base64.b64decode(source["data"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        _refuse(f"{where}.source.base64: invalid base64 data")


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    row = TABLE[order.words["tier"]]
    ratio = order.words["ratio"] or (nearest_ratio(row, seen[0].width, seen[0].height) if seen else "1:1")
    width, height = row[ratio]
    return replace(order, width=width, height=height)


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    form = order.words["form"]
    said = "Here is your picture."
    if form == "markdown":
        links = "\n\n".join(f"![{order.prompt[:20]}]({link(picture)})" for picture in pictures)
        return _message(order, [{"type": "text", "text": f"{said}\n\n{links}"}])
    blocks: list[Mapping[str, Any]] = [{"type": "text", "text": said}]
    for picture in pictures:
        held = {"type": "base64", "media_type": picture.mime, "data": picture}
        source = {"type": "url", "url": link(picture)} if form == "url" else held
        blocks.append({"type": "image", "source": source})
    return _message(order, blocks)


def _message(order: Order, blocks: list[Mapping[str, Any]], reason: str = "end_turn", **more: Any) -> Answer:
    name = f"{time.monotonic_ns():024x}"
    made = order.width * order.height // 1024 if len(blocks) > 1 else len(str(blocks)) // 4
    body = {
        "id": f"msg_{name}",
        "type": "message",
        "role": "assistant",
        "model": order.model,
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": None,
        **more,
        "usage": {
            "input_tokens": len(order.prompt) // 4 + 1 + 1000 * len(order.references),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": made,
        },
    }
    return Answer(200, write(body), headers=(("request-id", f"req_{name}"),))


def empty(order: Order, way: int) -> Answer:
    """1: mere words; 2: no block at all; 3: cut off by max_tokens; 4: a block nobody knows."""
    if way == 2:
        return _message(order, [])
    if way == 4:
        return _message(order, [{"type": "picture_of_tomorrow", "data": {}}])
    text = {"type": "text", "text": "I can only describe it."}
    return _message(order, [text], "max_tokens" if way == 3 else "end_turn")


def refuse(order: Order, how: str) -> Answer:
    """A message that ends by refusal; `output` after some words were said."""
    said: list[Mapping[str, Any]] = [{"type": "text", "text": "Here is"}] if how == "output" else []
    details = {"type": "refusal", "category": None, "explanation": "This request goes against the usage policy."}
    return _message(order, said, "refusal", stop_details=details)


def problem(status: int, message: str, wait: str = "") -> Answer:
    name = f"req_{time.monotonic_ns():024x}"
    error = {"type": TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error"), "message": message}
    headers = (("request-id", name), *((("retry-after", wait),) if wait else ()))
    return Answer(status, write({"type": "error", "error": error, "request_id": name}), headers=headers)


def _refuse(message: str) -> NoReturn:
    raise Refusal(problem(400, message))


def trouble(what: str, arg: str) -> Answer:
    known: Mapping[str, tuple[int, str]] = {
        "no_key": (401, "x-api-key header is required"),
        "bad_key": (401, "invalid x-api-key"),
        "bad_body": (400, f"The request body is not valid JSON: {arg}"),
        "too_large": (413, "Request exceeds the maximum size"),
        "reference": (400, "messages: Could not process image"),
        "limit": (429, "This request would exceed your account's rate limit. Please try again later."),
        "quota": (402, "Your credit balance is too low to access the API."),
        "overloaded": (529, "Overloaded"),
    }
    if what == "error":
        return problem(int(float(arg)), "Internal server error")
    status, message = known.get(what, (400, arg))
    return problem(status, message, arg if what in ("limit", "overloaded") else "")
