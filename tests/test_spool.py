"""Spools: where bytes lie, when they go, and how they are published."""

from __future__ import annotations

import errno
import gc
import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from koci_proxy.spool import InMemory, OnDisk, Spools
from koci_proxy.types import Media, Sinks

SMALL, LARGE = b"s" * 100, bytes(range(256)) * 4096  # 1 MiB


def noise(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((width, height), 90)] * 3).save(out, "PNG", compress_level=0)
    return out.getvalue()


PICTURE = noise(600, 600)  # a little over 1 MiB


def filled(spools: Spools, content: bytes, step: int = 50_000, sinks: Sinks | None = None) -> Media:
    sink = (sinks or spools.sink)()
    for at in range(0, len(content), step):
        sink.write(memoryview(content)[at : at + step])
    return sink.finish()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]


def spooled(media: Media) -> InMemory | OnDisk:
    assert isinstance(media.data, InMemory | OnDisk)
    return media.data


@pytest.mark.parametrize(
    ("size", "memory", "on_disk"),
    [
        (0, 256, 0),
        (256, 256, 0),
        (257, 256, 1),
        (65_537, 256, 1),
        (300_000, 300_000, 0),
        (300_001, 300_000, 1),
        (1_000_000, 0, 1),
    ],
)
@pytest.mark.parametrize("step", [7_919, 1 << 20])
def test_large_ones_go_to_disk(tmp_path: Path, size: int, memory: int, on_disk: int, step: int) -> None:
    media = filled(Spools(tmp_path, memory), LARGE[:size], step)
    assert media.size == spooled(media).size == size
    assert len(files(tmp_path)) == on_disk
    for length in (262_144, 1000):
        pieces = list(spooled(media).pieces(length))
        assert b"".join(pieces) == LARGE[:size]
        assert all(len(piece) <= length for piece in pieces)


@pytest.mark.parametrize("memory", [0, 1 << 20])
def test_it_is_looked_at_while_it_passes(tmp_path: Path, memory: int) -> None:
    out = io.BytesIO()
    Image.effect_noise((400, 300), 60).save(out, "PNG")
    media = filled(Spools(tmp_path, memory), out.getvalue(), 10)
    assert (media.mime, media.pixels) == ("image/png", (400, 300))


@pytest.mark.parametrize("taken", [0, 1, 5_000])
def test_a_system_that_takes_less_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setattr(os, "writev", lambda file, pieces: os.write(file, b"".join(pieces)[:taken]))
    media = filled(Spools(tmp_path, 256), LARGE, 7_919)
    assert b"".join(spooled(media).pieces()) == LARGE


@pytest.fixture
def full_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """The system lets no file grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("most", [1, 70_000, 500_000, len(LARGE) - 1])
@pytest.mark.parametrize("step", [7_919, 50_000, len(LARGE)])
def test_what_was_paid_for_is_held_in_memory_where_the_disk_takes_no_more(
    tmp_path: Path, full_at: Callable[[int], None], caplog: pytest.LogCaptureFixture, most: int, step: int
) -> None:
    spools = Spools(tmp_path, spare=0)
    spools.place()
    full_at(most)
    media = filled(spools, PICTURE, step, spools.paid_sink)
    assert isinstance(media.data, InMemory)
    assert b"".join(media.data.pieces()) == PICTURE
    assert (media.size, media.mime, media.pixels) == (len(PICTURE), "image/png", (600, 600))
    assert "held in memory: [Errno 27] File too large" in caplog.text
    gc.collect()
    assert files(tmp_path) == []
    with pytest.raises(OSError, match="File too large"):
        filled(spools, PICTURE, step)


def test_nothing_is_made_before_a_file_is_needed(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    spools = Spools(folder)
    small = filled(spools, SMALL)
    assert (spools.sweep(), folder.exists(), small.size) == (0, False, 100)
    large = filled(spools, LARGE)
    (path,) = files(folder)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert large.size == len(LARGE)


def test_what_nobody_holds_is_gone(tmp_path: Path) -> None:
    spools = Spools(tmp_path, spare=0)
    media: Media | None = filled(spools, LARGE)
    unfinished = spools.sink()
    unfinished.write(LARGE)
    aborted = spools.sink()
    aborted.write(LARGE)
    assert len(files(tmp_path)) == 3
    aborted.abort()
    aborted.abort()
    assert len(files(tmp_path)) == 2
    del unfinished
    gc.collect()
    assert len(files(tmp_path)) == 1
    assert media is not None
    media = None
    gc.collect()
    assert files(tmp_path) == []


@pytest.mark.parametrize("size", [len(LARGE) // 2, len(LARGE), 3 * len(LARGE)])
def test_what_nobody_holds_is_written_over(tmp_path: Path, size: int) -> None:
    spools, content = Spools(tmp_path), os.urandom(size)
    filled(spools, LARGE)
    gc.collect()
    (path,) = files(tmp_path)
    held = [filled(spools, content), filled(spools, LARGE)]
    assert len(files(tmp_path)) == 2
    assert path.read_bytes() == b"".join(spooled(held[0]).pieces()) == content
    assert b"".join(spooled(held[1]).pieces()) == LARGE


def test_no_more_is_kept_to_be_written_over_than_was_said(tmp_path: Path) -> None:
    spools = Spools(tmp_path, spare=2 * len(LARGE))
    held = [filled(spools, LARGE) for _ in range(5)]
    unfinished = spools.sink()
    unfinished.write(LARGE + SMALL)
    assert len(files(tmp_path)) == 6
    del unfinished
    gc.collect()
    held.clear()
    gc.collect()
    assert len(files(tmp_path)) == 1
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 2 * len(LARGE)


def test_what_was_published_is_not_written_over(tmp_path: Path) -> None:
    spools = Spools(tmp_path / "spool")
    spooled(filled(spools, LARGE)).publish(tmp_path / "x")
    gc.collect()
    held = [filled(spools, LARGE[::-1]) for _ in range(2)]
    assert (tmp_path / "x").read_bytes() == LARGE
    assert len(files(tmp_path / "spool")) == len(held)


def test_a_file_that_somebody_cleared_away_is_made_anew(tmp_path: Path) -> None:
    spools = Spools(tmp_path)
    filled(spools, LARGE)
    gc.collect()
    (path,) = files(tmp_path)
    path.unlink()
    media = filled(spools, LARGE[::-1])
    assert b"".join(spooled(media).pieces()) == LARGE[::-1]


def test_a_spool_keeps_its_folder(tmp_path: Path) -> None:
    media = filled(Spools(tmp_path), LARGE)
    gc.collect()
    assert b"".join(spooled(media).pieces()) == LARGE
    del media
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_published_bytes_stay(tmp_path: Path, content: bytes) -> None:
    media: Media | None = filled(Spools(tmp_path / "spool"), content)
    assert media is not None
    first, second = tmp_path / "store" / "a" / "1.bin", tmp_path / "store" / "2.bin"
    spooled(media).publish(first)
    assert files(tmp_path / "spool") == []
    spooled(media).publish(second)
    assert b"".join(spooled(media).pieces()) == content
    media = None
    gc.collect()
    assert first.read_bytes() == second.read_bytes() == content
    assert len(files(tmp_path / "store")) == 2
    assert first.stat().st_mode & 0o777 == 0o600


def test_another_file_system_takes_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media = filled(Spools(tmp_path / "spool"), LARGE)
    rename = os.replace

    def replace(source: Path, target: Path) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, "cross-device link")
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    spooled(media).publish(tmp_path / "store" / "x")
    assert (tmp_path / "store" / "x").read_bytes() == b"".join(spooled(media).pieces()) == LARGE
    assert files(tmp_path) == [tmp_path / "store" / "x"]


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_a_failed_publication_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    media = filled(Spools(tmp_path / "spool"), content)

    def replace(source: Path, target: Path) -> None:
        raise OSError(errno.EACCES, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(PermissionError):
            spooled(media).publish(tmp_path / "store" / "x")
    assert files(tmp_path / "store") == []
    assert b"".join(spooled(media).pieces()) == content


DYING = """
import os, pathlib, sys
from koci_proxy.spool import Spools
sink = Spools(pathlib.Path(sys.argv[1])).sink()
sink.write(bytes(1 << 20))
os._exit(1)
"""


def test_the_dead_are_swept_and_the_living_are_not(tmp_path: Path) -> None:
    living = Spools(tmp_path)
    media = filled(living, LARGE)
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", DYING, str(tmp_path)], check=False).returncode == 1
    assert len(files(tmp_path)) == 3
    assert Spools(tmp_path).sweep() == 2
    assert living.sweep() == 0
    assert b"".join(spooled(media).pieces()) == LARGE
    assert len(files(tmp_path)) == 1


def test_a_process_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    ending = DYING.replace("os._exit(1)", "media = sink.finish()")
    subprocess.run([sys.executable, "-W", "error", "-c", ending, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []
