"""The picture host: ten minutes, once per picture, within bounds."""

from __future__ import annotations

import pytest

from koci_proxy.sandbox import files
from koci_proxy.sandbox.files import LIFE, Files
from koci_proxy.sandbox.nouns import picture


def test_links_expire() -> None:
    host = Files()
    made = picture("image/png", b"x")
    link = host.keep(made, now=0.0)
    assert host.find(link, now=LIFE - 1) is made
    assert host.find(link, now=LIFE + 1) is None


def test_linking_again_renews_and_keeps_one_copy() -> None:
    host = Files()
    made = picture("image/jpeg", b"x" * 100)
    first, second = host.keep(made, now=0.0), host.keep(made, now=500.0)
    assert first != second
    assert first.endswith(".jpg")
    assert host.find(first, now=1000.0) is host.find(second, now=1000.0) is made


@pytest.mark.parametrize(("most", "most_bytes", "kept"), [(3, 10_000, 3), (100, 250, 2)])
def test_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch, most: int, most_bytes: int, kept: int) -> None:
    monkeypatch.setattr(files, "MOST", most)
    monkeypatch.setattr(files, "MOST_BYTES", most_bytes)
    host = Files()
    links = [host.keep(picture("image/png", bytes(100)), now=1.0) for _ in range(6)]
    assert [host.find(link, now=2.0) is not None for link in links] == [False] * (6 - kept) + [True] * kept


@pytest.mark.parametrize("path", ["/files/", "/files/x", "/files/../etc/passwd", "/files/x-1.png"])
def test_unknown(path: str) -> None:
    assert Files().find(path) is None
