"""The watch: every way a file of the house is changed wakes it, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import cast

import pytest

from koci_proxy.config import changes

pytestmark = pytest.mark.anyio
SOON = 10.0  # seconds; what has not been seen by then is not seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A house whose routes.yaml and providers/ are symbolic links into a version, as Kubernetes mounts them."""
    for version in ("v1", "v2"):
        (tmp_path / "versions" / version).mkdir(parents=True)
        (tmp_path / "versions" / version / "routes.yaml").write_text(f"{version}\n")
    house = tmp_path / "house"
    for name in ("providers/cards", "plugins", "data/media"):
        (house / name).mkdir(parents=True)
    (house / "..data").symlink_to(tmp_path / "versions" / "v1")
    (house / "linked.yaml").symlink_to(Path("..data", "routes.yaml"))
    (house / "routes.yaml").write_text("one\n")
    (house / "providers" / "acme.yaml").write_text("one\n")
    return house


def in_place(folder: Path) -> None:
    with (folder / "routes.yaml").open("a") as file:
        file.write("two\n")


def renamed_over(folder: Path) -> None:
    (folder / ".routes.yaml.new").write_text("two\n")
    (folder / ".routes.yaml.new").replace(folder / "routes.yaml")


def swapped(folder: Path) -> None:
    (folder / "..new").symlink_to(folder.parent / "versions" / "v2")
    (folder / "..new").replace(folder / "..data")


def behind_the_link(folder: Path) -> None:
    (folder.parent / "versions" / "v1" / "routes.yaml").write_text("another\n")


def a_provider(folder: Path) -> None:
    (folder / "providers" / "acme.yaml").write_text("two two\n")


def a_new_card(folder: Path) -> None:
    (folder / "providers" / "cards" / "new.yaml").write_text("n: 1\n")


def a_new_plugin(folder: Path) -> None:
    (folder / "plugins" / "mine.py").write_text("")


def a_plugin_in_a_new_folder(folder: Path) -> None:
    (folder / "plugins" / "dialects").mkdir()
    (folder / "plugins" / "dialects" / "mine.py").write_text("")


def gone(folder: Path) -> None:
    (folder / "providers" / "acme.yaml").unlink()


async def wake(wakes: AsyncGenerator[None, None]) -> bool:
    """Whether there is one more."""
    async with asyncio.timeout(SOON):
        return await anext(wakes, "end") is None


async def begin(path: Path, stop: asyncio.Event) -> tuple[AsyncGenerator[None, None], asyncio.Task[bool]]:
    """A watch that has looked once: what changes from now on is a change."""
    wakes = cast(AsyncGenerator[None, None], changes(path, stop))
    task = asyncio.create_task(wake(wakes))
    await asyncio.sleep(0)
    return wakes, task


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("routes.yaml", in_place),
        ("routes.yaml", renamed_over),
        ("routes.yaml", a_provider),
        ("routes.yaml", a_new_card),
        ("routes.yaml", a_new_plugin),
        ("routes.yaml", a_plugin_in_a_new_folder),
        ("routes.yaml", gone),
        ("linked.yaml", swapped),
        ("linked.yaml", behind_the_link),
    ],
)
async def test_a_change_is_seen(name: str, change: Callable[[Path], None], folder: Path) -> None:
    stop = asyncio.Event()
    wakes, task = await begin(folder / name, stop)
    change(folder)
    assert await task
    stop.set()
    assert not await wake(wakes)


@pytest.fixture
def vault(folder: Path, tmp_path: Path) -> Path:
    """Secrets in a folder of their own, as Kubernetes mounts them; one of those that the house names is not there."""
    for version in ("v1", "v2"):
        (tmp_path / "versions" / version / "key").write_text(f"sk-{version}")
    place = tmp_path / "secrets"
    place.mkdir()
    (place / "..data").symlink_to(tmp_path / "versions" / "v1")
    (place / "key").symlink_to(Path("..data", "key"))
    (place / "own").write_text("a")
    (folder / "routes.yaml").write_text(f"keys: {{one: '${{file:{place}/key}}', two: '${{file:../secrets/own}}'}}\n")
    (folder / "providers" / "acme.yaml").write_text(f"headers: {{a: '${{file:{place}/later/header}}'}}\n")
    return place


def a_secret_in_place(vault: Path) -> None:
    (vault / "own").write_text("another")


def a_secret_renamed_over(vault: Path) -> None:
    (vault / ".own.new").write_text("b")
    (vault / ".own.new").replace(vault / "own")


def secrets_swapped(vault: Path) -> None:
    (vault / "..new").symlink_to(vault.parent / "versions" / "v2")
    (vault / "..new").replace(vault / "..data")


def a_secret_that_comes_late(vault: Path) -> None:
    (vault / "later").mkdir()
    (vault / "later" / "header").write_text("x")


def a_secret_gone(vault: Path) -> None:
    (vault / "own").unlink()


@pytest.mark.parametrize(
    "change",
    [a_secret_in_place, a_secret_renamed_over, secrets_swapped, a_secret_that_comes_late, a_secret_gone],
)
async def test_a_secret_in_a_file_is_seen(change: Callable[[Path], None], vault: Path, folder: Path) -> None:
    stop = asyncio.Event()
    wakes, task = await begin(folder / "routes.yaml", stop)
    change(vault)
    assert await task
    stop.set()
    assert not await wake(wakes)


async def test_a_secret_is_seen_from_when_it_is_named(vault: Path, folder: Path) -> None:
    stop = asyncio.Event()
    wakes, task = await begin(folder / "routes.yaml", stop)
    (folder / "routes.yaml").write_text("keys: {one: '${file:../secrets/new}'}\n")
    assert await task
    (vault / "new").write_text("sk-1")
    assert await wake(wakes)
    (vault / "new").write_text("sk-22")
    assert await wake(wakes)
    stop.set()
    assert not await wake(wakes)


async def test_a_secret_is_seen_beside_a_log_that_grows(vault: Path, folder: Path) -> None:
    """The watch on the folders tells of the log again and again, and so never that it waited in vain."""
    stop, growing = asyncio.Event(), asyncio.Event()

    async def grow() -> None:
        with (folder / "koci.log").open("a") as log:
            while not stop.is_set():
                await asyncio.to_thread(print, "a line", file=log, flush=True)
                growing.set()

    (folder / "koci.log").touch()
    _, task = await begin(folder / "routes.yaml", stop)
    growth = asyncio.create_task(grow())
    try:
        await growing.wait()
        a_secret_in_place(vault)
        assert await task
    finally:
        stop.set()
        await growth


async def test_one_change_after_another(folder: Path) -> None:
    stop = asyncio.Event()
    wakes, task = await begin(folder / "routes.yaml", stop)
    in_place(folder)
    assert await task
    for text in ("three\n", "four\n"):
        (folder / "routes.yaml").write_text(text)
        assert await wake(wakes)
    stop.set()
    assert not await wake(wakes)


async def test_what_is_no_file_of_the_house_wakes_nobody(folder: Path) -> None:
    stop = asyncio.Event()
    _, task = await begin(folder / "routes.yaml", stop)
    (folder / "data" / "media" / "a.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    (folder / "plugins" / "__pycache__").mkdir()
    (folder / "plugins" / "__pycache__" / "mine.pyc").write_bytes(b"x")
    stop.set()
    assert not await task


async def test_it_ends_when_told(folder: Path) -> None:
    stop = asyncio.Event()
    _, task = await begin(folder / "routes.yaml", stop)
    stop.set()
    assert not await task
