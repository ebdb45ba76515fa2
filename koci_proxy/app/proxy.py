"""The proxy as an ASGI app: its rooms opened in order, its paths, and its rooms closed again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .. import address
from ..callers import Callers
from ..conversations import Conversations
from ..engine import Shell
from ..jobs import Jobs
from ..pixels import Pixels
from ..spool import Spools
from ..store import Store
from ..telemetry import Telemetry
from ..upstream import Client, Fetcher
from . import answer
from .callers import Desk
from .door import Hall, Visit
from .later import Later
from .live import Live, home
from .pages import Rooms, pages
from .talks import Talks
from .uploads import Uploads

log = logging.getLogger("koci_proxy")

GRACE = 30.0
HOUR = 3600.0


class Proxy:
    """Opened once, called for each connection's requests, closed once."""

    def __init__(self, path: Path, *, sandbox: str | None = None) -> None:
        """`path` is routes.yaml, `sandbox` the URL of a sandbox vendor elsewhere, None for the built-in one."""
        self.telemetry = Telemetry()
        self.live = Live(path, self.telemetry)
        self.jobs = Jobs()
        self.ready = False
        self._elsewhere = sandbox
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._sandbox: Any = None

    async def open(self) -> None:
        """Raises `ConfigError` or `PluginError` before anything is opened."""
        house, plugins = self.live.read()
        folder = home(self.live.path)
        media = folder / house.store.folder
        spools = Spools(media / "spool")
        spools.sweep()
        self.store = Store(media, keep=house.store.keep, signed=house.store.signed)
        self.callers = Callers(beside(folder, house.state))
        await self.callers.open()
        self.conversations = Conversations(beside(folder, house.state))
        await self.conversations.open()
        talks = Talks(self.conversations)
        self.hall = Hall(self.jobs, Desk(self.callers), Later(), talks, Uploads())
        sandbox = await self._open_sandbox(any(provider.sandbox for provider in house.providers.values()))
        own = urlsplit(sandbox) if sandbox else None
        allow = frozenset({(own.hostname, own.port)}) if own and own.hostname and own.port else frozenset()
        self.client = Client()
        self.fetcher = Fetcher(max_bytes=house.limits.body, allow=allow)
        shell = Shell(self.client, self.fetcher, spools, Pixels(spools.sink), self.store, self.telemetry, sandbox)
        self.live.begin(shell, house, plugins)
        rooms = Rooms(self.live, self.callers, self.store, self.telemetry, self.jobs, lambda: self.ready)
        self.pages = pages(rooms)
        self._tasks = [asyncio.create_task(self.live.watch(self._stop)), asyncio.create_task(self._sweep())]
        self.ready = True

    async def _open_sandbox(self, wanted: bool) -> str | None:
        if self._elsewhere or not wanted:
            return self._elsewhere
        from .. import sandbox  # heavy, and only a house without vendors needs it

        self._sandbox = await sandbox.start(sandbox.Options())
        return str(self._sandbox.url)

    async def _sweep(self) -> None:
        """Once an hour, what the store has kept long enough goes."""
        while True:
            await asyncio.to_thread(self.store.sweep)
            await asyncio.sleep(HOUR)

    async def close(self) -> None:
        self.ready = False
        self._stop.set()
        await self.jobs.close(GRACE)
        if hasattr(self.live, "now"):
            await self.live.now.engine.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._sandbox is not None:
            await self._sandbox.stop()
        await self.client.close()
        await self.fetcher.close()
        await self.conversations.close()
        await self.callers.close()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: answer.Send) -> None:
        if scope["type"] != "http":
            return
        with self.live.now as now:
            found = address.split(scope["path"], now.engine.house.platforms)
            if found is None:
                await self.pages(scope, receive, send)
            else:
                await Visit(now, self.hall, *found, scope, receive, send).serve()


def beside(folder: Path, url: str) -> str:
    """A SQLite URL with a relative path, seen from the folder of routes.yaml."""
    head, slashes, rest = url.partition(":///")
    return f"{head}{slashes}{folder / rest}" if head == "sqlite" and rest else url
