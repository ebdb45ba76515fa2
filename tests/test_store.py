"""The shelf of delivered pictures: keys, files, links, and their end."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from koci_proxy import Fault, Media
from koci_proxy.media import from_bytes
from koci_proxy.spool import Spools
from koci_proxy.store import BELIEVED, LEFTOVER, WEEK, Store, patiently

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big") + b"\x08\x02\0\0\0"
BASE = "https://img.example.com"


@dataclass(frozen=True, slots=True)
class Broken:
    """A spool whose file cannot be read to its end."""

    size: int = 9

    def pieces(self, length: int = 262_144, start: int = 0) -> Iterator[bytes]:
        yield b"half"
        raise OSError("disk")


def spooled(folder: Path, content: bytes) -> Media:
    sink = Spools(folder / "spool", memory=1000).sink()
    sink.write(content)
    return sink.finish()


def files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


@pytest.mark.anyio
@pytest.mark.parametrize("content", [PNG, PNG + b"x" * 100_000, PNG + b"x" * 1_000_000], ids=len)
@pytest.mark.parametrize("kind", ["memory", "spool"])
async def test_put_and_back(tmp_path: Path, content: bytes, kind: str) -> None:
    store = Store(tmp_path)
    media = from_bytes(content) if kind == "memory" else spooled(tmp_path, content)
    kept = await store.put(media)
    assert kept.key is not None
    assert (kept.data, kept.mime, kept.pixels, kept.size) == (None, "image/png", (640, 480), len(content))
    path = store.path(kept.key)
    assert path == tmp_path / kept.key[:2] / kept.key
    assert path is not None
    assert path.read_bytes() == content
    again = store.media(kept.key)
    assert again.data is not None
    assert b"".join(again.data.pieces(1000)) == content
    assert (again.mime, again.pixels, again.size) == ("image/png", (640, 480), len(content))
    assert await store.put(kept) is kept


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("mime", "extension"),
    [
        ("image/png", "png"),
        ("image/jpeg", "jpg"),
        ("image/webp", "webp"),
        ("image/gif", "gif"),
        ("video/mp4", "mp4"),
        (None, "png"),
        ("image/x-png", "png"),
    ],
)
async def test_keys(tmp_path: Path, mime: str | None, extension: str) -> None:
    store = Store(tmp_path)
    keys = [(await store.put(Media(from_bytes(PNG).data, mime=mime))).key or "" for _ in range(50)]
    assert len(set(keys)) == 50
    for key in keys:
        name, _, end = key.partition(".")
        assert end == extension
        assert len(name) == 26
        assert name.isalnum()
        assert name == name.lower()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("media", "kind"),
    [(from_bytes(b"plain text"), "garbled"), (Media(url="https://example.com/1.png"), "internal")],
)
async def test_what_cannot_be_kept(tmp_path: Path, media: Media, kind: str) -> None:
    with pytest.raises(Fault) as caught:
        await Store(tmp_path).put(media)
    assert caught.value.kind == kind
    assert not files(tmp_path)


@pytest.mark.anyio
async def test_a_half_is_never_seen(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk"):
        await Store(tmp_path).put(Media(Broken(), mime="image/png"))
    assert not files(tmp_path)


GIB = 1 << 30


@pytest.mark.parametrize(
    ("total", "free", "full"),
    [
        (1000 * GIB, 63 << 20, True),
        (1000 * GIB, 65 << 20, False),
        (2 << 20, 90_000, True),
        (2 << 20, 120_000, False),
        (2 << 20, 0, True),
    ],
)
def test_a_disk_is_full_before_nothing_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, free: int, full: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(total, total - free, free))
    store = Store(tmp_path)
    assert store.full is full
    if not full:
        store.check()
        return
    with pytest.raises(Fault, match="the disk of this house is full") as caught:
        store.check()
    assert (caught.value.kind, caught.value.stage) == ("down", "not_sent")


def test_the_disk_is_not_asked_at_each_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    now = [100.0]

    def usage(folder: str) -> shutil._ntuple_diskusage:
        asked.append(folder)
        raise FileNotFoundError

    monkeypatch.setattr(shutil, "disk_usage", usage)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    store = Store(tmp_path)
    assert not any(store.full for _ in range(3))
    assert len(asked) == 1
    now[0] += BELIEVED
    assert (store.full, len(asked)) == (False, 2)


@pytest.mark.anyio
async def test_a_full_disk_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koci_proxy.store.FIRST", 0.001)
    errors = [OSError(28, "No space left on device")] * 3

    async def write() -> str:
        if errors:
            raise errors.pop()
        return "kept"

    assert await patiently(write) == "kept"
    errors += [OSError(28, "No space left on device")]
    monkeypatch.setattr("koci_proxy.store.PATIENCE", 0.0)
    with pytest.raises(Fault, match="full") as caught:
        await patiently(write)
    assert (caught.value.kind, caught.value.stage) == ("down", "accepted")


@pytest.mark.anyio
async def test_strange_keys_lead_nowhere(tmp_path: Path) -> None:
    store = Store(tmp_path / "media", signed=True)
    key = (await store.put(from_bytes(PNG))).key or ""
    (tmp_path / "secret.png").write_bytes(PNG)
    assert store.path(key)
    for strange in (
        "",
        ".secret",
        "../secret.png",
        f"{key[:2]}/{key}",
        f"../media/{key[:2]}/{key}",
        key.upper(),
        key + "\n",
        key + "\0",
        key[:-4],
        key.replace(".png", ".jpg"),
        key.replace(".png", ".svg"),
        "a" * 26 + ".png",
        "%2e%2e/" + key,
    ):
        assert store.path(strange) is None, strange
        with pytest.raises(Fault) as caught:
            store.media(strange)
        assert caught.value.kind == "not_found"


def test_a_plain_link(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.link("k.png", BASE) == store.link("k.png", BASE + "/") == f"{BASE}/storage/images/k.png"
    assert store.verify("k.png", {})
    assert not files(tmp_path)


KEYS = ("a" * 26 + ".png", "b" * 26 + ".png")


def query(link: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}


@pytest.mark.parametrize(("keep", "life"), [(None, WEEK), (60.0, 60.0)])
def test_a_signed_link_ends(tmp_path: Path, keep: float | None, life: float) -> None:
    store = Store(tmp_path, keep=keep, signed=True)
    link = store.link(KEYS[0], BASE, now=1000)
    assert link.startswith(f"{BASE}/storage/images/{KEYS[0]}?expires={1000 + int(life)}&signature=")
    assert store.verify(KEYS[0], query(link), now=1000 + life - 1)
    assert not store.verify(KEYS[0], query(link), now=1000 + life)
    assert not store.verify(KEYS[1], query(link), now=1000)


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "99999999999"},
        {"expires": ""},
        {"expires": "x"},
        {"expires": "٣"},
        {"expires": "9" * 5000},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "é"},
    ],
    ids=str,
)
def test_a_changed_link_opens_nothing(tmp_path: Path, change: dict[str, str]) -> None:
    store = Store(tmp_path, signed=True)
    right = query(store.link(KEYS[0], BASE, now=1000))
    assert store.verify(KEYS[0], right, now=1000)
    assert not store.verify(KEYS[0], {**right, **change}, now=1000)
    for name in right:
        assert not store.verify(KEYS[0], {key: value for key, value in right.items() if key != name}, now=1000)


def test_the_secret_is_made_once_for_all(tmp_path: Path) -> None:
    stores = [Store(tmp_path / "media", signed=True) for _ in range(2)]
    (file,) = files(tmp_path)
    assert file.name == ".secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes()) == 32
    links = {store.link(KEYS[0], BASE, now=1000) for store in stores}
    assert len(links) == 1
    assert Store(tmp_path / "media", signed=True, secret=b"other").link(KEYS[0], BASE, now=1000) not in links


@pytest.mark.anyio
async def test_sweep(tmp_path: Path) -> None:
    store = Store(tmp_path, keep=100, signed=True)
    old, new = [(await store.put(from_bytes(PNG))).key or "" for _ in range(2)]
    half, young_half = (tmp_path / old[:2] / name for name in (f".{KEYS[0]}.12", f".{KEYS[1]}.34"))
    stranger = tmp_path / old[:2] / "notes.txt"
    spool = tmp_path / "spool" / "1"
    spool.parent.mkdir()
    for file in (half, young_half, stranger, spool):
        file.touch()
    now = 1_000_000.0
    ages = {tmp_path / old[:2] / old: 101, tmp_path / new[:2] / new: 99, half: LEFTOVER + 1, young_half: LEFTOVER - 1}
    for file in files(tmp_path):
        os.utime(file, (now - ages.get(file, 10 * LEFTOVER),) * 2)
    assert store.sweep(now) == 2
    left = {tmp_path / new[:2] / new, young_half, stranger, spool, tmp_path / ".secret"}
    assert set(files(tmp_path)) == left
    assert Store(tmp_path).sweep(now + 1e9) == 1  # what is kept for ever stays, the half does not
    assert set(files(tmp_path)) == left - {young_half}


def test_sweep_of_nothing(tmp_path: Path) -> None:
    assert Store(tmp_path / "none", keep=1).sweep() == 0
