"""Bodies: JSON with pictures in pieces, and requests as they come."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from koci_proxy.sandbox import body
from koci_proxy.sandbox.body import TooLarge, read, shortened, write
from koci_proxy.sandbox.nouns import PIECE, Ask, picture


@pytest.mark.parametrize("size", [0, 1, 100, PIECE, PIECE * 2 + 5])
def test_write_is_json(size: int) -> None:
    data = bytes(size)
    made = picture("image/png", data)
    pieces = write({"a": [made, 'text ä " @'], "b": {"c": made}, "d": None})
    value = json.loads(b"".join(pieces))
    text = base64.b64encode(data).decode()
    assert value == {"a": [text, 'text ä " @'], "b": {"c": text}, "d": None}


def test_large_pictures_are_shared_and_small_answers_are_one_piece() -> None:
    made = picture("image/png", bytes(PIECE * 3))
    pieces = write([made, made])
    assert sum(any(piece is one for one in made.base64) for piece in pieces) == 6
    assert len(write([picture("image/png", b"x")])) == 1


def test_shortened() -> None:
    value = {"a": ["x" * 201, "x" * 200, 5, None, {"b": "y" * 1000}]}
    assert shortened(value) == {
        "a": ["x" * 100 + "… (201 characters)", "x" * 200, 5, None, {"b": "y" * 100 + "… (1000 characters)"}]
    }


async def asked(kind: str, content: bytes, step: int = 7) -> Ask | None:
    pieces = [content[at : at + step] for at in range(0, len(content), step)] or [b""]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    arriving = iter(messages)

    async def receive() -> Any:
        return next(arriving)

    headers = [(b"Content-Type", kind.encode()), (b"host", b"h:1")]
    scope = {"method": "POST", "path": "/x", "query_string": b"a=1&b=", "headers": headers, "scheme": "http"}
    return await read(scope, receive)


FORM = (
    b'--XY\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na\r\n--not XY\r\n'
    b'--XY\r\nContent-Disposition: form-data; name="image[]"; filename="a;b.png"\r\n'
    b"Content-Type: image/png; x=y\r\n\r\n\x00\r\n\r\n--X\xff\r\n--XY--\r\n"
)


@pytest.mark.anyio
@pytest.mark.parametrize("boundary", ["XY", '"XY"'])
async def test_reads_a_form(boundary: str) -> None:
    ask = await asked(f"multipart/form-data; boundary={boundary}", FORM)
    assert ask
    assert (ask.broken, ask.fields, ask.origin, ask.query) == (
        None,
        {"prompt": "a\r\n--not XY"},
        "http://h:1",
        {"a": "1", "b": ""},
    )
    (file,) = ask.uploads
    assert (file.name, file.filename, file.mime, file.data) == (
        "image[]",
        "a;b.png",
        "image/png",
        b"\x00\r\n\r\n--X\xff",
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", FORM),
        ("multipart/form-data; boundary=ZZ", FORM),
        ("multipart/form-data; boundary=XY", FORM[:-5]),
        ("multipart/form-data; boundary=XY", FORM.replace(b"; name=", b"; nome=")),
        ("application/json", b"{"),
        ("application/json", rb'{"prompt": "\ud83d x"}'),
        ("text/plain", b"{}"),
    ],
)
async def test_broken_bodies(kind: str, content: bytes) -> None:
    ask = await asked(kind, content)
    assert ask
    assert ask.broken


@pytest.mark.anyio
async def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "LIMIT", 100)
    with pytest.raises(TooLarge):
        await asked("application/json", b" " * 101)


@pytest.mark.anyio
async def test_a_large_body_is_read_alike() -> None:
    ask = await asked("application/json", json.dumps({"a": "x" * (1 << 20)}).encode(), step=65_536)
    assert ask
    assert len(ask.fields["a"]) == 1 << 20
