"""References by link: what may be asked for, and what is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from koci_proxy.sandbox import Running
from koci_proxy.sandbox.fetch import data_uri, fetch
from koci_proxy.sandbox.nouns import Broken, Picture, picture

from .asking import png, uri


def nothing(path: str) -> Picture | None:
    return None


def test_data_uri() -> None:
    assert data_uri(uri(png()), 0) == png()


@pytest.mark.parametrize("text", ["data:text/plain;base64,AA==", "data:image/png,x", "data:image/png;base64,A", "x"])
def test_broken_data_uris(text: str) -> None:
    with pytest.raises(Broken):
        data_uri(text, 0)


@pytest.mark.anyio
async def test_own_files_are_taken_from_memory() -> None:
    made = picture("image/png", png())
    assert await fetch("http://anything/files/a-1.png", 0, lambda path: made) == png()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("addresses", "why"),
    [
        (["10.0.0.1"], "not a public address"),
        (["192.168.1.1"], "not a public address"),
        (["169.254.169.254"], "not a public address"),
        (["fd00::1"], "not a public address"),
        (["0.0.0.0"], "not a public address"),
        (["8.8.8.8", "10.0.0.1"], "not a public address"),
    ],
)
async def test_private_addresses(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str], why: str) -> None:
    async def resolved(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, 80)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    with pytest.raises(Broken, match=why):
        await fetch("http://pictures.example/x.png", 0, nothing)


@pytest.mark.anyio
@pytest.mark.sockets
async def test_fetches(running: Running) -> None:
    assert b"calls" in await fetch(f"{running.url}/_sandbox/calls", 0, nothing)
    with pytest.raises(Broken, match="answered 404"):
        await fetch(f"{running.url}/nothing", 0, nothing)


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["http://", "http://x:99999/", "file:///etc/passwd", "http://127.0.0.1:9/x.png", "x"])
async def test_unreachable(url: str) -> None:
    with pytest.raises(Broken):
        await fetch(url, 0, nothing)
