"""The reader against `json.loads`: the same values at any cut, pictures in sinks, a reason for all that is wrong."""

from __future__ import annotations

import base64
import json
import random
import time
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from koci_proxy.jsonstream import WORDS, Malformed, Reader
from koci_proxy.media import Bytes, from_bytes
from koci_proxy.types import Media, Sink, Sinks

LONG = 64
NOISE = random.Random(7).randbytes(100_000)


class Kept:
    """A sink in memory that knows its end."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.state = "open"

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        assert self.state == "open"
        self.content += piece

    def finish(self) -> Media:
        self.state = "finished"
        return from_bytes(bytes(self.content))

    def abort(self) -> None:
        self.state = "aborted"


class Counted:
    """A sink that only counts."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        self.size += len(piece)

    def finish(self) -> Media:
        return Media(url="counted", size=self.size)

    def abort(self) -> None:
        self.size = -1


def cut(body: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = sorted({0, len(body), *(at % (len(body) + 1) for at in cuts)})
    for start, stop in pairwise(edges):
        yield body[start:stop]


def read(body: bytes, cuts: list[int] | None = None, threshold: int = LONG, sinks: Sinks = Kept) -> Any:
    reader = Reader(sinks, threshold=threshold)
    for chunk in cut(body, cuts or []):
        reader.feed(chunk)
    return reader.close()


def plain(value: Any) -> Any:
    """The same value with the raw bytes in place of each `Media`."""
    if isinstance(value, Media):
        assert isinstance(value.data, Bytes)
        return value.data.content
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {name: plain(item) for name, item in value.items()} if isinstance(value, dict) else value


# A JSON value, and beside it the text that spells it and what is to be read: (text, expected).
Spelt = tuple[str, Any]


def spelt_base64(content: bytes, alphabet: bytes, padded: bool, head: str, lines: int, escape: str) -> Spelt:
    text = base64.b64encode(content, alphabet).decode()
    text = text if padded else text.rstrip("=")
    if lines:
        text = "\r\n".join(text[at : at + lines] for at in range(0, len(text), lines))
    spelt = json.dumps(head + text)
    for character in escape:
        spelt = spelt.replace(character, "\\/" if character == "/" else f"\\u{ord(character):04x}")
    return spelt, content


PICTURES = st.builds(
    spelt_base64,
    st.integers(LONG, 700).map(lambda size: NOISE[size : size * 2]),
    st.sampled_from([b"+/", b"-_"]),
    st.booleans(),
    st.sampled_from(["", "data:image/png;base64,", "\n"]),
    st.sampled_from([0, 60, 76]),
    st.sampled_from(["", "/", "=+", "/A"]),
)
SCALARS: st.SearchStrategy[Spelt] = st.builds(
    lambda value, ascii_only: (json.dumps(value, ensure_ascii=ascii_only), value),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text(alphabet='"\\/\n{[:, é猫😀', min_size=LONG),
    st.booleans(),
)


def spelt_list(items: list[Spelt], space: str) -> Spelt:
    return f"[{space}" + f"{space},".join(text for text, _ in items) + "]", [value for _, value in items]


def spelt_object(items: dict[str, Spelt], space: str) -> Spelt:
    members = (f"{json.dumps(name)}{space}:{space}{text}" for name, (text, _) in items.items())
    return "{" + f",{space}".join(members) + space + "}", {name: value for name, (_, value) in items.items()}


SPACE = st.sampled_from(["", " ", "\n\t "])
NAMES = st.text(max_size=8) | st.sampled_from(["b64_json", 'a"', "\\"])
VALUES: st.SearchStrategy[Spelt] = st.recursive(
    PICTURES | SCALARS,
    lambda inner: (
        st.builds(spelt_list, st.lists(inner, max_size=4), SPACE)
        | st.builds(spelt_object, st.dictionaries(NAMES, inner, max_size=4), SPACE)
    ),
    max_leaves=8,
)


@given(VALUES, st.lists(st.integers(0, 1 << 20), max_size=12), SPACE, st.booleans())
def test_any_value_at_any_cut(spelt: Spelt, cuts: list[int], space: str, bom: bool) -> None:
    text, expected = spelt
    body = (b"\xef\xbb\xbf" if bom else b"") + (space + text + space).encode()
    assert plain(read(body, cuts)) == expected


@given(VALUES)
@example(('["' + "\\\\" * LONG + '", "' + '\\"' * LONG + '"]', ["\\" * LONG, '"' * LONG]))
@example((f'["{"A" * LONG}", "x"]', [b"\0" * (LONG // 4 * 3), "x"]))
def test_byte_by_byte(spelt: Spelt) -> None:
    text, expected = spelt
    body = text.encode()
    assert plain(read(body, list(range(len(body))))) == expected


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
def test_nonsense_is_malformed_and_nothing_else(body: bytes, cuts: list[int]) -> None:
    try:
        expected = json.loads(body.decode("utf-8-sig"), parse_constant=lambda word: [][0])
    except (ValueError, IndexError):
        with pytest.raises(Malformed):
            read(body, cuts, threshold=10_000)
    else:
        assert read(body, cuts, threshold=10_000) == expected


TEXT = base64.b64encode(NOISE[:90_000]).decode()


@pytest.mark.parametrize(
    "text",
    [
        "a photo of a fox in the forest, " * 1000,
        "fox " * 5000,
        "猫" * 10_000,
        "\n" * 20_000,
        "\\" * 20_000,
        '"' * 20_000,
        "data:image/svg+xml;utf8,<svg/>" + "x" * 20_000,
        "https://a.example/" + "x" * 20_000,
        "é" + TEXT,
        "A" * (16 * 1024 - 1),
        "",
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("step", [999, 1 << 20])
def test_what_stays_text(text: str, ascii_only: bool, step: int) -> None:
    body = json.dumps({"prompt": text, "n": 1}, ensure_ascii=ascii_only).encode()
    assert read(body, list(range(0, len(body), step)), 16 * 1024) == {"prompt": text, "n": 1}


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("/", "\\/"),
        TEXT.replace("+", "\\u002B").replace("=", "\\u003d"),
        TEXT[:50_000] + TEXT[50_000:].replace("+", "-").replace("/", "_"),
        TEXT[:40_001] + "\\n" + TEXT[40_001:] + "\\n",
        TEXT[:40_001] + " " + TEXT[40_001:] + " ",
        "data:image\\/png;base64," + TEXT,
        " \\t" + TEXT,
        "A" * 16 * 1024,
    ],
)
@pytest.mark.parametrize("step", [1, 7, 4096, 65_536, 1 << 20])
def test_what_is_a_picture(text: str, step: int) -> None:
    body = f'{{"b64_json": "{text}", "n": 1}}'.encode()
    value = plain(read(body, list(range(0, len(body), step)), 16 * 1024))
    assert value == {"b64_json": NOISE[:90_000] if len(text) > 20_000 else bytes(12 * 1024), "n": 1}


@pytest.mark.parametrize("named", ['"prompt": ', '"a": 1, "prompt":', '"input"\n:\t'])
@pytest.mark.parametrize("text", ["x" * 16_500 + " fox", TEXT, "A" * 16 * 1024])
@pytest.mark.parametrize("step", [1, 4096, 1 << 20])
def test_a_field_of_words_holds_words(named: str, text: str, step: int) -> None:
    """However long the first of them is; but what says itself that it is base64 is a picture, as in fields beside."""
    uri = "data:image/png;base64," + TEXT
    body = f'{{"image": "{TEXT}", {named}"{text}", "content": "{uri}", "n\\"prompt": ["{TEXT}"]}}'.encode()
    reader = Reader(Kept, texts=WORDS)
    for piece in cut(body, list(range(0, len(body), step))):
        reader.feed(piece)
    value = list(plain(reader.close()).values())
    assert value == [NOISE[:90_000], *([1] if "a" in named else []), text, NOISE[:90_000], [NOISE[:90_000]]]


@pytest.mark.parametrize("rest", [0, 1, 2])
@pytest.mark.parametrize("step", [1, 5, 1 << 20])
@pytest.mark.parametrize("tail", ["", "\\n", " ", "\\r\\n"])
@pytest.mark.parametrize("padded", [True, False])
def test_every_end(rest: int, step: int, tail: str, padded: bool) -> None:
    content = NOISE[: 300 + rest]
    text = base64.b64encode(content).decode()
    body = f'"{text if padded else text.rstrip("=")}{tail}"'.encode()
    assert plain(read(body, list(range(0, len(body), step)))) == content


B64 = "QUJD" * 30
MALFORMED: list[tuple[str, str | None, str]] = [
    ("", None, "syntax"),
    ("{", None, "syntax"),
    ("nope", None, "syntax"),
    ('{"a": 1} x', None, "syntax"),
    ('{"a": 1}{"b": 2}', None, "syntax"),
    ("{'a': 1}", None, "syntax"),
    ('{"a": NaN}', None, "syntax"),
    ('[Infinity, "x"]', None, "syntax"),
    ('{"a": -Infinity}', None, "syntax"),
    ('{"a": 1e999}', None, "syntax"),
    ('{"a": ' + "9" * 5000 + "}", None, "syntax"),
    ('{"a": "\t"}', "a", "syntax"),
    ('{"a": "\\x"}', "a", "syntax"),
    ('{"a": [1, 2,, 3]}', "a[2]", "syntax"),
    ('{"prompt": "a cat', "prompt", "syntax"),
    ('{"prompt": "' + "a cat " * 40, "prompt", "syntax"),
    (f'{{"b64_json": "{B64}', "b64_json", "syntax"),
    (f'{{"b64_json": "{B64}"', "b64_json", "syntax"),
    (f'{{"b64_json": "{B64}\\', "b64_json", "syntax"),
    (f'{{"b64_json": "{B64}*{B64}"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}{B64}\\\\{B64}"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}{B64}\\u0022{B64}"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}{B64}\\"{B64}"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}{B64}é{B64}"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}{B64}\n{B64}"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}\\/\\/{B64}AB\\u00"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}A"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}A==="}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}="}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}QQ==QUJD"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}QQ==Q"}}', "b64_json", "base64"),
    (f'{{"b64_json": "{B64}Q=QQ"}}', "b64_json", "base64"),
    (f'{{"n": 1, "images": ["{B64}", {{"x": "y"}}, "{B64}A"]}}', "images[2]", "base64"),
    (f'{{"images": [{{"image_url": "data:image/png;base64,{B64}A"}}]}}', "image_url", "base64"),
    (f'{{"a": {{"b": 1}}, "c": ["{B64}A"]}}', "c[0]", "base64"),
    (f'{{"{B64}": 1}}', None, "too_large"),
    ("[" * 101 + "]" * 101, None, "too_deep"),
    ("[" * 1000, None, "too_deep"),
    ("[" * 1_000_000 + "]" * 1_000_000, None, "too_deep"),
    ('{"a":' * 100_000, None, "too_deep"),
]


@pytest.mark.parametrize(("text", "field", "kind"), MALFORMED)
@pytest.mark.parametrize("step", [3, 100, 1 << 30])
def test_malformed(text: str, field: str | None, kind: str, step: int) -> None:
    body, sinks = text.encode(), list[Kept]()

    def sink() -> Sink:
        sinks.append(Kept())
        return sinks[-1]

    with pytest.raises(Malformed) as caught:
        read(body, list(range(0, min(len(body), 30_000), step)), sinks=sink)
    assert (caught.value.kind, caught.value.field) == (kind, field)
    assert caught.value.message == str(caught.value) != ""
    assert "open" not in {sink.state for sink in sinks}
    assert B64 not in caught.value.message


@pytest.mark.parametrize("body", [b'{"a": "\xff"}', b'"\xed\xa0\x80"', '{"a": 1}'.encode("utf-16")])
def test_other_encodings_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        read(body)


def test_brackets_in_strings_are_not_depth() -> None:
    value = {"a": "[" * 500, "b": ['{"' * 500 + "\\"], "c": "\\" + "[" * 500}
    assert read(json.dumps(value).encode()) == value
    assert read(b"[" * 100 + b"]" * 100) is not None


@pytest.mark.parametrize(
    ("bounds", "body"),
    [
        ({"max_bytes": 99}, b'"' + b"A" * 98 + b'"'),
        ({"max_skeleton": 99}, b'["' + b"a b" * 40 + b'"]'),
        ({"max_skeleton": 99}, b"[" + b"1," * 60),
    ],
)
def test_bounds(bounds: dict[str, Any], body: bytes) -> None:
    reader = Reader(Kept, threshold=LONG, **bounds)
    with pytest.raises(Malformed, match="99") as caught:
        reader.feed(body)
    assert caught.value.kind == "too_large"


def test_pictures_do_not_count_as_skeleton() -> None:
    reader = Reader(Kept, threshold=LONG, max_skeleton=100, max_bytes=10_000)
    reader.feed(f'["{"QUJD" * 1000}"]'.encode())
    assert plain(reader.close()) == [b"ABC" * 1000]


def test_a_placeholder_cannot_be_forged() -> None:
    reader = Reader(Kept, threshold=LONG)
    reader.feed(f'["{B64}", "{"0" * 32}-0", "'.encode())
    (placeholder,) = reader._media
    other = Reader(Kept, threshold=LONG)
    other.feed(f'["{placeholder}", "{B64}"]'.encode())
    assert plain(other.close()) == [placeholder, b"ABC" * 30]


def test_a_sink_that_fails_is_aborted_and_its_error_is_its_own() -> None:
    class Full(Kept):
        def write(self, piece: bytes | bytearray | memoryview) -> None:
            raise OSError("no space left")

    full = Full()
    reader = Reader(lambda: full, threshold=LONG)
    with pytest.raises(OSError, match="no space"):
        reader.feed(f'["{B64}'.encode())
    assert full.state == "aborted"


def test_abort_drops_the_open_sink() -> None:
    kept = Kept()
    reader = Reader(lambda: kept, threshold=LONG)
    reader.feed(memoryview(f'["{B64}'.encode()))
    assert kept.state == "open"
    reader.abort()
    assert kept.state == "aborted"


def test_memory_is_a_few_chunks() -> None:
    text = base64.b64encode(bytes(24 << 20))
    body = memoryview(b'{"created": 1, "data": [{"b64_json": "' + text + b'"}]}')
    tracemalloc.start()
    started = time.process_time()
    reader = Reader(Counted)
    for at in range(0, len(body), 65_536):
        reader.feed(body[at : at + 65_536])
    value = reader.close()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"32 MiB of base64: {(time.process_time() - started) * 1000:.1f} ms, {peak / 1e6:.2f} MB")
    assert value["data"][0]["b64_json"].size == 24 << 20
    assert peak < 4 << 20
