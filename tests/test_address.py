"""Paths, platforms and app keys."""

from __future__ import annotations

import time

import pytest

from koci_proxy.address import KEY_HEADERS, keyless, netloc, split, take_key, without_key
from koci_proxy.faults import Fault

PLATFORMS = {"openai", "google", "v1"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/openai/v1/images/generations", ("openai", "images/generations")),
        ("/openai/images/generations", ("openai", "images/generations")),
        ("/openai/v1/v1/images/generations/", ("openai", "images/generations")),
        ("openai//v1/images/generations", ("openai", "images/generations")),
        ("/google/v1beta/v1/models/m:generateContent", ("google", "models/m:generateContent")),
        ("/google/v1beta/v1beta/models/a/b:predict", ("google", "models/a/b:predict")),
        ("/google/v1alpha/v1beta1/v1.1/models", ("google", "models")),
        ("/google/upload/v1/files", ("google", "upload/files")),
        ("/google/v1beta/upload/v1beta/files", ("google", "upload/files")),
        ("/google/v1beta1/publishers/google/models/m:x", ("google", "publishers/google/models/m:x")),
        ("/openai/v1/models/v1", ("openai", "models/v1")),
        ("/openai/openai/v1/models", ("openai", "openai/v1/models")),
        ("/v1/v1/models", ("v1", "models")),
        ("/openai/v1", ("openai", "")),
        ("/openai", ("openai", "")),
        ("/openai/version1/x", ("openai", "version1/x")),
        ("/nobody/v1/models", None),
        ("/", None),
        ("", None),
    ],
)
def test_split(path: str, expected: tuple[str, str] | None) -> None:
    assert split(path, PLATFORMS) == expected


A, B = "sk-koci_aaa-aaa_aaa", "sk-koci_bbb-bbb_bbb"


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ({"authorization": f"Bearer {A}"}, {}, A),
        ({"authorization": f"bearer   {A} "}, {}, A),
        ({"x-api-key": A}, {}, A),
        ({"x-goog-api-key": f" {A}"}, {}, A),
        ({}, {"key": A}, A),
        ({"authorization": "Bearer other", "x-goog-api-key": A}, {}, A),
        ({"authorization": f"Bearer {A}", "x-api-key": "other"}, {"key": A}, A),
        ({"authorization": "Bearer first", "x-goog-api-key": "second"}, {"key": "third"}, "first"),
        ({"x-api-key": "second"}, {"key": "third"}, "second"),
        ({"authorization": f"Basic {A}"}, {}, None),
        ({"authorization": "Bearer "}, {"key": ""}, None),
        ({}, {}, None),
    ],
)
def test_take_key(headers: dict[str, str], query: dict[str, str], expected: str | None) -> None:
    assert take_key(headers, query) == expected


@pytest.mark.parametrize("header", KEY_HEADERS)
def test_every_key_header_is_read(header: str) -> None:
    assert take_key({header: f"Bearer {A}" if header == "authorization" else A}, {}) == A


def test_two_keys_are_refused() -> None:
    with pytest.raises(Fault) as caught:
        take_key({"authorization": f"Bearer {A}", "x-goog-api-key": B}, {})
    assert caught.value.kind == "unauthorized"
    assert A not in caught.value.message


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("key=a", ""),
        ("key=a&alt=sse", "alt=sse"),
        ("alt=sse&key=a&x=%20", "alt=sse&x=%20"),
        ("key=a&key=b&keys=c&mykey=d", "keys=c&mykey=d"),
        ("%6Bey=a&b", "b"),
        ("key", ""),
        ("", ""),
    ],
)
def test_without_key(query: str, expected: str) -> None:
    assert without_key(query) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"models/{A}", "models/(key)"),
        (f"xé{A}/b", "xé(key)/b"),
        (f"there is no model '{A}'; did you mean 'a'?", "there is no model '(key)'; did you mean 'a'?"),
        ("a sk-proj-0123456789abcdef b", "a (key) b"),
        ("SK-KOCI_0123456789", "(key)"),
        ("sk-koci_…", "sk-koci_…"),
        ("sk-koci_abcd…wxyz", "sk-koci_abcd…wxyz"),
        ("task-force-of-something-long", "task-force-of-something-long"),
        ("videos/video_0123456789abcdef01234567/content", "videos/video_0123456789abcdef01234567/content"),
        ("", ""),
    ],
)
def test_keyless(text: str, expected: str) -> None:
    assert keyless(text) == expected


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [("10.0.0.5", 8080, "10.0.0.5:8080"), ("::1", 8080, "[::1]:8080"), ("localhost", None, "localhost")],
)
def test_a_host_and_its_port_in_a_url(host: str, port: int | None, expected: str) -> None:
    assert netloc(host, port) == expected


@pytest.mark.parametrize("word", ["v" + "1" * 60_000 + "x", "v1" + ".1" * 30_000 + "x"], ids=["digits", "dots"])
def test_a_long_word_is_no_version_at_once(word: str) -> None:
    """A URL may have 64 KB, and is looked at before its key is."""
    began = time.process_time()
    assert split(f"/p/{word}", ("p",)) == ("p", word)
    assert time.process_time() - began < 1
