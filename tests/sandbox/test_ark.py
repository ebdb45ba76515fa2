"""The Ark shape: sizes and references by model, nulls, watermarks, sets, streams, and what it refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from koci_proxy.sandbox.ark_rules import FAMILIES, MAX_FILE
from koci_proxy.sandbox.tables import ARK

from .asking import ARK as PATH
from .asking import opened, png, saved, uri

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

FOUR, FOUR_FIVE = "doubao-seedream-4-0-250828", "doubao-seedream-4-5-251128"
LITE, PRO = "doubao-seedream-5-0-lite-260128", "doubao-seedream-5-0-pro-260628"
NULLS = ("image", "size", "seed", "guidance_scale", "optimize_prompt", "tools", "output_format", "layer_decomposition")


async def ask(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await client.post(PATH, json={"model": FOUR, "prompt": "a fox", **fields})


async def file_of(client: httpx.AsyncClient, answer: httpx.Response) -> bytes:
    assert answer.status_code == 200, answer.text
    (entry,) = answer.json()["data"]
    return (await client.get(entry["url"])).content


@pytest.mark.parametrize(
    ("model", "fields", "pixels"),
    [
        (FOUR, {}, (2048, 2048)),
        (FOUR, dict.fromkeys(NULLS), (2048, 2048)),
        (FOUR, {"size": "1280x720"}, (1280, 720)),
        (FOUR, {"size": "1K", "prompt": "a fox, 16:9"}, (1312, 736)),
        (FOUR, {"size": "1K"}, (864, 1152)),
        (FOUR, {"size": "1K", "image": uri(png(160, 90))}, (1312, 736)),
        (FOUR_FIVE, {"size": "2560x1440"}, (2560, 1440)),
        (FOUR_FIVE, {"size": "2K", "image": [uri(png()), uri(png(90, 160))]}, (2048, 2048)),
        (LITE, {"size": "2304x1728"}, (2304, 1728)),
        (PRO, {"size": "1.5K", "prompt": "1:1"}, (1536, 1536)),
        (PRO, {"size": "2816x1584"}, (2816, 1584)),
    ],
)
async def test_sizes(client: httpx.AsyncClient, model: str, fields: dict[str, Any], pixels: tuple[int, int]) -> None:
    answer = await ask(client, model=model, **fields)
    made = opened(await file_of(client, answer))
    assert (made.format, made.size) == ("JPEG", pixels)
    assert answer.json()["data"][0]["size"] == f"{pixels[0]}x{pixels[1]}"
    assert answer.json()["model"] == model
    tokens = pixels[0] * pixels[1] // 256
    assert answer.json()["usage"] == {"generated_images": 1, "output_tokens": tokens, "total_tokens": tokens}


def test_the_table_keeps_the_rules_of_its_models() -> None:
    assert set(ARK) == set(FAMILIES)
    for name, table in ARK.items():
        for width, height in (pixels for row in table.values() for pixels in row.values()):
            assert FAMILIES[name].least <= width * height <= FAMILIES[name].most


@pytest.mark.parametrize(
    ("fields", "kind", "more"),
    [
        ({"model": LITE}, "JPEG", {"output_format": "jpeg"}),
        ({"model": LITE, "output_format": "png"}, "PNG", {"output_format": "png"}),
        ({"response_format": "b64_json"}, "JPEG", {}),
    ],
)
async def test_forms(client: httpx.AsyncClient, fields: dict[str, Any], kind: str, more: dict[str, str]) -> None:
    answer = await ask(client, **fields)
    (entry,) = answer.json()["data"]
    data = base64.b64decode(entry["b64_json"]) if "b64_json" in entry else await file_of(client, answer)
    assert opened(data).format == kind
    assert {name: entry[name] for name in entry.keys() - {"url", "b64_json", "size"}} == more


@pytest.mark.parametrize(("asked", "marked"), [({}, True), ({"watermark": True}, True), ({"watermark": False}, False)])
async def test_a_watermark_unless_told_not_to(client: httpx.AsyncClient, asked: dict[str, bool], marked: bool) -> None:
    made = opened(await file_of(client, await ask(client, **asked)))
    corner = made.convert("L").crop((made.width - 20, made.height - 20, made.width, made.height))
    assert (min(corner.tobytes()) > 240) is marked


async def test_sets(client: httpx.AsyncClient) -> None:
    wish = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}}
    answer = await ask(client, size="1K", **wish)
    assert len({entry["url"] for entry in answer.json()["data"]}) == 3
    assert answer.json()["usage"]["generated_images"] == 3
    some = await ask(client, size="1K", **wish, prompt="a fox sandbox:partial")
    assert [sorted(entry) for entry in some.json()["data"]] == [["size", "url"]] * 2 + [["error"]]
    assert some.json()["usage"]["generated_images"] == 2
    none = await ask(client, size="1K", prompt="a fox sandbox:partial")
    assert (none.status_code, none.json()["error"]["code"]) == (200, "OutputImageSensitiveContentDetected")


def events(text: str) -> list[Any]:
    frames = [frame.split("\n") for frame in text.removesuffix("\n\n").split("\n\n")]
    assert frames.pop() == ["data: [DONE]"]
    assert all(head == f"event: {json.loads(data[6:])['type']}" for head, data in frames)
    return [json.loads(data[6:]) for _, data in frames]


async def test_streams(client: httpx.AsyncClient) -> None:
    wish = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}}
    answer = await ask(client, size="1024x1024", stream=True, response_format="b64_json", **wish)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *made, end = events(answer.text)
    assert [(one["type"], one["image_index"]) for one in made] == [
        ("image_generation.partial_succeeded", at) for at in range(3)
    ]
    assert {opened(base64.b64decode(one["b64_json"])).size for one in made} == {(1024, 1024)}
    assert (end["type"], end["usage"]["generated_images"]) == ("image_generation.completed", 3)
    answer = await ask(client, size="1K", stream=True, prompt="a fox sandbox:partial", **wish)
    assert [one["type"].rpartition("_")[2] for one in events(answer.text)[:-1]] == ["succeeded", "succeeded", "failed"]
    answer = await ask(client, stream=True, prompt="a fox sandbox:refuse=output")
    assert [one["type"].rpartition(".")[2] for one in events(answer.text)] == ["partial_failed", "completed"]


SET = {"sequential_image_generation": "auto"}
# what is sent, status, code, param
REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"model": None}, 400, "MissingParameter", "model"),
    ({"model": "doubao-seedream-4.5"}, 404, "InvalidEndpointOrModel.NotFound", ""),
    ({"model": ["x"]}, 404, "InvalidEndpointOrModel.NotFound", ""),
    ({"prompt": None}, 400, "MissingParameter", "prompt"),
    ({"prompt": ""}, 400, "MissingParameter", "prompt"),
    ({"prompt": 5}, 400, "InvalidParameter", "prompt"),
    ({"n": 2}, 400, "InvalidParameter", "n"),
    ({"quality": "high"}, 400, "InvalidParameter", "quality"),
    ({"seed": 1}, 400, "InvalidParameter", "seed"),
    ({"tools": [{"type": "web_search"}]}, 400, "InvalidParameter", "tools"),
    ({"output_format": "png"}, 400, "InvalidParameter", "output_format"),
    ({"model": LITE, "output_format": "webp"}, 400, "InvalidParameter", "output_format"),
    ({"model": PRO, "stream": False}, 400, "InvalidParameter", "stream"),
    ({"model": PRO, **SET}, 400, "InvalidParameter", "sequential_image_generation"),
    ({"watermark": "no"}, 400, "InvalidParameter", "watermark"),
    ({"response_format": "base64"}, 400, "InvalidParameter", "response_format"),
    ({"size": "3K"}, 400, "InvalidParameter", "size"),
    ({"size": "2k"}, 400, "InvalidParameter", "size"),
    ({"size": ["2K"]}, 400, "InvalidParameter", "size"),
    ({"size": "2K 16:9"}, 400, "InvalidParameter", "size"),
    ({"size": "1x1"}, 400, "InvalidParameter", "size"),
    ({"size": "4736x3552"}, 400, "InvalidParameter", "size"),
    ({"size": "8000x400"}, 400, "InvalidParameter", "size"),
    ({"model": FOUR_FIVE, "size": "2048x1152"}, 400, "InvalidParameter", "size"),
    ({"model": FOUR_FIVE, "size": "1K"}, 400, "InvalidParameter", "size"),
    ({"model": LITE, "size": "4096x4096"}, 400, "InvalidParameter", "size"),
    ({"model": PRO, "size": "4K"}, 400, "InvalidParameter", "size"),
    ({"optimize_prompt_options": {"mode": "quick"}}, 400, "InvalidParameter", "mode"),
    ({"model": FOUR_FIVE, "optimize_prompt_options": {"mode": "fast"}}, 400, "InvalidParameter", "mode"),
    ({"optimize_prompt_options": "fast"}, 400, "InvalidParameter", "optimize_prompt_options"),
    ({**SET, "sequential_image_generation_options": {"max_images": 16}}, 400, "InvalidParameter", "max_images"),
    (
        {**SET, "sequential_image_generation_options": {"max_images": 15}, "image": uri(png())},
        400,
        "InvalidParameter",
        "max_images",
    ),
    ({"image": [uri(png())] * 15}, 400, "InvalidParameter", "image"),
    ({"model": PRO, "image": [uri(png())] * 11}, 400, "InvalidParameter", "image"),
    ({"image": {"url": "x"}}, 400, "InvalidParameter", "image"),
    ({"image": ""}, 400, "InvalidImageURL.EmptyURL", "image"),
    ({"image": uri(png()).replace("png", "PNG", 1)}, 400, "InvalidImageURL.InvalidFormat", "image"),
    ({"image": "http://127.0.0.1:9/x.png"}, 400, "InvalidParameter", "image"),
    ({"image": uri(b"no picture")}, 400, "InvalidParameter", "image"),
    ({"image": uri(png(14, 14))}, 400, "InvalidParameter", "image"),
    ({"image": uri(png(340, 20))}, 400, "InvalidParameter", "image"),
    ({"image": uri(png(6001, 6001))}, 400, "InvalidParameter.OversizedImage", "image"),
    ({"image": uri(png() + b"\0" * MAX_FILE)}, 400, "InvalidParameter.OversizedImage", "image"),
    (
        {"model": LITE, "image": uri(saved(Image.new("RGB", (64, 64)), "WEBP"))},
        400,
        "InvalidParameter.UnsupportedImageFormat",
        "image",
    ),
]


@pytest.mark.parametrize(("fields", "status", "code", "param"), REFUSED)
async def test_refuses(client: httpx.AsyncClient, fields: dict[str, Any], status: int, code: str, param: str) -> None:
    answer = await ask(client, **fields)
    assert answer.status_code == status, answer.text[:300]
    error = answer.json()["error"]
    assert (error["code"], error["param"].rpartition(".")[2]) == (code, param)
    assert error["type"] == {400: "BadRequest", 404: "NotFound"}[status]
    assert "Request id:" in error["message"]


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF"])
async def test_the_older_models_read_more_formats(client: httpx.AsyncClient, kind: str) -> None:
    assert (await ask(client, size="1K", image=uri(saved(Image.new("RGB", (64, 64)), kind)))).status_code == 200


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [(PATH, b"{", 400), (PATH, b"[]", 400), ("/ark/api/v3/chat/completions", b"{}", 404)],
)
async def test_bad_bodies(client: httpx.AsyncClient, path: str, content: bytes, status: int) -> None:
    answer = await client.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert (await client.get(PATH)).status_code == 405


# the fault, status, code, type
FAULTS = [
    ("refuse", 400, "InputTextSensitiveContentDetected", "BadRequest"),
    ("refuse=output", 400, "OutputImageSensitiveContentDetected", "BadRequest"),
    ("limit=7", 429, "RateLimitExceeded.EndpointRPMExceeded", "TooManyRequests"),
    ("quota", 403, "AccountOverdueError", "Forbidden"),
    ("error", 500, "InternalServiceError", "InternalServerError"),
    ("overloaded=3", 503, "ServerOverloaded", "InternalServerError"),
    ("empty=3", 200, "OutputImageSensitiveContentDetected", None),
]


@pytest.mark.parametrize(("fault", "status", "code", "kind"), FAULTS)
async def test_faults(client: httpx.AsyncClient, fault: str, status: int, code: str, kind: str | None) -> None:
    answer = await ask(client, prompt=f"a fox sandbox:{fault}")
    assert answer.status_code == status
    assert (answer.json()["error"]["code"], answer.json()["error"].get("type")) == (code, kind)
    assert answer.headers.get("retry-after") == {"limit=7": "7", "overloaded=3": "3"}.get(fault)


@pytest.mark.parametrize(("way", "data"), [(1, []), (2, ["OutputImageSensitiveContentDetected"])])
async def test_a_200_without_a_picture(client: httpx.AsyncClient, way: int, data: list[str]) -> None:
    answer = await ask(client, prompt=f"a fox sandbox:empty={way}")
    assert [entry["error"]["code"] for entry in answer.json()["data"]] == data
    assert answer.json()["usage"]["generated_images"] == 0


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer bad-1"}, {"authorization": "Basic x"}])
async def test_keys(client: httpx.AsyncClient, header: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as plain:
        answer = await plain.post(PATH, json={"model": FOUR, "prompt": "x"}, headers=header)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationError")
