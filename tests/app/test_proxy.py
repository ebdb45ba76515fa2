"""The proxy's own work beside its requests."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from koci_proxy.app.proxy import Proxy

pytestmark = pytest.mark.anyio
SOON = 10.0  # seconds
HOUSE = """
platforms: {openai: openai}
keys: {openai: "${file:secrets/openai}"}
models: {picture: {to: openai/gpt-image-2}}
store: {keep: 1h}
"""


class Heard(logging.Handler):
    """Waits for a word in the log."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word
        self.line: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def emit(self, record: logging.LogRecord) -> None:
        if self.word in record.getMessage() and not self.line.done():
            self.line.set_result(record.getMessage())


@contextmanager
def heard(word: str) -> Iterator[asyncio.Future[str]]:
    log, ear = logging.getLogger("koci_proxy"), Heard(word)
    log.addHandler(ear)
    try:
        yield ear.line
    finally:
        log.removeHandler(ear)


@pytest.fixture
def house(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Path:
    caplog.set_level(logging.INFO, "koci_proxy")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "openai").write_text("sk-0123456789")
    (tmp_path / "routes.yaml").write_text(HOUSE, encoding="utf-8")
    return tmp_path


async def test_it_says_how_many_pictures_are_gone(house: Path) -> None:
    shelf = house / "data" / "media" / "ab"
    shelf.mkdir(parents=True)
    old, new = (shelf / f"ab{letter * 24}.png" for letter in "cd")
    for file in (old, new):
        file.touch()
    os.utime(old, (1, 1))
    proxy = Proxy(house / "routes.yaml")
    with heard("removed") as line:
        await proxy.open()
        try:
            said = await asyncio.wait_for(line, SOON)
        finally:
            await proxy.close()
    assert said == "1 pictures kept long enough, or left half, were removed"
    assert (old.exists(), new.exists()) == (False, True)


async def test_a_key_in_a_file_is_taken_up_when_it_changes(house: Path) -> None:
    """Also after a load that failed for want of the file."""
    proxy, key = Proxy(house / "routes.yaml"), house / "secrets" / "openai"
    await proxy.open()
    try:
        await asyncio.sleep(0)  # the watch begins
        with heard("there is no file") as line:
            key.unlink()
            await asyncio.wait_for(line, SOON)
        assert proxy.live.now.engine.house.keys["openai"].secrets == ("sk-0123456789",)
        with heard("taken up:") as line:
            key.with_name("new").write_text("sk-9876543210")
            key.with_name("new").replace(key)
            await asyncio.wait_for(line, SOON)
        assert proxy.live.now.engine.house.keys["openai"].secrets == ("sk-9876543210",)
    finally:
        await proxy.close()
