"""The Ark shape for films: tasks from begin to public link, parts and their roles, lists, and what can be ended."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .asking import TASKS, ended, is_film, opened, opened_film, png, uri

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

PRO, FAST = "doubao-seedance-1-0-pro-250528", "doubao-seedance-1-0-pro-fast-251015"
LITE, WORDS = "doubao-seedance-1-0-lite-i2v-250428", "doubao-seedance-1-0-lite-t2v-250428"
HALF, TWO = "doubao-seedance-1-5-pro-251215", "doubao-seedance-2-0-260128"
PICTURE = uri(png(400, 400))


def image(role: str = "", link: str = PICTURE) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": link}, **({"role": role} if role else {})}


def body(*parts: dict[str, Any], model: str = PRO, prompt: str = "a fox", **fields: Any) -> dict[str, Any]:
    said = [{"type": "text", "text": prompt}] if prompt else []
    return {"model": model, "content": [*said, *parts], **fields}


async def begun(client: httpx.AsyncClient, sent: dict[str, Any]) -> str:
    answer = await client.post(TASKS, json=sent)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"id"}
    return f"{TASKS}/{answer.json()['id']}"


async def filmed(client: httpx.AsyncClient, sent: dict[str, Any]) -> bytes:
    done = await ended(client, await begun(client, sent))
    assert done["status"] == "succeeded", done
    async with httpx.AsyncClient() as nobody:
        answer = await nobody.get(done["content"]["video_url"])
    assert answer.headers["content-type"] == "video/mp4"
    return answer.content


@pytest.mark.parametrize(
    ("sent", "pixels", "seconds"),
    [
        (body(), (1920, 1088), 5),
        (body(resolution="720p", ratio="9:16", duration=2, seed=None), (704, 1248), 2),
        (body(resolution="480p", ratio="21:9", frames=57), (960, 416), 57 / 24),
        (body(model=FAST, resolution="480p", camera_fixed=True), (864, 480), 5),
        (body(image(), model=LITE, resolution="480p", duration=3), (640, 640), 3),
        (body(image("first_frame"), image("last_frame"), prompt="", resolution="480p"), (640, 640), 5),
        (body(*[image("reference_image")] * 4, model=LITE, ratio="16:9", resolution="480p"), (864, 480), 5),
        (body(model=WORDS, ratio="1:1", duration=2), (960, 960), 2),
        (body(model=HALF, duration=4, generate_audio=False), (1280, 720), 4),
        (body(model=HALF, prompt="a fox in 3:4", duration=-1), (834, 1112), 5),
        (body(*[image("reference_image")] * 9, model=TWO, resolution="480p", duration=4, priority=9), (640, 640), 4),
    ],
)
async def test_films(studio: httpx.AsyncClient, sent: dict[str, Any], pixels: tuple[int, int], seconds: float) -> None:
    assert is_film(await filmed(studio, sent), *pixels, seconds)


async def test_a_task_from_its_begin_to_its_end(studio: httpx.AsyncClient) -> None:
    path = await begun(studio, body(prompt="a fox sandbox:take=0.4", resolution="720p"))
    seen = [(await studio.get(path)).json()]
    while seen[-1]["status"] in ("queued", "running"):
        seen.append((await studio.get(path)).json())
    assert list(dict.fromkeys(one["status"] for one in seen)) == ["queued", "running", "succeeded"]
    assert "content" not in seen[0]
    done = seen[-1]
    assert (done["model"], done["resolution"], done["ratio"], done["duration"], done["framespersecond"]) == (
        *(PRO, "720p", "16:9", 5, 24),
    )
    assert done["usage"] == dict.fromkeys(("completion_tokens", "total_tokens"), 1248 * 704 * 120 // 1024)
    assert path.endswith(done["id"])
    assert done["id"].startswith("cgt-20")


async def test_the_last_frame(studio: httpx.AsyncClient) -> None:
    done = await ended(studio, await begun(studio, body(resolution="480p", return_last_frame=True)))
    picture = opened((await studio.get(done["content"]["last_frame_url"])).content)
    assert (picture.format, picture.size) == ("PNG", (864, 480))
    assert (await studio.get(done["content"]["last_frame_url"].replace(".png", ".gif"))).status_code == 404


async def test_a_film_as_reference(studio: httpx.AsyncClient) -> None:
    done = await ended(studio, await begun(studio, body(resolution="720p", duration=4)))
    part = {"type": "video_url", "video_url": {"url": done["content"]["video_url"]}, "role": "reference_video"}
    sent = body(part, model=TWO, resolution="480p", duration=4)
    made = opened_film(await filmed(studio, sent))
    assert (made.width, made.height) == (864, 496)


async def test_marks_and_pictures_are_seen(studio: httpx.AsyncClient) -> None:
    sent = body(image(), resolution="480p", ratio="16:9", duration=2)
    for corner in (False, True):
        shown = opened_film(await filmed(studio, {**sent, "watermark": corner})).first
        red, white = shown.getpixel((20, 470)), shown.getpixel((860, 476))
        assert isinstance(red, tuple)
        assert isinstance(white, tuple)
        assert red[0] > 150 > 80 > red[1]
        assert (min(white) > 200) is corner


@pytest.mark.parametrize(
    ("sent", "status", "code", "param"),
    [
        ({"content": []}, 400, "MissingParameter", "model"),
        (body(model="doubao-seedance-9"), 404, "InvalidEndpointOrModel.NotFound", ""),
        ({"model": PRO}, 400, "MissingParameter", "content"),
        (body(prompt="", model=PRO), 400, "MissingParameter", "content"),
        ({"model": PRO, "content": "a fox"}, 400, "InvalidParameter", "content"),
        (body({"type": "audio_url"}), 400, "InvalidParameter", "content[1].type"),
        (body({"type": "text", "text": "b"}), 400, "InvalidParameter", "content"),
        (body({**image(), "text": "b"}), 400, "InvalidParameter", "content[1]"),
        (body({"type": "image_url", "image_url": PICTURE}), 400, "InvalidParameter", "content[1].image_url"),
        (body(image("middle")), 400, "InvalidParameter", "content[1].role"),
        (body(image("last_frame")), 400, "InvalidParameter", "content"),
        (body(image(), image()), 400, "InvalidParameter", "content"),
        (body(image("first_frame"), image("reference_image"), model=TWO), 400, "InvalidParameter", "content"),
        (body(image("reference_image")), 400, "InvalidParameter", "content"),
        (body(*[image("reference_image")] * 5, model=LITE), 400, "InvalidParameter", "content"),
        (body(image("first_frame"), image("last_frame"), model=FAST), 400, "InvalidParameter", "content"),
        (body(model=LITE), 400, "InvalidParameter", "content"),
        (body(image(), model=WORDS), 400, "InvalidParameter", "content"),
        (body(image(link=uri(png(200, 400)))), 400, "InvalidParameter", "image_url"),
        (body(image(link=uri(png(2000, 600)))), 400, "InvalidParameter", "image_url"),
        (body(image(link="data:image/PNG;base64,AAAA")), 400, "InvalidParameter", "content[1].image_url.url"),
        (body(image(link=uri(b"text"))), 400, "InvalidParameter", "image"),
        (body(duration=1), 400, "InvalidParameter", "duration"),
        (body(duration=13), 400, "InvalidParameter", "duration"),
        (body(duration="5"), 400, "InvalidParameter", "duration"),
        (body(duration=-1), 400, "InvalidParameter", "duration"),
        (body(model=HALF, duration=2), 400, "InvalidParameter", "duration"),
        (body(frames=58), 400, "InvalidParameter", "frames"),
        (body(model=HALF, frames=57), 400, "InvalidParameter", "frames"),
        (body(resolution="4k"), 400, "InvalidParameter", "resolution"),
        (body(model="doubao-seedance-2-0-fast-260128", resolution="1080p"), 400, "InvalidParameter", "resolution"),
        (body(ratio="adaptive"), 400, "InvalidParameter", "ratio"),
        (body(ratio="2:1"), 400, "InvalidParameter", "ratio"),
        (body(generate_audio=True), 400, "InvalidParameter", "generate_audio"),
        (body(model=TWO, service_tier="flex"), 400, "InvalidParameter", "service_tier"),
        (body(watermark="no"), 400, "InvalidParameter", "watermark"),
        (body(execution_expires_after=60), 400, "InvalidParameter", "execution_expires_after"),
        (body(fps=30), 400, "InvalidParameter", "fps"),
    ],
)
async def test_refusals(studio: httpx.AsyncClient, sent: Any, status: int, code: str, param: str) -> None:
    answer = await studio.post(TASKS, json=sent)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param), answer.text
    assert (await studio.get("/_sandbox/calls")).json()["tasks"] == {}


@pytest.mark.parametrize(
    ("made", "count"),
    [
        ({"ratio": "1:1", "frames": 29}, 1),  # too short
        ({"ratio": "21:9", "duration": 2}, 1),  # too few pixels
        ({"ratio": "16:9", "duration": 6}, 3),  # too long together
        ({"ratio": "16:9", "duration": 2}, 4),  # too many
    ],
)
async def test_films_that_are_no_references(studio: httpx.AsyncClient, made: dict[str, Any], count: int) -> None:
    done = await ended(studio, await begun(studio, body(resolution="480p", **made)))
    link = done["content"]["video_url"]
    part = {"type": "video_url", "video_url": {"url": link}, "role": "reference_video"}
    for wrong in (
        body(*[part] * count, model=TWO),
        body(image("reference_image", link), model=TWO),
    ):
        answer = await studio.post(TASKS, json=wrong)
        assert (answer.status_code, answer.json()["error"]["code"][:16]) == (400, "InvalidParameter")


async def test_lists(studio: httpx.AsyncClient) -> None:
    names = [(await begun(studio, body(model=model))).rpartition("/")[2] for model in (PRO, FAST, PRO)]

    async def listed(**query: Any) -> tuple[list[str], int]:
        answer = await studio.get(TASKS, params={name.replace("__", "."): value for name, value in query.items()})
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]], answer.json()["total"]

    assert await listed() == (names[::-1], 3)
    assert await listed(page_num=2, page_size=2) == (names[:1], 3)
    assert await listed(filter__model=FAST) == ([names[1]], 1)
    assert await listed(filter__task_ids=",".join(names[:2])) == (names[1::-1], 2)
    assert await listed(filter__status="cancelled") == ([], 0)
    assert (await studio.get(TASKS, params={"page_size": 501})).status_code == 400
    assert (await studio.get(TASKS, headers={"authorization": "Bearer k-other"})).json() == {"items": [], "total": 0}


async def test_only_what_waits_or_has_ended_can_be_ended(studio: httpx.AsyncClient) -> None:
    waits = await begun(studio, body(prompt="a fox sandbox:take=60"))
    assert (await studio.delete(waits)).json() == {}
    assert (await studio.get(waits)).json()["status"] == "cancelled"
    assert (await studio.delete(waits)).status_code == 409
    runs = await begun(studio, body(prompt="a fox sandbox:take=2"))
    while (await studio.get(runs)).json()["status"] == "queued":
        pass
    refused = await studio.delete(runs)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "InvalidAction.RunningTaskDeletion")
    done = await begun(studio, body())
    link = (await ended(studio, done))["content"]["video_url"]
    assert (await studio.delete(done)).json() == {}
    assert [(await studio.get(one)).status_code for one in (done, link)] == [404, 404]


async def test_what_is_not_there(studio: httpx.AsyncClient) -> None:
    path = await begun(studio, body())
    assert (await studio.get(path, headers={"authorization": "Bearer k-other"})).status_code == 404
    assert (await studio.get(path[:-3])).status_code == 404
    assert (await studio.get(f"{TASKS}/{path.rpartition('-')[2]}")).status_code == 404
    assert (await studio.put(path)).status_code == 405
    assert (await studio.get("/films/0123456789abcdef.mp4")).status_code == 404
