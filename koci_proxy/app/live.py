"""The house as it is right now: loaded whole, swapped in at once when its files change, kept when they are wrong."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..config import ConfigError, changes, load, shipped
from ..engine import Engine, Keys, Shell
from ..facts import House
from ..plugins import PluginError, Plugins
from ..plugins import load as load_plugins
from ..pool import Pool
from ..telemetry import Telemetry, update_secrets
from .check import Schemas

log = logging.getLogger("koci_proxy.reload")


@dataclass(frozen=True, slots=True)
class Standing:
    """How the last load went: when (Unix seconds), which load in a row, and what was wrong with it."""

    at: float
    number: int
    complaints: tuple[str, ...] = ()


class Now:
    """What one request sees from its beginning to its end, whatever is edited meanwhile.

    Entered by each request and each job; once it is retired and the last of them has left, its plugins are closed.
    """

    def __init__(self, engine: Engine, schemas: Schemas) -> None:
        self.engine = engine
        self.schemas = schemas
        self.closing: asyncio.Task[None] | None = None
        self._inside = 0
        self._retired = False

    def __enter__(self) -> Now:
        self._inside += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._inside -= 1
        self._close_if_done()

    def stay_for(self, task: asyncio.Task[Any]) -> None:
        """As if the task were inside until it ends."""
        self.__enter__()
        task.add_done_callback(self.__exit__)

    def retire(self) -> None:
        self._retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._retired and not self._inside and self.closing is None:
            self.closing = asyncio.ensure_future(self.engine.close())


class Live:
    """The engine that new requests begin with, and the watch on the files it was made from."""

    def __init__(self, path: Path, telemetry: Telemetry) -> None:
        self.path = path
        self.telemetry = telemetry
        self.standing = Standing(0, 0)
        self.now: Now
        self._secrets: frozenset[str] = frozenset()
        self._places: dict[str, str] = {}

    def read(self) -> tuple[House, Plugins]:
        """Everything on file, checked whole. Raises `ConfigError` or `PluginError`."""
        house = load(self.path)
        return house, load_plugins(roots(self.path), house.plugins)

    def begin(self, shell: Shell, house: House, plugins: Plugins) -> None:
        """Take up the first house."""
        self.now = Now(Engine(house, plugins, keyring(house, {}), shell), schemas(self.path))
        self._hush(house, shell)
        self._stand(())

    async def watch(self, stop: asyncio.Event) -> None:
        """Follow the files until told to stop."""
        async for _ in changes(self.path, stop):
            await self.reload()

    async def reload(self) -> bool:
        """Load anew and swap in; a house with faults is reported and changes nothing. Says whether it was good."""
        try:
            house, plugins = await asyncio.to_thread(self.read)
            forms = await asyncio.to_thread(schemas, self.path)
        except (ConfigError, PluginError) as error:
            complaints = tuple(str(each) for each in getattr(error, "complaints", ())) or (str(error),)
            for complaint in complaints:
                log.error("not taken up: %s", complaint)
            self._stand(complaints)
            return False
        retired, old = self.now, self.now.engine
        self._hush(house, old.shell)
        self.now = Now(Engine(house, plugins, keyring(house, old.keys), old.shell), forms)
        retired.retire()
        for fixed in ("store", "state", "pace"):
            if getattr(house, fixed) != getattr(old.house, fixed):
                log.warning("%s has changed: that takes a restart", fixed)
        self._stand(())
        log.info("%s taken up: %d models", self.path.name, len(house.models))
        return True

    def _hush(self, house: House, shell: Shell) -> None:
        """What no log may hold is never less: a job goes on with the house it began with, however many came since."""
        self._secrets |= house.secrets
        self._places |= places(house, shell)
        update_secrets(self._secrets, self._places)

    def _stand(self, complaints: tuple[str, ...]) -> None:
        self.standing = Standing(time.time(), self.standing.number + 1, complaints)
        self.telemetry.reload(not complaints)


def places(house: House, shell: Shell) -> dict[str, str]:
    """Where the vendors are -> what a log says in its place: the provider's name, and of several the first two."""
    named: dict[str, list[str]] = {}
    for name, provider in house.providers.items():
        named.setdefault(urlsplit(shell.url(provider.url)).netloc, []).append(name)
    return {place: ", ".join(names[:2]) + ", …" * (len(names) > 2) for place, names in named.items() if place}


def home(path: Path) -> Path:
    """Where a house's relative paths start: the folder of its routes.yaml, or where one stands with the shipped one."""
    folder = path.resolve().parent
    return Path.cwd() if folder == shipped() and folder.name == "_shipped" else folder


def roots(path: Path) -> list[Path]:
    """The plugin folders of a house: beside its routes.yaml first, then the shipped ones."""
    return list(dict.fromkeys(folder / "plugins" for folder in (path.resolve().parent, shipped())))


def schemas(path: Path) -> Schemas:
    return Schemas(dict.fromkeys(folder / "schemas" for folder in (path.resolve().parent, shipped())))


def keyring(house: House, old: Mapping[str, Keys]) -> dict[str, Keys]:
    """A pool for each provider; keys that were there before keep their rests, their counts and their queue."""
    ring: dict[str, Keys] = {}
    for name, facts in house.keys.items():
        pool = Pool(facts, house.balance, random.Random())
        if name in old:
            old[name].renew(pool)
        ring[name] = old[name] if name in old else Keys(pool)
    return ring
