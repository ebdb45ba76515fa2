"""What a vendor's refusal means and how long it asks us to wait."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koci_proxy.blame import default_kind, duration, judge, retry_after, retry_delay
from koci_proxy.facts import FaultRule
from koci_proxy.faults import KINDS, Fault
from koci_proxy.words import retry_headers

NOW = 1_792_000_000.0

RULES = (
    FaultRule("refused", status=409),
    FaultRule("key_spent", status=429, code="insufficient_quota"),
    FaultRule("key_refused", status=400, path="error.details.*.reason", value="API_KEY_INVALID"),
    FaultRule("refused", code="SensitiveContent*"),
    FaultRule("too_large", path="code", value=406),
    FaultRule("empty", path="promptFeedback.blockReason"),
    FaultRule("bad_request", path="items.1", value="x"),
    FaultRule("down", path="retry", value=True),
)


@pytest.mark.parametrize(
    ("status", "code", "body", "expected"),
    [
        (409, None, None, "refused"),
        (429, "insufficient_quota", {}, "key_spent"),
        (429, "rate_limit_exceeded", {}, None),
        (429, None, {}, None),
        (400, None, {"error": {"details": [{}, {"reason": "API_KEY_INVALID"}]}}, "key_refused"),
        (403, None, {"error": {"details": [{"reason": "API_KEY_INVALID"}]}}, None),
        (400, "SensitiveContentDetected.Violence", {}, "refused"),
        (200, None, {"code": 406}, "too_large"),
        (200, None, {"code": "406"}, "too_large"),
        (200, None, {"promptFeedback": {"blockReason": "SAFETY"}}, "empty"),
        (200, None, {"promptFeedback": {"blockReason": None}}, None),
        (200, None, {"items": ["a", "x"]}, "bad_request"),
        (200, None, {"items": ["x"]}, None),
        (200, None, {"retry": True}, "down"),
        (200, None, {"retry": "True"}, None),
        (500, None, "<html>", None),
        (500, None, None, None),
    ],
)
def test_judge(status: int, code: str | None, body: Any, expected: str | None) -> None:
    assert judge(RULES, status, code, body) == expected


def test_first_rule_wins() -> None:
    rules = (FaultRule("slow", status=500), FaultRule("down", status=500))
    assert judge(rules, 500, None, None) == "slow"
    assert judge((), 500, None, None) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request"),
        (422, "bad_request"),
        (413, "too_large"),
        (415, "wrong_type"),
        (404, "unserved"),
        (405, "unserved"),
        (406, "unserved"),
        (409, "unserved"),
        (401, "key_refused"),
        (403, "key_refused"),
        (402, "key_spent"),
        (408, "slow"),
        (504, "slow"),
        (429, "key_busy"),
        (500, "down"),
        (529, "down"),
        (302, "garbled"),
        (200, "garbled"),
    ],
)
def test_default_kind(status: int, kind: str) -> None:
    assert default_kind(status) == kind


def test_every_status_has_a_kind() -> None:
    assert {default_kind(status) for status in range(100, 600)} <= set(KINDS)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "30", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "30", "retry-after-ms": "soon"}, 30.0),
        ({"retry-after": "Wed, 14 Oct 2026 17:48:00 GMT"}, 1_792_000_080 - NOW),
        ({"retry-after": "Wed, 14 Oct 2020 17:48:00 GMT"}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "86400"}, 86_400.0),
        ({"retry-after": "86401"}, 86_400.0),
        ({"retry-after": "9" * 300}, 86_400.0),
        ({"retry-after": "1e400"}, None),
        ({"retry-after-ms": "9" * 20}, 86_400.0),
        ({"retry-after": "Fri, 14 Oct 2126 17:48:00 GMT"}, 86_400.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers, NOW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5s", 3.5),
        ("6m0s", 360.0),
        ("1h2m3s", 3723.0),
        ("250ms", 0.25),
        ("9" * 400 + "s", None),
        ("9" * 308 + "h", None),
        ("1s" + "9" * 309 + "ms", None),
        ("1e400s", None),
        ("NaNs", None),
        ("nan", None),
        ("inf", None),
        ("-3s", None),
        ("12", None),
        ("", None),
        ("s", None),
        (3.5, None),
        (None, None),
    ],
)
def test_duration(text: Any, expected: float | None) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"details": [{"reason": "x"}, {"retryDelay": "31s"}]}}, 31.0),
        ({"error": {"details": [{"retryDelay": "0s"}]}}, None),
        ({"error": {"details": [{"retryDelay": "25h"}]}}, 86_400.0),
        ({"error": {"details": [{"retryDelay": "9" * 400 + "s"}]}}, None),
        ({"error": {"details": [{"retryDelay": "9" * 400 + "s"}, {"retryDelay": "3s"}]}}, 3.0),
        ({"error": {"details": "none"}}, None),
        ({"error": "text"}, None),
        ([], None),
        (None, None),
    ],
)
def test_retry_delay(body: Any, expected: float | None) -> None:
    assert retry_delay(body) == expected


DIGITS = st.builds(lambda digit, length: digit * length, st.sampled_from("0159"), st.integers(1, 500))
LENGTHS = st.lists(st.tuples(DIGITS, st.sampled_from(["ms", "h", "m", "s"])), min_size=1, max_size=3)


@given(LENGTHS.map(lambda parts: "".join(number + unit for number, unit in parts)) | st.text(max_size=9))
def test_whatever_a_vendor_asks_for_can_be_told_to_an_app(text: str) -> None:
    """A number that no number holds once broke the answer that was to tell of it."""
    seconds = duration(text)
    assert seconds is None or 0 <= seconds < math.inf
    asked = [retry_delay({"error": {"details": [{"retryDelay": text}]}}), retry_after({"retry-after": text}, NOW)]
    for wait in asked:
        assert wait is None or 0 < wait <= 86_400
        assert int(retry_headers(Fault("key_busy", "", retry_after=wait)).get("retry-after", 1)) <= 86_400
