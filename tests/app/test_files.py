"""Files as they are sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from koci_proxy.app.files import send_file
from koci_proxy.types import PIECE

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("asked", "status", "size"),
    [({}, 200, 3 * PIECE + 9), ({"range": f"bytes=5-{PIECE + 6}"}, 206, PIECE + 2), ({"range": "bytes=-1"}, 206, 1)],
)
async def test_a_file_is_sent_in_pieces(tmp_path: Path, asked: dict[str, str], status: int, size: int) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(3 * PIECE + 9))
    pieces: list[bytes] = []

    async def send(message: Any) -> None:
        pieces.append(message.get("body", b""))

    assert await send_file(send, path, "video/mp4", asked, {}) == (status, size)
    assert sum(map(len, pieces)) == size
    assert max(map(len, pieces)) <= PIECE


async def test_a_file_that_is_cut_short_meanwhile_ends(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(3 * PIECE))

    async def send(message: Any) -> None:
        if message.get("body"):
            os.truncate(path, PIECE)

    assert await send_file(send, path, "video/mp4", {}, {}) == (200, PIECE)
