"""Vendors made of a few lines each: raw sockets on loopback that say exactly what a test wrote down."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from koci_proxy.upstream import Client

from .vendor import Serve

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CERTIFICATE = Path(__file__).with_name("localhost.pem")


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client(trust_env=False) as client:
        yield client


@pytest.fixture
def certificate() -> Path:
    """A certificate for localhost that signed itself, with its key."""
    return CERTIFICATE


@pytest.fixture
def serve() -> Serve:
    @asynccontextmanager
    async def served(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        tasks: set[asyncio.Task[None]] = set()
        errors: list[BaseException] = []

        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await script(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass  # the client went away: many tests want that
            except Exception as error:
                errors.append(error)
                raise
            finally:
                writer.close()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.ensure_future(run(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        try:
            yield f"{'https' if tls else 'http'}://localhost:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert not errors

    return served
