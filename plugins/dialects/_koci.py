"""What pictures and films share on the KoCodeImg wire: a field, its words for faults, and how it counts progress."""

from __future__ import annotations

from collections.abc import Mapping

from koci_proxy.faults import Fault
from koci_proxy.words import public_code

FILM = "input_video_url"

_CODES: Mapping[str, str] = {
    "unauthorized": "invalid_api_key",
    "no_credit": "insufficient_credits",
    "too_fast": "rate_limit_exceeded",
    "key_busy": "rate_limit_exceeded",
    "bad_request": "invalid_request",
    "refused": "content_refused",
    "too_large": "file_too_large",
    "internal": "internal_error",
    "slow": "upstream_timeout",
    "down": "upstream_failed",
    "garbled": "upstream_failed",
    "empty": "upstream_failed",
    "key_refused": "upstream_unavailable",
    "key_spent": "upstream_unavailable",
    "unserved": "upstream_unavailable",
}


def code(fault: Fault) -> str:
    """The machine word for a fault."""
    return public_code(fault) or _CODES.get(fault.kind, fault.kind)


def percent(value: float) -> int:
    """A whole number from 0 to 100."""
    return min(max(round(value), 0), 100)
