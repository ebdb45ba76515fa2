"""What may be said to an app."""

from __future__ import annotations

import time

import pytest

from koci_proxy.faults import KINDS, Fault
from koci_proxy.wire import Json, Raw, Reply
from koci_proxy.words import (
    answer,
    complaint,
    from_vendor,
    harmless,
    no_such_model,
    no_such_path,
    public_code,
    retry_headers,
    unsaid,
)

KEEP = [
    "Invalid size '17x17'. Use 1024x1024, e.g. v1.5 of gpt-image-1.5.",
    "generation_config.image_config.aspect_ratio must be one of 1:1, 16:9",
    "内容审核不通过,请修改",
    "task-oriented risk-averse disk-based",
    "No such file: contents[0].parts[1].inlineData.data",
    "may contain sensitive information. Request id: 0217000000000000000000000000000000",
    "no. Request id: 021763710000000000000000000000000000ffffac1554b8d9e16",
    "request_id=req_011CVbHfGz8k2aPq9sT4uVwX, try again",
    "x (request id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301)",
]


@pytest.mark.parametrize("words", KEEP)
def test_plain_words_stay(words: str) -> None:
    assert harmless(words) == words


@pytest.mark.parametrize(
    ("words", "hidden"),
    [
        ("see https://api.vendor.example/v1?key=1 now", "vendor"),
        ("HTTPS://API.VENDOR.EXAMPLE/x", "VENDOR"),
        ("host api.link-ai.tech refused", "link-ai"),
        ("connect to generativelanguage.googleapis.com:443/x failed", "googleapis"),
        ("from 10.0.0.7:8080", "10.0.0.7"),
        ("Incorrect API key provided: sk-proj-abc***xyz.", "abc"),
        ("Bearer abcdefgh is wrong", "abcdefgh"),
        ("key AIzaSyA1234567 is wrong", "AIzaSy"),
        ("token 0123456789abcdef0123456789abcdef", "0123456789abcdef"),
        ("key 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is wrong", "4f89"),
        ("Request id: 7f3a9c1e5b2d4f6a8c0e1b3d5f7a9c1e", "7f3a9c1e"),
        ("Request id: sk-021700000000000000000000000000000", "0217"),
        ("Request id: 0217000000000000000000000000000000abcdef-rest-of-a-longer-one-9", "abcdef"),
        ("Request id: 3f2504e0-4f89-11d3-9a0c-0305e82c3301, key 3f2504e0-4f89-11d3-9a0c-0305e82c3302", "3302"),
        ("https://x.example/request_id=0217000000000000000000000000000000", "x.example"),
        ("data:image/png;base64,iVBORw0KGgo=", "iVBOR"),
        ("picture " + "QUJD" * 20, "QUJDQUJD"),
        ("picture " + "iVBORw0KGgo/" * 10, "iVBOR"),
    ],
)
def test_what_is_nobodys_business_does_not(words: str, hidden: str) -> None:
    assert hidden not in harmless(words)


def test_long_words_are_cut_and_lines_joined() -> None:
    assert harmless("a\n  b\tc") == "a b c"
    assert len(harmless("word " * 1000)) == 300
    assert len(harmless("word " * 1_000_000)) == 300
    assert harmless(None) == harmless({"a": 1}) == ""


KEY, HOST = "kkt_live_51Mz9aBcDe", "img-gw.relay.run"
HALVES = "0123456789abcdef0123456789abcdef.AbCdEf0123456789"  # `harmless` knows the first half of it as a key
HALF_HOST = "api.me.relay.run"  # and the beginning of this as a host


@pytest.mark.parametrize(
    ("words", "key", "host", "left"),
    [
        (
            f"Invalid token {KEY} for group vip at https://{HOST}/x node {HOST}",
            *(KEY, HOST),
            "Invalid token (key) for group vip at (link) node (host)",
        ),
        (f"key%3D{KEY}%26, Key={KEY.upper()}", KEY, HOST, "key%3D(key)%26, Key=(key)"),
        (f"no route to eu.{HOST.upper()}:8443/v1?a=b now", KEY, HOST, "no route to eu.(host) now"),
        (f"bad {HALVES}", HALVES, HOST, "bad (key)"),
        (f"see {HALF_HOST}:8443", KEY, HALF_HOST, "see (host)"),
        ("word " * 58 + KEY, KEY, HOST, "word " * 58 + "(key)…"),
        ("word " * 58 + HOST, KEY, HOST, "word " * 58 + "(host)…"),
        (
            "none: the relay race, relay:8080/x, nonetheless",
            "none",
            "relay",
            "(key): the (host) race, (host) nonetheless",
        ),
        ("as it was", "", "", "as it was"),
        ("as it was", " " * 5, "", "as it was"),
        ("as it was", "it", "as", "as it was"),
    ],
)
def test_our_key_and_its_host_are_known_however_they_look(words: str, key: str, host: str, left: str) -> None:
    assert unsaid(harmless(words), key, host) == left


def test_a_tree_of_words() -> None:
    told = {"a": [f"x {KEY}", 3, None], "b": ({"c": HOST},)}
    assert unsaid(told, KEY, HOST) == {"a": ["x (key)", 3, None], "b": ({"c": "(host)"},)}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].blame in ("key", "upstream")])
def test_what_a_vendor_says_of_us_is_not_shown(kind: str) -> None:
    fault = from_vendor(kind, "your account acme is closed")
    assert ("acme" in fault.message) == (kind == "empty")
    assert fault.vendor == "your account acme is closed"


@pytest.mark.parametrize(
    ("kind", "status", "stage"),
    [
        ("garbled", 200, "accepted"),
        ("garbled", 302, "answered"),
        ("slow", 504, "sent"),
        ("slow", 524, "sent"),
        ("slow", 408, "answered"),
    ],
)
def test_how_far_an_attempt_had_come(kind: str, status: int, stage: str) -> None:
    assert from_vendor(kind, None, status=status).stage == stage


@pytest.mark.parametrize(
    ("body", "words", "code", "about"),
    [
        ({"error": {"message": "m", "code": "c", "param": "p"}}, "m", "c", "p"),
        ({"error": {"message": "m", "code": 1113, "param": None}}, "m", "1113", ""),
        ({"error": "plain"}, "plain", "", ""),
        ({"message": "m", "code": 7}, "m", "7", ""),
        ({"detail": "m"}, "m", "", ""),
        ({"detail": [{"loc": []}]}, "", "", ""),
        ({"error": None}, "", "", ""),
        ([], "", "", ""),
        (None, "", "", ""),
    ],
)
def test_error_bodies_of_all_common_forms(body: object, words: str, code: str, about: str) -> None:
    said = complaint(body)
    assert (said.words, said.code, said.about) == (words, code, about)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (Json({"a": 1}), {"a": 1}),
        (Raw(b' {"a": 1}', "text/plain"), {"a": 1}),
        (Raw(b'{"a": ', "text/plain"), None),
        (Raw(b"[" * 100_000, "text/plain"), None),
        (Raw(b"\xff{", "text/plain"), None),
        (Raw(b'{"a": "\xff"}', "text/plain"), None),
        (Raw(b"<html>", "text/html"), None),
        (None, None),
    ],
)
def test_json_under_any_name(body: Json | Raw | None, value: object) -> None:
    assert answer(Reply(200, {}, body)) == value


def test_retry_headers() -> None:
    assert retry_headers(Fault("key_busy", "", retry_after=0.2)) == {"x-should-retry": "true", "retry-after": "1"}
    assert retry_headers(Fault("down", "", retry_after=0)) == {"x-should-retry": "true"}
    assert retry_headers(Fault("down", "", stage="accepted")) == {"x-should-retry": "false"}


def test_codes_of_our_keys_stay_inside() -> None:
    assert public_code(Fault("key_refused", "", code="invalid_api_key")) is None
    assert public_code(Fault("bad_request", "", code="invalid_value")) == "invalid_value"


def test_the_nearest_name_comes_first() -> None:
    assert str(no_such_path("image/edit", ["models", "images/edits"])).endswith("there are: images/edits, models")
    assert "did you mean 'image-2'?" in str(no_such_model("image2", ["gemini", "image-2"]))
    assert str(no_such_model("zzz", ["image-2"])) == "there is no model 'zzz'"


@pytest.mark.parametrize("word", ["a.", "a.a-", "a-", "1.", "data:a/", "bearer ", "a.com ", "sk-"])
def test_words_without_end_are_looked_through_at_once(word: str) -> None:
    began = time.process_time()
    harmless(word * 6000)
    assert time.process_time() - began < 0.5
