"""Films measured and their first frame taken, on real files."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from koci_proxy.facts import Card, InputRules
from koci_proxy.faults import Fault
from koci_proxy.media import Bytes, from_bytes
from koci_proxy.pixels import films
from koci_proxy.spool import Spools
from koci_proxy.types import Job, Media

from .clips import clip, sound
from .pictures import BLUE, PNG, RED, Untouchable, Work, at, close

MP4, MOV, WEBM = clip("mp4"), clip("mov"), clip("webm")


def content(media: Media) -> bytes:
    assert media.data is not None
    return b"".join(media.data.pieces())


@pytest.mark.parametrize(
    "film", [MP4, MOV, WEBM, clip("mp4", fragmented=True)], ids=["mp4", "mov", "webm", "fragmented"]
)
def test_how_large_and_how_long(film: Media, work: Work[Media]) -> None:
    seen = work(lambda pixels: pixels.look(film))
    assert (seen.pixels, seen.seconds) == ((64, 36), 2.0)
    assert seen == replace(film, width=64, height=36, seconds=2.0)


def test_a_length_of_no_whole_seconds(work: Work[Media]) -> None:
    assert work(lambda pixels: pixels.look(clip(seconds=1.375))).seconds == 1.375


def test_a_film_in_a_file(tmp_path: Path, work: Work[Media]) -> None:
    sink = Spools(tmp_path, memory=100).sink()
    sink.write(content(MP4))
    film = sink.finish()
    assert film.mime == "video/mp4"
    assert work(lambda pixels: pixels.look(film)).seconds == 2.0
    assert work(lambda pixels: pixels.poster(film)).pixels == (64, 36)


def test_what_is_known_or_a_picture_is_not_looked_at(work: Work[Media]) -> None:
    known = Media(Untouchable(b"", 9), mime="video/mp4", width=64, height=36, size=9, seconds=2.0)
    for media in (known, PNG, Media(url="https://example.com/a")):
        assert work(lambda pixels, media=media: pixels.look(media)) is media  # type: ignore[misc]


@pytest.mark.parametrize("film", [MP4, MOV, WEBM], ids=["mp4", "mov", "webm"])
def test_the_poster_is_the_first_frame(film: Media, work: Work[Media]) -> None:
    poster = work(lambda pixels: pixels.poster(film))
    assert (poster.mime, poster.pixels) == ("image/webp", (64, 36))
    assert close(at(poster, 32, 18, "RGB"), RED)
    assert not close(at(poster, 32, 18, "RGB"), BLUE)
    assert work(lambda pixels: pixels.poster(film, 32)).pixels == (32, 18)


def test_a_large_film_has_a_poster_of_512_pixels_at_most(work: Work[Media]) -> None:
    assert work(lambda pixels: pixels.poster(clip(size=(720, 1280), seconds=0.25))).pixels == (288, 512)


@pytest.mark.parametrize(
    "broken",
    [
        Media(Bytes(content(MP4)[:100]), mime="video/mp4"),
        Media(Bytes(content(WEBM)[:40]), mime="video/webm"),
        Media(Bytes(content(MP4)), mime="video/webm"),
        Media(Bytes(content(WEBM)), mime="video/mp4"),
        Media(Bytes(b""), mime="video/mp4"),
        Media(Bytes(content(PNG)), mime="video/quicktime"),
        sound(),
    ],
    ids=["cut", "cut webm", "no webm", "no mp4", "empty", "a picture", "sound alone"],
)
def test_a_film_that_cannot_be_read(broken: Media, work: Work[Media]) -> None:
    for field, kind, stage in ((None, "garbled", "accepted"), ("video", "bad_request", "answered")):
        with pytest.raises(Fault) as caught:
            work(lambda pixels, field=field: pixels.look(broken, field))  # type: ignore[misc]
        assert (caught.value.kind, caught.value.stage, caught.value.field) == (kind, stage, field)
    with pytest.raises(Fault) as caught:
        work(lambda pixels: pixels.poster(broken))
    assert (caught.value.kind, caught.value.stage) == ("garbled", "accepted")


def test_a_film_has_as_many_pixels_as_a_picture_at_most(work: Work[Media], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MAX_PIXELS", 64 * 36 - 1)
    with pytest.raises(Fault, match="million pixels"):
        work(lambda pixels: pixels.look(MP4))


def test_a_linked_film_must_be_fetched_first(work: Work[Media]) -> None:
    with pytest.raises(Fault) as caught:
        work(lambda pixels: pixels.look(Media(url="https://example.com/a.mp4", mime="video/mp4")))
    assert caught.value.kind == "internal"


@pytest.mark.parametrize("film", [MP4, MOV, WEBM], ids=["mp4", "mov", "webm"])
def test_spoilt_bytes_are_a_fault_and_nothing_else(film: Media, work: Work[Media]) -> None:
    dice, whole = random.Random(7), content(film)
    ends = set()
    for _ in range(150):
        spoilt = bytearray(whole)
        for _ in range(dice.choice((1, 3, 30, 100))):
            spoilt[dice.randrange(16, len(spoilt))] = dice.randrange(256)
        media = Media(Bytes(bytes(spoilt)), mime=film.mime)
        try:
            work(lambda pixels, media=media: pixels.look(media))  # type: ignore[misc]
            work(lambda pixels, media=media: pixels.poster(media))  # type: ignore[misc]
            ends.add("good")
        except Fault as fault:
            ends.add(fault.kind)
    assert ends == {"good", "garbled"}


def test_an_app_s_film_goes_on_as_it_is(work: Work[Job]) -> None:
    card = Card("camera", inputs=InputRules(max=1, max_bytes=10, max_edge=8, roles=("reference", "video")))
    job = Job("m", "a cat", task="video", inputs=(MP4, PNG), roles=("video", "reference"))
    fitted = work(lambda pixels: pixels.fit_inputs(job, replace(card, inputs=replace(card.inputs, max_bytes=None))))
    assert fitted.inputs[0] is MP4
    assert fitted.inputs[1].pixels == (8, 5)
    assert [str(note) for note in fitted.notes] == ["images[0]: bent (60x40 → 8x5)"]


def test_no_format_is_made_of_a_film(work: Work[Media]) -> None:
    assert work(lambda pixels: pixels.as_format(MP4, "webp")) is MP4


@dataclass
class Counted:
    """A spool that counts how often it is begun."""

    whole: bytes
    begun: int = 0

    @property
    def size(self) -> int:
        return len(self.whole)

    def pieces(self, length: int = 7, start: int = 0) -> Iterator[bytes]:
        self.begun += 1
        for begin in range(start, len(self.whole), 7):
            yield self.whole[begin : begin + 7]


def test_a_spool_is_read_from_any_place() -> None:
    whole, dice = bytes(range(100)), random.Random(3)
    spool = Counted(whole)
    file, model = films._File(spool), io.BytesIO(whole)
    for _ in range(500):
        offset, whence = dice.randrange(0, 100), dice.choice((io.SEEK_SET, io.SEEK_END))
        offset = offset if whence == io.SEEK_SET else -offset
        assert file.seek(offset, whence) == model.seek(offset, whence) == file.tell()
        wanted = dice.randrange(1, 30)
        got = file.read(wanted)
        assert got == whole[model.tell() :][: len(got)]
        assert bool(got) == (model.tell() < 100)
        model.seek(len(got), io.SEEK_CUR)
        assert file.tell() == model.tell()
    assert file.seek(-1, io.SEEK_CUR) == model.tell() - 1


def test_reading_on_does_not_begin_anew() -> None:
    spool = Counted(bytes(1000))
    file = films._File(spool)
    while file.read(10):
        pass
    file.seek(1000)
    assert (file.read(1), spool.begun) == (b"", 1)
    file.seek(0)
    assert (file.read(-1), spool.begun) == (bytes(7), 2)
    file.seek(500)
    assert (file.read(-1), file.read(-1), spool.begun) == (bytes(7), bytes(7), 3)


def test_what_is_a_film_is_told_by_its_type() -> None:
    assert [from_bytes(content(film)).mime for film in (MP4, MOV, WEBM)] == [
        *("video/mp4", "video/quicktime", "video/webm"),
    ]
