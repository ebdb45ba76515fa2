"""The Koukoutu shape: cut-outs that are cut out, tasks that take their time, and what it refuses under HTTP 200."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from koci_proxy.sandbox import Options, Running, start

from .asking import client_of, gemini, opened, png, result_images, saved, uri

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

SYNC, ASYNC, QUERY = "/koukoutu/sync/v1/create", "/koukoutu/async/v1/create", "/koukoutu/async/v1/query"
PAGE = "/koukoutu/apis/v1beta/models/gemini-2.5-flash-image:generateContent"
CUT = {"model_key": "background-removal"}


def badge(width: int = 120, height: int = 100, kind: str = "PNG") -> bytes:
    """A blue box on a white ground, 20 pixels in from each edge."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((20, 20, width - 21, height - 21), fill="blue")
    return saved(image, kind)


def file_of(data: bytes) -> dict[str, Any]:
    return {"image_file": ("x.png", data, "image/png")}


async def sent(client: httpx.AsyncClient, path: str = SYNC, data: bytes | None = None, **fields: str) -> httpx.Response:
    files = None if data is None else file_of(data)
    return await client.post(path, data={**CUT, **fields}, files=files)


def cut(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return opened(answer.content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_what_is_ground_becomes_transparent(client: httpx.AsyncClient, kind: str) -> None:
    answer = await sent(client, data=badge(kind=kind))
    picture = cut(answer)
    assert answer.headers["content-type"] == "image/png"
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGBA", (120, 100))
    alpha = picture.getchannel("A")
    assert [alpha.getpixel(spot) for spot in ((0, 0), (119, 99), (60, 50))] == [0, 0, 255]


@pytest.mark.parametrize(
    ("fields", "size", "format_"),
    [
        ({"crop": "1"}, (80, 60), "PNG"),
        ({"stamp_crop": "1", "model_key": "stamp-background-removal"}, (80, 60), "PNG"),
        ({"crop": "0", "border": "2", "output_format": "webp"}, (120, 100), "WEBP"),
        ({"response": "file"}, (120, 100), "PNG"),
    ],
)
async def test_its_fields(
    client: httpx.AsyncClient, fields: dict[str, str], size: tuple[int, int], format_: str
) -> None:
    picture = cut(await sent(client, data=badge(), **fields))
    assert (picture.size, picture.format) == (size, format_)


async def test_a_link_on_demand_and_pictures_by_link_and_base64(client: httpx.AsyncClient) -> None:
    first = (await sent(client, data=badge(), response="url")).json()
    assert (first["code"], first["message"], set(first["data"])) == (200, "success", {"result_file"})
    async with httpx.AsyncClient(trust_env=False) as plain:  # the link needs no key
        assert opened((await plain.get(first["data"]["result_file"])).content).size == (120, 100)
    assert cut(await sent(client, image_url=first["data"]["result_file"])).size == (120, 100)
    assert cut(await sent(client, image_base64=uri(badge()))).size == (120, 100)


OTHERS = [
    ("image-extract", {"resolution": "1k", "size": "16:9", "extract_type": "服装"}, (1024, 576)),
    ("image-extract-v2", {"resolution": "1k"}, (1024, 853)),
    ("stamp-crop", {}, (80, 60)),
    ("image-to-image", {"prompt": "a fox", "similarity": "0.8", "type": "1"}, (120, 100)),
    ("upscale2stamp", {"scale": "2"}, (240, 200)),
    ("image-outpaint", {"params": "10,20,30,40"}, (150, 170)),
    ("image-watermark", {}, (120, 100)),
]


async def finished(client: httpx.AsyncClient, task: int) -> dict[str, Any]:
    """Look at a task until it has ended; each look takes its turn with everything else in the loop."""
    while True:
        data: dict[str, Any] = (await client.post(QUERY, data={"task_id": str(task), "response": "url"})).json()["data"]
        if data["state"] == 2 or data["result_file"]:
            return data


@pytest.fixture
async def quick() -> Any:
    running = await start(Options(task_seconds=0.05))
    async with client_of(running) as client:
        yield client
    await running.stop()


@pytest.mark.parametrize(("model", "fields", "size"), OTHERS)
async def test_tasks(quick: httpx.AsyncClient, model: str, fields: dict[str, str], size: tuple[int, int]) -> None:
    begun = (await sent(quick, ASYNC, badge(), model_key=model, **fields)).json()
    assert (begun["code"], begun["message"]) == (200, "success")
    task = begun["data"]["task_id"]
    assert isinstance(task, int)
    data = await finished(quick, task)
    assert (data["state"], data["progress"], data["position"]) == (1, "100.00", -1)
    assert opened((await quick.get(data["result_file"])).content).size == size


async def test_tasks_that_fail_or_take_their_time(quick: httpx.AsyncClient) -> None:
    for fault, complaint in (("fail", "处理失败"), ("refuse=output", "图片内容审核不通过")):
        fields = {"model_key": "image-to-image", "prompt": f"a fox sandbox:{fault}"}
        begun = (await sent(quick, ASYNC, badge(), **fields)).json()
        assert (await finished(quick, begun["data"]["task_id"]))["message"] == complaint
    slow = (await sent(quick, ASYNC, badge(), model_key="image-to-image", prompt="sandbox:take=60")).json()
    told = (await quick.post(QUERY, data={"task_id": str(slow["data"]["task_id"]), "response": "url"})).json()
    assert (told["message"], told["data"]["state"]) == ("running", 0)
    report = (await quick.get("/_sandbox/calls")).json()
    assert (report["tasks"], report["by_kind"]["koukoutu"]["submit"]) == ({"koukoutu": 3}, 3)


async def test_a_shadow_needs_a_transparent_png(quick: httpx.AsyncClient) -> None:
    assert (await sent(quick, ASYNC, badge(), model_key="image-shadow-v3")).json()["code"] == 422
    begun = (await sent(quick, ASYNC, png(100, 100, alpha=255), model_key="image-shadow-v3")).json()
    link = (await finished(quick, begun["data"]["task_id"]))["result_file"]
    assert opened((await quick.get(link)).content).mode == "RGBA"


async def test_states_and_strings_of_a_task(client: httpx.AsyncClient) -> None:
    """Under way, then done without its file, then done; progress is text; the task is its key's own."""
    task = (await sent(client, ASYNC, badge())).json()["data"]["task_id"]
    looks: list[Any] = []
    while not looks or not looks[-1]["data"]["result_file"]:
        looks.append((await client.post(QUERY, data={"task_id": task, "model_key": "background-removal"})).json())
    assert looks[0]["message"] == "running"
    assert looks[0]["data"]["state"] == 0
    assert 0 <= float(looks[0]["data"]["progress"]) < 100
    assert isinstance(looks[0]["data"]["progress"], str)
    assert [look["data"]["state"] for look in looks[-2:]] == [1, 1]
    assert looks[-2]["data"]["result_file"] is None
    other = await client.post(QUERY, data={"task_id": task}, headers={"authorization": "Bearer another"})
    assert other.json()["code"] == 404


REFUSED: list[tuple[dict[str, str], bytes | None, int]] = [
    ({}, None, 422),
    ({"model_key": "background-remover"}, badge(), 404),
    ({"model_key": "image-extract"}, badge(), 422),
    ({"croop": "1"}, badge(), 422),
    ({"crop": "yes"}, badge(), 422),
    ({"output_format": "jpg"}, badge(), 422),
    ({"response": "json"}, badge(), 422),
    ({"image_url": "http://127.0.0.1:9/x.png"}, badge(), 422),
    ({"image_url": "http://127.0.0.1:9/x.png"}, None, 415),
    ({"image_base64": base64.b64encode(badge()).decode()}, None, 415),
    ({"image_file": "text"}, None, 422),
    ({}, b"this is no picture", 415),
    ({}, saved(Image.new("RGB", (100, 100)), "GIF"), 415),
    ({}, badge(60, 200), 407),
    ({}, badge() + b"\0" * (15 * 1024 * 1024), 406),
]


@pytest.mark.parametrize(("fields", "data", "code"), REFUSED)
async def test_refusals_come_under_200(
    client: httpx.AsyncClient, fields: dict[str, str], data: bytes | None, code: int
) -> None:
    answer = await sent(client, data=data, **fields)
    assert (answer.status_code, answer.json()["code"]) == (200, code), answer.text
    assert set(answer.json()) == {"code", "message"}


async def test_too_many_pixels(client: httpx.AsyncClient) -> None:
    answer = await sent(client, data=saved(Image.new("1", (10_001, 100)), "PNG"))
    assert (answer.status_code, answer.json()["code"]) == (413, 413)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("refuse", 200, 422),
        ("limit=7", 429, 429),
        ("quota", 200, 409),
        ("error", 500, 500),
        ("error=504", 504, 504),
        ("overloaded", 503, 503),
        ("empty", 200, 200),
        ("nonsense", 200, 422),
    ],
)
async def test_faults_in_its_words(client: httpx.AsyncClient, fault: str, status: int, code: int) -> None:
    answer = await client.post(SYNC, data=CUT, files=file_of(badge()), headers={"x-sandbox-fault": fault})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_faults_of_the_picture(client: httpx.AsyncClient) -> None:
    async def befallen(fault: str) -> httpx.Response:
        return await client.post(SYNC, data=CUT, files=file_of(badge()), headers={"x-sandbox-fault": fault})

    assert cut(await befallen("wrong-size")).size == (60, 49)
    assert (await befallen("not-image")).content.startswith(b"this is not a picture")
    assert (await befallen("garbage")).headers["content-type"].startswith("text/html")
    with pytest.raises(OSError, match="truncated"):
        opened((await befallen("truncated-json")).content)


async def test_a_task_that_fails(quick: httpx.AsyncClient) -> None:
    headers = {"x-sandbox-fault": "refuse=output"}
    begun = (await quick.post(ASYNC, data=CUT, files=file_of(badge()), headers=headers)).json()
    data = await finished(quick, begun["data"]["task_id"])
    assert (data["state"], data["message"]) == (2, "图片内容审核不通过")


@pytest.mark.parametrize("path", [SYNC, ASYNC])
async def test_five_at_once_for_each_key(path: str) -> None:
    running = await start(Options(latency=0.3, task_seconds=30))
    async with client_of(running) as client, client_of(running, "another") as other:
        calls = [sent(client, path, badge()) for _ in range(7)]
        answers = await asyncio.gather(*calls, sent(other, path, badge()))
    await running.stop()
    assert sorted(answer.status_code for answer in answers[:7]) == [200] * 5 + [429] * 2
    assert answers[7].status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"x-api-key": "bad-1"}, 401), ({"x-api-key": "k"}, 200), ({"authorization": "Bearer k"}, 200)],
)
async def test_keys(running: Running, headers: dict[str, str], status: int) -> None:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as plain:
        answer = await plain.post(SYNC, data=CUT, files=file_of(badge()), headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("POST", "/koukoutu/sync/v1/query", 404), ("GET", SYNC, 404), ("GET", "/koukoutu/async/v1/score", 404)],
)
async def test_no_such_call(client: httpx.AsyncClient, method: str, path: str, code: int) -> None:
    assert (await client.request(method, path)).json()["code"] == code


async def test_bodies_that_are_no_forms(client: httpx.AsyncClient) -> None:
    assert (await client.post(SYNC, json=CUT)).json()["code"] == 422
    assert (await client.post(QUERY, data={"task_id": "9", "response": "file"})).json()["code"] == 422
    assert (await client.post(QUERY, data={"task_id": "x"})).json()["code"] == 404
    assert (await sent(client, ASYNC, badge(), model_key="image-outpaint", params="1,2")).json()["code"] == 422


async def test_the_page_in_geminis_shape(client: httpx.AsyncClient) -> None:
    answer = await client.post(PAGE, json=gemini({"text": "a fox"}, imageConfig={"aspectRatio": "16:9"}))
    (data,) = result_images(answer.json())
    with Image.open(io.BytesIO(data)) as made:
        assert made.size == (1344, 768)
    assert (await client.post(PAGE.replace("2.5", "3"), json=gemini())).status_code == 404
    async with httpx.AsyncClient(base_url=client.base_url, trust_env=False) as plain:
        without = await plain.post(PAGE, json=gemini(), headers={"x-goog-api-key": "k"})
    assert without.json()["error"]["status"] in ("PERMISSION_DENIED", "UNAUTHENTICATED")
