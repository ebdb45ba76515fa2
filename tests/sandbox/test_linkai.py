"""The LinkAI shape: links, tiers and ratios by its tables, and what it refuses."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from .asking import LINKAI, opened, png, uri

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

GPT, SEED, PRO = "gpt-image-2", "doubao-seedream-4.5", "gemini-3-pro-image-preview"


@pytest.mark.parametrize(
    ("model", "fields", "pixels"),
    [
        (GPT, {}, (2048, 1152)),
        (GPT, {"size": "2K", "aspect_ratio": "16:9"}, (2048, 1152)),
        (GPT, {"size": "4K", "aspect_ratio": "16:9", "quality": "high"}, (3840, 2160)),
        (GPT, {"size": "4K", "aspect_ratio": "1:1"}, (2880, 2880)),
        (GPT, {"size": "1K"}, (1280, 720)),
        (GPT, {"size": "1K", "aspect_ratio": "2:3"}, (688, 1024)),
        (SEED, {"size": "2K", "aspect_ratio": "16:9"}, (2848, 1600)),
        (SEED, {"quality": "hd", "n": 4, "mask": "x"}, (2048, 2048)),
        ("doubao-seedream-4.0", {"size": "4K", "aspect_ratio": "9:16"}, (3040, 5504)),
        (PRO, {}, (1024, 1024)),
        (PRO, {"size": "2K", "aspect_ratio": "16:9"}, (2752, 1536)),
        (PRO, {"images": [uri(png(160, 90))]}, (1376, 768)),
        ("gemini-3.1-flash-image-preview", {"size": "512"}, (512, 512)),
        ("gemini-2.5-flash-image", {"size": "9K", "aspect_ratio": "16:9"}, (1344, 768)),
    ],
)
async def test_answers_links(
    client: httpx.AsyncClient, model: str, fields: dict[str, Any], pixels: tuple[int, int]
) -> None:
    answer = await client.post(LINKAI, json={"model": model, "prompt": "一只狐狸", **fields})
    assert answer.status_code == 200, answer.text
    ((link,),) = [one.values() for one in answer.json()["data"]]
    async with httpx.AsyncClient(trust_env=False) as plain:  # the link needs no key
        file = await plain.get(link)
    assert file.headers["content-type"] == "image/png"
    assert (opened(file.content).format, opened(file.content).size) == ("PNG", pixels)
    assert set(answer.json()) == {"data"}


async def test_links_are_new_and_lead_on(client: httpx.AsyncClient) -> None:
    body = {"model": GPT, "prompt": "a fox"}
    links = [(await client.post(LINKAI, json=body)).json()["data"][0]["url"] for _ in range(2)]
    assert links[0] != links[1]
    body["images"] = links  # type: ignore[assignment]  # a reference by its own link
    assert (await client.post(LINKAI, json=body)).status_code == 200
    assert (await client.get("/files/unknown-1.png")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "gpt-image-9"}, 402),
        ({"model": None}, 402),
        ({"prompt": ""}, 400),
        ({"prompt": "   "}, 400),
        ({"prompt": None}, 400),
        ({"prompt": 5}, 400),
        ({"size": "3K"}, 400),
        ({"size": "1024x1024"}, 400),
        ({"size": "2k"}, 400),
        ({"aspect_ratio": "21:9"}, 400),
        ({"aspect_ratio": "auto"}, 400),
        ({"quality": "hd"}, 400),
        ({"response_format": "b64_json"}, 400),
        ({"images": "x"}, 400),
        ({"images": [1]}, 400),
        ({"images": [uri(png())] * 16}, 400),
        ({"model": PRO, "images": [uri(png())] * 4}, 400),
        ({"images": ["http://127.0.0.1:9/x.png"]}, 400),
        ({"images": ["http://10.0.0.1/x.png"]}, 400),
        ({"images": ["http://sandbox.invalid/x.png"]}, 400),
        ({"images": ["ftp://x/y.png"]}, 400),
        ({"images": [base64.b64encode(png()).decode()]}, 400),
        ({"images": ["data:image/png;base64,@@"]}, 400),
        ({"images": [uri(b"this is no picture")]}, 400),
    ],
)
async def test_refuses(client: httpx.AsyncClient, fields: dict[str, Any], status: int) -> None:
    answer = await client.post(LINKAI, json={"model": GPT, "prompt": "a fox", **fields})
    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"message", "type"}
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_link_to_what_is_no_picture(client: httpx.AsyncClient) -> None:
    link = str(client.base_url.join("/_sandbox/calls"))
    answer = await client.post(LINKAI, json={"model": GPT, "prompt": "a fox", "images": [link]})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        (LINKAI, b"{", 400),
        (LINKAI, b"[]", 400),
        ("/linkai/v1/images/edits", b"{}", 404),
    ],
)
async def test_bad_bodies(client: httpx.AsyncClient, path: str, content: bytes, status: int) -> None:
    answer = await client.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer bad-1"}, {"authorization": "Basic x"}])
async def test_keys(client: httpx.AsyncClient, header: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as plain:
        answer = await plain.post(LINKAI, json={"model": GPT, "prompt": "x"}, headers=header)
    assert (answer.status_code, set(answer.json()["error"])) == (401, {"message", "type"})
