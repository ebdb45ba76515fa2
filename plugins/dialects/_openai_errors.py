"""What a fault is called at the OpenAI door: the error object of an answer, a stream, or a film that failed."""

from __future__ import annotations

from typing import Any

from koci_proxy.faults import Fault
from koci_proxy.words import public_code

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


def error(fault: Fault) -> dict[str, Any]:
    """The error object: message, type, param and code, and what was refused where a vendor said so."""
    kind, code = _NAMES.get(fault.kind, ("invalid_request_error", None))
    own = None if fault.kind in _FIXED else public_code(fault)
    found: dict[str, Any] = {"message": fault.message, "type": kind, "param": fault.field, "code": own or code}
    if "moderation_details" in fault.details:
        found["moderation_details"] = fault.details["moderation_details"]
    return found
