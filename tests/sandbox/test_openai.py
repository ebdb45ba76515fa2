"""The OpenAI shape: pictures of the pixels asked, edits in both forms, streams."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from .asking import EDITS, OPENAI, b64_images, opened, png, saved, uri

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]


@pytest.mark.parametrize(
    ("fields", "kind", "pixels", "n"),
    [
        ({}, "PNG", (1024, 1024), 1),
        ({"size": None, "n": None, "quality": None}, "PNG", (1024, 1024), 1),
        ({"size": "auto", "quality": "auto"}, "PNG", (1024, 1024), 1),
        ({"size": "1536x1024", "output_format": "jpeg", "output_compression": 70}, "JPEG", (1536, 1024), 1),
        ({"size": "816x816", "output_format": "webp", "n": 3}, "WEBP", (816, 816), 3),
        ({"size": "2048x1152", "quality": "high"}, "PNG", (2048, 1152), 1),
        ({"size": "3840x2160", "output_format": "jpeg"}, "JPEG", (3840, 2160), 1),
        ({"size": "2880x2880", "output_format": "jpeg"}, "JPEG", (2880, 2880), 1),
        ({"size": "1440x480"}, "PNG", (1440, 480), 1),
        ({"model": "gpt-image-2.5-flare", "quality": "max", "background": "transparent"}, "PNG", (1024, 1024), 1),
        ({"model": "gpt-image-2.6-sunburst", "output_format": "gif", "frame_count": 4}, "GIF", (1024, 1024), 1),
        ({"model": "gpt-image-1.5", "size": "1024x1536", "moderation": "low", "user": "u"}, "PNG", (1024, 1536), 1),
    ],
)
async def test_generates(
    client: httpx.AsyncClient, fields: dict[str, Any], kind: str, pixels: tuple[int, int], n: int
) -> None:
    answer = await client.post(OPENAI, json={"model": "gpt-image-2", "prompt": "a fox", **fields})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    images = [opened(data) for data in b64_images(body)]
    assert [(image.format, image.size) for image in images] == [(kind, pixels)] * n
    assert body["size"] == f"{pixels[0]}x{pixels[1]}"
    assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + body["usage"]["output_tokens"]
    assert set(body["data"][0]) == {"b64_json"}
    assert answer.headers["content-type"] == "application/json"


async def test_transparent_background_is_transparent(client: httpx.AsyncClient) -> None:
    fields = {"model": "gpt-image-1.5", "prompt": "a fox", "background": "transparent"}
    answer = await client.post(OPENAI, json=fields)
    assert answer.json()["background"] == "transparent"
    assert opened(b64_images(answer.json())[0]).getpixel((1000, 1000))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize(("names", "n"), [(["image"], 1), (["image[]"], 1), (["image[]"] * 3, 2), (["image"] * 16, 1)])
async def test_edits_a_form(client: httpx.AsyncClient, names: list[str], n: int) -> None:
    files = [(name, (f"{at}.png", png(), "image/png")) for at, name in enumerate(names)]
    data = {"model": "gpt-image-2", "prompt": "blue", "n": str(n), "size": "1024x1024"}
    answer = await client.post(EDITS, data=data, files=files)
    assert answer.status_code == 200, answer.text
    images = [opened(one) for one in b64_images(answer.json())]
    assert [image.size for image in images] == [(1024, 1024)] * n
    left_below = images[0].convert("RGB").getpixel((10, 1010))
    assert left_below == (200, 30, 30), "the first reference is shown below on the left"


async def test_mask_is_shown(client: httpx.AsyncClient) -> None:
    files = [
        ("image", ("a.png", png(), "image/png")),
        ("mask", ("m.png", png(alpha=255), "image/png")),
    ]
    data = {"model": "gpt-image-2", "prompt": "blue", "size": "1024x1024"}
    image = opened(b64_images((await client.post(EDITS, data=data, files=files)).json())[0]).convert("RGB")
    assert image.getpixel((300, 400)) == (220, 40, 40)
    assert image.getpixel((700, 400)) != (220, 40, 40)


@pytest.mark.parametrize(
    ("width", "height", "pixels"), [(64, 64, (1024, 1024)), (90, 60, (1536, 1024)), (60, 90, (1024, 1536))]
)
async def test_auto_size_of_an_edit_follows_the_first_image(
    client: httpx.AsyncClient, width: int, height: int, pixels: tuple[int, int]
) -> None:
    files = [("image", ("a.jpg", saved(Image.new("RGB", (width, height)), "JPEG"), "image/jpeg"))]
    answer = await client.post(EDITS, data={"model": "gpt-image-2", "prompt": "blue"}, files=files)
    assert opened(b64_images(answer.json())[0]).size == pixels


async def test_edits_json(client: httpx.AsyncClient) -> None:
    link = (await client.post("/linkai/v1/images/generations", json={"model": "gpt-image-2", "prompt": "x"})).json()
    images = [{"image_url": uri(png())}, {"image_url": link["data"][0]["url"]}]
    fields = {"model": "gpt-image-2", "prompt": "blue", "images": images, "mask": {"image_url": uri(png(alpha=255))}}
    answer = await client.post(EDITS, json=fields)
    assert answer.status_code == 200, answer.text
    assert opened(b64_images(answer.json())[0]).size == (1024, 1024)


@pytest.mark.parametrize(
    ("partials", "n", "names"),
    [
        (0, 1, ["image_generation.completed"]),
        (2, 1, ["image_generation.partial_image"] * 2 + ["image_generation.completed"]),
        (0, 2, ["image_generation.completed"] * 2),
    ],
)
async def test_streams(client: httpx.AsyncClient, partials: int, n: int, names: list[str]) -> None:
    fields = {"model": "gpt-image-2", "prompt": "a fox", "stream": True, "partial_images": partials, "n": n}
    answer = await client.post(OPENAI, json=fields)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("\n\n")
    events = [event.split("\n") for event in answer.text.strip().split("\n\n")]
    assert [head.removeprefix("event: ") for head, _ in events] == names
    data = [json.loads(line.removeprefix("data: ")) for _, line in events]
    assert [one["type"] for one in data] == names
    assert [one["partial_image_index"] for one in data if "partial" in one["type"]] == list(range(partials))
    assert all(opened(base64.b64decode(one["b64_json"])).size == (1024, 1024) for one in data)
    assert len({one["b64_json"] for one in data}) == len(data), "a preview is no copy of another picture"


async def test_streams_an_edit(client: httpx.AsyncClient) -> None:
    files = [("image", ("a.png", png(), "image/png"))]
    answer = await client.post(EDITS, data={"model": "gpt-image-2", "prompt": "b", "stream": "true"}, files=files)
    assert answer.text.startswith("event: image_edit.completed\n")


async def test_the_same_picture_for_the_same_words_only(client: httpx.AsyncClient) -> None:
    async def drawn(prompt: str) -> bytes:
        fields = {"model": "gpt-image-2", "prompt": prompt}
        return b64_images((await client.post(OPENAI, json=fields)).json())[0]

    assert await drawn("a fox") == await drawn("a fox")
    assert await drawn("a fox") != await drawn("an owl")
