"""A sandbox on a socket, and a plain client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from koci_proxy.sandbox import Options, Running, start

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


@pytest.fixture
async def studio() -> AsyncIterator[httpx.AsyncClient]:
    """A client for a sandbox whose films take a tenth of a second."""
    running = await start(Options(film_seconds=0.1))
    async with client_of(running) as client:
        yield client
    await running.stop()
