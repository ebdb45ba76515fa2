"""The Gemini shape: pictures by the published table, both spellings, streams."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from .asking import FLASH, STREAM, gemini, inline, opened, png, result_images

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]


@pytest.mark.parametrize(
    ("model", "image", "pixels"),
    [
        ("gemini-3.1-flash-image", {}, (1024, 1024)),
        ("gemini-3.1-flash-image", {"aspectRatio": "16:9"}, (1376, 768)),
        ("gemini-3.1-flash-image", {"imageSize": "512", "aspectRatio": "21:9"}, (792, 168)),
        ("gemini-3.1-flash-image", {"imageSize": "2K", "aspectRatio": "8:1"}, (6144, 768)),
        ("gemini-3.1-flash-image-preview", {"imageSize": "2K", "aspectRatio": "16:9"}, (2752, 1536)),
        ("gemini-3.1-flash-lite-image", {"imageSize": "512", "aspectRatio": "4:5"}, (464, 576)),
        ("gemini-3-pro-image", {"imageSize": "2K"}, (2048, 2048)),
        ("gemini-3-pro-image", {"imageSize": "4K", "aspectRatio": "16:9"}, (5504, 3072)),
        ("gemini-3-pro-image", {"image_size": "1K", "aspect_ratio": "3:2"}, (1264, 848)),
        ("gemini-2.5-flash-image", {"aspectRatio": "16:9"}, (1344, 768)),
        ("gemini-2.5-flash-image", {}, (1024, 1024)),
    ],
)
async def test_generates(client: httpx.AsyncClient, model: str, image: dict[str, str], pixels: tuple[int, int]) -> None:
    path = f"/google/v1beta/models/{model}:generateContent"
    answer = await client.post(path, json=gemini(imageConfig=image))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    (picture,) = [opened(data) for data in result_images(body)]
    assert (picture.format, picture.size) == ("JPEG", pixels)
    candidate = body["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    part = candidate["content"]["parts"][-1]
    assert part["inlineData"]["mimeType"] == "image/jpeg"
    assert ("thoughtSignature" in part) is model.startswith("gemini-3")
    usage = body["usageMetadata"]
    parts = usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)
    assert usage["totalTokenCount"] == parts


@pytest.mark.parametrize(
    ("config", "pixels"),
    [
        ({"responseFormat": {"image": {"aspectRatio": "1:4", "imageSize": "2K"}}}, (1024, 4096)),
        (
            {"response_format": {"image": {"aspect_ratio": "1:1"}}, "image_config": {"aspect_ratio": "16:9"}},
            (1024, 1024),
        ),
        ({"imageConfig": None, "responseModalities": ["Image", "TEXT"]}, (1024, 1024)),
    ],
)
async def test_both_places_of_the_size(
    client: httpx.AsyncClient, config: dict[str, Any], pixels: tuple[int, int]
) -> None:
    answer = await client.post(FLASH, json=gemini(**config))
    assert answer.status_code == 200, answer.text
    assert opened(result_images(answer.json())[0]).size == pixels


@pytest.mark.parametrize(
    ("modalities", "kinds"),
    [
        (None, ["text", "inlineData"]),
        (["TEXT", "IMAGE"], ["text", "inlineData"]),
        (["image"], ["inlineData"]),
        (["TEXT"], ["text"]),
    ],
)
async def test_modalities(client: httpx.AsyncClient, modalities: list[str] | None, kinds: list[str]) -> None:
    answer = await client.post(FLASH, json=gemini(responseModalities=modalities))
    parts = answer.json()["candidates"][0]["content"]["parts"]
    assert [next(iter(part)) for part in parts] == kinds


async def test_thoughts_are_no_results(client: httpx.AsyncClient) -> None:
    answer = await client.post(FLASH, json=gemini(thinkingConfig={"include_thoughts": True}))
    parts = answer.json()["candidates"][0]["content"]["parts"]
    thoughts = [part for part in parts if part.get("thought")]
    assert any("inlineData" in part for part in thoughts)
    assert not any("thoughtSignature" in part for part in thoughts)
    assert len(result_images(answer.json())) == 1


RAW = png(90, 40)


@pytest.mark.parametrize(
    "part",
    [
        inline(RAW),
        {"inline_data": {"mime_type": "image/png", "data": base64.b64encode(RAW).decode()}},
        {"inlineData": {"mime_type": "image/png", "data": base64.urlsafe_b64encode(RAW).decode()}},
        inline(base64.urlsafe_b64encode(RAW).decode().rstrip("=")),
    ],
)
async def test_edits_take_the_first_images_ratio(client: httpx.AsyncClient, part: dict[str, Any]) -> None:
    answer = await client.post(FLASH, json=gemini({"text": "blue"}, part))
    assert answer.status_code == 200, answer.text
    assert opened(result_images(answer.json())[0]).size == (1584, 672)


async def test_fourteen_images(client: httpx.AsyncClient) -> None:
    answer = await client.post(FLASH, json=gemini({"text": "blue"}, *[inline(png())] * 14))
    assert len(result_images(answer.json())) == 1


async def test_history_with_signatures(client: httpx.AsyncClient) -> None:
    first = (await client.post(FLASH, json=gemini())).json()["candidates"][0]["content"]
    contents = [
        {"role": "user", "parts": [{"text": "a fox"}]},
        first,
        {"role": "user", "parts": [{"text": "blue"}]},
    ]
    answer = await client.post(FLASH, json={"contents": contents, "safetySettings": []})
    assert answer.status_code == 200, answer.text
    assert "blue" in answer.json()["candidates"][0]["content"]["parts"][0]["text"]


async def test_streams_events(client: httpx.AsyncClient) -> None:
    answer = await client.post(STREAM, json=gemini(imageConfig={"aspectRatio": "16:9"}))
    assert answer.headers["content-type"] == "text/event-stream"
    lines = answer.text.split("\r\n\r\n")
    assert lines.pop() == "", "a blank line ends the last event, and nothing follows"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == [None, "STOP"]
    assert ["usageMetadata" in chunk for chunk in chunks] == [False, True]
    assert opened(result_images(chunks[1])[0]).size == (1376, 768)


async def test_streams_an_array(client: httpx.AsyncClient) -> None:
    answer = await client.post(STREAM.removesuffix("?alt=sse"), json=gemini())
    assert len(answer.json()) == 2
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_both_versions(client: httpx.AsyncClient, version: str) -> None:
    answer = await client.post(FLASH.replace("v1beta", version), json=gemini())
    assert answer.status_code == 200
