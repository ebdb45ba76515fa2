"""Films by KoCodeImg's own API, as its page's sample reads them, and by Ark's tasks in plain HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import sseclient

from .film_doors import film, get, look, order, post, streamed
from .films import assert_film
from .jobs import auth, end, number
from .processes import House

pytestmark = pytest.mark.sockets

TASKS = "/ark/api/v3/contents/generations/tasks"
# The page's own request, with the host and the key changed and nothing else.
SAMPLE = {"model": "veo-3-1", "prompt": "日出时分宁静的山间湖泊,电影感航拍", "mode": "text2video", "size": "16:9"}


@pytest.fixture(scope="module")
def links(studio: House) -> list[str]:
    """Pictures that were made here, by their links."""
    made = []
    for size in ("1536x1024", "1024x1536", "1024x1024"):
        body = {"model": "picture", "prompt": "a fox", "size": size}
        made.append(post(studio, "/openai/v1/images/generations", body).json()["data"][0]["url"])
    return made


@pytest.fixture(scope="module")
def earlier(studio: House) -> str:
    """The link of a film that was made here."""
    id = order(studio, "api", "sora-2")
    return str(end(studio, id)["result"]["data"][0]["url"])


def followed(studio: House, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """What the page's sample hears of a film: asked for by requests, read by sseclient-py."""
    headers = {"Authorization": f"Bearer {studio.key}"}
    begun = requests.post(f"{studio.url}{path}", headers=headers, json=body, timeout=30)
    assert begun.status_code == 200, begun.text
    task = begun.json()
    assert task["status"] == "queued"
    assert task["task_id"] == task["video_id"]
    assert task["task_id"].startswith("v_")
    url = f"{studio.url}{path.rstrip('/')}/{task['task_id']}/stream" + ("/" if path.endswith("/") else "")
    with requests.get(url, headers=headers, stream=True, timeout=60) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        heard = [json.loads(event.data) for event in sseclient.SSEClient(stream).events()]  # type: ignore[arg-type]
    assert [state["status"] for state in heard[:-1]] == ["processing"] * (len(heard) - 1)
    shares = [state["progress"] for state in heard]
    assert shares == sorted(shares)
    assert heard[-1]["status"] == "complete", heard[-1]
    assert heard[-1]["video_id"] == task["video_id"]
    return heard


def check(heard: list[dict[str, Any]], folder: Path, width: int, height: int, seconds: int) -> None:
    """The film that the last state links to is there without a key."""
    path = folder / "film.mp4"
    path.write_bytes(requests.get(heard[-1]["video_url"], timeout=30).content)
    assert heard[-1]["progress"] == 100
    assert_film(path, width, height, seconds)


@pytest.mark.parametrize("path", ["/api/videos", "/api/videos/"])
def test_the_pages_sample(studio: House, tmp_path: Path, path: str) -> None:
    heard = followed(studio, path, SAMPLE)
    assert heard[0] == {"status": "processing", "progress": 0}
    check(heard, tmp_path, 1280, 720, 8)


@pytest.mark.parametrize(
    ("model", "seconds", "count"), [("veo-3-1", 8, 1), ("veo-3-1", 8, 2), ("veo-3-1", 8, 3), ("veo-omni-flash", 10, 3)]
)
def test_films_from_pictures(
    studio: House, links: list[str], tmp_path: Path, model: str, seconds: int, count: int
) -> None:
    """One is the first frame, two are the first and the last, three are references."""
    body = {
        "model": model,
        "prompt": "it runs",
        "mode": "image2video",
        "size": "16:9",
        "reference_images": links[:count],
    }
    studio.sandbox.forget()
    body |= {"reference_images": links[:count]}
    check(followed(studio, "/api/videos", body), tmp_path, 1280, 720, seconds)
    (sent,) = [call for call in studio.sandbox.calls()["calls"] if call["kind"] == "submit"]
    assert (sent["shape"], sent["status"]) == ("google", 200)


def test_what_each_picture_is_to_the_film(studio: House, links: list[str]) -> None:
    """The vendor refuses it at once, so the last request is the one that would have begun the film."""
    wanted = [{"image"}, {"image", "lastFrame"}, {"referenceImages"}]
    for count, names in enumerate(wanted, 1):
        body = {"model": "veo-3-1", "prompt": "sandbox:refuse=input", "reference_images": links[:count]}
        id = post(studio, "/api/videos", body).json()["video_id"]
        assert end(studio, id)["status"] == "refused"
        (instance,) = studio.sandbox.last()["json"]["instances"]
        assert set(instance) == {"prompt", *names}
        assert len(instance.get("referenceImages", [])) in (0, count)


def test_an_edit_of_a_film(studio: House, earlier: str, links: list[str], tmp_path: Path) -> None:
    """With a picture beside it, and alone."""
    body: dict[str, Any] = {"model": "veo-omni-flash", "prompt": "at night", "mode": "video_edit", "size": "16:9"}
    body["input_video_url"] = earlier
    check(followed(studio, "/api/videos", body | {"reference_images": links[2:]}), tmp_path, 1280, 720, 10)
    check(followed(studio, "/api/videos", body | {"model": "sora-2"}), tmp_path, 1280, 720, 4)


def test_a_form_does_as_well(studio: House, links: list[str], tmp_path: Path) -> None:
    picture = requests.get(links[0], timeout=30).content
    form = {"model": "sora-2", "prompt": "it runs", "mode": "image2video", "size": "9:16"}
    begun = requests.post(
        f"{studio.url}/api/videos",
        headers={"X-API-Key": studio.key},
        data=form,
        files={"reference_images": ("fox.png", picture, "image/png")},
        timeout=30,
    )
    assert begun.status_code == 200, begun.text
    check(streamed(studio, begun.json()["task_id"]), tmp_path, 720, 1280, 4)


def test_list_show_and_delete(studio: House) -> None:
    ids = [order(studio, "api", "sora-2", prompt) for prompt in ("one", "two", "three")]
    names = [f"v_{id.removeprefix('req_')}" for id in ids]
    for id in ids:
        assert end(studio, id)["status"] == "succeeded"
    for path in ("/api/videos", "/api/videos/"):
        page = get(studio, f"{path}?limit=2").json()
        assert [video["video_id"] for video in page["videos"]] == names[:0:-1]
        assert page["has_more"] is True
    rest = get(studio, f"/api/videos?limit=1&after={names[1]}").json()["videos"]
    assert [(video["video_id"], video["prompt"]) for video in rest] == [(names[0], "one")]
    shown = get(studio, f"/api/videos/{names[0]}").json()
    assert shown == get(studio, f"/api/videos/{names[0]}/").json() == rest[0]
    assert (shown["status"], shown["model"], shown["task_id"]) == ("complete", "sora-2", names[0])
    assert shown["created_at"] < shown["expires_at"]
    for slash, name in (("", names[0]), ("/", names[1])):
        assert httpx.delete(f"{studio.url}/api/videos/{name}{slash}", headers=auth(studio)).json()["deleted"] is True
        assert get(studio, f"/api/videos/{name}").json()["error"]["code"]
        assert get(studio, f"/api/videos/{name}/stream").status_code == 404
    assert [video["video_id"] for video in get(studio, "/api/videos?limit=1").json()["videos"]] == names[2:]


def test_a_film_under_way_that_is_deleted_ends_its_stream(studio: House) -> None:
    id = order(studio, "api", "sora-2", "a fox sandbox:take=30")
    url = f"{studio.url}/api/videos/v_{id.removeprefix('req_')}"
    with httpx.stream("GET", f"{url}/stream", headers=auth(studio), timeout=30) as stream:
        lines = stream.iter_lines()
        assert json.loads(next(lines)[5:])["status"] == "processing"
        assert httpx.delete(url, headers=auth(studio)).status_code == 200
        heard = [json.loads(line[5:]) for line in lines if line.startswith("data:")]
    assert heard[-1]["status"] == "failed"
    assert heard[-1]["error"]["code"] == "cancelled"
    assert get(studio, f"/v1/jobs/{id}").status_code == 404


# --- Ark -------------------------------------------------------------------------------------------------------------


def task(studio: House, body: dict[str, Any]) -> str:
    answer = post(studio, TASKS, body)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"id"}
    return str(answer.json()["id"])


@pytest.mark.parametrize("words", ["as fields", "in the text"])
def test_a_task_of_ark(studio: House, tmp_path: Path, words: str) -> None:
    text, fields = "a fox", {"resolution": "480p", "ratio": "9:16", "duration": 3, "seed": 7}
    if words == "in the text":
        text, fields = "a fox --rs 480p --rt 9:16 --dur 3 --seed 7 --wm false", {}
    id = task(studio, {"model": "seedance", "content": [{"type": "text", "text": text}], **fields})
    assert look(studio, "ark", id)["status"] in ("queued", "running")
    end(studio, id)
    told = look(studio, "ark", id)
    assert (told["status"], told["resolution"], told["ratio"], told["duration"]) == ("succeeded", "480p", "9:16", 3)
    assert (told["seed"], told["model"], told["id"]) == (7, "seedance", id)
    assert told["usage"]["total_tokens"] >= told["usage"]["completion_tokens"] > 0
    (tmp_path / "film.mp4").write_bytes(film(studio, "ark", id))
    assert_film(tmp_path / "film.mp4", 480, 864, 3)


def test_frames_of_ark(studio: House, links: list[str], tmp_path: Path) -> None:
    content: list[dict[str, Any]] = [{"type": "text", "text": "it runs"}]
    content += [
        {"type": "image_url", "role": role, "image_url": {"url": link}}
        for role, link in zip(("first_frame", "last_frame"), links, strict=False)
    ]
    body = {"model": "seedance", "content": content, "resolution": "480p", "duration": 2, "return_last_frame": True}
    id = task(studio, body | {"callback_url": "https://app.example/hook"})
    assert end(studio, id)["status"] == "succeeded"
    told = look(studio, "ark", id)
    assert requests.get(told["content"]["last_frame_url"], timeout=30).headers["content-type"].startswith("image/")
    assert any(note.startswith("callback_url: left out") for note in told["notes"])
    path = tmp_path / "film.mp4"
    path.write_bytes(film(studio, "ark", id))
    assert_film(path, 736, 544, 2)


def test_lists_of_ark(studio: House) -> None:
    text = [{"type": "text", "text": "a fox"}]
    small = {"content": text, "resolution": "480p", "duration": 2}
    ids = [task(studio, small | {"model": "seedance"}) for _ in range(2)]
    ids += [task(studio, small | {"model": "seedance", "content": [{"type": "text", "text": "sandbox:fail"}]})]
    ids += [task(studio, small | {"model": "sora-2"})]
    for id in ids:
        end(studio, id)

    def listed(query: str) -> list[str]:
        return [each["id"] for each in get(studio, f"{TASKS}?{query}").json()["items"]]

    assert listed("page_size=4") == ids[::-1]
    assert listed("page_size=2&page_num=2") == ids[1::-1]
    assert listed(f"filter.task_ids={ids[0]},{ids[2]}") == [ids[2], ids[0]]
    assert listed("filter.status=failed&page_size=1") == [ids[2]]
    assert listed(f"filter.model=sora-2&filter.task_ids={','.join(ids)}") == [ids[3]]
    assert get(studio, f"{TASKS}?page_size=1").json()["total"] > 1
    assert get(studio, f"{TASKS}?page_size=0").json()["error"]["param"] == "page_size"
    assert get(studio, f"{TASKS}/{ids[0]}").json()["id"] == ids[0]
    assert httpx.delete(f"{studio.url}{TASKS}/{ids[0]}", headers=auth(studio)).json() == {}
    assert get(studio, f"{TASKS}/{ids[0]}").status_code == 404
    assert ids[0] not in listed("page_size=10")
    assert get(studio, f"/v1/jobs/{number(ids[0])}").status_code == 404
