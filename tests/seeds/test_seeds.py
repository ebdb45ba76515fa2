"""Every sample of the owner's documents runs as printed, and a picture or a film comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import House
from tests.e2e.sdks import folders

from . import run as seeds


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with seeds.opened() as running:
        yield running


@pytest.mark.sockets
@pytest.mark.parametrize("sample", seeds.samples(), ids=seeds.name)
def test_it_runs_as_printed(house: House, sample: Path) -> None:
    outcome = seeds.run(house, sample)
    assert outcome.code == 0, outcome.said
    assert outcome.shown, outcome.said
    assert ("MP4" in dict(outcome.shown)) is (seeds.name(sample) in seeds.FILMS)


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("sample", "release"),
    [(sample, release) for sample in seeds.samples() for release in seeds.releases(sample)],
    ids=lambda path: path.stem if path.parent.name == "locks" else seeds.name(path),
)
def test_it_runs_with_older_releases(house: House, sample: Path, release: Path) -> None:
    outcome = seeds.run(house, sample, release)
    assert outcome.good, outcome.said


def test_samples_for_every_sdk_have_older_releases() -> None:
    run = {(seeds.name(sample), release.stem) for sample in seeds.samples() for release in seeds.releases(sample)}
    assert len(run) == 12
    assert {release for _, release in run} == {lock.stem for lock in folders.LOCKS}


@pytest.mark.sockets
def test_a_sample_without_a_picture_is_bad(house: House, tmp_path: Path) -> None:
    sample = tmp_path / "wrong.sh"
    sample.write_text("curl https://your-domain.com/openai/v1/models/none -H 'X-API-Key: YOUR_API_KEY'")
    outcome = seeds.run(house, sample)
    assert outcome.code == 0
    assert not outcome.good
    assert "model_not_found" in str(outcome)


@pytest.mark.sockets
def test_a_film_of_other_pixels_is_bad(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(seeds.FILMS, "kocodeimg/native-video.sh", (720, 1280, 8))
    outcome = seeds.run(house, seeds.HERE / "kocodeimg" / "native-video.sh")
    assert outcome.code == 0
    assert not outcome.good
    assert "AssertionError" in str(outcome)


def test_all_of_them_are_here() -> None:
    assert Counter(path.parent.name for path in seeds.SAMPLES) == {
        "kocodeimg": 21,
        "koukoutu": 1,
        "aioagi": 4,
        "linkai": 7,
    }


def test_what_is_put_in_place_is_printed_somewhere() -> None:
    printed = "\n".join(path.read_text(encoding="utf-8") for path in seeds.SAMPLES)
    tables = (seeds.HOSTS, seeds.KEYS, seeds.LINKS, seeds.CONTENTS, seeds.VALUES, seeds.ANSWERS)
    assert not [words for table in tables for words in table if words not in printed]
    assert seeds.BEFORE.keys() | seeds.FILMS.keys() <= {seeds.name(path) for path in seeds.SAMPLES}
