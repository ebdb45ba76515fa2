"""What the OpenAI shape refuses, each rule a row."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from PIL import Image

from koci_proxy.sandbox.openai_rules import free_size

from .asking import EDITS, OPENAI, png, saved, uri

GOOD = {"model": "gpt-image-2", "prompt": "a fox"}
LATER: dict[str, Any] = {"model": "gpt-image-2.5-flare", "output_format": "gif"}
USER = "image_generation_user_error"
PLAIN = "invalid_request_error"


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        *(((1024, 1024), True), ((1536, 864), True), ((1280, 720), True), ((816, 816), True), ((2880, 2880), True)),
        *(((3840, 2160), True), ((1440, 480), True), ((1920, 1088), True), ((3840, 1648), True)),
        *(((1920, 1080), False), ((1024, 576), False), ((4096, 4096), False), ((256, 256), False)),
        *(((3856, 1296), False), ((1456, 480), False), ((2896, 2896), False), ((1025, 1024), False)),
    ],
)
def test_free_size(size: tuple[int, int], fits: bool) -> None:
    assert (free_size(*size) == "") is fits


@pytest.mark.anyio
@pytest.mark.sockets
@pytest.mark.parametrize(
    ("fields", "kind", "param", "code"),
    [
        ({"size": "1920x1080"}, USER, "size", "invalid_value"),
        ({"size": "4096x4096"}, USER, "size", "invalid_value"),
        ({"size": "1024x576"}, USER, "size", "invalid_value"),
        ({"size": "0x0"}, USER, "size", "invalid_value"),
        ({"size": "2K"}, USER, "size", "invalid_value"),
        ({"size": 1024}, USER, "size", "invalid_value"),
        ({"model": "gpt-image-1.5", "size": "2048x2048"}, USER, "size", "invalid_value"),
        ({"model": "dall-e-3"}, USER, "model", "invalid_value"),
        ({"model": "gpt-image-1"}, USER, "model", "invalid_value"),
        ({"model": None}, PLAIN, "model", "missing_required_parameter"),
        ({"prompt": None}, PLAIN, "prompt", "missing_required_parameter"),
        ({"prompt": ""}, PLAIN, "prompt", "empty_string"),
        ({"prompt": 5}, PLAIN, "prompt", "invalid_type"),
        ({"prompt": "x" * 32_001}, PLAIN, "prompt", "string_above_max_length"),
        ({"n": 0}, PLAIN, "n", "integer_below_min_value"),
        ({"n": 11}, PLAIN, "n", "integer_above_max_value"),
        ({"n": "2"}, PLAIN, "n", "invalid_type"),
        ({"n": True}, PLAIN, "n", "invalid_type"),
        ({"quality": "hd"}, PLAIN, "quality", "invalid_value"),
        ({"quality": "max"}, PLAIN, "quality", "invalid_value"),
        ({"quality": ["high"]}, PLAIN, "quality", "invalid_value"),
        ({"background": "transparent"}, PLAIN, "background", "invalid_value"),
        ({"output_format": "gif"}, PLAIN, "output_format", "invalid_value"),
        ({"frame_count": 4}, PLAIN, "frame_count", "unknown_parameter"),
        ({"model": "gpt-image-2.5-flare", "frame_count": 4}, PLAIN, "frame_count", "invalid_value"),
        (LATER | {"frame_count": 17}, PLAIN, "frame_count", "integer_above_max_value"),
        (LATER | {"stream": True}, PLAIN, "stream", "invalid_value"),
        ({"output_compression": 101}, PLAIN, "output_compression", "integer_above_max_value"),
        ({"output_compression": 50}, USER, "output_compression", "invalid_png_output_compression"),
        ({"model": "gpt-image-1.5", "background": "transparent", "output_format": "jpeg"}, USER, "background", None),
        ({"moderation": "none"}, PLAIN, "moderation", "invalid_value"),
        ({"stream": "yes"}, PLAIN, "stream", "invalid_type"),
        ({"partial_images": 4}, PLAIN, "partial_images", "integer_above_max_value"),
        ({"response_format": "b64_json"}, PLAIN, "response_format", "unknown_parameter"),
        ({"style": "vivid"}, PLAIN, "style", "unknown_parameter"),
        ({"aspect_ratio": "16:9"}, PLAIN, "aspect_ratio", "unknown_parameter"),
        ({"image": "x"}, PLAIN, "image", "unknown_parameter"),
        ({"input_fidelity": "high"}, PLAIN, "input_fidelity", "unknown_parameter"),
    ],
)
async def test_generations_refuse(
    client: httpx.AsyncClient, fields: dict[str, Any], kind: str, param: str, code: str | None
) -> None:
    answer = await client.post(OPENAI, json=GOOD | fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, kind, param), error
    assert code is None or error["code"] == code
    assert set(error) == {"message", "type", "param", "code"}


def image(data: bytes, name: str = "image", mime: str = "image/png") -> tuple[str, tuple[str, bytes, str]]:
    return name, ("a.png", data, mime)


def half_a_picture() -> bytes:
    noise = Image.effect_noise((64, 64), 90)
    return saved(noise, "PNG")[:1500]


@pytest.mark.anyio
@pytest.mark.sockets
@pytest.mark.parametrize(
    ("data", "files", "param", "code"),
    [
        ({"input_fidelity": "high"}, [image(png())], "input_fidelity", "invalid_input_fidelity_model"),
        ({"model": "gpt-image-1-mini", "input_fidelity": "high"}, [image(png())], "input_fidelity", "invalid_value"),
        ({}, [image(png()), image(png(), "markup")], "markup", "unknown_parameter"),
        (LATER, [image(png()), image(png(), "mask")], "mask", "invalid_value"),
        (
            {"model": "gpt-image-2.5-flare"},
            [image(png()), image(png(), "mask"), image(png(), "markup")],
            "markup",
            "invalid_value",
        ),
        ({"style": "vivid"}, [image(png())], "style", "unknown_parameter"),
        ({"image": "a.png"}, [image(png(), "mask")], "image", "invalid_type"),
        ({}, [image(png(), "picture")], "picture", "unknown_parameter"),
        ({}, [image(png(), "mask")], "image", "missing_required_parameter"),
        ({}, [image(png(), "image[]")] * 17, "image", "array_above_max_length"),
        ({}, [image(png(), mime="application/octet-stream")], "image", "unsupported_file_mimetype"),
        ({}, [image(b"\x89PNG" + bytes(50 * 1024 * 1024))], "image", "image_file_too_large"),
        ({}, [image(b"this is no picture")], "image", "invalid_image_file"),
        ({}, [image(half_a_picture())], "image", "invalid_image_file"),
        ({}, [image(saved(Image.new("RGB", (9, 9)), "GIF"))], "image", "invalid_image_file"),
        ({}, [image(png()), image(png(), "mask")], "mask", "invalid_mask_image_format"),
        ({}, [image(png()), image(png(32, 32, alpha=255), "mask")], "mask", "invalid_mask_image_format"),
        ({}, [image(png()), image(b"no picture", "mask")], "mask", "invalid_mask_image_format"),
        ({"n": "two"}, [image(png())], "n", "invalid_type"),
    ],
)
async def test_edits_refuse(
    client: httpx.AsyncClient, data: dict[str, str], files: list[Any], param: str, code: str
) -> None:
    answer = await client.post(EDITS, data=GOOD | data, files=files)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code), error


@pytest.mark.anyio
@pytest.mark.sockets
@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({}, 400, "images"),
        ({"images": "x"}, 400, "images"),
        ({"images": ["x"]}, 400, "images[0]"),
        ({"images": [{"image_url": uri(png()), "detail": "high"}]}, 400, "images[0]"),
        ({"images": [{"url": "x"}]}, 400, "images[0]"),
        ({"images": [{"file_id": "file-1"}]}, 404, "images[0]"),
        ({"images": [{"image_url": "data:image/png;base64,@@@"}]}, 400, "image"),
        ({"images": [{"image_url": "ftp://x/y.png"}]}, 400, "image"),
        ({"images": [{"image_url": "http://10.0.0.1/y.png"}]}, 400, "image"),
        ({"images": [{"image_url": uri(png())}], "image": "x"}, 400, "image"),
    ],
)
async def test_json_edits_refuse(client: httpx.AsyncClient, fields: dict[str, Any], status: int, param: str) -> None:
    answer = await client.post(EDITS, json=GOOD | fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text


@pytest.mark.anyio
@pytest.mark.sockets
@pytest.mark.parametrize(
    ("method", "path", "content", "kind", "status"),
    [
        ("POST", OPENAI, b'{"model": "gpt-image-2", "prom', "application/json", 400),
        ("POST", OPENAI, b"[1]", "application/json", 400),
        ("POST", OPENAI, b"[" * 100_000, "application/json", 400),
        ("POST", OPENAI, b"\xff\xfe{}", "application/json", 400),
        ("POST", OPENAI, b"{}", "text/plain", 400),
        ("POST", OPENAI, b"", "application/json", 400),
        ("POST", EDITS, b"--x\r\n", "multipart/form-data; boundary=x", 400),
        ("POST", EDITS, b"--x--", "multipart/form-data", 400),
        ("POST", "/openai/v1/images/variations", b"{}", "application/json", 404),
        ("GET", OPENAI, b"", "application/json", 405),
    ],
)
async def test_bad_bodies(
    client: httpx.AsyncClient, method: str, path: str, content: bytes, kind: str, status: int
) -> None:
    answer = await client.request(method, path, content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["type"] == PLAIN
