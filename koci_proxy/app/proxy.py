"""The proxy as an ASGI app: its rooms opened in order, its paths, and its rooms closed again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .. import address
from ..config import place
from ..engine import Shell
from ..faults import SILENT, Fault
from ..jobs import Jobs
from ..pace import Pace
from ..pixels import Pixels
from ..spool import Spools
from ..state import Callers, Conversations, Database
from ..state.jobs import JobBook
from ..state.ledger import Ledger
from ..state.requests import RequestLog
from ..store import Store, crammed, kept_secret
from ..telemetry import Telemetry
from ..upstream import Client, Fetcher
from . import admin, answer, job_pages
from .callers import Desk
from .door import Hall, Visit
from .live import Live, home
from .pages import Rooms, pages
from .rows import Ended
from .runner import Runner
from .talks import Talks
from .uploads import Uploads
from .webhooks import Webhooks

log = logging.getLogger("koci_proxy")

GRACE = 30.0
# Paths that are the house's own on every platform.
OWN = ("jobs", "credits")
HOUR = 3600.0


class Proxy:
    """Opened once, called for each connection's requests, closed once."""

    def __init__(self, path: Path, *, sandbox: str | None = None) -> None:
        """`path` is routes.yaml, `sandbox` the URL of a sandbox vendor elsewhere, None for the built-in one."""
        self.telemetry = Telemetry()
        self.live = Live(path, self.telemetry)
        self.jobs: Jobs[Ended] = Jobs()
        self.ready = False
        self._elsewhere = sandbox
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._rooms = contextlib.AsyncExitStack()

    async def open(self) -> None:
        """Raises `ConfigError` or `PluginError` before anything is opened."""
        house, plugins = self.live.read()
        folder = home(self.live.path)
        media = folder / house.store.folder
        spools, secret = writable(media)
        self.store = Store(media, keep=house.store.keep, signed=house.store.signed)
        self.database = await open_state(self.live.path, house.state)
        self.log = RequestLog(self.database)
        self._rooms.push_async_callback(asyncio.to_thread, self.telemetry.traces.close)
        self._rooms.push_async_callback(self._close_database)
        self.callers = Callers(self.database)
        talks = Talks(Conversations(self.database))
        book = JobBook(self.database, secrets.token_hex(8))
        self.runner = Runner(self.live, self.jobs, book, self.callers, talks, self.log)
        sandbox = await self._open_sandbox(any(provider.sandbox for provider in house.providers.values()))
        own = urlsplit(sandbox) if sandbox else None
        allow = frozenset({(own.hostname, own.port)}) if own and own.hostname and own.port else frozenset()
        self.client = Client()
        self.fetcher = Fetcher(max_bytes=house.limits.body, allow=allow)
        self._rooms.push_async_callback(self.client.close)
        self._rooms.push_async_callback(self.fetcher.close)
        shell = Shell(self.client, self.fetcher, spools, Pixels(spools.sink), self.store, self.telemetry, sandbox)
        self.live.begin(shell, house, plugins)
        webhooks = Webhooks(self.runner, self.callers, self.fetcher)
        pace = Pace(house.pace)
        await pace.open()
        self._rooms.push_async_callback(pace.close)
        desk = Desk(self.callers, pace, lambda: self.live.now.engine.house.admin)
        ledger = Ledger(self.database)
        uploads = Uploads(secret, self.callers, self.store)
        self.hall = Hall(self.runner, desk, talks, uploads, webhooks, self.log, ledger)
        rooms = Rooms(self.live, desk, self.store, self.telemetry, self.jobs, self.troubles)
        books = admin.routes(desk, self.callers, ledger, self.log, lambda: self.live.now.engine.house)
        self.pages = pages(rooms, [*job_pages.routes(desk, self.runner), *books])
        work = (self._watch, self._sweep, webhooks.tell, self.log.write, *self.runner.work())
        self._tasks = [asyncio.create_task(kept_up(each)) for each in work]
        self.ready = True

    async def troubles(self) -> list[str]:
        """Why no call should come here just now; none where all is well."""
        if not self.ready:
            return ["it is starting or stopping"]
        full = crammed("not_sent").message if self.store.full else ""
        return [trouble for trouble in [await self.database.trouble(), full] if trouble]

    async def _open_sandbox(self, wanted: bool) -> str | None:
        if self._elsewhere or not wanted:
            return self._elsewhere
        from .. import sandbox  # heavy, and only a house without vendors needs it

        running = await sandbox.start(sandbox.Options())
        self._rooms.push_async_callback(running.stop)
        return str(running.url)

    async def _watch(self) -> None:
        await self.live.watch(self._stop)

    async def _sweep(self) -> None:
        """Once an hour, what the store and the request log have kept long enough goes."""
        while True:
            gone = await asyncio.to_thread(self.store.sweep)
            if gone:
                log.info("%d pictures kept long enough, or left half, were removed", gone)
            keep = self.live.now.engine.house.log.keep
            if keep is not None:
                with contextlib.suppress(Fault):  # the database has said so itself; the next hour will do
                    await self.log.sweep(time.time() - keep)
            await asyncio.sleep(HOUR)

    async def close(self) -> None:
        """Close what was opened, in the other order; also where opening broke off half-way."""
        self.ready = False
        self._stop.set()
        if self._tasks:
            await self.runner.close(GRACE)
            await self.live.now.engine.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._rooms.aclose()

    async def _close_database(self) -> None:
        with contextlib.suppress(Fault):  # what of the log cannot be written now is lost
            await self.log.flush()
        await self.database.close()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: answer.Send) -> None:
        if scope["type"] != "http":
            return
        with self.live.now as now:
            found = address.split(scope["path"], now.engine.house.platforms)
            if found is None or found[1].partition("/")[0] in OWN:
                path = scope["path"] if found is None else f"/v1/{found[1]}"
                await self.pages({**scope, "path": path}, receive, send)
            else:
                await Visit(now, self.hall, *found, scope, receive, send).serve()


async def kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """Work in the background, begun again when it breaks: one row or file that cannot be read must not end it."""
    while True:
        try:
            await work()
            return
        except Exception as error:
            if getattr(error, "code", None) != SILENT:  # else the database has said so itself
                log.exception("%s broke and is begun again", work.__qualname__)
            await asyncio.sleep(1.0)


def writable(media: Path) -> tuple[Spools, bytes]:
    """The spools and the secret of the picture store's folder. `Fault` internal where nothing can be written there."""
    spools = Spools(media / "spool")
    try:
        secret = kept_secret(media)
        spools.place()
        spools.sweep()
    except OSError as error:
        raise Fault("internal", f"the picture store {media} cannot be written: {error.strerror}") from error
    return spools, secret


async def open_state(path: Path, url: str) -> Database:
    """The database that a routes.yaml names. `Fault` internal says where, and why it cannot be had."""
    database = Database(beside(home(path), url))
    try:
        await database.open()
    except Fault as fault:
        raise Fault("internal", f"state ({place(path, 'state')}): {fault.message}") from fault
    return database


def beside(folder: Path, url: str) -> str:
    """A SQLite URL with a relative path, seen from the folder of routes.yaml."""
    head, slashes, rest = url.partition(":///")
    return f"{head}{slashes}{folder / rest}" if head == "sqlite" and rest else url
