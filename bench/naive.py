"""The proxy that one would write first: Starlette in front, httpx behind, every body parsed and dumped whole.

    BENCH_VENDOR=http://127.0.0.1:9000 uvicorn bench.naive:app

No keys of its own, no schema, no log: what it costs is the least that this way of writing costs.
"""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import multipart  # type: ignore[import-untyped]
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

VENDOR = os.environ.get("BENCH_VENDOR", "http://127.0.0.1:9000")
LIMITS = {"spool_limit": 1 << 28, "memory_limit": 1 << 28}
STORE = Path("pictures")
KEYS = os.environ.get("BENCH_KEYS", "bench").split(",")
TURNS = itertools.count()
CLIENT = httpx.AsyncClient(
    base_url=VENDOR,
    limits=httpx.Limits(max_connections=200, max_keepalive_connections=200),
    timeout=300,
    trust_env=False,
)

Files = list[tuple[str, bytes]]


async def pictures(request: Request) -> Response:
    words, files = await _read(request)
    if words.get("stream"):
        return await _stream(words)
    deliver = words.pop("response_format", "b64_json")
    answer = await _ask(words, files)
    if answer.status_code != 200:
        return JSONResponse(answer.json(), answer.status_code)
    made = answer.json()
    if "candidates" in made:
        blob = made["candidates"][0]["content"]["parts"][0]["inlineData"]
        made = {"created": 1780000000, "data": [{"b64_json": blob["data"]}]}
    made["data"] = [await _delivered(item, deliver, request) for item in made["data"]]
    return JSONResponse(made)


async def _read(request: Request) -> tuple[dict[str, Any], Files]:
    kind, options = multipart.parse_options_header(request.headers["content-type"])
    if kind == "multipart/form-data":
        parts = list(multipart.MultipartParser(io.BytesIO(await request.body()), options["boundary"], **LIMITS))
        words = {part.name: part.value for part in parts if not part.filename}
        return words, [(part.filename, part.raw) for part in parts if part.filename]
    words = await request.json()
    links = [image["image_url"] for image in words.pop("images", [])]
    return words, [("image.png", base64.b64decode(link.partition(",")[2])) for link in links]


async def _ask(words: dict[str, Any], files: Files) -> httpx.Response:
    """One try with each key, beginning with the next one."""
    model, turn = words["model"], next(TURNS)
    for at in range(len(KEYS)):
        headers = {"authorization": f"Bearer {KEYS[(turn + at) % len(KEYS)]}"}
        if model.startswith("gem-"):
            blobs = [{"mimeType": "image/png", "data": base64.b64encode(data).decode()} for _, data in files]
            parts = [{"inlineData": blob} for blob in blobs] + [{"text": words["prompt"]}]
            body = {"contents": [{"role": "user", "parts": parts}]}
            answer = await CLIENT.post(f"/v1beta/models/{model}:generateContent", json=body, headers=headers)
        elif files:
            forms = [("image[]", (name, data, "image/png")) for name, data in files]
            answer = await CLIENT.post("/v1/images/edits", data=words, files=forms, headers=headers)
        else:
            answer = await CLIENT.post("/v1/images/generations", json=words, headers=headers)
        if answer.status_code < 400:
            break
    return answer


async def _delivered(item: dict[str, str], deliver: str, request: Request) -> dict[str, str]:
    if deliver == "url" and "b64_json" in item:
        name = f"{uuid.uuid4().hex}.png"
        data = base64.b64decode(item["b64_json"])
        await asyncio.to_thread((STORE / name).write_bytes, data)
        return {"url": f"{request.base_url}pictures/{name}"}
    if deliver == "b64_json" and "url" in item:
        return {"b64_json": base64.b64encode((await CLIENT.get(item["url"])).content).decode()}
    return item


async def _stream(words: dict[str, Any]) -> Response:
    asked = CLIENT.build_request(
        "POST", "/v1/images/generations", json=words, headers={"authorization": "Bearer bench"}
    )
    answer = await CLIENT.send(asked, stream=True)
    pieces: AsyncIterator[bytes] = answer.aiter_bytes()
    return StreamingResponse(pieces, media_type="text/event-stream", background=BackgroundTask(answer.aclose))


async def ready(request: Request) -> Response:
    return PlainTextResponse("ready\n")


STORE.mkdir(exist_ok=True)
app = Starlette(
    routes=[Route("/readyz", ready), Route("/v1/images/{way}", pictures, methods=["POST"])],
)
