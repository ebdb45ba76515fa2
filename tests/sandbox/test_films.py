"""Films: real files of exactly the pixels and seconds asked, that move, cheap, and films that are sent."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import av
import pytest
from PIL import Image, ImageChops

from koci_proxy.sandbox.films import film, is_film, look, pad, poster
from koci_proxy.sandbox.nouns import Broken, Order, Picture
from koci_proxy.sandbox.pictures import look as look_at_picture
from koci_proxy.sandbox.studio import Studio

from .asking import opened, opened_film, png

FOX = Order("veo-3.1", "a fox 狐狸", 320, 180, mime="video/mp4", seconds=2)


def whole(made: Picture) -> bytes:
    return b"".join(made.pieces)


@pytest.mark.parametrize(
    ("width", "height", "seconds"),
    [(1280, 720, 8), (720, 1280, 4), (834, 1112, 5), (1470, 630, 2), (16, 16, 1), (320, 180, 57 / 24)],
)
def test_films_the_pixels_and_seconds_asked(width: int, height: int, seconds: float) -> None:
    made = film(replace(FOX, width=width, height=height, seconds=seconds), ())
    found = opened_film(whole(made))
    assert (made.mime, found.codec, found.pixels, found.rate) == ("video/mp4", "h264", "yuv420p", 24)
    assert (found.width, found.height, found.frames) == (width, height, round(seconds * 24))
    assert abs(found.seconds - seconds) < 1 / 24


def test_the_index_comes_first() -> None:
    data = whole(film(FOX, ()))
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_every_frame_differs_from_the_last() -> None:
    with av.open(io.BytesIO(whole(film(replace(FOX, width=1280, height=720), ()))), "r") as container:
        shown: list[Any] = list(container.decode(video=0))
        pictures = [frame.to_image() for frame in shown]
    assert all(ImageChops.difference(a, b).getbbox() for a, b in pairwise(pictures))


def test_what_was_asked_is_on_it() -> None:
    plain, long = (
        opened_film(whole(film(replace(FOX, prompt=prompt), ()))).first.convert("L")
        for prompt in ("a fox", "a fox " * 40)
    )
    assert sum(long.histogram()[200:]) > sum(plain.histogram()[200:]) > 0


def test_a_reference_is_on_it() -> None:
    seen = look_at_picture(png(), 0)
    shown = opened_film(whole(film(FOX, (seen,)))).first
    red = shown.getpixel((12, 160))
    assert isinstance(red, tuple)
    assert red[0] > 150 > 80 > red[1]


def test_a_film_is_cheap() -> None:
    film(FOX, ())  # what it imports is not counted
    before = time.process_time()
    film(replace(FOX, width=1280, height=720, seconds=8), ())
    assert time.process_time() - before < 1.5


def test_padded_to_a_size() -> None:
    made = pad(film(FOX, ()), 3_000_001)
    assert len(whole(made)) == 3_000_001
    assert opened_film(whole(made)).frames == 48
    assert pad(made, 100) is made


def test_look_at_a_film_that_is_sent() -> None:
    data = whole(film(replace(FOX, width=640, height=360, seconds=3), ()))
    seen = look(data, 0)
    assert (seen.format, seen.width, seen.height, seen.seconds) == ("MP4", 640, 360, 3.0)
    assert seen.thumb.size == (512, 288)
    assert is_film(data)
    assert not is_film(png())


@pytest.mark.parametrize("data", [b"", b"text", b"\x00\x00\x00\x18ftypmp42" + bytes(16), whole(film(FOX, ()))[:300]])
def test_broken_films(data: bytes) -> None:
    with pytest.raises(Broken) as caught:
        look(data, 3)
    assert caught.value.index == 3


@pytest.mark.parametrize("what", ["thumbnail", "spritesheet"])
def test_pictures_of_a_film(what: str) -> None:
    picture = opened(whole(poster(FOX, (), what)))
    assert (picture.format, picture.size) == ("WEBP", (320, 180))


@pytest.mark.anyio
async def test_the_same_film_is_made_once() -> None:
    studio = Studio()
    seen, _ = await studio.look((png(), whole(film(FOX, ()))), None)
    assert [one.format for one in seen] == ["PNG", "MP4"]
    plain = await studio.film(FOX, ())
    assert await studio.film(FOX, ()) is plain
    assert await studio.film(FOX, seen) is not plain
    assert await studio.film(FOX, seen) is await studio.film(FOX, seen)
    assert (await studio.film(FOX, (), 2)).size == 2 * 1024 * 1024
    assert await studio.poster(FOX, (), "thumbnail") is await studio.poster(FOX, (), "thumbnail")
    assert isinstance(seen[1].thumb, Image.Image)
