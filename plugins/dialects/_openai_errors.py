"""What a fault is called at the OpenAI door: the error object of an answer, a stream, or a film that failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.words import no_such_path, public_code

_NAMES = {
    "unauthorized": ("invalid_request_error", "invalid_api_key"),
    "no_credit": ("insufficient_quota", "insufficient_quota"),
    "refused": ("image_generation_user_error", "moderation_blocked"),
    "too_fast": ("rate_limit_error", "rate_limit_exceeded"),
    "key_busy": ("rate_limit_error", "rate_limit_exceeded"),
    "key_refused": ("service_unavailable_error", "upstream_unavailable"),
    "key_spent": ("service_unavailable_error", "upstream_unavailable"),
    "unserved": ("service_unavailable_error", "upstream_unavailable"),
    "down": ("server_error", "upstream_error"),
    "slow": ("server_error", "upstream_timeout"),
    "garbled": ("server_error", "upstream_error"),
    "empty": ("server_error", "no_image"),
    "internal": ("server_error", "internal_error"),
}
# Clients and their users branch on these words: a code of the fault's own does not take their place.
_FIXED = frozenset({"refused", "too_fast", "no_credit"})


def no_such_url(path: str, paths: Iterable[str]) -> Fault:
    """not_found by OpenAI's own word for a path that nobody serves."""
    return no_such_path(path, paths).changed(code="unknown_url")


def _broad(fault: Fault) -> str | None:
    """OpenAI's word for a mistake that has none of its own; None where no answer of its is known."""
    if fault.kind == "wrong_type":
        return "unsupported_content_type" if fault.field == "content-type" else None
    return "invalid_value" if fault.kind == "bad_request" and fault.field else None


def error(fault: Fault) -> dict[str, Any]:
    """The error object: message, type, param and code, and what was refused where a vendor said so."""
    kind, code = _NAMES.get(fault.kind, ("invalid_request_error", None))
    own = None if fault.kind in _FIXED else public_code(fault)
    code = own or code or _broad(fault)
    found: dict[str, Any] = {"message": fault.message, "type": kind, "param": fault.field, "code": code}
    if "moderation_details" in fault.details:
        found["moderation_details"] = fault.details["moderation_details"]
    return found
