"""Forms as real clients send them, at any cut; what is refused; and what we write."""

from __future__ import annotations

import io
import random
import time
import tracemalloc
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from koci_proxy.malformed import Malformed
from koci_proxy.media import from_bytes
from koci_proxy.multipart import FormReader, write
from koci_proxy.types import Media, Sink, Sinks
from koci_proxy.wire import Form
from koci_proxy.written import Written

TYPE = "multipart/form-data; boundary=XX"


def png() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((40, 30), 60).save(out, "PNG")
    return out.getvalue()


PNG = png()


class Kept(bytearray):
    state = "open"

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        self.extend(piece)

    def finish(self) -> Media:
        self.state = "finished"
        return from_bytes(bytes(self))

    def abort(self) -> None:
        self.state = "aborted"


def body_of(*parts: tuple[str, bytes]) -> bytes:
    return (
        b"".join(b"--XX\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + b"--XX--"
    )


def part(name: str, content: bytes, rest: str = "") -> tuple[str, bytes]:
    return f'Content-Disposition: form-data; name="{name}"{rest}', content


def read(content_type: str, body: bytes, step: int = 1 << 20, sinks: Sinks = Kept, **bounds: int) -> Form:
    reader = FormReader(content_type, sinks, **bounds)
    for at in range(0, len(body), step):
        reader.feed(memoryview(body)[at : at + step])
    return reader.close()


def whole(written: Written) -> bytes:
    body = b"".join(written.pieces())
    assert len(body) == written.length
    assert b"".join(written.pieces()) == body
    return body


PICTURE = from_bytes(PNG)


@pytest.mark.parametrize(
    ("head", "field"),
    [
        (part("prompt", "ein Bär, 猫".encode()), ("prompt", "ein Bär, 猫")),
        (part("stream", b"true"), ("stream", "true")),
        (part("empty", b""), ("empty", "")),
        (part("tags[]", b"x", "\r\nContent-Type: text/plain; charset=utf-8"), ("tags[]", "x")),
        (part("image", b"data:image/png;base64,QUJD"), ("image", "data:image/png;base64,QUJD")),
        (part("image[]", PNG, '; filename="a.png"\r\nContent-Type: image/png'), ("image[]", PICTURE)),
        (part("image[0]", PNG, '; filename="upload"\r\nContent-Type: application/octet-stream'), ("image[0]", PICTURE)),
        (part("image", PNG, '; filename="a.txt"\r\nContent-Type: text/plain'), ("image", PICTURE)),
        (part("image", PNG, '; filename="no type"'), ("image", PICTURE)),
        (part("image", PNG, '; filename=""'), ("image", PICTURE)),
        (part("image", PNG, '; filename="图.png"'), ("image", PICTURE)),
        (part("image", PNG, "; filename*=utf-8''%E5%9B%BE.png"), ("image", PICTURE)),
        (part("image", PNG, "\r\nContent-Type: image/png"), ("image", PICTURE)),
        (("content-disposition: form-data; name=mask; filename=m.png", PNG), ("mask", PICTURE)),
        (part("a%22b", b"x"), ('a"b', "x")),
        (part("图", b"x"), ("图", "x")),
    ],
)
@pytest.mark.parametrize("step", [1, 13, 1 << 20])
def test_parts(head: tuple[str, bytes], field: tuple[str, Any], step: int) -> None:
    assert read(TYPE, body_of(head, part("n", b"2")), step).fields == (field, ("n", "2"))


def test_order_is_kept_and_nothing_chosen_is_nothing() -> None:
    body = body_of(
        part("image", PNG, '; filename="1"'),
        part("other", b"", '; filename=""\r\nContent-Type: application/octet-stream'),
        part("image", PNG[:70], '; filename="2"'),
        part("mask", PNG[:80], '; filename="3"'),
    )
    fields = read(TYPE, body).fields
    assert [(name, value.size) for name, value in fields if isinstance(value, Media)] == [
        ("image", len(PNG)),
        ("image", 70),
        ("mask", 80),
    ]
    assert len(fields) == 3


def test_a_file_name_in_another_code_page() -> None:
    body = body_of(part("image", PNG, '; filename="@"')).replace(b"@", "图像".encode("gbk"), 1)
    assert read(TYPE, body).fields == (("image", PICTURE),)


@pytest.mark.parametrize(
    ("content_type", "body", "field", "kind"),
    [
        ("application/json", b"", None, "syntax"),
        ("", b"", None, "syntax"),
        ("multipart/form-data", b"", None, "syntax"),
        ('multipart/form-data; boundary=""', b"", None, "syntax"),
        (TYPE, b"", None, "syntax"),
        (TYPE, b"no form at all", None, "syntax"),
        (TYPE, body_of(part("a", b"b"))[:-2], "a", "syntax"),
        (TYPE, body_of(part("a", b"b"))[:-9], "a", "syntax"),
        (TYPE, body_of(part("image", PNG, '; filename="x"'))[:-20], "image", "syntax"),
        (TYPE, b"--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--", None, "syntax"),
        (TYPE, b"--XX\r\nno header\r\n\r\nx\r\n--XX--", None, "syntax"),
        (TYPE, body_of(part("prompt", b"\xff\xfe")), "prompt", "syntax"),
        (TYPE, body_of(part("image", PNG[:500])), "image", "syntax"),
        (TYPE, body_of(part("image", b"", '; filename="a.png"')), "image", "empty"),
        (TYPE, body_of(part("prompt", b"x" * 1001)), "prompt", "too_large"),
        (TYPE, body_of(*[part("image[]", PNG, '; filename="x"')] * 4), "image[]", "too_large"),
        (TYPE, body_of(*[part(f"t{i}", b"x") for i in range(6)]), "t5", "too_large"),
        (TYPE, body_of(part("a", b"x", "\r\nX-Long: " + "y" * 9000)), None, "too_large"),
        (TYPE, body_of(part("image", bytes(60_000), '; filename="x"')), None, "too_large"),
    ],
)
@pytest.mark.parametrize("step", [11, 1 << 20])
def test_malformed(content_type: str, body: bytes, field: str | None, kind: str, step: int) -> None:
    sinks = list[Kept]()

    def sink() -> Sink:
        sinks.append(Kept())
        return sinks[-1]

    with pytest.raises(Malformed) as caught:
        read(content_type, body, step, sink, max_bytes=50_000, max_files=3, max_fields=5, max_text=1000)
    assert (caught.value.kind, caught.value.field) == (kind, field)
    assert "open" not in {sink.state for sink in sinks}


def test_a_sink_that_fails_is_aborted_and_its_error_is_its_own() -> None:
    class Full(Kept):
        def write(self, piece: bytes | bytearray | memoryview) -> None:
            raise OSError("no space left")

    full = Full()
    with pytest.raises(OSError, match="no space"):
        FormReader(TYPE, lambda: full).feed(body_of(part("image", PNG, '; filename="x"')))
    assert full.state == "aborted"


NAMES = st.sampled_from(["image", "image[]", "mask", "prompt", 'a"b', "line\r\nbreak", "图"])
TEXTS = st.text(max_size=50) | st.sampled_from(["\r\n--XX--\r\n", "ein Bär"])
PICTURES = st.integers(1, 500).map(lambda size: from_bytes(random.Random(size).randbytes(size))) | st.just(PICTURE)


@given(st.lists(st.tuples(NAMES, TEXTS | PICTURES), min_size=1, max_size=8), st.integers(1, 3000))
def test_the_reader_reads_what_was_written(fields: list[tuple[str, str | Media]], step: int) -> None:
    written = write(Form(tuple(fields)))
    assert read(written.content_type, whole(written), step).fields == tuple(fields)


def test_another_reader_reads_what_was_written() -> None:
    unknown = from_bytes(b"\r\nwhat is this?")
    written = write(Form((("prompt", "ein Bär"), ("image[]", PICTURE), ("image[]", unknown), ("mask", PICTURE))))
    message = message_from_bytes(f"Content-Type: {written.content_type}\r\n\r\n".encode() + whole(written), policy=HTTP)
    seen = [
        (part["content-disposition"], part["content-type"], part.get_payload(decode=True))
        for part in message.iter_parts()
    ]
    assert seen == [
        ('form-data; name="prompt"', None, "ein Bär".encode()),
        ('form-data; name="image[]"; filename="image-1.png"', "image/png", PNG),
        ('form-data; name="image[]"; filename="image-2.bin"', "application/octet-stream", b"\r\nwhat is this?"),
        ('form-data; name="mask"; filename="mask-1.png"', "image/png", PNG),
    ]


def test_an_http_library_is_understood() -> None:
    request = httpx.Request(
        "POST",
        "https://a.example",
        data={"prompt": "猫", "n": "2"},
        files=[("image[]", ("猫.png", PNG, "image/png")), ("mask", PNG)],
    )
    assert read(request.headers["content-type"], request.read(), 100).fields == (
        ("prompt", "猫"),
        ("n", "2"),
        ("image[]", PICTURE),
        ("mask", PICTURE),
    )


def test_half_a_character_is_written_as_browsers_do() -> None:
    written = write(Form((("prompt", "half \ud83d"),)))
    assert read(written.content_type, whole(written)).fields == (("prompt", "half \ufffd"),)


def test_a_picture_that_is_not_held_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="'image' is not held"):
        write(Form((("image", Media(url="https://a.example")),)))


def test_memory_is_a_few_chunks() -> None:
    class Counted(Kept):
        size = 0

        def write(self, piece: bytes | bytearray | memoryview) -> None:
            self.size += len(piece)

        def finish(self) -> Media:
            return Media(url="counted", size=self.size)

    body = memoryview(body_of(part("image", bytes(24 << 20), '; filename="x"')))
    tracemalloc.start()
    started = time.process_time()
    reader = FormReader(TYPE, Counted)
    for at in range(0, len(body), 65_536):
        reader.feed(body[at : at + 65_536])
    fields = reader.close().fields
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"24 MiB of a file: {(time.process_time() - started) * 1000:.1f} ms, {peak / 1e6:.2f} MB")
    assert fields == (("image", Media(url="counted", size=24 << 20)),)
    assert peak < 4 << 20
