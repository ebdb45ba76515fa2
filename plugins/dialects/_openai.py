"""What the refusals of an OpenAI-shaped vendor mean: codes as its guide, its types and its relays have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koci_proxy.blame import default_kind
from koci_proxy.faults import Fault
from koci_proxy.words import Complaint, from_vendor

_REFUSALS = ("moderation_blocked", "content_policy_violation", "image_content_policy_violation", "content_filter")
_SPENT = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
)
_BY_CODE = {
    **dict.fromkeys(_REFUSALS, "refused"),
    **dict.fromkeys(_SPENT, "key_spent"),
    "invalid_api_key": "key_refused",
    "model_not_found": "unserved",
    "rate_limit_exceeded": "key_busy",
    "slow_down": "key_busy",
    "server_is_overloaded": "down",
}
_BY_TYPE = {
    "image_generation_user_error": "bad_request",
    "invalid_request_error": "bad_request",
    "insufficient_quota": "key_spent",
    "rate_limit_error": "key_busy",
    "server_error": "down",
    "service_unavailable_error": "down",
}


def refusal(status: int, said: Complaint) -> Fault:
    """The `Fault` of an error: by its code where that is a known one, else by the status; at 200 by its type."""
    kind = _BY_CODE.get(said.code)
    if kind is None:
        kind = _BY_TYPE.get(said.type, "empty") if status < 300 else default_kind(status)
    if kind == "key_busy" and said.type == "insufficient_quota":
        kind = "key_spent"
    if kind == "bad_request" and said.about == "model":
        kind = "unserved"  # the app's model name is ours; it is our route that names one the vendor does not have
    about = said.about if kind == "bad_request" else None
    return from_vendor(kind, said.words, code=said.code, about=about, details=_moderation(said), status=status)


def stream_refusal(said: Complaint) -> Fault:
    """The `Fault` of an error inside a stream, where no status tells: by its code or type, else the vendor is down."""
    return refusal(200 if said.code in _BY_CODE or said.type in _BY_TYPE else 502, said)


def _moderation(said: Complaint) -> dict[str, Any]:
    """Which stage refused and for what, as far as it is made of plain words."""
    given = said.error.get("moderation_details")
    if not isinstance(given, Mapping):
        return {}
    categories = given.get("categories")
    stage = given.get("moderation_stage")
    return {
        "moderation_details": {
            "moderation_stage": stage if stage in ("input", "output") else "unknown",
            "categories": [str(each)[:40] for each in categories] if isinstance(categories, list) else [],
        }
    }
