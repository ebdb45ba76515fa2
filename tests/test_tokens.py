"""Which secrets can be guessed."""

from __future__ import annotations

import secrets

import pytest

from koci_proxy.state.callers import PREFIX
from koci_proxy.tokens import weak


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "has 0 characters; 24 are the least"),
        ("x9-Kq2_vLm4Zt7Rb1Nw8Ys3", "has 23 characters"),
        ("a" * 40, "repeats itself"),
        ("x9Kq2x9Kq2x9Kq2x9Kq2x9Kq2", "repeats itself"),
        ("x9-Kq2_vLm4Z" * 2 + "x9-", "repeats itself"),
        ("abababbabaabbbababbaabab", "repeats itself"),
        ("12345678901234567890123456", "repeats itself"),
        ("abcdefghijklmnopqrstuvwxyz012345", "common words"),
        ("zyxwvutsrqponmlkjihgfedcba987654", "common words"),
        ("admin-secret-token-admin-secret", "common words"),
        ("ChangeMe_ChangeMe2_ChangeMe3!!", "common words"),
        ("correct-horse-battery-staple-1", "common words"),
        ("my-very-long-secret-admin-password", "common words"),
    ],
)
def test_weak(token: str, reason: str) -> None:
    assert reason in (weak(token) or "")


@pytest.mark.parametrize(
    "token", ["x9-Kq2_vLm4Zt7Rb1Nw8Ys3C", "violet trombone gravel osprey", "test-x9Kq2vLm4Zt7Rb1Nw8Ys3C"]
)
def test_strong(token: str) -> None:
    assert weak(token) is None


def test_what_a_machine_makes_up_is_strong() -> None:
    for _ in range(500):
        made = (PREFIX + secrets.token_urlsafe(32), secrets.token_urlsafe(24), secrets.token_hex(16))
        assert [weak(token) for token in made] == [None] * 3
