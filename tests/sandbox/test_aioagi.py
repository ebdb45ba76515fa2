"""The AIOAGI shape: links for answers, more words for gpt-image-2, `image[]` alone for pictures."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .asking import opened, png, uri

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

GENERATE, EDIT = "/aioagi/v1/images/generations", "/aioagi/v1/images/edits"
GOOD = {"model": "gpt-image-2", "prompt": "a fox"}


async def test_generates_a_link(client: httpx.AsyncClient) -> None:
    answer = await client.post(GENERATE, json=GOOD | {"size": "1536x1024", "background": "transparent"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"created", "data"}
    [made] = body["data"]
    assert made["revised_prompt"] == ""
    picture = await client.get(made["url"], headers={"authorization": ""})
    assert opened(picture.content).size == (1536, 1024)


@pytest.mark.parametrize(("names", "status"), [(["image[]"], 200), (["image[]"] * 3, 200), (["image"], 400)])
async def test_edits_a_form(client: httpx.AsyncClient, names: list[str], status: int) -> None:
    files = [(name, (f"{at}.png", png(), "image/png")) for at, name in enumerate(names)]
    answer = await client.post(EDIT, data=GOOD | {"input_fidelity": "high", "n": "1"}, files=files)
    assert answer.status_code == status, answer.text


async def test_edits_json(client: httpx.AsyncClient) -> None:
    answer = await client.post(EDIT, json=GOOD | {"images": [{"image_url": uri(png())}], "moderation": "auto"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "banana"}, "model"),
        ({"input_fidelity": "high"}, "input_fidelity"),
        ({"response_format": "url"}, "response_format"),
        ({"size": "1920x1080"}, "size"),
        ({"background": "red"}, "background"),
    ],
)
async def test_refuses(client: httpx.AsyncClient, fields: dict[str, Any], param: str) -> None:
    answer = await client.post(GENERATE, json=GOOD | fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


async def test_streams_both_paths(client: httpx.AsyncClient) -> None:
    made = await client.post(GENERATE, json=GOOD | {"stream": True, "partial_images": 1})
    assert made.text.count("event: image_generation.partial_image\n") == 1
    assert made.text.count("event: image_generation.completed\n") == 1
    files = [("image[]", ("a.png", png(), "image/png"))]
    edited = await client.post(EDIT, data=GOOD | {"stream": "true"}, files=files)
    assert edited.text.startswith("event: image_edit.completed\n")
