"""Pools of vendor keys."""

from __future__ import annotations

import pytest

from koci_proxy.config import load

from .conftest import Write, complaints

KEYS = [
    ("keys: {openia: sk-1, openai: sk-2}", "2:8: keys.openia: unknown provider — did you mean 'openai'?"),
    (
        "keys: {openai: {on: sk-1}}",
        "2:8: keys.openai: 'of' is missing\n"
        "routes.yaml:2:17: keys.openai.on: unknown key; known: at_once, of, per_minute, weights",
    ),
    (
        "keys: {openai: {of: [sk-1, sk-2], weights: [1]}}",
        "2:44: keys.openai.weights: 1 weights for 2 keys: each key needs one",
    ),
    ("keys: {openai: {of: sk-1, at_once: 0}}", "2:36: keys.openai.at_once: must be at least 1, not 0"),
    ("keys: {openai: []}", "2:16: keys.openai: must not be empty"),
    ("keys: {openai: ['']}", "2:17: keys.openai[0]: must not be empty"),
    ("keys: {openai: 12345}", "2:16: keys.openai: must be text, a list or a map, not 12345 (put it in quotes)"),
    (
        "keys: {openai: [sk-1, 'sk 2']}",
        "2:23: keys.openai[1]: this key holds a space or a letter that no header can carry",
    ),
    ("keys: {openai: ['${OPENAI}', '${NONE}']}", "2:30: keys.openai[1]: the variable NONE is not set"),
    (
        "keys: {openai: {of: ['${OPENAI}', $OAI_2]}}",
        "2:35: keys.openai.of[1]: '$OAI_2' has no braces — did you mean '${OAI_2}'? "
        "(a dollar that means itself is written $$)",
    ),
    ("keys: {openai: {of: '${NONE}'}}", "2:21: keys.openai.of: the variable NONE is not set"),
    ("keys: {openai: '${file:/no/such}'}", "2:16: keys.openai: there is no file /no/such"),
]


@pytest.mark.parametrize(("keys", "complaint"), KEYS)
def test_wrong_keys(keys: str, complaint: str, write: Write) -> None:
    text = f"platforms: {{openai: openai}}\n{keys}\nmodels:\n  pic: openai/gpt-image-2\n"
    assert "\n".join(complaints(write({"routes.yaml": text}))) == f"routes.yaml:{complaint}"


def test_a_sandbox_needs_no_key_but_may_have_one(write: Write) -> None:
    text = "platforms: {openai: openai}\nmodels: {pic: sandbox-openai/gpt-image-2}\n"
    house = load(write({"routes.yaml": text}), {})
    assert house.keys["sandbox-openai"].secrets == ("sandbox-key",)
    assert house.secrets == frozenset()
    assert load(write({"routes.yaml": text + "keys: {sandbox-openai: [a, b]}\n"}), {}).keys[
        "sandbox-openai"
    ].secrets == ("a", "b")
