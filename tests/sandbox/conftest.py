"""A sandbox on a socket, and a plain client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from koci_proxy.sandbox import Running, start

from .asking import client_of


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = await start()
    yield running
    await running.stop()


@pytest.fixture
async def client(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(running) as client:
        yield client
