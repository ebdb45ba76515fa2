"""The sandbox on a socket: it starts, stops with calls in flight, runs as a process, and is light to import."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys

import httpx
import pytest

from koci_proxy.sandbox import start

from .asking import OPENAI, client_of

pytestmark = pytest.mark.sockets


@pytest.mark.anyio
async def test_stop_drops_what_hangs() -> None:
    running = await start()
    async with client_of(running) as client:
        body = {"model": "gpt-image-2", "prompt": "sandbox:hang"}
        hanging = asyncio.create_task(client.post(OPENAI, json=body))
        while not (await client.get("/_sandbox/calls")).json()["total"]:
            pass
        await running.stop()
        with pytest.raises(httpx.HTTPError):
            await hanging
        with pytest.raises(httpx.ConnectError):
            await client.get("/_sandbox/calls")


@pytest.mark.anyio
async def test_two_do_not_share_anything() -> None:
    one, two = await start(), await start()
    assert one.url != two.url
    async with client_of(one) as client:
        await client.post(OPENAI, json={})
    async with client_of(two) as client:
        assert (await client.get("/_sandbox/calls")).json()["total"] == 0
    await one.stop()
    await two.stop()


@pytest.mark.anyio
async def test_a_taken_port_is_an_oserror() -> None:
    running = await start()
    with pytest.raises(OSError, match="address already in use"):
        await start(port=int(running.url.rsplit(":", 1)[1]))
    await running.stop()


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_a_signal(name: signal.Signals) -> None:
    code = "from koci_proxy.sandbox import serve; serve(port=0)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        found = re.search(r"http://127\.0\.0\.1:\d+", child.stdout.readline())
        assert found
        assert httpx.get(found[0] + "/_sandbox/calls", trust_env=False).json()["total"] == 0
        child.send_signal(name)
        _, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, "")


def test_import_is_light() -> None:
    code = "import sys, koci_proxy.sandbox; print([m for m in ('PIL', 'av', 'httpx', 'uvicorn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
