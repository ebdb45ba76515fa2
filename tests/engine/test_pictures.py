"""Pictures and films brought in, fetched and finished, with the rooms of the shell as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from koci_proxy.engine import Shell
from koci_proxy.engine.pictures import fetch, finish, gather
from koci_proxy.faults import Fault
from koci_proxy.pixels import Pixels
from koci_proxy.spool import Spools
from koci_proxy.store import Store
from koci_proxy.telemetry import Telemetry
from koci_proxy.types import Job, Media, Result, Role
from koci_proxy.upstream import Client, Fetcher
from tests.pixels.clips import clip, sound
from tests.pixels.pictures import PNG

T = TypeVar("T")
Run = Callable[[Callable[[Shell], Awaitable[T]]], T]

FILM = clip()
JOB = Job("m", "a fox", task="video")
BASE = "https://img.example.com"


def content(media: Media) -> bytes:
    assert media.data is not None
    return b"".join(media.data.pieces())


def answered(request: httpx.Request) -> httpx.Response:
    """What lies behind the links of these tests."""
    bodies = {"/a.mp4": content(FILM), "/a.png": content(PNG), "/cut.mp4": content(FILM)[:100]}
    return httpx.Response(200, stream=httpx.ByteStream(bodies[request.url.path]))


@pytest.fixture
def run(tmp_path: Path) -> Run[Any]:
    async def whole(what: Callable[[Shell], Awaitable[T]]) -> T:
        spools = Spools(tmp_path / "spool")
        fetcher = Fetcher(httpx.MockTransport(answered))
        client = Client()
        store = Store(tmp_path / "media")
        shell = Shell(client, fetcher, spools, Pixels(spools.sink), store, Telemetry())
        try:
            return await what(shell)
        finally:
            await client.close()

    return lambda what: asyncio.run(whole(what))


def film_of(*inputs: tuple[Media, Role]) -> Job:
    return replace(JOB, inputs=tuple(media for media, _ in inputs), roles=tuple(role for _, role in inputs))


def link(name: str) -> Media:
    return Media(url=f"https://cdn.example.com/{name}")


@pytest.mark.parametrize("film", [FILM, link("a.mp4")], ids=["held", "linked"])
def test_a_film_comes_in_and_is_measured(film: Media, run: Run[Job]) -> None:
    job = run(lambda shell: gather(film_of((film, "video"), (link("a.png"), "reference")), BASE, shell))
    assert (job.inputs[0].mime, job.inputs[0].pixels, job.inputs[0].seconds) == ("video/mp4", (64, 36), 2.0)
    assert (job.inputs[1].mime, job.inputs[1].pixels) == ("image/png", (60, 40))


def test_a_film_of_our_own_comes_out_of_the_store(run: Run[Job]) -> None:
    async def both(shell: Shell) -> Job:
        key = (await shell.store.put(FILM)).key
        assert key is not None
        assert key.endswith(".mp4")
        return await gather(film_of((Media(url=shell.store.link(key, BASE)), "video")), BASE, shell)

    assert run(both).inputs[0].seconds == 2.0


@pytest.mark.parametrize(
    ("media", "role", "field", "words"),
    [
        (FILM, "reference", "images[0]", "this is not a picture"),
        (FILM, "first", "images[0]", "this is not a picture"),
        (link("a.mp4"), "last", "images[0]", "this is not a picture"),
        (PNG, "video", "video", "this is not a film"),
        (link("a.png"), "video", "video", "this is not a film"),
        (link("cut.mp4"), "video", "video", "is no whole MP4"),
        (sound(), "video", "video", "shows no pictures"),
    ],
)
def test_what_is_in_the_wrong_place(media: Media, role: Role, field: str, words: str, run: Run[Any]) -> None:
    with pytest.raises(Fault, match=words) as caught:
        run(lambda shell: gather(film_of((media, role)), BASE, shell))
    assert (caught.value.kind, caught.value.field) == ("bad_request", field)


def test_without_roles_a_film_has_no_place(run: Run[Any]) -> None:
    with pytest.raises(Fault) as caught:
        run(lambda shell: gather(replace(JOB, inputs=(PNG, FILM)), BASE, shell))
    assert caught.value.field == "images[1]"


@pytest.mark.parametrize("film", [FILM, link("a.mp4")], ids=["held", "linked"])
def test_a_vendor_s_film_is_measured(film: Media, run: Run[Result]) -> None:
    (media,) = run(lambda shell: fetch(Result((film,)), shell)).media
    assert (media.mime, media.pixels, media.seconds) == ("video/mp4", (64, 36), 2.0)
    assert media.url is None
    assert content(media) == content(FILM)


@pytest.mark.parametrize("film", [sound(), link("cut.mp4"), Media(data=FILM.data, mime="text/plain")])
def test_a_vendor_s_film_that_is_none_was_paid_for(film: Media, run: Run[Any]) -> None:
    with pytest.raises(Fault) as caught:
        run(lambda shell: fetch(Result((film,)), shell))
    assert (caught.value.kind, caught.value.stage) == ("garbled", "accepted")


def test_a_film_is_delivered_as_it_came_with_its_first_frame(run: Run[Result]) -> None:
    wish = replace(JOB, format="webp", compression=50, thumbnails=True)
    result = run(lambda shell: finish(Result((FILM,)), wish, JOB, shell))
    assert result.media == (FILM,)
    assert [(small.mime, small.pixels) for small in result.thumbnails] == [("image/webp", (64, 36))]
    assert result.notes == ()


def test_pictures_beside_a_film_are_finished_as_ever(run: Run[Result]) -> None:
    wish = replace(JOB, format="jpeg", thumbnails=True)
    result = run(lambda shell: finish(Result((FILM, PNG)), wish, JOB, shell))
    assert [media.mime for media in result.media] == ["video/mp4", "image/jpeg"]
    assert [small.mime for small in result.thumbnails] == ["image/webp", "image/webp"]
