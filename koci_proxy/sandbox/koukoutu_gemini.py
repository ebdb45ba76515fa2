"""Koukoutu's page in Gemini's shape: Google's wire under another path, for one model, with a Bearer key."""

from __future__ import annotations

from . import google
from .google import answer, empty, refuse, settle, trouble
from .nouns import Ask, Order

__all__ = ["NAME", "answer", "empty", "key", "owns", "read", "refuse", "settle", "trouble", "words"]

NAME = "koukoutu-gemini"
PREFIX = "/koukoutu/apis/"
MODELS = ("gemini-2.5-flash-image",)


def owns(path: str) -> bool:
    return path.startswith(PREFIX)


def key(ask: Ask) -> str | None:
    return ask.bearer or None


def words(ask: Ask) -> tuple[str, str]:
    return google.words(google.relayed(ask, PREFIX, MODELS))


def read(ask: Ask) -> Order:
    return google.read(google.relayed(ask, PREFIX, MODELS))
