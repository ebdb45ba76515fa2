"""The sandbox as a process makes films that ffprobe takes for what was asked."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import pytest

from .films import assert_film, probe
from .processes import Sandbox, ask, sandbox
from .sdks import folders

pytestmark = pytest.mark.sockets
KEY = {"authorization": "Bearer sk-films"}


def film(vendor: Sandbox, folder: Path, **fields: str) -> Path:
    """A film as a file."""
    job: Any = ask(f"{vendor.url}/openai/v1/videos", {"prompt": "a fox", **fields}, headers=KEY)
    url = f"{vendor.url}/openai/v1/videos/{job['id']}"
    while ask(url, headers=KEY)["status"] != "completed":
        pass
    request = urllib.request.Request(f"{url}/content", headers=KEY)
    path = folder / "film.mp4"
    with urllib.request.urlopen(request, timeout=30) as answer:
        path.write_bytes(answer.read())
    return path


@pytest.mark.parametrize(
    ("size", "seconds", "wrong"),
    [("1280x720", "8", (1280, 720, 4)), ("1024x1792", "4", (1792, 1024, 4))],
)
def test_a_film_is_what_was_asked(tmp_path: Path, size: str, seconds: str, wrong: tuple[int, int, int]) -> None:
    with sandbox("--film-seconds", "0.1") as vendor:
        path = film(vendor, tmp_path, size=size, seconds=seconds)
    width, height = map(int, size.split("x"))
    assert_film(path, width, height, int(seconds))
    with pytest.raises(AssertionError):
        assert_film(path, *wrong)


if folders.with_node():

    def test_ffprobe_refuses_what_is_no_film(tmp_path: Path) -> None:
        path = tmp_path / "film.mp4"
        path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(16))
        with pytest.raises(AssertionError, match=r"moov|Invalid data"):
            probe(path)
