"""Room set aside for a file: where the system can, and where it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from koci_proxy import spool
from koci_proxy.spool import Spools, preallocate

from .test_spool import filled

MIB = 1 << 20


def test_a_file_reaches_as_far_as_was_said(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        assert preallocate(file.fileno(), 0, MIB)
        assert preallocate(file.fileno(), MIB, MIB)
        assert (tmp_path / "file").stat().st_size == 2 * MIB


def test_what_cannot_be_set_aside_is_no_error(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb"):
        pass
    with (tmp_path / "file").open("rb") as file:
        assert not preallocate(file.fileno(), 0, MIB)


def test_what_others_may_need_is_not_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Disk:
        f_frsize = 4096
        f_bavail = 64 * MIB // 4096 - 1

    monkeypatch.setattr(os, "fstatvfs", lambda handle: Disk)
    with (tmp_path / "file").open("wb") as file:
        assert not preallocate(file.fileno(), 0, MIB)
        Disk.f_bavail += 1
        assert preallocate(file.fileno(), 0, MIB)


def test_a_system_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_fallocate", lambda: None)
    assert not preallocate(0, 0, MIB)


@pytest.mark.parametrize("can", [True, False])
def test_a_picture_is_as_long_as_it_is_whatever_was_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can: bool
) -> None:
    asked: list[tuple[int, int]] = []

    def seen(handle: int, at: int, length: int) -> bool:
        asked.append((at, length))
        return can and preallocate(handle, at, length)

    monkeypatch.setattr(spool, "preallocate", seen)
    content = bytes(range(256)) * 40_001
    media = filled(Spools(tmp_path), content)
    (file,) = [path for path in tmp_path.rglob("*") if path.stat().st_size > MIB and path.is_file()]
    assert file.stat().st_size == len(content)
    assert media.data is not None
    assert b"".join(media.data.pieces()) == content
    if not can:
        assert len(asked) == 1  # it is not tried again for this file
        return
    assert [at for at, _ in asked] == [sum(length for _, length in asked[:before]) for before in range(len(asked))]
    assert len(asked) < 10
    assert file.stat().st_blocks * 512 < len(content) + 64 * 1024  # no more is kept than what it takes


def test_what_was_given_up_half_way_leaves_nothing(tmp_path: Path) -> None:
    spools = Spools(tmp_path, spare=0)
    sink = spools.sink()
    sink.write(bytes(3 * MIB))
    sink.abort()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"]


def test_a_longer_file_that_is_written_over_needs_no_more_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spools = Spools(tmp_path)
    first = filled(spools, b"1" * 4 * MIB)
    del first
    monkeypatch.setattr(spool, "preallocate", lambda *_: pytest.fail("there is room"))
    second = filled(spools, b"2" * 3 * MIB)
    assert second.data is not None
    assert b"".join(second.data.pieces()) == b"2" * 3 * MIB
