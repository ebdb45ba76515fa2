"""What the Gemini shape refuses, each rule a row."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .asking import FLASH, gemini, inline, png

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

TEXT = {"text": "a fox"}


def turn(**content: Any) -> dict[str, Any]:
    return {"contents": [{"parts": [TEXT], **content}]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (gemini(imageConfig={"imageSize": "1k"}), "generation_config.image_config.image_size"),
        (gemini(imageConfig={"imageSize": "3K"}), "generation_config.image_config.image_size"),
        (gemini(imageConfig={"aspectRatio": "7:3"}), "generation_config.image_config.aspect_ratio"),
        (gemini(imageConfig={"aspectRatio": 1}), "generation_config.image_config.aspect_ratio"),
        (gemini(imageConfig={"size": "2K"}), "generation_config.image_config"),
        (gemini(imageConfig={"personGeneration": "ALLOW_ALL"}), "generation_config.image_config"),
        (
            gemini(responseFormat={"image": {"aspectRatio": "7:3"}}),
            "generation_config.response_format.image.aspect_ratio",
        ),
        (gemini(candidateCount=2), "generation_config.candidate_count"),
        (gemini(responseModalities=["AUDIO"]), "generation_config.response_modalities"),
        (gemini(responseModalities=[]), "generation_config.response_modalities"),
        (gemini(quality="high"), "generation_config"),
        ({"prompt": "a fox"}, None),
        ({**gemini(), "size": "1024x1024"}, None),
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "a fox"}, "contents"),
        (turn(role="system"), "contents[0].role"),
        (turn(parts=[]), "contents[0].parts"),
        (turn(name="x"), "contents[0]"),
        (gemini({}), "contents[0].parts[0].data"),
        (gemini({"text": 5}), "contents[0].parts[0].text"),
        (gemini({"image_url": "x"}), "contents[0].parts[0]"),
        (gemini({**TEXT, **inline(png())}), "contents[0].parts[0]"),
        (gemini(TEXT, inline("@@@")), "contents[0].parts[1].inline_data.data"),
        (gemini(TEXT, inline("A")), "contents[0].parts[1].inline_data.data"),
        (gemini(TEXT, inline("data:image/png;base64,AAAA")), "contents[0].parts[1].inline_data.data"),
        (gemini(TEXT, inline(png(), "image/jpg")), "contents[0].parts[1].inline_data.mime_type"),
        (gemini(TEXT, inline(png(), "text/plain")), "contents[0].parts[1].inline_data.mime_type"),
        (gemini(TEXT, inline(b"this is no picture")), "contents"),
        (gemini(TEXT, {"fileData": {"fileUri": "https://x/y.png"}}), "contents[0].parts[1].file_data.file_uri"),
        (gemini(TEXT, *[inline(png())] * 15), "contents"),
        (gemini({**TEXT, "thoughtSignature": "@"}), "contents[0].parts[0].thought_signature"),
    ],
)
async def test_refuses(client: httpx.AsyncClient, body: dict[str, Any], field: str | None) -> None:
    answer = await client.post(FLASH, json=body)
    assert answer.status_code == 400, answer.text[:200]
    error = answer.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    (detail,) = error["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert detail["fieldViolations"][0].get("field") == field, error["message"]


@pytest.mark.parametrize(
    ("path", "config", "status"),
    [
        ("v1beta/models/gemini-2.5-flash-image:generateContent", {"imageSize": "1K"}, 400),
        ("v1beta/models/gemini-2.5-flash-image:generateContent", {"aspectRatio": "1:4"}, 400),
        ("v1beta/models/gemini-3-pro-image:generateContent", {"aspectRatio": "1:4"}, 400),
        ("v1beta/models/gemini-3-pro-image:generateContent", {"imageSize": "512"}, 400),
        ("v1beta/models/gemini-3.1-flash-lite-image:generateContent", {"imageSize": "2K"}, 400),
        ("v1beta/models/gemini-9:generateContent", {}, 404),
        ("v1beta/models/gemini-3-pro-image:predict", {}, 404),
        ("v1beta/v1/models/gemini-3-pro-image:generateContent", {}, 404),
    ],
)
async def test_by_model(client: httpx.AsyncClient, path: str, config: dict[str, str], status: int) -> None:
    answer = await client.post(f"/google/{path}", json=gemini(imageConfig=config))
    assert answer.status_code == status
    assert answer.json()["error"]["status"] == {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}[status]


@pytest.mark.parametrize("content", [b'{"contents": [', b"[]", b"", b"[" * 100_000])
async def test_bad_json(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post(FLASH, content=content, headers={"content-type": "application/json"})
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("headers", "query", "status", "name"),
    [
        ({"x-goog-api-key": "AIza-1"}, "", 200, None),
        ({}, "?key=AIza-1", 200, None),
        ({"authorization": "Bearer ya29.token"}, "", 200, None),
        ({"authorization": "Bearer AIza-1"}, "", 403, "PERMISSION_DENIED"),
        ({}, "", 403, "PERMISSION_DENIED"),
        ({"x-goog-api-key": "bad-1"}, "", 400, "INVALID_ARGUMENT"),
    ],
)
async def test_keys(
    client: httpx.AsyncClient, headers: dict[str, str], query: str, status: int, name: str | None
) -> None:
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as plain:
        answer = await plain.post(FLASH + query, json=gemini(), headers=headers)
    assert answer.status_code == status
    if name:
        assert answer.json()["error"]["status"] == name
    if status == 400:
        assert answer.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"
