"""The Gemini shape: generateContent and its stream, pictures as inline base64 both ways, google.rpc.Status errors."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from .body import write
from .google_rules import Family, check_config, family, fold, invalid, read_parts, status_answer
from .nouns import Answer, Ask, Order, Picture, Refusal, Seen
from .tables import GEMINI, nearest_ratio

NAME = "google"
PATH = re.compile(r"/google/(v1|v1beta)/models/([^:]+):(generateContent|streamGenerateContent)")
MIME = "application/json; charset=UTF-8"
SIGNATURE = base64.b64encode(b"sandbox thought signature " * 4).decode()
TOKENS: Mapping[str, int] = {"512": 747, "1K": 1120, "2K": 1680, "4K": 2520}
PRO_TOKENS: Mapping[str, int] = {"1K": 1120, "2K": 1120, "4K": 2000}
DOMAIN = "generativelanguage.googleapis.com"


def owns(path: str) -> bool:
    return path.startswith("/google/")


def key(ask: Ask) -> str | None:
    """`x-goog-api-key` or `?key=`. A Bearer is an OAuth token here, and an API key is none."""
    given = ask.headers.get("x-goog-api-key") or ask.query.get("key")
    if given:
        return given.strip() or None
    return ask.bearer if ask.bearer.startswith("ya29.") else None


def relayed(ask: Ask, prefix: str, models: Collection[str]) -> Ask:
    """A request to a relay under `prefix`, where Google has it; other models and other methods lead nowhere."""
    tail = ask.path.removeprefix(prefix)
    known = tail in {f"v1beta/models/{model}:generateContent" for model in models}
    return replace(ask, path=f"/google/{tail}" if known else ask.path)


def words(ask: Ask) -> tuple[str, str]:
    found = PATH.fullmatch(ask.path)
    contents = ask.fields.get("contents") if isinstance(ask.fields, dict) else None
    contents = contents if isinstance(contents, list) else [contents]
    parts = [part for content in contents if isinstance(content, dict) for part in _list(content.get("parts"))]
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return (found[2] if found else ""), "\n".join(texts)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def read(ask: Ask) -> Order:
    found = PATH.fullmatch(ask.path)
    if not found or ask.method != "POST":
        raise Refusal(status_answer(404, "The requested URL was not found on this server."))
    version, name, method = found.groups()
    model = family(name, version, method)
    if ask.broken or ask.form or not isinstance(ask.fields, dict):
        raise Refusal(trouble("bad_body", ask.broken or "Root element must be a message."))
    body = fold(ask.fields)
    prompt, references = read_parts(body)
    config = check_config(model, body.get("generationConfig") or {})
    return Order(
        model=name,
        prompt=prompt,
        mime="image/jpeg",
        references=references,
        stream=method == "streamGenerateContent",
        words={**config, "family": model, "sse": ask.query.get("alt") == "sse"},
    )


def settle(order: Order, seen: tuple[Seen, ...], mask: Seen | None) -> Order:
    for one in seen:
        if one.format not in ("PNG", "JPEG", "WEBP", "MPO"):
            raise Refusal(trouble("reference", "0"))
    model: Family = order.words["family"]
    row = GEMINI[model.name][order.words["tier"] or "1K"]
    ratio = order.words["ratio"] or (nearest_ratio(row, seen[0].width, seen[0].height) if seen else "1:1")
    width, height = row[ratio]
    return replace(order, width=width, height=height)


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    modalities = order.words["modalities"]
    parts: list[dict[str, Any]] = []
    if order.words["thoughts"]:
        parts += [{"text": "Let me think about it.", "thought": True}]
        # interim pictures carry no signature, and are no results
        parts += [{"inlineData": {"mimeType": made.mime, "data": made}, "thought": True} for made in pictures]
    if "TEXT" in modalities:
        parts.append(_signed(order, {"text": f"Here is your picture: {order.prompt[:80]}"}))
    if "IMAGE" in modalities:
        parts += [_signed(order, {"inlineData": {"mimeType": made.mime, "data": made}}) for made in pictures]
    return _deliver(order, [{"content": {"parts": [part], "role": "model"}, "index": 0} for part in parts], "STOP")


def _signed(order: Order, part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "thoughtSignature": SIGNATURE} if order.words["family"].signs else part


def _deliver(order: Order, candidates: list[dict[str, Any]], reason: str | None) -> Answer:
    """One candidate chunk after the other as a stream, or all their parts in one answer."""
    head = {"modelVersion": order.model, "responseId": f"sandbox-{time.monotonic_ns():x}"}
    last = {"usageMetadata": _usage(order), **head}
    if not order.stream:
        parts = [part for candidate in candidates for part in candidate["content"]["parts"]]
        whole = {"content": {"parts": parts, "role": "model"}, "finishReason": reason, "index": 0}
        return Answer(200, write({"candidates": [whole], **last}), MIME)
    *early, final = candidates
    chunks: list[Any] = [{"candidates": [candidate], **head} for candidate in early]
    return _chunks(order, [*chunks, {"candidates": [{**final, "finishReason": reason}], **last}])


def _chunks(order: Order, chunks: list[Any]) -> Answer:
    """Server-sent events, or without `alt=sse` one JSON array. No `[DONE]` at the end: this stream just ends."""
    pieces: list[bytes] = []
    for at, chunk in enumerate(chunks):
        if order.words["sse"]:
            pieces += [b"data: ", *write(chunk), b"\r\n\r\n"]
        else:
            pieces += [b",\r\n" if at else b"[", *write(chunk)]
    if order.words["sse"]:
        return Answer(200, tuple(pieces), "text/event-stream", chunked=True)
    return Answer(200, (*pieces, b"]"), MIME, chunked=True)


def _usage(order: Order) -> Mapping[str, Any]:
    model: Family = order.words["family"]
    text, image = len(order.prompt) // 4 + 1, 258 * len(order.references)
    prices = PRO_TOKENS if "-pro-" in model.name else TOKENS
    made = prices[order.words["tier"] or "1K"] if model.tiers else 1290
    thoughts = 120 if model.signs else 0
    details = [{"modality": "TEXT", "tokenCount": text}]
    usage: dict[str, Any] = {
        "promptTokenCount": text + image,
        "candidatesTokenCount": made,
        "totalTokenCount": text + image + made + thoughts,
        "promptTokensDetails": details + ([{"modality": "IMAGE", "tokenCount": image}] if image else []),
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": made}],
    }
    return {**usage, "thoughtsTokenCount": thoughts} if thoughts else usage


def empty(order: Order, way: int) -> Answer:
    """The four ways to give no picture under 200: feedback only, no content, no parts, text only."""
    described = {"parts": [{"text": "I can only describe it."}], "role": "model"}
    bare: Mapping[int, dict[str, Any]] = {
        1: {"promptFeedback": {"blockReason": "OTHER"}},
        2: {"candidates": [{"finishReason": "NO_IMAGE", "index": 0}]},
        3: {"candidates": [{"content": {"role": "model"}, "finishReason": "IMAGE_OTHER", "index": 0}]},
        4: {"candidates": [{"content": described, "finishReason": "STOP", "index": 0}]},
    }
    return _bare(order, bare[way])


def _bare(order: Order, answer: Mapping[str, Any]) -> Answer:
    body = {**answer, "usageMetadata": _usage(order), "modelVersion": order.model}
    return _chunks(order, [body]) if order.stream else Answer(200, write(body), MIME)


def refuse(order: Order, how: str) -> Answer:
    """200 with a reason: no candidate at all, or one without content when the picture itself is what offends."""
    bare: dict[str, Any] = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
    if how == "output":
        message = "Unable to show the generated image."
        bare = {"candidates": [{"finishReason": "IMAGE_SAFETY", "finishMessage": message, "index": 0}]}
    return _bare(order, bare)


def trouble(what: str, arg: str) -> Answer:
    if what == "no_key":
        message = "Method doesn't allow unregistered callers (callers without established identity)."
        return status_answer(
            403, f"{message} Please use API Key or other form of API consumer identity to call this API."
        )
    if what == "bad_key":
        reason = {"reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": {"service": DOMAIN}}
        return status_answer(400, "API key not valid. Please pass a valid API key.", [("ErrorInfo", reason)])
    if what == "bad_body":
        return invalid(f"Invalid JSON payload received. {arg}", "")
    if what == "too_large":
        return status_answer(413, "Request payload size exceeds the limit.", name="INVALID_ARGUMENT")
    if what == "reference":
        return invalid("Unable to process input image. Please retry or report the problem.", "contents")
    return _on_demand(what, arg)


def _on_demand(what: str, arg: str) -> Answer:
    if what in ("limit", "quota"):
        return _exhausted(arg or "3600", "PerDay" if what == "quota" else "PerMinute")
    if what == "error":
        return status_answer(int(float(arg)), "An internal error has occurred. Please retry.")
    if what == "overloaded":
        details = [("RetryInfo", {"retryDelay": f"{arg}s"})] if arg else []
        return status_answer(503, "The model is overloaded. Please try again later.", details)
    return invalid(arg, "")  # a complaint of the sandbox itself


def _exhausted(seconds: str, span: str) -> Answer:
    """429 without Retry-After: the wait is in RetryInfo, and `PerDay` in the quota's id means used up."""
    violation = {
        "quotaMetric": f"{DOMAIN}/generate_content_requests",
        "quotaId": f"GenerateRequests{span}PerProjectPerModel",
        "quotaDimensions": {"location": "global", "model": "sandbox"},
        "quotaValue": "10",
    }
    link = {
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
    }
    details: list[tuple[str, Mapping[str, Any]]] = [
        ("QuotaFailure", {"violations": [violation]}),
        ("Help", {"links": [link]}),
        ("RetryInfo", {"retryDelay": f"{seconds}s"}),
    ]
    message = f"You exceeded your current quota, please check your plan. Please retry in {seconds}s."
    return status_answer(429, message, details)
