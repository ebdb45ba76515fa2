"""Forms as a link spells them, at any cut, with pictures in them and without."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

import pytest

from koci_proxy.app.urlencoded import FormReader
from koci_proxy.faults import Fault
from koci_proxy.malformed import Malformed
from koci_proxy.media import from_bytes
from koci_proxy.types import Media
from koci_proxy.wire import Form

BYTES = bytes(range(256)) * 120
URI = "data:image/png;base64," + base64.b64encode(BYTES).decode()


class Held:
    """A sink in memory that counts those that were dropped."""

    dropped = 0

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        self.content += piece

    def finish(self) -> Media:
        return from_bytes(bytes(self.content))

    def abort(self) -> None:
        Held.dropped += 1


def read(body: bytes, step: int) -> Form:
    reader = FormReader(Held)
    for at in range(0, len(body), step):
        reader.feed(body[at : at + step])
    return reader.close()


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", ()),
        (b"a=1", (("a", "1"),)),
        (b"a=1&b=2&a=3", (("a", "3"), ("b", "2"))),
        (b"a=1=2&b", (("a", "1=2"), ("b", ""))),
        (b"a+b=c+d%2B%26%3D", (("a b", "c d+&="),)),
        ("ü=%E5%9B%BE&x=图".encode(), (("ü", "图"), ("x", "图"))),
        (b"a=%22%5C%0A%00", (("a", '"\\\n\0'),)),
        (b"&&a=1&&=5&", (("a", "1"),)),
        (b"a=50%&b=%zz%2", (("a", "50%"), ("b", "%zz%2"))),
    ],
)
def test_fields(body: bytes, fields: tuple[tuple[str, str], ...], step: int) -> None:
    assert read(body, step) == Form(fields)


@pytest.mark.parametrize("step", [7, 1000, 1 << 20])
@pytest.mark.parametrize("spell", [urlencode, lambda fields: "&".join(f"{name}={fields[name]}" for name in fields)])
def test_a_picture_goes_to_a_sink(step: int, spell: object) -> None:
    assert callable(spell)
    uri = URI if spell is urlencode else URI.replace("+", "-").replace("/", "_")  # bare, a plus would be a space
    body = spell({"model_key": "cutout", "image_base64": uri, "crop": "1"}).encode()
    (_, model), (name, media), (_, crop) = read(body, step).fields
    assert (model, name, crop) == ("cutout", "image_base64", "1")
    assert isinstance(media, Media)
    assert media.data is not None
    assert b"".join(media.data.pieces()) == BYTES


@pytest.mark.parametrize("body", [b"{}", b' {"model": "x"}', b"[1]"])
def test_json_under_the_name_of_a_form(body: bytes) -> None:
    with pytest.raises(Fault, match="application/json") as caught:
        read(body, 1000)
    assert caught.value.kind == "wrong_type"


def test_bad_bytes_are_malformed() -> None:
    with pytest.raises(Malformed):
        read(b"a=%ff%fe", 1000)


def test_a_form_that_breaks_off_leaves_nothing() -> None:
    before = Held.dropped
    reader = FormReader(Held)
    reader.feed(urlencode({"image_base64": URI}).encode()[:-40])
    reader.abort()
    assert Held.dropped == before + 1
