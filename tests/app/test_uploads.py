"""Files that apps hand in: none is taken that there is no room for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from koci_proxy.app.proxy import Proxy
from koci_proxy.store import Store
from tests.e2e.pictures import png

pytestmark = pytest.mark.anyio
HOUSE = """
platforms: {google: gemini}
keys: {google: vendor-key-alpha-0001}
models: {picture: {to: google/gemini-3-pro-image}}
"""
FIRST = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}
LAST = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}


@pytest.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[Proxy]:
    (tmp_path / "routes.yaml").write_text(HOUSE, encoding="utf-8")
    proxy = Proxy(tmp_path / "routes.yaml")
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()


async def test_nothing_is_taken_while_the_disk_is_full(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is an upload begun, nor is one finished that was begun while there was room."""
    full, taken = False, 0
    monkeypatch.setattr(Store, "full", property(lambda store: full))

    async def content() -> AsyncIterator[bytes]:
        nonlocal taken
        taken += 1
        yield png()

    key, _ = await proxy.callers.make("app")
    begin = {**FIRST, "x-goog-api-key": key}
    where = "/google/upload/v1beta/files"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(proxy), base_url="http://house") as app:
        begun = await app.post(where, json={"file": {}}, headers=begin)
        assert begun.status_code == 200, begun.text
        address = begun.headers["x-goog-upload-url"]
        full = True
        refused = [
            await app.post(where, json={"file": {}}, headers=begin),
            await app.post(address, content=content(), headers=LAST),
        ]
        assert [each.status_code for each in refused] == [502, 502]
        assert all("the disk of this house is full" in each.json()["error"]["message"] for each in refused)
        assert taken == 0
        made_up = await app.post(address + "0", content=content(), headers=LAST)
        assert made_up.status_code == 401
        full = False
        done = await app.post(address, content=content(), headers=LAST)
        assert (done.status_code, taken) == (200, 1), done.text
