"""The OpenAI Videos shape: jobs from JSON and forms, what becomes of them, lists, content, and jobs after jobs."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .asking import VIDEOS, ended, is_film, opened, opened_film, png, uri

pytestmark = [pytest.mark.anyio, pytest.mark.sockets]

JOB = {
    *("id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at"),
    *("prompt", "size", "seconds", "remixed_from_video_id", "error"),
}


async def made(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A job that was begun from JSON."""
    answer = await client.post(VIDEOS, json={"prompt": "a fox", **fields})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def content(client: httpx.AsyncClient, job: dict[str, Any], **query: str) -> bytes:
    await ended(client, f"{VIDEOS}/{job['id']}")
    answer = await client.get(f"{VIDEOS}/{job['id']}/content", params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize(
    ("fields", "pixels", "seconds"),
    [
        ({}, (720, 1280), 4),
        ({"model": "sora-2-pro", "seconds": "8", "size": "1792x1024"}, (1792, 1024), 8),
        ({"size": "1280x720", "seconds": None}, (1280, 720), 4),
    ],
)
async def test_films(studio: httpx.AsyncClient, fields: dict[str, Any], pixels: tuple[int, int], seconds: int) -> None:
    job = await made(studio, **fields)
    assert (set(job), job["status"], job["progress"]) == (JOB, "queued", 0)
    assert (job["size"], job["seconds"], job["model"]) == (
        f"{pixels[0]}x{pixels[1]}",
        str(seconds),
        fields.get("model", "sora-2"),
    )
    done = await ended(studio, f"{VIDEOS}/{job['id']}")
    assert (done["status"], done["progress"], done["error"], done["created_at"]) == (
        *("completed", 100, None),
        job["created_at"],
    )
    assert done["completed_at"] >= done["created_at"]
    assert done["expires_at"] > done["completed_at"]
    assert is_film(await content(studio, job), *pixels, seconds)


async def test_a_job_from_its_begin_to_its_end(studio: httpx.AsyncClient) -> None:
    job = await made(studio, prompt="a fox sandbox:take=0.6")
    seen: list[tuple[str, int]] = []
    while not seen or seen[-1][0] in ("queued", "in_progress"):
        answer = await studio.get(f"{VIDEOS}/{job['id']}")
        seen.append((answer.json()["status"], answer.json()["progress"]))
        assert ("openai-poll-after-ms" in answer.headers) is (seen[-1][0] != "completed")
    assert list(dict.fromkeys(status for status, _ in seen)) == ["queued", "in_progress", "completed"]
    assert [progress for _, progress in seen] == sorted(progress for _, progress in seen)
    assert any(0 < progress < 100 for _, progress in seen)


async def test_a_form(studio: httpx.AsyncClient) -> None:
    fields = {"prompt": "a fox", "model": "sora-2", "seconds": "4", "size": "1280x720"}
    files = {"input_reference": ("red.png", png(), "image/png")}
    job = (await studio.post(VIDEOS, data=fields, files=files)).json()
    film = opened_film(await content(studio, job))
    red = film.first.getpixel((20, 700))
    assert isinstance(red, tuple)
    assert red[0] > 150 > 80 > red[1]
    plain = await studio.post(VIDEOS, files={name: (None, value) for name, value in fields.items()})
    assert plain.json()["size"] == "1280x720"


async def test_a_reference_by_link(studio: httpx.AsyncClient) -> None:
    job = await made(studio, input_reference={"image_url": uri(png())})
    assert is_film(await content(studio, job), 720, 1280, 4)


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet"])
async def test_variants(studio: httpx.AsyncClient, variant: str) -> None:
    job = await made(studio, prompt="a fox", size="1280x720")
    assert is_film(await content(studio, job, variant="video"), 1280, 720, 4)
    picture = opened(await content(studio, job, variant=variant))
    assert (picture.format, picture.size) == ("WEBP", (1280, 720))


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": "x" * 32_001}, "prompt", "invalid_value"),
        ({"model": "sora-3"}, "model", "invalid_value"),
        ({"seconds": 4}, "seconds", "invalid_type"),
        ({"seconds": "5"}, "seconds", "invalid_value"),
        ({"size": "1920x1080"}, "size", "invalid_value"),
        ({"n": 2}, "n", "unknown_parameter"),
        ({"input_reference": "https://h/x.png"}, "input_reference", "invalid_value"),
        ({"input_reference": {"url": "https://h/x.png"}}, "input_reference", "unknown_parameter"),
        ({"input_reference": {"image_url": uri(b"text")}}, "image", "invalid_image_file"),
        ({"video": {"id": "video_1"}}, "video", "unknown_parameter"),
    ],
)
async def test_refusals(studio: httpx.AsyncClient, fields: dict[str, Any], param: str, code: str) -> None:
    answer = await studio.post(VIDEOS, json={"prompt": "a fox", **fields})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code), answer.text


async def test_refusals_of_forms(studio: httpx.AsyncClient) -> None:
    sent: list[tuple[str, dict[str, str], str]] = [
        ("input_reference", {}, "text/plain"),
        ("picture", {}, "image/png"),
        ("input_reference", {"input_reference": "x"}, ""),
    ]
    for name, more, kind in sent:
        files = {name: ("a.png", png(), kind)} if kind else {"prompt": (None, "a fox")}
        answer = await studio.post(VIDEOS, data={"prompt": "a fox", **more}, files=files)
        assert answer.status_code == 400, answer.text
    missing = {"input_reference": {"file_id": "file-1"}}
    assert (await studio.post(VIDEOS, json={"prompt": "a fox", **missing})).status_code == 404


async def test_lists(studio: httpx.AsyncClient) -> None:
    names = [(await made(studio, prompt=f"fox {number}"))["id"] for number in range(3)]
    newest = (await studio.get(VIDEOS)).json()
    assert [job["id"] for job in newest["data"]] == names[::-1]
    assert (newest["object"], newest["first_id"], newest["last_id"]) == ("list", names[2], names[0])
    first = (await studio.get(VIDEOS, params={"order": "asc", "limit": 2})).json()
    assert ([job["id"] for job in first["data"]], first["has_more"]) == (names[:2], True)
    rest = (await studio.get(VIDEOS, params={"order": "asc", "after": names[1]})).json()
    assert ([job["id"] for job in rest["data"]], rest["has_more"]) == (names[2:], False)
    other = (await studio.get(VIDEOS, headers={"authorization": "Bearer k-other"})).json()
    assert (other["data"], other["first_id"]) == ([], None)
    for wrong in ({"limit": "101"}, {"order": "up"}, {"after": "video_1"}):
        assert (await studio.get(VIDEOS, params=wrong)).status_code == 400


async def test_deletes(studio: httpx.AsyncClient) -> None:
    job = await made(studio)
    path = f"{VIDEOS}/{job['id']}"
    assert (await studio.delete(path)).status_code == 400, "it is still under way"
    await ended(studio, path)
    gone = await studio.delete(path)
    assert gone.json() == {"id": job["id"], "object": "video.deleted", "deleted": True}
    assert [(await studio.get(one)).status_code for one in (path, f"{path}/content")] == [404, 404]


async def test_what_is_not_there_or_not_yet(studio: httpx.AsyncClient) -> None:
    job = await made(studio, prompt="a fox sandbox:take=30")
    path = f"{VIDEOS}/{job['id']}"
    assert (await studio.get(f"{path}/content")).status_code == 404
    assert (await studio.get(f"{path}/content?variant=gif")).status_code == 400
    assert (await studio.get(path, headers={"authorization": "Bearer k-other"})).status_code == 404
    assert (await studio.get(path.replace("video_", ""))).status_code == 404
    assert (await studio.get(f"{VIDEOS}/characters/x/y")).status_code == 404
    assert (await studio.post(f"{path}/remix", json={"prompt": "blue"})).status_code == 400


async def test_remixes(studio: httpx.AsyncClient) -> None:
    first = await made(studio, model="sora-2-pro", size="1280x720", seconds="8")
    await ended(studio, f"{VIDEOS}/{first['id']}")
    answer = await studio.post(f"{VIDEOS}/{first['id']}/remix", json={"prompt": "a blue fox"})
    job = answer.json()
    assert (job["remixed_from_video_id"], job["model"], job["prompt"]) == (first["id"], "sora-2-pro", "a blue fox")
    assert is_film(await content(studio, job), 1280, 720, 8)
    assert (await studio.post(f"{VIDEOS}/{first['id']}/remix", json={"prompt": "b", "size": "1x1"})).status_code == 400


async def test_edits(studio: httpx.AsyncClient) -> None:
    first = await made(studio, size="1280x720")
    data = await content(studio, first)
    path = f"{VIDEOS}/edits"
    answers = [
        await studio.post(path, json={"prompt": "blue", "video": {"id": first["id"]}}),
        await studio.post(path, data={"prompt": "blue", "video[id]": first["id"]}, files={"prompt": (None, "blue")}),
        await studio.post(path, data={"prompt": "blue"}, files={"video": ("a.mp4", data, "video/mp4")}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 3, [answer.text for answer in answers]
    for answer in answers:
        assert is_film(await content(studio, answer.json()), 1280, 720, 4)
    longer = [
        await studio.post(f"{VIDEOS}/extensions", json={"prompt": "on", "seconds": "16", "video": {"id": first["id"]}}),
        await studio.post(
            f"{VIDEOS}/extensions", data={"prompt": "on", "seconds": "8"}, files={"video": ("a.mp4", data, "video/mp4")}
        ),
        await studio.post(f"{VIDEOS}/extensions", json={"prompt": "on", "seconds": "5", "video": {"id": first["id"]}}),
    ]
    assert [answer.status_code for answer in longer] == [200, 200, 400]
    assert [
        is_film(await content(studio, one.json()), 1280, 720, so) for one, so in zip(longer, (20, 12), strict=False)
    ]
    wrong: list[Any] = [{}, {"video": "x"}, {"video": {"url": "x"}}]
    statuses = [(await studio.post(path, json={"prompt": "blue", **one})).status_code for one in wrong]
    picture = await studio.post(path, data={"prompt": "blue"}, files={"video": ("a.mp4", png(), "video/mp4")})
    assert [*statuses, picture.status_code] == [400] * 4
