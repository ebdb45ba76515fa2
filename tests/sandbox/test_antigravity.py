"""A relay of the Antigravity kind: what it ignores, what it does not offer, and its refusals."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from koci_proxy.sandbox import Running

from .asking import gemini, inline, opened, png, result_images

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

PATH = "/antigravity/v1beta/models/gemini-3-pro-image:generateContent"


@pytest.mark.parametrize(
    ("image", "pixels"),
    [
        ({}, (1024, 1024)),
        ({"imageSize": "4K", "aspectRatio": "16:9"}, (1376, 768)),
        ({"imageSize": "2K"}, (1024, 1024)),
        ({"aspectRatio": "3:4"}, (896, 1200)),
    ],
)
async def test_it_ignores_the_tier(client: httpx.AsyncClient, image: dict[str, str], pixels: tuple[int, int]) -> None:
    """Nor does it go by the picture that it is sent."""
    body = gemini(inline(png(300, 10)), {"text": "a fox"}, **({"imageConfig": image} if image else {}))
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    (picture,) = [opened(data) for data in result_images(answer.json())]
    assert (picture.format, picture.size) == ("JPEG", pixels)


async def test_its_answer_is_the_picture_then_words_and_no_more(client: httpx.AsyncClient) -> None:
    [candidate] = (await client.post(PATH, json=gemini())).json()["candidates"]
    assert (list(candidate), list(candidate["content"])) == (["content"], ["parts"])
    assert [list(part) for part in candidate["content"]["parts"]] == [["inlineData"], ["text"]]
    body = gemini(responseModalities=["IMAGE"])
    [candidate] = (await client.post(PATH, json=body)).json()["candidates"]
    assert [list(part) for part in candidate["content"]["parts"]] == [["inlineData"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH.replace("3-pro", "2.5-flash"), gemini()),
        (PATH.replace("generate", "streamGenerate"), gemini()),
        (PATH.replace("v1beta", "v1"), gemini()),
    ],
)
async def test_what_it_does_not_offer(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    assert (await client.post(path, json=body)).status_code == 404


async def test_what_it_refuses(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=gemini(imageConfig={"imageSize": "2k"}))
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    answer = await client.post(PATH, json=gemini({"text": "sandbox:quota"}))
    assert (answer.status_code, answer.json()["error"]["message"]) == (402, "Out of credits.")
    answer = await client.post(PATH, json=gemini({"text": "sandbox:refuse"}))
    assert answer.json()["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    answer = await client.post(PATH, json=gemini({"text": "sandbox:empty=2"}))
    assert answer.json()["candidates"] == [{"finishReason": "NO_IMAGE", "index": 0}]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-goog-api-key": "k"}, 401),
        ({"authorization": "Basic k"}, 401),
        ({"authorization": "Bearer bad-1"}, 401),
        ({"authorization": "Bearer k"}, 200),
    ],
)
async def test_keys(running: Running, headers: dict[str, str], status: int) -> None:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=20) as plain:
        answer = await plain.post(PATH, json=gemini(), headers=headers)
    assert answer.status_code == status
