"""Event streams at any chunk boundary, with pictures in them."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koci_proxy.engine.frames import FrameReader
from koci_proxy.malformed import Malformed
from koci_proxy.media import Bytes
from koci_proxy.types import Media, Sink
from koci_proxy.wire import Frame


class Memory:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        self.content += piece

    def finish(self) -> Media:
        return Media(data=Bytes(bytes(self.content)), size=len(self.content))

    def abort(self) -> None:
        self.content.clear()


def sink() -> Sink:
    return Memory()


def read(text: bytes, cuts: int = 7) -> list[Frame]:
    reader = FrameReader(sink, 1 << 20)
    found = []
    for at in range(0, len(text), cuts):
        found += reader.feed(text[at : at + cuts])
    return found + reader.close()


STREAMS: list[tuple[str, bytes, list[Frame]]] = [
    ("one", b'event: a\ndata: {"n": 1}\n\n', [Frame("a", {"n": 1})]),
    ("no event name", b'data: {"n": 1}\n\n', [Frame(None, {"n": 1})]),
    ("no space", b'event:a\ndata:{"n":1}\n\n', [Frame("a", {"n": 1})]),
    ("CRLF", b'event: a\r\ndata: {"n": 1}\r\n\r\n', [Frame("a", {"n": 1})]),
    ("a comment and an id", b': ping\n\nid: 7\ndata: {"n": 1}\n\n', [Frame(None, {"n": 1})]),
    ("over two lines", b'data: {"n":\ndata: 1}\n\n', [Frame(None, {"n": 1})]),
    ("no last blank line", b'data: {"n": 1}', [Frame(None, {"n": 1})]),
    ("done", b'data: {"n": 1}\n\ndata: [DONE]\n\n', [Frame(None, {"n": 1})]),
    ("a list", b"data: [1]\n\n", [Frame(None, [1])]),
    ("two", b"data: 1\n\ndata: 2\n\n", [Frame(None, 1), Frame(None, 2)]),
    ("an event without data", b"event: ping\n\ndata: 2\n\n", [Frame(None, 2)]),
    ("nothing", b"", []),
]


@pytest.mark.parametrize("cuts", [1, 2, 3, 1000])
@pytest.mark.parametrize(("what", "text", "frames"), STREAMS, ids=[row[0] for row in STREAMS])
def test_frames(what: str, text: bytes, frames: list[Frame], cuts: int) -> None:
    assert read(text, cuts) == frames


def test_data_that_is_no_json() -> None:
    with pytest.raises(Malformed):
        read(b"data: <html>\n\n")


def test_a_frame_has_a_bound_and_a_stream_of_them_none() -> None:
    frame = b'data: "' + b"x" * 1000 + b'"\n\n'
    assert len(read(frame * 3000, 9_000)) == 3000
    with pytest.raises(Malformed) as caught:
        read(b'data: "' + b"QUJD" * 400_000, 9_000)
    assert caught.value.kind == "too_large"


@settings(deadline=None)
@given(size=st.integers(13_000, 60_000), cuts=st.integers(1, 9_000))
def test_a_picture_comes_through_whole(size: int, cuts: int) -> None:
    content = bytes(at * 31 % 251 for at in range(size))
    text = b"event: p\ndata: " + json.dumps({"b64": base64.b64encode(content).decode(), "n": 1}).encode() + b"\n\n"
    [frame] = read(text, cuts)
    assert frame.event == "p"
    assert frame.data["n"] == 1
    media = frame.data["b64"]
    assert b"".join(media.data.pieces()) == content
