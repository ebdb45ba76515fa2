"""What a mistake is called at the door it was made at: its field, its code, and no word of a vendor's own wire."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from PIL import Image

from .pictures import png
from .processes import House

pytestmark = pytest.mark.sockets

EDITS = "openai/v1/images/edits"
PATH = "openai/v1/images/generations"
DEAD = "storage/images/aaaaaaaaaaaaaaaaaaaaaaaaaa.png"
VENDORS = ("via-openai", "via-gemini", "via-linkai", "via-anthropic")


@pytest.fixture
def client(house: House) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{house.url}/openai/v1", api_key=house.key, max_retries=0) as client:
        yield client


def post(house: House, path: str, **request: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {house.key}", **request.pop("headers", {})}
    return httpx.post(f"{house.url}/{path}", headers=headers, timeout=30, **request)


def webp() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(file, "WEBP")
    return file.getvalue()


def jpeg(noted: bool = False) -> bytes:
    """A JPEG, with a small copy of it among a camera's notes or without."""
    file = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(file, "JPEG", **({"exif": b"Exif\0\0" + jpeg()} if noted else {}))
    return file.getvalue()


WHOLE = png(96, 48)
BROKEN = [
    ("png", WHOLE[:-9]),
    ("png", WHOLE[:60]),
    ("jpeg", jpeg()[:-2]),
    ("jpeg", jpeg(noted=True)[:-40]),
    ("webp", webp()[:-1]),
]


@pytest.mark.parametrize(("kind", "content"), BROKEN, ids=["png", "half a png", "jpeg", "jpeg with notes", "webp"])
@pytest.mark.parametrize("model", VENDORS)
def test_a_picture_that_breaks_off_reaches_no_vendor(
    house: House, client: OpenAI, model: str, kind: str, content: bytes
) -> None:
    before = house.sandbox.calls()["total"]
    pictures = [("a.png", WHOLE, "image/png"), (f"b.{kind}", content, f"image/{kind}")]
    with pytest.raises(openai.BadRequestError, match="this picture breaks off") as caught:
        client.images.edit(model=model, prompt="a fox", image=pictures)
    assert (caught.value.param, caught.value.code) == ("image[1]", "invalid_value")
    assert house.sandbox.calls()["total"] == before


@pytest.mark.parametrize(
    "content", [WHOLE + b"\0" * 70_000, jpeg(noted=True) + b"a film" * 20_000], ids=["png", "jpeg"]
)
def test_what_stands_behind_the_end_of_a_picture_breaks_nothing(client: OpenAI, content: bytes) -> None:
    assert client.images.edit(model="via-openai", prompt="a fox", image=("a", content)).data


def test_a_vendors_own_name_of_a_field_is_not_shown(client: OpenAI) -> None:
    """Its end is there, so that a vendor must look to see what is wrong."""
    spoilt = WHOLE[:50] + b"\0" * 20 + WHOLE[70:]
    with pytest.raises(openai.BadRequestError, match="the upstream did not accept the request") as caught:
        client.images.edit(model="via-gemini", prompt="a fox", image=("a.png", spoilt))
    assert caught.value.param is None


def test_a_dead_link_of_the_house_is_a_link_like_any_other(house: House) -> None:
    body = {"model": "via-openai", "prompt": "a fox", "images": [{"image_url": f"{house.url}/{DEAD}"}]}
    answer = post(house, EDITS, json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == ("images[0].image_url", "invalid_value")
    assert "no such picture, or it has expired" in error["message"]
    asked = {"contents": [{"parts": [{"text": "a fox"}, {"fileData": {"fileUri": f"{house.url}/{DEAD}"}}]}]}
    answer = post(house, "google/v1beta/models/via-openai:generateContent", json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][1]["fieldViolations"][0]["field"] == "contents[0].parts[1]"


Ask = Callable[[OpenAI], object]
CODES: list[tuple[str, Ask, str | None]] = [
    ("size", lambda client: client.images.generate(model="via-openai", prompt="fox", size="2x"), "size"),
    (
        "a mask of another size",
        lambda client: client.images.edit(
            model="via-openai", prompt="fox", image=("a.png", WHOLE), mask=("m.png", png(8, 8))
        ),
        "mask",
    ),
    (
        "a text as a picture",
        lambda client: client.images.edit(model="via-openai", prompt="fox", image=("a.png", b"just words")),
        "image",
    ),
    (
        "transparent and opaque at once",
        lambda client: client.images.generate(
            model="via-openai", prompt="fox", background="transparent", output_format="jpeg"
        ),
        "output_format",
    ),
    (
        "too many pictures",
        lambda client: client.images.edit(
            model="via-openai", prompt="fox", image=[(f"{at}.png", WHOLE) for at in range(17)]
        ),
        "image",
    ),
    (
        "a link that leads nowhere",
        lambda client: client.images.generate(
            model="via-openai", prompt="fox", extra_body={"images": ["https://nobody.invalid/a.png"]}
        ),
        "images[0]",
    ),
]


@pytest.mark.parametrize(("ask", "param"), [row[1:] for row in CODES], ids=[row[0] for row in CODES])
def test_what_is_wrong_with_a_field_has_openais_code(client: OpenAI, ask: Ask, param: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client)
    assert (caught.value.param, caught.value.code) == (param, "invalid_value")


def test_what_is_wrong_with_the_call_has_openais_code_where_one_is_known(house: House) -> None:
    unknown = post(house, "openai/v1/image/generations", json={})
    typed = post(house, PATH, content=b"hello", headers={"content-type": "text/plain"})
    coded = post(house, PATH, content=b"hello", headers={"content-encoding": "br"})
    method = httpx.get(f"{house.url}/{PATH}", headers={"authorization": f"Bearer {house.key}"})
    assert [(each.status_code, each.json()["error"]["code"]) for each in (unknown, typed, coded, method)] == [
        (404, "unknown_url"),
        (415, "unsupported_content_type"),
        (415, None),
        (405, None),
    ]


def test_a_picture_without_a_file_name_is_named(client: OpenAI) -> None:
    nameless: Any = (None, WHOLE)
    with pytest.raises(openai.BadRequestError, match="a picture needs a file name") as caught:
        client.images.edit(model="via-openai", prompt="a fox", image=nameless)
    assert caught.value.param == "image"
    typed: Any = (None, WHOLE, "image/png")
    assert client.images.edit(model="via-openai", prompt="a fox", image=typed).data
