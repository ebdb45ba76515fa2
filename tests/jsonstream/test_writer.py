"""The writer: exact lengths, the same bytes again, and what the reader makes of them."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koci_proxy import wire
from koci_proxy.jsonstream import Reader, Written, write
from koci_proxy.media import Bytes, from_bytes
from koci_proxy.types import Media

NOISE = random.Random(3).randbytes(1_000_000)
LONG = 64


@dataclass(frozen=True)
class Uneven:
    """A spool whose pieces have any length."""

    content: bytes
    step: int

    @property
    def size(self) -> int:
        return len(self.content)

    def pieces(self, length: int = 262_144, start: int = 0) -> Iterator[bytes]:
        return Bytes(self.content).pieces(min(self.step, length), start)


class Kept(bytearray):
    def write(self, piece: bytes | bytearray | memoryview) -> None:
        self.extend(piece)

    def finish(self) -> Media:
        return from_bytes(bytes(self))

    def abort(self) -> None:
        self.clear()


def whole(written: Written) -> bytes:
    body = b"".join(written.pieces())
    assert len(body) == written.length
    assert b"".join(written.pieces()) == body
    return body


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
PICTURES = st.integers(LONG, 800).map(lambda size: from_bytes(NOISE[size : size * 2]))


@given(VALUES)
def test_plain_values_are_one_piece(value: Any) -> None:
    written = write(value)
    assert len(list(written.pieces())) == 1
    assert whole(written) == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert written.content_type == "application/json"


@given(st.lists(PICTURES | VALUES), st.sampled_from([wire.base64, wire.data_uri]))
def test_the_reader_reads_what_was_written(items: list[Any], spell: Any) -> None:
    value = {"items": [spell(item) if isinstance(item, Media) else item for item in items]}
    reader = Reader(Kept, threshold=LONG)
    reader.feed(whole(write(value)))
    assert reader.close() == {"items": items}


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000, 196_607, 196_608, 196_609, 1_000_000])
@pytest.mark.parametrize("step", [262_144, 65_536, 1000])
def test_pictures_of_any_length(size: int, step: int) -> None:
    picture = Media(Uneven(NOISE[:size], step), mime="image/webp")
    text = base64.b64encode(NOISE[:size]).decode()
    value: Mapping[str, Any] = {
        "a": (wire.base64(picture), 'é"'),
        "b": MappingProxyType({"url": wire.data_uri(picture)}),
    }
    body = whole(write(value))
    expected = {"a": [text, 'é"'], "b": {"url": f"data:image/webp;base64,{text}"}}
    assert body == json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()


def test_small_parts_travel_together() -> None:
    small, large = from_bytes(NOISE[:3000]), from_bytes(NOISE)
    assert len(list(write([wire.base64(small)] * 8).pieces())) == 1
    pieces = [len(piece) for piece in write({"a": wire.base64(large), "b": wire.base64(large)}).pieces()]
    assert min(pieces[:-1]) >= 65_536
    assert max(pieces) < 400_000


def test_other_spellings() -> None:
    assert whole(write({"u": wire.url(Media(url='https://a.example/"é'))})) == '{"u":"https://a.example/\\"é"}'.encode()
    unknown = wire.data_uri(Media(Bytes(b"x")))
    assert whole(write(unknown)) == b'"data:application/octet-stream;base64,eA=="'
    assert whole(write(["half \ud83d", "猫", wire.base64(Media(Bytes(b"x")))])) == (
        b'["half \\ud83d","\\u732b","eA=="]'
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (wire.base64(Media(url="https://a.example")), "not held"),
        (wire.data_uri(Media(key="k")), "not held"),
        (wire.url(Media(Bytes(b"x"))), "URL"),
        ({"a": float("nan")}, "(?i)nan|float"),
        ({"a": float("inf")}, "(?i)inf|float"),
        ({"a": b"bytes"}, "bytes"),
        ({"a": Media()}, "Media"),
        ({(1, 2): 1}, "keys"),
    ],
)
def test_what_cannot_be_written(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        write(value)
