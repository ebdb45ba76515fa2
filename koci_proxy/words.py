"""What may be said to an app: a vendor's words made harmless, plain words for each fault, and whether to ask again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from .faults import KINDS, Fault
from .wire import Json, Raw, Reply

LONGEST = 300
# A shorter key would black out half of every message.
SHORTEST = 4

_CUTS = (
    (re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,[\w+/=-]*"), "(picture)"),
    (re.compile(r"\b[a-z][a-z0-9+.-]{0,30}://\S+", re.I), "(link)"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"), "(host)"),
    (
        re.compile(
            r"\b(?:[a-z0-9-]{1,63}\.){1,10}(?:com|org|net|ai|io|dev|app|cn|cc|co|me|vip|tech|cloud|top|xyz|site|shop|pro|internal|local)"
            r"\b(?::\d+)?(?:/\S*)?",
            re.I,
        ),
        "(host)",
    ),
    (re.compile(r"\bbearer\s+\S+", re.I), "(key)"),
    (re.compile(r"\b(?:sk|pk|rk)-[\w*.-]{3,}", re.I), "(key)"),
    (re.compile(r"\bAIza[\w-]{6,}"), "(key)"),
    (re.compile(r"(?<![\w+/-])(?=[\w+/-]*\d)[A-Za-z0-9+/_-]{32,}={0,2}"), "(key)"),
    (re.compile(r"[A-Za-z0-9+/_-]{48,}={0,2}"), "(data)"),
)

# By what a vendor's support finds a call again: a name that says it is one, and what the known ones look like. A UUID
# may be a key elsewhere, so it needs the name in front of it.
_CALL = re.compile(
    r"(\brequest[ _-]?id\b[\"':= (]{1,4}"
    r"(?:0\d{14,20}[0-9a-f]{0,40}|req_[0-9A-Za-z]{8,40}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w+/=-]))",
    re.I,
)

_PLAIN: Mapping[str, str] = {
    "bad_request": "the upstream did not accept the request",
    "refused": "the request was refused by the content rules of the upstream",
    "wrong_type": "the upstream does not take this type of file",
    "too_large": "the upstream finds the request too large",
    "not_found": "the upstream does not know what was asked for",
    "key_refused": "the upstream does not accept this service's access; this is not about your API key",
    "key_spent": "the upstream account of this service is used up; this is not about your credits",
    "key_busy": "the upstream is at its rate limit",
    "unserved": "the upstream does not serve this model",
    "down": "the upstream failed",
    "slow": "the upstream took too long",
    "garbled": "the upstream answer could not be read",
    "empty": "the upstream answered without a picture or film",
}
# Only these may carry a vendor's words to an app: what it says of our keys and its own insides is not for apps.
_TELLING = frozenset({"bad_request", "refused", "wrong_type", "too_large", "not_found", "empty"})
# Nothing was paid for when a call ended like this, unless its stage says otherwise.
_FREE = frozenset({"too_fast", "key_refused", "key_spent", "key_busy", "unserved", "down", "slow"})

PATIENCE = 60.0  # seconds: some SDKs sleep through any `retry-after`, an hour too, before their app hears of it


def harmless(words: Any) -> str:
    """A vendor's words on one line, at most 300 characters, without links, hosts, keys and base64. Not text: empty.

    What it calls the number of a request stays, if it looks like one.
    """
    if not isinstance(words, str):
        return ""
    pieces = _CALL.split(" ".join(words[: 20 * LONGEST].split()))
    text = "".join(piece if at % 2 else _cut(piece) for at, piece in enumerate(pieces))
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def _cut(text: str) -> str:
    for pattern, instead in _CUTS:
        text = pattern.sub(instead, text)
    return text


def unsaid(value: Any, secret: str, host: str) -> Any:
    """A vendor's words, or whatever holds some, without our key and its own host: `harmless` goes by looks alone."""
    match value:
        case str():
            return _without(_without(value, secret, "", "(key)"), host, r"(?::\d+)?(?:/\S*)?", "(host)")
        case Mapping():
            return {name: unsaid(each, secret, host) for name, each in value.items()}
        case list() | tuple():
            return type(value)(unsaid(each, secret, host) for each in value)
    return value


def _without(text: str, known: str, more: str, instead: str) -> str:
    """A text without what is known and `more` behind it, without what `harmless` leaves of it, and without its
    beginning, where a text was cut off in it."""
    edge = r"\b" if known.isalpha() else ""  # a container's name, or `none` for a key, is part of other words too
    for spelled in (each for each in (known, harmless(known)) if len(each) >= SHORTEST):
        text = re.sub(edge + re.escape(spelled) + edge + more, instead, text, flags=re.I)
        lengths = range(len(spelled) - 1, SHORTEST - 1, -1) if text.endswith("…") else ()
        cut = next((length for length in lengths if text.endswith(f"{spelled[:length]}…")), None)
        text = text if cut is None else f"{text[: -cut - 1]}{instead}…"
    return text


def told(kind: str, words: str) -> str:
    """The message for an app: what happened, and the vendor's harmless words where they are the app's business."""
    plain = _PLAIN.get(kind, "the upstream answered with an error")
    return f"{plain}: {words}" if words and kind in _TELLING else plain


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error body says: its words, code and type, the field it is about, and the error object itself."""

    words: str = ""
    code: str = ""
    type: str = ""
    about: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)


def complaint(body: Any) -> Complaint:
    """An error body in any of the common forms: {"error": {…}}, {"error": "…"}, {"message": …}, {"detail": …}."""
    if not isinstance(body, Mapping):
        return Complaint()
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        return Complaint(words=error if isinstance(error, str) else "")
    words = error.get("message") or error.get("msg") or error.get("detail") or ""
    code, kind, param = (error.get(name) for name in ("code", "type", "param"))
    return Complaint(
        words if isinstance(words, str) else "",
        str(code) if isinstance(code, (str, int)) else "",
        kind if isinstance(kind, str) else "",
        param if isinstance(param, str) else "",
        error,
    )


def answer(reply: Reply) -> Any:
    """The JSON of a reply, also where it comes under the name of text; None if it is none."""
    match reply.body:
        case Json(value):
            return value
        case Raw(bytes() as content) if content.lstrip()[:1] in (b"{", b"["):
            try:
                return json.loads(content)
            except (ValueError, RecursionError):
                return None
        case _:
            return None


def from_vendor(
    kind: str,
    words: Any,
    *,
    code: str | None = None,
    about: str | None = None,
    retry_after: float | None = None,
    details: Mapping[str, Any] | None = None,
    status: int = 400,
) -> Fault:
    """The `Fault` of a vendor's answer of that `status`; `words` are made harmless, `about` is the field at fault.

    A 200 that cannot be read may have been paid for, and behind a gateway that gave up (504, 524) the vendor may still
    be at work: both say so in their stage.
    """
    vendor = harmless(words)
    return Fault(
        kind,
        told(kind, vendor),
        code=code or None,
        field=about or None,
        retry_after=retry_after,
        vendor=vendor or None,
        stage="sent" if status in (504, 524) else "accepted" if kind == "garbled" and status < 300 else "answered",
        details=details,
    )


def retry_headers(fault: Fault) -> dict[str, str]:
    """`retry-after` in seconds where it is known, and `x-should-retry`: true where asking again soon costs nothing.

    Official SDKs ask again by themselves at 408, 409, 429 and 5xx unless `x-should-retry: false` forbids it.
    """
    free = fault.kind in _FREE and fault.stage not in ("sent", "accepted")
    soon = (fault.retry_after or 0) <= PATIENCE
    headers = {"x-should-retry": "true" if free and soon else "false"}
    if fault.retry_after is not None and fault.retry_after > 0:
        headers["retry-after"] = str(math.ceil(fault.retry_after))
    return headers


def public_code(fault: Fault) -> str | None:
    """A fault's own machine word, where it speaks of what the app did: a vendor's code for our key would mislead."""
    return fault.code if KINDS[fault.kind].blame == "app" else None


def no_such_path(path: str, paths: Iterable[str]) -> Fault:
    """not_found, naming the paths there are, nearest first."""
    near = sorted(paths, key=lambda each: -SequenceMatcher(None, path, each).ratio())
    return Fault("not_found", f"there is no path {harmless(path)!r} here; there are: {', '.join(near)}")


def wrong_method(method: str, path: str, right: str) -> Fault:
    """`right` is a method, or several with "or" between them; where GET is one, HEAD is another."""
    allow = right.replace(" or ", ", ").replace("GET", "GET, HEAD")
    return Fault("wrong_method", f"{path} takes {right}, not {method}", details={"headers": {"allow": allow}})


def no_such_model(name: str, models: Iterable[str]) -> Fault:
    near = get_close_matches(name, list(models), n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return Fault("not_found", f"there is no model {name!r}{hint}", field="model", code="model_not_found")
