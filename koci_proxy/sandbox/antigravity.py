"""A relay of the Antigravity kind: Gemini's wire under another path and behind a Bearer key, kept to loosely.

As public issues tell of such relays: `imageSize` is checked and ignored, so that a 4K picture comes as 1376x768, and
two models are offered. Its answer has the picture first and no more around it than its page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from . import google
from .body import write
from .google import empty, refuse, settle
from .google_rules import status_answer
from .nouns import Answer, Ask, Order, Picture

__all__ = ["NAME", "answer", "empty", "key", "owns", "read", "refuse", "settle", "trouble", "words"]

NAME = "antigravity"
PREFIX = "/antigravity/"
MODELS = ("gemini-3.1-flash-image", "gemini-3-pro-image")
REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "no_key": (401, "Missing API key.", "UNAUTHENTICATED"),
    "bad_key": (401, "Invalid API key.", "UNAUTHENTICATED"),
    "quota": (402, "Out of credits.", "FAILED_PRECONDITION"),
}


def owns(path: str) -> bool:
    return path.startswith(PREFIX)


def key(ask: Ask) -> str | None:
    return ask.bearer or None


def words(ask: Ask) -> tuple[str, str]:
    return google.words(google.relayed(ask, PREFIX, MODELS))


def read(ask: Ask) -> Order:
    order = google.read(google.relayed(ask, PREFIX, MODELS))
    return replace(order, words={**order.words, "tier": "1K", "ratio": order.words["ratio"] or "1:1"})


def answer(order: Order, pictures: tuple[Picture, ...], link: Callable[[Picture], str]) -> Answer:
    parts: list[dict[str, Any]] = [{"inlineData": {"mimeType": made.mime, "data": made}} for made in pictures]
    parts += [{"text": f"Here is your picture: {order.prompt[:80]}"}] if "TEXT" in order.words["modalities"] else []
    return Answer(200, write({"candidates": [{"content": {"parts": parts}}]}), google.MIME)


def trouble(what: str, arg: str) -> Answer:
    if what not in REFUSALS:
        return google.trouble(what, arg)
    status, message, name = REFUSALS[what]
    return status_answer(status, message, name=name)
