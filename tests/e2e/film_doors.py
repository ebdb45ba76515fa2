"""The four doors for films by plain HTTP: how each is asked, told how a film stands, and left with the film."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from .jobs import SECONDS, auth, number
from .processes import House

LOOKS = {
    "openai": "/openai/v1/videos/video_{}",
    "google": "/google/v1beta/models/veo/operations/{}",
    "api": "/api/videos/v_{}",
    "ark": "/ark/api/v3/contents/generations/tasks/cgt-{}",
}


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a film is made of, as links or files: a first and a last frame, and pictures of what is to appear."""

    first: bytes | None = None
    last: bytes | None = None
    references: Sequence[bytes] = ()


def uri(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def post(house: House, path: str, body: Any, **headers: str) -> httpx.Response:
    return httpx.post(f"{house.url}{path}", json=body, headers=auth(house, **headers), timeout=SECONDS)


def get(house: House, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{house.url}{path}", headers=auth(house, **headers), timeout=SECONDS)


def look(house: House, door: str, id: str) -> Any:
    """How a film stands, in a door's own words, whichever door it was asked for at."""
    answer = get(house, LOOKS[door].format(number(id).removeprefix("req_")))
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_openai(house: House, model: str, prompt: str, pictures: Pictures) -> httpx.Response:
    body: dict[str, Any] = {"model": model, "prompt": prompt, "size": "1280x720", "seconds": "5"}
    if pictures.first:
        body["input_reference"] = {"image_url": uri(pictures.first)}
    return post(house, "/openai/v1/videos", body)


def by_google(house: House, model: str, prompt: str, pictures: Pictures) -> httpx.Response:
    def image(picture: bytes) -> dict[str, str]:
        return {"bytesBase64Encoded": base64.b64encode(picture).decode(), "mimeType": "image/png"}

    frames = {"image": pictures.first, "lastFrame": pictures.last}
    instance: dict[str, Any] = {name: image(frame) for name, frame in frames.items() if frame}
    if pictures.references:
        kind = "ASSET"
        instance["referenceImages"] = [{"image": image(each), "referenceType": kind} for each in pictures.references]
    asked = {"aspectRatio": "16:9", "resolution": "720p", "durationSeconds": 5}
    body = {"instances": [{"prompt": prompt, **instance}], "parameters": asked}
    return post(house, f"/google/v1beta/models/{model}:predictLongRunning", body)


def by_api(house: House, model: str, prompt: str, pictures: Pictures) -> httpx.Response:
    """The wire has no word for a length."""
    body: dict[str, Any] = {"model": model, "prompt": prompt, "size": "720p 16:9"}
    sent = [each for each in (pictures.first, pictures.last, *pictures.references) if each]
    return post(house, "/api/videos", body | ({"reference_images": [uri(each) for each in sent]} if sent else {}))


def by_ark(house: House, model: str, prompt: str, pictures: Pictures) -> httpx.Response:
    named = [("first_frame", pictures.first), ("last_frame", pictures.last)]
    named += [("reference_image", each) for each in pictures.references]
    content: list[dict[str, Any]] = [{"type": "text", "text": prompt}]
    for role, picture in named:
        content += [{"type": "image_url", "role": role, "image_url": {"url": uri(picture)}}] if picture else []
    body = {"model": model, "content": content, "resolution": "720p", "ratio": "16:9", "duration": 5}
    return post(house, "/ark/api/v3/contents/generations/tasks", body)


Ask = Callable[[House, str, str, Pictures], httpx.Response]
DOORS: dict[str, Ask] = {"openai": by_openai, "google": by_google, "api": by_api, "ark": by_ark}


def order(house: House, door: str, model: str, prompt: str = "a fox", pictures: Pictures | None = None) -> str:
    """A film of 1280x720 and 5 seconds, or as near as the door has words for it: the house's own name of it."""
    answer = DOORS[door](house, model, prompt, pictures or Pictures())
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return number(str(told.get("name") or told.get("task_id") or told["id"]))


def streamed(house: House, id: str) -> list[Any]:
    """The states of a film as KoCodeImg's stream tells them."""
    answer = get(house, f"/api/videos/v_{number(id).removeprefix('req_')}/stream", accept="text/event-stream")
    assert answer.status_code == 200, answer.text
    return [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]


def film(house: House, door: str, id: str) -> bytes:
    """The film as a door's own apps get it."""
    plain = number(id).removeprefix("req_")
    match door:
        case "openai":
            answer = get(house, f"/openai/v1/videos/video_{plain}/content")
        case "google":
            made = look(house, door, id)["response"]["generateVideoResponse"]["generatedSamples"]
            path = made[0]["video"]["uri"].removeprefix("https").removeprefix(house.url.removeprefix("http"))
            answer = get(house, path)
        case "api":
            answer = httpx.get(streamed(house, id)[-1]["video_url"])
        case _:
            answer = httpx.get(look(house, door, id)["content"]["video_url"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4"), answer.text
    return answer.content
