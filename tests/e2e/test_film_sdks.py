"""Films through the SDKs that apps have: each ends with a file of the pixels and seconds that were asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types
from openai import OpenAI
from PIL import Image

from .films import assert_film
from .jobs import auth, end
from .pictures import png
from .processes import House
from .sdks import folders

pytestmark = pytest.mark.sockets

LOCKS = {lock.stem: lock for lock in folders.LOCKS}


def run(studio: House, folder: Path, script: str, model: str, lock: Path | None) -> Any:
    """What a script tells; with a lock by that release of its SDK alone, else by the one that is installed."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OPENAI_", "GOOGLE_"))}
    command = [sys.executable, str(folders.HERE / script), studio.url, studio.key, model, str(folder)]
    if lock is not None:
        command[1:1] = ["-S", "-P"]
        plain["PYTHONPATH"] = str(folders.python(lock))
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("lock", [None, LOCKS["openai-2.54.0"]], ids=["installed", "2.54"])
def test_openai(studio: House, tmp_path: Path, lock: Path | None) -> None:
    (tmp_path / "reference.png").write_bytes(png(720, 1280))
    studio.sandbox.forget()
    told = run(studio, tmp_path, "films_by_openai.py", "sora-2", lock)
    assert told["version"].startswith("2.54." if lock else "3.")
    films = {"film": (1280, 720, 4), "reference": (720, 1280, 8)}
    films |= {"remix": (1280, 720, 4), "edit": (1280, 720, 4), "longer": (1280, 720, 8)}
    for name, (width, height, seconds) in films.items():
        assert_film(tmp_path / f"{name}.mp4", width, height, seconds)
        assert told[name][:4] == [f"{width}x{height}", str(seconds), 100, "sora-2"]
    assert len({(tmp_path / f"{name}.mp4").read_bytes() for name in films}) == len(films)
    with Image.open(tmp_path / "thumbnail") as thumbnail:
        assert thumbnail.width * 720 == thumbnail.height * 1280
    assert told["begun"] == ["video", "queued", "8", "720x1280", None, None]
    for name in ("page", "newest first", "oldest first", "retrieved", "streamed", "remix of"):
        assert told[name] is True, name
    assert told["deleted"] == [True, True, "video.deleted"]
    assert {told[f"gone {name}"] == ["NotFoundError", 404] for name in ("retrieve", "content", "delete")} == {True}
    assert told["error"] == ["NotFoundError", 404, "model_not_found", "model"]
    assert told["refused"] == ["failed", "moderation_blocked"]
    assert studio.sandbox.calls()["tasks"] == {"openai": 6}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("asked", "notes"), [({}, ["4"]), ({"seconds": "6"}, ["6"]), ({"seconds": "8"}, [])])
def test_1080p_of_a_model_that_makes_it_of_one_length_alone(
    studio: House, tmp_path: Path, asked: Any, notes: list[str]
) -> None:
    """The length of this door where an app names none is 4 seconds."""
    client: Any = OpenAI(base_url=f"{studio.url}/openai/v1", api_key=studio.key, max_retries=0)
    with client:
        made = client.videos.create_and_poll(
            model="veo", prompt="a fox", size="1920x1080", poll_interval_ms=100, **asked
        )
        assert (made.status, made.size, made.seconds) == ("completed", "1920x1080", "8"), made
        told = [note for note in made.model_dump().get("notes", ()) if "bent" in note]
        assert told == [f"seconds: bent ({each} → 8; one of 8 with 1080p)" for each in notes]
        client.videos.download_content(made.id).write_to_file(tmp_path / "film.mp4")
        assert_film(tmp_path / "film.mp4", 1920, 1080, 8)


def test_google_genai_2(studio: House, tmp_path: Path) -> None:
    (tmp_path / "reference.png").write_bytes(png(1280, 720))
    studio.sandbox.forget()
    told = run(studio, tmp_path, "films_by_google.py", "veo", LOCKS["google-genai-2.34.0"])
    assert told["version"] == "2.34.0"
    films = {"text": (1280, 720, 4), "first": (720, 1280, 6), "frames": (1280, 720, 8)}
    films |= {"references": (1280, 720, 8), "longer": (1280, 720, 4 + 7)}
    for name, (width, height, seconds) in films.items():
        assert_film(tmp_path / f"{name}.mp4", width, height, seconds)
        assert told[name] == [None, True, "https"]
    assert told["in memory"] is True
    code, (videos, count, reasons) = told["refuse"]
    assert (code, videos, count) == (None, None, 1)
    assert "usage guidelines" in reasons[0]
    assert told["fail"] == [14, None]
    assert studio.sandbox.calls()["tasks"] == {"google": 7}


def test_google_genai_3(studio: House, tmp_path: Path) -> None:
    """This release asks for no film, but follows one that was asked for in another way."""
    with genai.Client(api_key=studio.key, http_options=types.HttpOptions(base_url=f"{studio.url}/google")) as client:
        with pytest.raises(ValueError, match="only supported in"):
            client.models.generate_videos(model="veo", source=types.GenerateVideosSource(prompt="a fox"))
        body = {"instances": [{"prompt": "a fox"}], "parameters": {"aspectRatio": "9:16", "durationSeconds": "4"}}
        url = f"{studio.url}/google/v1beta/models/veo:predictLongRunning"
        begun = httpx.post(url, json=body, headers={"x-goog-api-key": studio.key})
        operation = types.GenerateVideosOperation.model_validate({"name": begun.json()["name"]})
        assert client.operations.get(operation).done is None
        end(studio, operation.name or "")
        operation = client.operations.get(operation)
        assert operation.done
        assert operation.response is not None
        (made,) = operation.response.generated_videos or []
        assert made.video is not None
        client.files.download(file=made, destination=str(tmp_path / "film.mp4"))
        assert_film(tmp_path / "film.mp4", 720, 1280, 4)
        assert httpx.get(f"{studio.url}/openai/v1/videos", headers=auth(studio)).json()["data"][0]["prompt"] == "a fox"
