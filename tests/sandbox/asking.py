"""How the tests ask the sandbox: plain requests as an app without an SDK would write them, and pictures to send."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import av
import httpx
from PIL import Image

from koci_proxy.sandbox import Running

OPENAI = "/openai/v1/images/generations"
EDITS = "/openai/v1/images/edits"
LINKAI = "/linkai/v1/images/generations"
ARK = "/ark/api/v3/images/generations"
FLASH = "/google/v1beta/models/gemini-3.1-flash-image:generateContent"
VIDEOS = "/openai/v1/videos"
TASKS = "/ark/api/v3/contents/generations/tasks"
VEO = "/google/v1beta/models/veo-3.1-generate-preview:predictLongRunning"
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


@dataclass(frozen=True)
class Film:
    """What a film turned out to be, all of its frames decoded; `first` is the first of them."""

    codec: str
    pixels: str
    width: int
    height: int
    seconds: float
    frames: int
    rate: float
    first: Image.Image


def opened_film(data: bytes) -> Film:
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        frames: list[Any] = list(container.decode(stream))
        return Film(
            stream.codec_context.name,
            str(stream.codec_context.pix_fmt),
            stream.codec_context.width,
            stream.codec_context.height,
            (container.duration or 0) / 1_000_000,
            len(frames),
            float(stream.average_rate or 0),
            frames[0].to_image(),
        )


def is_film(data: bytes, width: int, height: int, seconds: float) -> bool:
    """Whether it is an H.264 film of these pixels, as long as asked to a frame."""
    film = opened_film(data)
    sized = (film.codec, film.width, film.height) == ("h264", width, height)
    return sized and abs(film.seconds - seconds) <= 1 / film.rate and film.frames == round(seconds * film.rate)


async def ended(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """What a task's path says once it says no more that it is under way."""
    while True:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        if body.get("status") not in ("queued", "running", "in_progress") and (body.get("done") or "status" in body):
            return body
