"""Koukoutu's page in Gemini's shape: Google's wire under another path, for one model, with a Bearer key."""

from __future__ import annotations

from dataclasses import replace

from . import google
from .google import answer, empty, refuse, settle, trouble
from .nouns import Ask, Order

__all__ = ["NAME", "answer", "empty", "key", "owns", "read", "refuse", "settle", "trouble", "words"]

NAME = "koukoutu-gemini"
PREFIX = "/koukoutu/apis/"
MODEL = "gemini-2.5-flash-image"


def owns(path: str) -> bool:
    return path.startswith(PREFIX)


def key(ask: Ask) -> str | None:
    scheme, _, token = ask.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _as_google(ask: Ask) -> Ask:
    """The same request where Google has it; any other model or method leads nowhere."""
    tail = ask.path.removeprefix(PREFIX)
    return replace(ask, path=f"/google/{tail}" if tail == f"v1beta/models/{MODEL}:generateContent" else ask.path)


def words(ask: Ask) -> tuple[str, str]:
    return google.words(_as_google(ask))


def read(ask: Ask) -> Order:
    return google.read(_as_google(ask))
