"""Whether a secret that somebody thought up can be guessed. Those that we make ourselves cannot."""

from __future__ import annotations

import re

LENGTH = 24  # characters
# What has to be left once the words are out that everybody tries first.
LEFT = 16
DISTINCT = 8
WORDS = (
    *(
        "password",
        "passwd",
        "pass",
        "secret",
        "token",
        "admin",
        "root",
        "user",
        "key",
        "koci",
        "proxy",
        "api",
        "master",
    ),
    *("change", "changeme", "default", "example", "test", "testing", "demo", "sample", "please", "local", "localhost"),
    *("welcome", "letmein", "hello", "world", "qwerty", "qwertz", "asdf", "zxcv", "iloveyou", "dragon", "monkey"),
    *("correct", "horse", "battery", "staple", "this", "that", "very", "long", "super", "strong", "safe", "secure"),
)
_WORDS = re.compile("|".join(sorted(WORDS, key=len, reverse=True)))


def weak(token: str) -> str | None:
    """Why a token is too easy to guess, in words for an operator; None for one that is not, as far as one can see."""
    if len(token) < LENGTH:
        return f"has {len(token)} characters; {LENGTH} are the least"
    if _repeats(token) or len(set(token)) < DISTINCT:
        return "repeats itself"
    left = re.sub(r"[\W_]", "", _WORDS.sub("", _without_runs(token.lower())))
    if len(left) < LEFT:
        return "is made of common words and runs of letters or digits"
    return None


def _repeats(token: str) -> bool:
    """Whether it is one piece several times over; the last time may be cut short."""
    return any(token.startswith(token[at:]) for at in range(1, len(token) // 2 + 1))


def _without_runs(text: str) -> str:
    """Without what goes up or down the alphabet or the digits one by one, four characters or more."""
    kept, at = [], 0
    while at < len(text):
        end = max(_run(text, at, 1), _run(text, at, -1))
        kept.append(text[at:end] if end - at < 4 else "")
        at = end
    return "".join(kept)


def _run(text: str, at: int, step: int) -> int:
    """Where the run ends that begins at a place."""
    end = at + 1
    while end < len(text) and ord(text[end]) - ord(text[end - 1]) == step:
        end += 1
    return end
