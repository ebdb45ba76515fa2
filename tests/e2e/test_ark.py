"""Ark as a door and as a vendor: every size asked is the size of the picture, and nothing is lost on the way."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .pictures import png, seen
from .processes import House, Sandbox, proxy

pytestmark = pytest.mark.sockets

ROUTES = """
platforms: {openai: openai, google: gemini, linkai: linkai, ark: ark}
models:
  four: {to: sandbox-ark/seedream-4.0}
  four-five: {to: sandbox-ark/doubao-seedream-4-5-251128}
  lite: {to: sandbox-ark/seedream-5.0-lite}
  pro: {to: sandbox-ark/seedream-5.0-pro}
  image-2: {to: sandbox-openai/gpt-image-2}
  nano: {to: sandbox-gemini/gemini-3.1-flash-image}
  linked: {to: sandbox-linkai/doubao-seedream-4.5}
"""
URI = "data:image/png;base64," + base64.b64encode(png()).decode()
# What the SDK sends of what its caller left out.
NULLS: dict[str, Any] = dict.fromkeys(
    (
        *("image", "response_format", "size", "seed", "guidance_scale", "watermark", "optimize_prompt", "tools"),
        *("optimize_prompt_options", "sequential_image_generation", "sequential_image_generation_options"),
        *("output_format", "layer_decomposition"),
    )
)


@pytest.fixture(scope="module")
def ark(vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with proxy(tmp_path_factory.mktemp("ark"), vendor, ROUTES) as running:
        yield running


def post(house: House, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    keyed = {"authorization": f"Bearer {house.key}", "accept": "application/json", **headers}
    return httpx.post(f"{house.url}/{path}", json=body, headers=keyed, timeout=60)


def by_ark(house: House, **fields: Any) -> httpx.Response:
    return post(house, "ark/api/v3/images/generations", NULLS | {"prompt": "a fox", **fields})


def by_openai(house: House, **fields: Any) -> httpx.Response:
    return post(house, "openai/v1/images/generations", {"prompt": "a fox", **fields})


def file_of(answer: httpx.Response) -> bytes:
    assert answer.status_code == 200, answer.text
    [entry] = answer.json()["data"]
    return base64.b64decode(entry["b64_json"]) if entry.get("b64_json") else httpx.get(entry["url"]).content


# model, size, ratio, pixels
SIZES = [
    ("four", "1K", "16:9", (1312, 736)),
    ("four", "2K", "1:1", (2048, 2048)),
    ("four", "2K", "16:9", (2848, 1600)),
    ("four", "2K", "4:5", (1824, 2280)),
    ("four", "4K", "21:9", (6240, 2656)),
    ("four", "1000x1000", None, (1000, 1000)),
    ("four", "2048x1152", None, (2048, 1152)),
    ("four-five", "2K", "9:16", (1600, 2848)),
    ("four-five", "4K", "3:2", (4992, 3328)),
    ("four-five", "2560x1440", None, (2560, 1440)),
    ("lite", "3K", "16:9", (4096, 2304)),
    ("lite", "2K", "3:4", (1728, 2304)),
    ("pro", "1K", "16:9", (1424, 800)),
    ("pro", "1.5K", "4:3", (1792, 1344)),
    ("pro", "2K", "16:9", (2816, 1584)),
]


@pytest.mark.parametrize(("model", "size", "ratio", "pixels"), SIZES)
def test_every_size_asked_is_the_size_of_the_picture(
    ark: House, model: str, size: str, ratio: str | None, pixels: tuple[int, int]
) -> None:
    asked = {"size": size, "aspect_ratio": ratio} if ratio else {"size": size}
    answer = by_openai(ark, model=model, **asked)
    assert seen(file_of(answer)) == ("JPEG", pixels)
    wide = "x".join(map(str, pixels))
    assert answer.headers["x-koci-size"].endswith(f"sent={wide}; got={wide}")
    assert "size:" not in answer.headers.get("x-koci-notes", "")


@pytest.mark.parametrize(
    ("model", "size", "pixels"),
    [("four-five", "2048x1152", (2560, 1440)), ("lite", "4096x4096", (3225, 3225)), ("pro", "4K", (2048, 2048))],
)
def test_a_size_it_does_not_make_is_bent_and_told(ark: House, model: str, size: str, pixels: tuple[int, int]) -> None:
    answer = by_openai(ark, model=model, size=size)
    assert seen(file_of(answer))[1] == pixels
    assert "size: bent" in answer.headers["x-koci-notes"]


@pytest.mark.parametrize("form", ["url", "b64_json"])
@pytest.mark.parametrize("references", [0, 1, 3])
@pytest.mark.parametrize(
    ("model", "size", "pixels"),
    [
        ("four", "2848x1600", (2848, 1600)),
        ("image-2", "2048x1152", (2048, 1152)),
        ("nano", "2752x1536", (2752, 1536)),
        ("linked", "2848x1600", (2848, 1600)),
    ],
)
def test_its_door_reaches_every_vendor(
    ark: House, model: str, size: str, pixels: tuple[int, int], references: int, form: str
) -> None:
    image: Any = {0: None, 1: URI}.get(references, [URI] * references)
    answer = by_ark(ark, model=model, size=size, image=image, response_format=form)
    assert seen(file_of(answer))[1] == pixels
    body = answer.json()
    assert body["data"][0]["size"] == f"{pixels[0]}x{pixels[1]}"
    assert set(body["usage"]) >= {"generated_images", "output_tokens", "total_tokens"}
    assert (body["model"], body["created"] > 0, body["usage"]["generated_images"]) == (model, True, 1)


@pytest.mark.parametrize("references", [0, 3])
@pytest.mark.parametrize("door", ["google", "linkai"])
def test_other_doors_reach_it(ark: House, door: str, references: int) -> None:
    if door == "google":
        image = {"imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"}}
        data = {"inlineData": {"mimeType": "image/png", "data": URI.partition(",")[2]}}
        body = {"contents": [{"parts": [{"text": "a fox"}, *[data] * references]}], "generationConfig": image}
        answer = post(ark, "google/v1beta/models/four-five:generateContent", body)
        [part] = answer.json()["candidates"][0]["content"]["parts"]
        made = base64.b64decode(part["inlineData"]["data"])
    else:
        body = {"model": "four-five", "prompt": "a fox", "size": "2K", "aspect_ratio": "16:9"}
        made = file_of(post(ark, "linkai/v1/images/generations", body | {"images": [URI] * references}))
    assert seen(made)[1] == (2848, 1600)


def test_pictures_come_without_a_mark_unless_the_app_wants_one(ark: House) -> None:
    by_ark(ark, model="four")
    assert ark.sandbox.last()["json"]["watermark"] is False
    by_ark(ark, model="four", watermark=True)
    assert ark.sandbox.last()["json"]["watermark"] is True
    told = by_ark(ark, model="image-2", watermark=True, optimize_prompt_options={"mode": "fast"})
    assert "watermark: left out" in told.headers["x-koci-notes"]
    assert "optimize_prompt_options: left out" in told.headers["x-koci-notes"]


@pytest.mark.parametrize(
    ("model", "form", "kind"), [("lite", "png", "PNG"), ("lite", "jpeg", "JPEG"), ("four", "png", "PNG")]
)
def test_the_format_asked_is_the_format_of_the_picture(ark: House, model: str, form: str, kind: str) -> None:
    answer = by_ark(ark, model=model, output_format=form)
    assert seen(file_of(answer))[0] == kind
    assert ("output_format" in ark.sandbox.last()["json"]) is (model == "lite")


def test_several_pictures_are_several_calls(ark: House) -> None:
    ark.sandbox.forget()
    answer = by_openai(ark, model="four", size="1K", n=3)
    assert answer.status_code == 200, answer.text
    assert len({entry["url"] for entry in answer.json()["data"]}) == 3
    assert ark.sandbox.calls()["total"] == 3
    assert answer.json()["usage"]["generated_images"] == 3


SET = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}}


def test_a_set_of_which_one_fails(ark: House) -> None:
    answer = by_ark(ark, model="four", prompt="a fox sandbox:partial", **SET)
    assert answer.status_code == 200, answer.text
    assert [sorted(entry) for entry in answer.json()["data"]] == [["size", "url"]] * 2 + [["error"]]
    assert "OutputImageSensitiveContentDetected" in answer.headers["x-koci-notes"]


def events(answer: httpx.Response) -> list[Any]:
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    lines = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("model", ["four", "image-2"])
def test_a_stream_has_arks_own_events(ark: House, model: str) -> None:
    made, end = events(by_ark(ark, model=model, stream=True, size="2048x2048", response_format="b64_json"))
    assert (made["type"], made["image_index"]) == ("image_generation.partial_succeeded", 0)
    assert seen(base64.b64decode(made["b64_json"]))[1] == (2048, 2048)
    assert (end["type"], end["usage"]["generated_images"]) == ("image_generation.completed", 1)


def test_an_openai_stream_from_it_is_one_finished_picture(ark: House) -> None:
    answer = by_openai(ark, model="four", stream=True, size="1K")
    events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: ")]
    assert [event["type"] for event in events] == ["image_generation.completed"]
    assert ark.sandbox.last()["json"]["stream"] is True
    answer = by_openai(ark, model="pro", stream=True, partial_images=1, size="1K")
    assert answer.status_code == 200, answer.text
    assert "stream" not in ark.sandbox.last()["json"]


@pytest.mark.parametrize("form", ["url", "b64_json"])
def test_a_picture_of_a_set_comes_as_soon_as_it_is_done(ark: House, form: str) -> None:
    """The vendor's stream takes seconds: the first picture is here, whole, while the last is still on its way."""
    prompt, came = "a fox sandbox:drip=3", []
    body = NULLS | {"model": "four", "prompt": prompt, "stream": True, "response_format": form, "size": "1K", **SET}
    headers = {"authorization": f"Bearer {ark.key}"}
    url = f"{ark.url}/ark/api/v3/images/generations"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                came.append((json.loads(line[6:]), time.monotonic()))
                if len(came) == 1:
                    seen(file_of_entry(came[0][0]))
    kinds = [event["type"].rpartition(".")[2] for event, _ in came]
    assert kinds == ["partial_succeeded"] * 3 + ["completed"]
    assert [event.get("image_index") for event, _ in came] == [0, 1, 2, None]
    assert len({file_of_entry(event) for event, _ in came[:3]}) == 3
    assert came[-1][0]["usage"]["generated_images"] == 3
    assert came[-1][1] - came[0][1] > 1
    assert ark.sandbox.last()["json"]["stream"] is True


def file_of_entry(event: dict[str, Any]) -> bytes:
    return base64.b64decode(event["b64_json"]) if event.get("b64_json") else httpx.get(event["url"]).content


def test_a_streamed_set_of_which_one_fails(ark: House) -> None:
    came = events(by_ark(ark, model="four", prompt="a fox sandbox:partial", stream=True, size="1K", **SET))
    kinds = [event["type"].rpartition(".")[2] for event in came]
    assert kinds == ["partial_succeeded"] * 2 + ["partial_failed", "completed"]
    assert any("OutputImageSensitiveContentDetected" in note for note in came[-1]["notes"])


def test_a_streamed_set_of_which_all_fail(ark: House) -> None:
    one = SET | {"sequential_image_generation_options": {"max_images": 1}}
    answer = by_ark(ark, model="four", prompt="a fox sandbox:partial", stream=True, size="1K", **one)
    assert ark.sandbox.last()["json"]["stream"] is True
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "OutputImageSensitiveContentDetected")


def test_a_stream_that_is_refused_at_its_end(ark: House) -> None:
    answer = by_ark(ark, model="four", prompt="a fox sandbox:refuse=output", stream=True)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "OutputImageSensitiveContentDetected")
    assert answer.headers["x-should-retry"] == "false"


# what is sent, status, code, param
BAD: list[tuple[dict[str, Any], int, str, str]] = [
    ({"prompt": None}, 400, "MissingParameter", "prompt"),
    ({"model": None}, 400, "MissingParameter", "model"),
    ({"model": "fuor"}, 404, "InvalidEndpointOrModel.NotFound", "model"),
    ({"size": "2x"}, 400, "InvalidParameter", "size"),
    ({"size": 2048}, 400, "InvalidParameter", "size"),
    ({"image": "data:image/png;base64,@@@@"}, 400, "InvalidParameter", "image[0]"),
    ({"model": "pro", "image": [URI] * 11}, 400, "InvalidParameter", "image"),
    ({"watermark": "no"}, 400, "InvalidParameter", "watermark"),
]


@pytest.mark.parametrize(("fields", "status", "code", "param"), BAD)
def test_bad_fields(ark: House, fields: dict[str, Any], status: int, code: str, param: str) -> None:
    before = ark.sandbox.calls()["total"]
    answer = by_ark(ark, **{"model": "four", **fields})
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert error["message"]
    assert ark.sandbox.calls()["total"] == before


def test_a_wrong_key(ark: House) -> None:
    answer = httpx.post(f"{ark.url}/ark/api/v3/images/generations", json={}, headers={"authorization": "Bearer no"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AuthenticationError")


def test_what_ark_refuses_by_field_is_told_with_its_words(ark: House) -> None:
    answer = by_ark(ark, model="pro", tools=[{"type": "web_search"}])
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tools")
    assert "not supported by the current model" in answer.json()["error"]["message"]


# (fault of the sandbox, status, code at Ark's door)
FAULTS = [
    ("refuse", 400, "InputTextSensitiveContentDetected"),
    ("refuse=output", 400, "OutputImageSensitiveContentDetected"),
    ("empty=1", 502, "InternalServiceError"),
    ("empty=2", 400, "OutputImageSensitiveContentDetected"),
    ("empty=3", 400, "OutputImageSensitiveContentDetected"),
    ("garbage", 502, "InternalServiceError"),
    ("truncated-json", 502, "InternalServiceError"),
    ("not-image", 502, "InternalServiceError"),
    ("cut", 502, "InternalServiceError"),
    ("cut-before", 502, "InternalServiceError"),
    ("error=500", 502, "InternalServiceError"),
    ("overloaded", 502, "InternalServiceError"),
    ("quota", 503, "InternalServiceError"),
    ("limit=30", 429, "RateLimitExceeded.EndpointRPMExceeded"),
]


@pytest.fixture
def lonely(vendor: Sandbox, tmp_path: Any) -> Iterator[House]:
    """A proxy of one test's own: its vendor keys may come to rest."""
    with proxy(tmp_path, vendor, ROUTES) as running:
        yield running


@pytest.mark.parametrize(("fault", "status", "code"), FAULTS)
def test_a_vendor_in_trouble(lonely: House, fault: str, status: int, code: str) -> None:
    answer = by_ark(lonely, model="four", prompt=f"sandbox:{fault}")
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert "127.0.0.1" not in answer.text
    if fault == "limit=30":
        assert 25 <= int(answer.headers["retry-after"]) <= 30
    if status == 400:
        assert answer.headers["x-should-retry"] == "false"
