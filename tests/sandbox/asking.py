"""How the tests ask the sandbox: plain requests as an app without an SDK would write them, and pictures to send."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import httpx
from PIL import Image

from koci_proxy.sandbox import Running

OPENAI = "/openai/v1/images/generations"
EDITS = "/openai/v1/images/edits"
LINKAI = "/linkai/v1/images/generations"
ARK = "/ark/api/v3/images/generations"
FLASH = "/google/v1beta/models/gemini-3.1-flash-image:generateContent"
STREAM = "/google/v1beta/models/gemini-3.1-flash-image:streamGenerateContent?alt=sse"


def client_of(running: Running, key: str = "sk-test-1234") -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}", "x-goog-api-key": key}
    return httpx.AsyncClient(base_url=running.url, headers=headers, timeout=20, trust_env=False)


def png(width: int = 64, height: int = 64, alpha: int | None = None) -> bytes:
    """A PNG of one colour; with `alpha`, its left half is transparent and the rest has that alpha."""
    image = Image.new("RGB", (width, height), (200, 30, 30))
    if alpha is not None:
        image = Image.new("RGBA", (width, height), (200, 30, 30, alpha))
        image.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    return saved(image, "PNG")


def saved(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    """The picture, fully decoded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def inline(data: bytes | str, mime: str = "image/png") -> dict[str, Any]:
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"inlineData": {"mimeType": mime, "data": text}}


def gemini(*parts: Mapping[str, Any], **config: Any) -> dict[str, Any]:
    """A generateContent body; without parts it says "a fox"."""
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": list(parts) or [{"text": "a fox"}]}]}
    return {**body, "generationConfig": config} if config else body


def result_images(answer: Mapping[str, Any]) -> list[bytes]:
    """The result pictures of a generateContent answer."""
    parts = [part for one in answer["candidates"] for part in one["content"]["parts"]]
    found = [part["inlineData"]["data"] for part in parts if "inlineData" in part and not part.get("thought")]
    return [base64.b64decode(data, validate=True) for data in found]


def b64_images(answer: Mapping[str, Any]) -> list[bytes]:
    """The pictures of an images answer."""
    return [base64.b64decode(one["b64_json"], validate=True) for one in answer["data"]]
