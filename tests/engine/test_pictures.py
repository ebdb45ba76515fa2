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
from koci_proxy.engine.pictures import deliver, early, fetch, finish, gather
from koci_proxy.faults import Fault
from koci_proxy.pixels import Pixels
from koci_proxy.spool import Spools
from koci_proxy.store import Store
from koci_proxy.telemetry import Telemetry
from koci_proxy.types import Job, Media, Result, Role, Sink
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


def test_a_film_whose_link_lives_waits_for_room_on_the_disk(run: Run[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koci_proxy.store.FIRST", 0.001)
    errors = [OSError(28, "No space left on device")] * 6

    def sink(self: Spools) -> Sink:
        if errors:
            raise errors.pop()
        return made(self)

    made = Spools.sink
    monkeypatch.setattr(Spools, "sink", sink)
    assert run(lambda shell: fetch(Result((link("a.mp4"),)), shell)).media[0].seconds == 2.0
    assert not errors


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


# --- one before the others ------------------------------------------------------------------------------------------

WISH = Job("m", "a fox", format="webp", deliver="url", stream=True)


@pytest.mark.parametrize("made", [PNG, link("a.png")], ids=["held", "linked"])
def test_a_picture_that_is_delivered_early_is_the_one_of_the_end(made: Media, run: Run[Any]) -> None:
    async def both(shell: Shell) -> tuple[Media | None, Media]:
        first = await early(made, WISH, BASE, WISH, BASE, shell)
        assert first is not None
        result = await finish(await fetch(Result((first,)), shell), WISH, WISH, shell)
        return first, (await deliver(result.media, WISH.deliver, BASE, shell))[0]

    first, last = run(both)
    assert first == last
    assert (first.mime, first.url) == ("image/webp", f"{BASE}/storage/images/{first.key}")


@pytest.mark.parametrize(
    ("made", "changes"),
    [(PNG, {"compression": 50}), (PNG, {"thumbnails": True}), (PNG, {"format": "svg"}), (link("cut.mp4"), {})],
)
def test_what_cannot_be_said_yet_is_left_to_the_end(made: Media, changes: dict[str, Any], run: Run[Any]) -> None:
    wish = replace(WISH, **changes)
    assert run(lambda shell: early(made, wish, BASE, wish, BASE, shell)) is None


def test_a_bad_picture_keeps_no_other_back(run: Run[Any]) -> None:
    """All of them are paid for."""

    async def some(shell: Shell) -> None:
        sink = shell.spools.sink()
        sink.write(b"no picture")
        bad = sink.finish()
        result = await fetch(Result((PNG, bad, PNG)), shell)
        assert len(result.media) == 2
        assert [note.field for note in result.notes] == ["n"]
        assert "not a picture" in result.notes[0].detail
        with pytest.raises(Fault, match="not a picture"):
            await fetch(Result((bad, bad)), shell)

    run(some)


def test_a_link_that_was_given_early_is_the_one_given_at_the_end(tmp_path: Path, run: Run[Any]) -> None:
    async def twice(shell: Shell) -> None:
        shell = replace(shell, store=Store(tmp_path / "signed", signed=True))
        first = await deliver((PNG,), "url", BASE, shell)
        assert "signature=" in (first[0].url or "")
        assert await deliver(first, "url", BASE, shell) == first

    run(twice)
