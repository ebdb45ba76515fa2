"""Ark's error words: what each of its codes means to us, and which of them an app of ours hears; and its model ids.

Read off Ark's and ModelArk's error pages (2025-11). `QuotaExceeded`, `SetLimitExceeded` and `ServerOverloaded` stand
in no copy at hand: ASSUMED from what their names say. The first two do not pass by waiting a minute. The codes of
refused films and sounds (OutputVideoSensitiveContentDetected.PolicyViolation) are as users report them, 2026-05 to 09.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koci_proxy.blame import default_kind
from koci_proxy.faults import Fault
from koci_proxy.types import Target
from koci_proxy.words import Complaint, from_vendor

# What stands before it says what was refused: InputText, OutputImage, OutputVideo, OutputAudio, …
_REFUSED = ("SensitiveContentDetected", "RiskDetection")
_SPENT = (
    *("AccountOverdueError", "OperationDenied.ServiceOverdue"),
    *("QuotaExceeded", "SetLimitExceeded", "ModelQuotaExhausted"),
)
# InvalidParameter.UnsupportedModel too: the app's model name is ours, the vendor's is our route's.
_UNSERVED = (
    *("InvalidEndpoint", "InvalidEndpointOrModel", "ModelNotOpen", "UnsupportedModel"),
    *("InvalidParameter.UnsupportedModel", "OperationDenied.ServiceNotOpen"),
)
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(_SPENT, "key_spent"),
    **dict.fromkeys(_UNSERVED, "unserved"),
    **dict.fromkeys(("MissingParameter", "InvalidParameter", "InvalidArgumentError", "InvalidImageURL"), "bad_request"),
    # A 400, and yet nothing about the request: the check of the content itself broke.
    **dict.fromkeys(("ContentSecurityDetectionError", "ServerOverloaded", "InternalServiceError"), "down"),
    "AuthenticationError": "key_refused",
    "RateLimitExceeded": "key_busy",
}


def refusal(status: int, said: Complaint) -> Fault:
    """The `Fault` of an error: by its code, else by the status; an unknown code at 200 only says that nothing came."""
    kind = meaning(said.code) or ("empty" if status < 300 else default_kind(status))
    if kind == "bad_request" and said.about == "model":
        kind = "unserved"
    about = said.about if kind == "bad_request" else None
    return from_vendor(kind, said.words, code=said.code, about=about, status=status)


def meaning(code: str) -> str | None:
    """The kind of a code, or of the longest beginning of it that is known: `A.B` means what `A` does."""
    if code.partition(".")[0].endswith(_REFUSED):
        return "refused"
    while code and code not in _KINDS:
        code = code.rpartition(".")[0]
    return _KINDS.get(code)


# kind -> (status, type, code); a status of None is the house's own. What our vendors did to us is one thing to an app.
_TROUBLE = (None, "InternalServerError", "InternalServiceError")
_BAD = (None, "BadRequest", "InvalidParameter")
_FAILS: Mapping[str, tuple[int | None, str, str]] = {
    "unauthorized": (None, "Unauthorized", "AuthenticationError"),
    "no_credit": (403, "Forbidden", "AccountOverdueError"),
    "forbidden": (None, "Forbidden", "AccessDenied"),
    "not_found": (None, "NotFound", "NotFound"),
    "refused": (None, "BadRequest", "SensitiveContentDetected"),
    "too_fast": (None, "TooManyRequests", "RateLimitExceeded.EndpointRPMExceeded"),
    "key_busy": (None, "TooManyRequests", "RateLimitExceeded.EndpointRPMExceeded"),
    **dict.fromkeys(("key_refused", "key_spent", "unserved", "down", "slow", "garbled", "empty", "internal"), _TROUBLE),
}


def failure(fault: Fault) -> tuple[int, dict[str, Any]]:
    """(status, error object) for an app. A refusal keeps Ark's own code where it has one: it says what was refused."""
    status, kind, code = _FAILS.get(fault.kind, _BAD)
    if fault.kind == "not_found" and fault.field == "model":
        code = "InvalidEndpointOrModel.NotFound"
    if fault.code == "missing_required_parameter":
        code = "MissingParameter"
    if fault.code and fault.kind in ("refused", "bad_request") and meaning(fault.code) == fault.kind:
        code = fault.code
    error = {"code": code, "message": fault.message, "param": fault.field or "", "type": kind}
    return status or fault.status, error


def model_id(target: Target) -> str:
    """What goes out as `model`: the provider's `wire.models` gives the id for a friendlier name."""
    ids = target.wire.get("models")
    return str(ids.get(target.model, target.model)) if isinstance(ids, Mapping) else target.model


def count(value: Any) -> int:
    """A number of tokens; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
