"""Nouns written down and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koci_proxy import recorded
from koci_proxy.faults import Fault
from koci_proxy.media import from_bytes
from koci_proxy.types import Job, Media, Note, Result, Size, Ticket

texts = st.text(max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.just("$"), inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=8,
)
media = st.builds(Media, url=texts, mime=texts, width=st.integers(1, 9), height=st.integers(1, 9))
jobs = st.builds(
    Job,
    model=texts,
    prompt=texts,
    n=st.integers(1, 4),
    inputs=st.lists(media, max_size=2).map(tuple),
    size=st.builds(Size, tier=st.sampled_from([None, "2K"])),
    seconds=st.none() | st.floats(1, 10),
    options=st.dictionaries(texts, plain | media, max_size=3),
    notes=st.lists(st.builds(Note, texts, st.just("bent"), texts), max_size=2).map(tuple),
)
results = st.builds(
    Result,
    media=st.lists(media, max_size=2).map(tuple),
    usage=st.dictionaries(texts, plain, max_size=2),
    extras=st.dictionaries(texts, plain, max_size=2),
)


@given(st.one_of(jobs, results, st.builds(Ticket, handle=st.dictionaries(texts, plain)), plain))
def test_what_is_written_is_read_back(value: Any) -> None:
    assert recorded.read(json.loads(json.dumps(recorded.write(value)))) == value


def test_a_fault_is_read_back() -> None:
    fault = Fault("slow", "no answer", field="x", code="c", retry_after=3, vendor="v", stage="sent", details={"a": 1})
    again = recorded.read(json.loads(json.dumps(recorded.write(fault))))
    assert isinstance(again, Fault)
    for name in ("kind", "message", "field", "code", "retry_after", "vendor", "stage", "details"):
        assert getattr(again, name) == getattr(fault, name)


def test_bytes_are_not_written() -> None:
    picture = from_bytes(b"\x89PNG and more")
    job = Job("m", "p", inputs=(picture,), options={"_kept": [{"image": picture}]})
    assert list(recorded.held(job)) == [picture, picture]
    stored = recorded.exchanged(job, lambda each: Media(key="a.png"))
    assert list(recorded.held(stored)) == []
    assert recorded.read(recorded.write(stored)) == stored
    assert recorded.read(recorded.write(job)).inputs == (replace(picture, data=None),)


def test_a_field_of_a_later_version_is_passed_over() -> None:
    assert recorded.read({"$": "Note", "field": "f", "what": "bent", "colour": "red"}) == Note("f", "bent")


def test_what_is_no_noun_is_not_written() -> None:
    with pytest.raises(TypeError, match="set cannot be written down"):
        recorded.write({"a": {1, 2}})
