"""Delivered pictures as browsers and programs fetch them."""

from __future__ import annotations

import base64
import resource
import shutil
from pathlib import Path

import httpx
import pytest

from .conftest import ROUTES
from .inside import inside
from .processes import House, Sandbox, proxy


def link(house: House) -> str:
    body = {"model": "via-openai", "prompt": "a fox", "size": "1024x1024"}
    headers = {"authorization": f"Bearer {house.key}"}
    answer = httpx.post(f"{house.url}/openai/v1/images/generations", json=body, headers=headers, timeout=30)
    url: str = answer.json()["data"][0]["url"]
    return url


@pytest.mark.sockets
def test_a_link_has_type_caching_and_ranges(house: House) -> None:
    url = link(house)
    whole = httpx.get(url)
    assert whole.headers["content-type"] == "image/png"
    assert "immutable" in whole.headers["cache-control"]
    assert whole.headers["access-control-allow-origin"] == "*"
    part = httpx.get(url, headers={"range": "bytes=0-7"})
    assert (part.status_code, part.headers["access-control-allow-origin"]) == (206, "*")
    assert part.content == b"\x89PNG\r\n\x1a\n"
    assert httpx.get(url, headers={"range": "bytes=999999999-"}).status_code == 416
    assert httpx.head(url).headers["content-length"] == str(len(whole.content))


@pytest.mark.sockets
@pytest.mark.parametrize("key", ["nothere.png", "..%2f..%2fkoci.db", ".secret", "a/../../koci.db", "%00.png"])
def test_nothing_else_is_served(house: House, key: str) -> None:
    assert httpx.get(f"{house.url}/storage/images/{key}").status_code == 404


@pytest.mark.sockets
def test_signed_links(vendor: Sandbox, tmp_path: Path) -> None:
    with proxy(tmp_path, vendor, ROUTES + "store: {links: signed}\n") as house:
        url = link(house)
        assert httpx.get(url).status_code == 200
        assert httpx.get(url.partition("?")[0]).status_code == 403
        assert httpx.get(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403


@pytest.mark.sockets
def test_links_stand_under_the_public_url(vendor: Sandbox, tmp_path: Path) -> None:
    with proxy(tmp_path, vendor, ROUTES + "public_url: https://img.example.com\n") as house:
        assert link(house).startswith("https://img.example.com/storage/images/")


@pytest.mark.anyio
async def test_nothing_is_ordered_that_the_disk_has_no_room_for(
    vendor: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inside(tmp_path, vendor, ROUTES) as house:
        body = {"model": "via-openai", "prompt": "bench:small"}
        before = vendor.calls()["total"]
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(1 << 40, 1 << 40, 0))
        for more in ({}, {"prefer": "respond-async"}, {"idempotency-key": "one"}):
            answer = await house.app.post("/openai/v1/images/generations", json=body, headers=more)
            assert answer.status_code == 502
            assert "the disk of this house is full" in answer.json()["error"]["message"]
        assert vendor.calls()["total"] == before
        ready = await house.app.get("/readyz")
        assert (ready.status_code, ready.text) == (503, "not ready: the disk of this house is full\n")
        listed = await house.app.get("/v1/jobs")
        assert listed.json()["data"] == []


@pytest.mark.anyio
async def test_a_picture_that_the_disk_takes_no_more_of_is_answered_all_the_same(
    vendor: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk fills while the answer comes in: it is paid for, and whoever waits gets it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with inside(tmp_path, vendor, ROUTES) as house:
        body = {"model": "via-openai", "prompt": "bench:8", "response_format": "b64_json"}
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
        try:
            answer = await house.app.post("/openai/v1/images/generations", json=body, timeout=60)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert answer.status_code == 200
    picture = base64.b64decode(answer.json()["data"][0]["b64_json"], validate=True)
    assert len(picture) > 1 << 20
    assert picture.endswith(b"IEND\xaeB`\x82")
    assert "held in memory: [Errno 27] File too large" in caplog.text
    assert "a picture is answered and not kept" in caplog.text


@pytest.mark.sockets
@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("img.example.com", "http://img.example.com/storage/images/"),
        ("img.example.com:8443", "http://img.example.com:8443/storage/images/"),
        ("[::1]:8080", "http://[::1]:8080/storage/images/"),
        ("evil.test/x?", None),
        ("evil.test@other", None),
        ("", None),
    ],
)
def test_a_link_begins_with_the_host_that_the_app_called_if_it_is_one(
    house: House, host: str, base: str | None
) -> None:
    body = {"model": "via-openai", "prompt": "a fox", "size": "1024x1024"}
    headers = {"authorization": f"Bearer {house.key}", "host": host}
    answer = httpx.post(f"{house.url}/openai/v1/images/generations", json=body, headers=headers, timeout=30)
    assert answer.json()["data"][0]["url"].startswith(base or f"{house.url}/storage/images/")
