"""Any door to any vendor of films: as asked, or bent and noted, or refused with a reason; and how each door says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from .film_doors import DOORS, LOOKS, Pictures, film, get, look, order, post, streamed
from .films import assert_film
from .jobs import auth, end, number, orders
from .pictures import png
from .processes import House

pytestmark = pytest.mark.sockets

MODELS = {"veo": "google", "sora-2": "openai", "seedance": "ark"}
WIDE = (1280, 720)
# What 1280x720 and 5 seconds become, and the notes that say so; at the native door a length cannot be asked for.
BENT: dict[str, tuple[tuple[int, int], int, list[str]]] = {
    "veo": (WIDE, 4, ["seconds: bent (5 → 4; one of 4, 6, 8)"]),
    "sora-2": (WIDE, 4, ["seconds: bent (5 → 4; one of 4, 8, 12)"]),
    "seedance": ((1248, 704), 5, []),
}
OWN: dict[str, tuple[int, list[str]]] = {
    "veo": (8, ["seconds: defaulted (8)"]),
    "sora-2": (4, ["seconds: defaulted (4)"]),
    "seedance": (5, ["seconds: defaulted (5)"]),
}
PIXELS = "size: bent (1280x720 → 720p 16:9 (1248x704))"


@pytest.fixture(scope="module")
def ordered(studio: House) -> dict[tuple[str, str], str]:
    """One film of each vendor through each door, all begun at once."""
    return {(door, model): order(studio, door, model, "a fox in the snow") for door in DOORS for model in MODELS}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_to_every_vendor(
    studio: House, ordered: dict[tuple[str, str], str], tmp_path: Path, door: str, model: str
) -> None:
    id = ordered[door, model]
    (width, height), seconds, notes = BENT[model]
    if door == "api":
        seconds, notes = OWN[model]
    if (door, model) == ("openai", "seedance"):
        notes = [PIXELS]
    job = end(studio, id)
    assert (job["status"], job["result"]["notes"]) == ("succeeded", notes)
    assert job["result"]["size"].endswith(f"got={width}x{height}")
    (made,) = job["result"]["data"]
    assert (made["mime"], made["width"], made["height"], made["seconds"]) == ("video/mp4", width, height, seconds)
    path = tmp_path / "film.mp4"
    path.write_bytes(film(studio, door, id))
    assert_film(path, width, height, seconds)
    assert made["size"] == path.stat().st_size
    TOLD[door](studio, id, model, (width, height, seconds), notes)


def told_by_openai(studio: House, id: str, model: str, made: tuple[int, int, int], notes: list[str]) -> None:
    video = look(studio, "openai", id)
    width, height, seconds = made
    assert (video["status"], video["progress"], video["error"]) == ("completed", 100, None)
    assert (video["model"], video["size"], video["seconds"]) == (model, f"{width}x{height}", str(seconds))
    assert video.get("notes", []) == notes
    assert video["created_at"] <= video["completed_at"] < video["expires_at"]


def told_by_google(studio: House, id: str, model: str, made: tuple[int, int, int], notes: list[str]) -> None:
    operation = get(studio, f"/google/v1beta/models/{model}/operations/{id.removeprefix('req_')}").json()
    assert (operation["name"], operation["done"]) == (f"models/{model}/operations/{id.removeprefix('req_')}", True)
    (sample,) = operation["response"]["generateVideoResponse"]["generatedSamples"]
    assert sample["video"]["uri"].startswith("https://")


def told_by_api(studio: House, id: str, model: str, made: tuple[int, int, int], notes: list[str]) -> None:
    *_, last = streamed(studio, id)
    assert (last["status"], last["progress"], last.get("notes", [])) == ("complete", 100, notes)
    shown = look(studio, "api", id)
    assert shown | last == shown
    assert (shown["model"], shown["prompt"]) == (model, "a fox in the snow")


def told_by_ark(studio: House, id: str, model: str, made: tuple[int, int, int], notes: list[str]) -> None:
    task = look(studio, "ark", id)
    assert (task["model"], task["status"], task["error"]) == (model, "succeeded", None)
    assert (task["resolution"], task["ratio"], task["duration"]) == ("720p", "16:9", made[2])
    assert task.get("notes", []) == notes


TOLD = {"openai": told_by_openai, "google": told_by_google, "api": told_by_api, "ark": told_by_ark}


def test_a_film_is_shown_at_every_door(studio: House, ordered: dict[tuple[str, str], str]) -> None:
    """And can be had at each, wherever it was asked for."""
    id = ordered["ark", "sora-2"]
    end(studio, id)
    films = {film(studio, door, id) for door in DOORS}
    assert len(films) == 1
    assert look(studio, "openai", id)["seconds"] == "4"
    assert look(studio, "ark", id)["duration"] == 4


# --- what is refused before a vendor is asked ------------------------------------------------------------------------

FRAME = png(720, 720)
REFUSED: list[tuple[str, str, Pictures, str]] = [
    *((door, "sora-2", Pictures(FRAME, FRAME), "takes no last frame") for door in ("google", "api", "ark")),
    *(
        (door, "seedance", Pictures(references=[FRAME] * 3), "takes no reference pictures")
        for door in ("google", "api", "ark")
    ),
    *((door, "veo", Pictures(references=[FRAME] * 4), "takes at most 3 images") for door in ("google", "api", "ark")),
    *((door, "veo", Pictures(b"no picture"), "not a picture") for door in DOORS),
    *((door, "exact", Pictures(), "does not make 5 seconds") for door in ("openai", "google", "ark")),
    *((door, "picture", Pictures(), "makes pictures, not films") for door in DOORS),
]


def jobs(studio: House) -> list[str]:
    return [job["id"] for job in get(studio, "/v1/jobs?limit=5").json()["data"]]


def words(answer: Any) -> str:
    """The message of any door's error, which has what its SDK wants of it."""
    error = answer["error"]
    assert {"message"} < set(error)
    return str(error["message"])


@pytest.mark.parametrize(("door", "model", "pictures", "reason"), REFUSED, ids=lambda value: str(value)[:12])
def test_what_a_model_cannot_do_is_said_at_once(
    studio: House, door: str, model: str, pictures: Pictures, reason: str
) -> None:
    before = orders(studio.sandbox), jobs(studio)
    answer = DOORS[door](studio, model, "a fox", pictures)
    assert answer.status_code == 400
    assert reason in words(answer.json())
    assert (orders(studio.sandbox), jobs(studio)) == before


@pytest.mark.parametrize(
    ("door", "field"),
    [("google", "instances[0].lastFrame"), ("api", "reference_images[1]"), ("ark", "content[2].image_url.url")],
)
def test_the_field_is_called_what_the_app_calls_it(studio: House, door: str, field: str) -> None:
    answer = DOORS[door](studio, "sora-2", "a fox", Pictures(FRAME, FRAME)).json()["error"]
    told = answer["details"][1]["fieldViolations"][0]["field"] if door == "google" else None
    assert (told or answer.get("field") or answer.get("param")) == field


def test_the_field_of_a_reference_at_openais_door(studio: House) -> None:
    answer = DOORS["openai"](studio, "veo", "a fox", Pictures(b"no picture"))
    assert answer.json()["error"]["param"].startswith("input_reference")


# --- films that are not made -----------------------------------------------------------------------------------------

ENDS = ("refuse", "refuse=input", "fail", "expire", "empty", "not-image")


@pytest.fixture(scope="module")
def lost(studio: House) -> dict[tuple[str, str, str], str]:
    """Films that come to nothing, of each vendor through each door, all begun at once."""
    kinds = [(why, door, model) for why in ENDS for door in DOORS for model in MODELS]
    return {(why, door, model): order(studio, door, model, f"sandbox:{why}") for why, door, model in kinds}


def job_code(job: Any) -> str:
    """The vendor's own word for a refusal, or ours where it has none."""
    return "content_refused" if job["error"]["code"] == "refused" else str(job["error"]["code"])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("door", DOORS)
def test_a_refused_film(studio: House, lost: dict[tuple[str, str, str], str], door: str, model: str) -> None:
    for why in ("refuse", "refuse=input"):
        id = lost[why, door, model]
        job = end(studio, id)
        assert (job["status"], job["error"]["type"], job["result"]) == ("refused", "refused", None)
        told = look(studio, door, id)
        match door:
            case "openai":
                assert (told["status"], told["error"]["code"]) == ("failed", "moderation_blocked")
            case "google":
                filtered = told["response"]["generateVideoResponse"]
                assert (told["done"], filtered["raiMediaFilteredCount"]) == (True, 1)
                assert filtered["raiMediaFilteredReasons"] == [job["error"]["message"]]
                assert "generatedSamples" not in filtered
            case "api":
                assert (told["status"], told["error"]["code"]) == ("failed", job_code(job))
                assert streamed(studio, id)[-1]["error"] == told["error"]
            case _:
                assert told["status"] == "failed"
                assert "Sensitive" in told["error"]["code"]


@pytest.mark.parametrize("why", ["fail", "expire", "empty", "not-image"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("door", DOORS)
def test_a_film_that_failed(
    studio: House, lost: dict[tuple[str, str, str], str], door: str, model: str, why: str
) -> None:
    id = lost[why, door, model]
    job = end(studio, id)
    assert (job["status"], job["result"]) == ("failed", None)
    told = look(studio, door, id)
    match door:
        case "openai":
            assert told["status"] == "failed"
            assert told["error"]["code"].startswith("upstream_") or told["error"]["code"] == "no_video"
        case "google":
            assert told["done"]
            assert told["error"]["code"] in (4, 13, 14)
            assert "response" not in told
        case "api":
            assert (told["status"], told["error"]["code"][:9]) == ("failed", "upstream_")
        case _:
            assert (told["status"], told["content"]) == ("failed", None)
            assert told["error"]["code"] == "InternalServiceError"
    message = str(told["error"]["message"])
    assert message == job["error"]["message"]
    assert "127.0.0.1" not in message


def test_why_a_film_that_was_lost_is_no_word_on_the_model(studio: House, lost: dict[tuple[str, str, str], str]) -> None:
    """A vendor that has made a film and cannot give it serves the model all the same."""
    for model in MODELS:
        job = end(studio, lost["empty", "openai", model])
        assert (model, job["error"]["type"]) == (model, "empty")


@pytest.mark.parametrize("path", ["remix", "edits", "extensions"])
def test_a_film_that_failed_cannot_be_gone_on_with(
    studio: House, lost: dict[tuple[str, str, str], str], path: str
) -> None:
    id = lost["fail", "openai", "sora-2"]
    end(studio, id)
    video = f"video_{id.removeprefix('req_')}"
    before = orders(studio.sandbox)
    where = f"{video}/remix" if path == "remix" else path
    body = {"prompt": "at night", "seconds": "4"} | ({} if path == "remix" else {"video": {"id": video}})
    answer = post(studio, f"/openai/v1/videos/{where}", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "video")
    assert orders(studio.sandbox) == before


def test_no_film_is_to_be_had_of_a_job_without_one(studio: House, lost: dict[tuple[str, str, str], str]) -> None:
    waiting = order(studio, "openai", "sora-2", "a fox sandbox:take=30")
    told = {
        id: contents(studio, id) for id in (lost["fail", "openai", "sora-2"], lost["refuse", "google", "veo"], waiting)
    }
    remix = post(studio, f"/openai/v1/videos/video_{waiting[4:]}/remix", {"prompt": "x"})
    assert httpx.delete(f"{studio.url}/v1/jobs/{waiting}", headers=auth(studio)).status_code == 200
    assert (remix.status_code, remix.json()["error"]["param"]) == (400, "video")
    for content, poster, file in told.values():
        assert {answer.status_code for answer in (content, poster, file)} == {404}
        assert content.json()["error"]["type"] == "invalid_request_error"
        assert file.json()["error"]["status"] == "NOT_FOUND"


def contents(studio: House, id: str) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
    plain = number(id).removeprefix("req_")
    content = f"/openai/v1/videos/video_{plain}/content"
    paths = (content, f"{content}?variant=thumbnail", f"/google/v1beta/files/{plain}0:download?alt=media")
    film, poster, file = (get(studio, path) for path in paths)
    return film, poster, file


def test_ids_that_are_none(studio: House) -> None:
    for id in ("0" * 24, "x", "0" * 23, "A" * 24, "..%2f" * 3):
        for door, path in LOOKS.items():
            answer = get(studio, path.format(id))
            assert answer.status_code == 404, (door, id)
            assert words(answer.json())
