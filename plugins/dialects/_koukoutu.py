"""Koukoutu's numbers and words: what a `code` means, how it says a fault to an app, and which models take a prompt.

Read off the client code and notes of people who use it: its own pages could not be read. What no source tells is
marked ASSUMED.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koci_proxy.blame import default_kind
from koci_proxy.faults import Fault
from koci_proxy.words import complaint, from_vendor

GOOD = 200

# One client's table of codes. 401 and 403: the key; 402 and 409: no points left, by two different clients; 406: the
# file is over its limit; 407: an edge is under 70 px. ASSUMED: 404 is about our route, not about the app.
_KINDS = {
    401: "key_refused",
    402: "key_spent",
    403: "key_refused",
    404: "unserved",
    406: "too_large",
    407: "bad_request",
    409: "key_spent",
    413: "too_large",
    415: "wrong_type",
    422: "bad_request",
    429: "key_busy",
}
_ABOUT_THE_PICTURE = (406, 407, 413, 415)
# ASSUMED: a task that failed says in words what was wrong; these are about what the app sent.
_REFUSING = ("审核", "违规", "敏感", "不合规", "illegal content", "moderation")
_PICTURES = ("image", "picture", "图")

# Its own code for each fault of an app; every other kind is told by its HTTP status.
CODES: Mapping[str, int] = {
    "bad_request": 422,
    "refused": 422,
    "conflict": 422,
    "no_credit": 409,
    "gone": 404,
}
PROMPTED = frozenset({"image-to-image"})


def number(value: Any) -> int | None:
    """A whole number that may be written as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) else None


def percent(value: Any) -> float | None:
    """`progress`, which is a number written as text."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if 0 <= found <= 100 else None


def refusal(status: int, body: Any) -> Fault:
    """The `Fault` of an error: by the `code` of its body, whatever the HTTP status, else by that."""
    said = complaint(body)
    own = number(body.get("code")) if isinstance(body, Mapping) else None
    if own is None or own == GOOD or not 100 <= own < 600:
        own = status
    kind = _KINDS.get(own) or default_kind(own)
    if kind == "bad_request" and _holds(said.words, _REFUSING):
        kind = "refused"
    about = "image" if own in _ABOUT_THE_PICTURE else None
    return from_vendor(kind, said.words, code=str(own), about=about, status=status if status >= 300 else own)


def failure(words: Any) -> Fault:
    """The `Fault` of a task that ended in failure: the app's where its words name the picture, else the vendor's.

    Never `down`: that would be the question after the task that failed, and worth asking again.
    """
    text = words if isinstance(words, str) else ""
    kind = "refused" if _holds(text, _REFUSING) else "bad_request" if _holds(text, _PICTURES) else "empty"
    return from_vendor(kind, text, about="image" if kind == "bad_request" else None)


def _holds(words: str, any_of: tuple[str, ...]) -> bool:
    return any(word in words.lower() for word in any_of)
