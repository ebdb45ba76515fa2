"""The proxy in a server of its own: started, announced, and stopped cleanly by Ctrl-C or SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import click
import uvicorn

from ..address import netloc
from ..engine import Engine
from ..facts import Model
from ..faults import Fault
from ..state import Callers
from ..upstream.turns import Turns
from .arriving import Arriving, Watch
from .proxy import Proxy

log = logging.getLogger("koci_proxy")

BACKLOG = 4096


# New objects after which the collector looks for circles among them: those of a hundred calls, not of one.
OBJECTS = 10_000
# Calls that wait for a picture hold a socket to their app and one to a vendor.
CALLS = 16_384


def run(path: Path, host: str, port: int, *, sandbox: str | None = None) -> None:
    """Serve until stopped. Raises `ConfigError`, `PluginError`, or `Fault` where something it needs can't be had."""
    _allow(2 * CALLS)
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        _listen(listener, host, port)
        with asyncio.Runner(loop_factory=_loop()) as runner:
            runner.run(_serve(Proxy(path, sandbox=sandbox), listener))
    finally:
        listener.close()


def _listen(listener: socket.socket, host: str, port: int) -> None:
    """From here on the kernel holds callers until we are ready. `Fault` internal where the address can't be had."""
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        raise Fault("internal", f"cannot serve on {host}:{port}: {error.strerror or error}") from error


def _allow(sockets: int) -> None:
    """As many open sockets as the system lets this process have, up to what it could use."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets if hard == resource.RLIM_INFINITY else min(sockets, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(proxy: Proxy, listener: socket.socket) -> None:
    config = uvicorn.Config(
        proxy,
        # One that brings its own buffer; the loop takes either.
        http=cast(type[asyncio.Protocol], partial(Arriving, Turns(), Watch())),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=30,
    )
    try:
        server = _Server(config)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.handle_exit, number, None)
        await proxy.open()
        address = f"http://{netloc(*listener.getsockname()[:2])}"
        click.echo(await welcome(proxy.live.now.engine, proxy.callers, address))
        _settle()
        await server.serve(sockets=[listener])
    finally:
        await proxy.close()
    click.echo("stopped")


def _settle() -> None:
    """What is here now stays, and a call leaves no circles behind: the collector need not look so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 10, 10)


class _Server(uvicorn.Server):
    """uvicorn's own way with signals raises them again at its end, which would kill us before our rooms are closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def welcome(engine: Engine, callers: Callers, address: str) -> str:
    """What a person sees at the start: where we are, and, the first time only, the keys and how to use them."""
    lines = [f"koci-proxy is serving on {address}"]
    if not any(row.kind == "app" and row.revoked_at is None for row in await callers.listing()):
        key, _ = await callers.make("first")
        lines += ["", f"app key (shown this once): {key}", *_sample(engine, address, key)]
    token = None if engine.house.admin else await callers.admin_token()
    if token:
        lines += ["", f"admin token (shown this once): {token}"]
    return "\n".join(lines)


def _sample(engine: Engine, address: str, key: str) -> list[str]:
    """How to ask for a first picture: the sample of the first platform whose dialect brings one."""
    for platform, dialect in engine.house.platforms.items():
        sample = getattr(engine.plugins.dialects[dialect], "SAMPLE", None)
        for model in engine.house.models.values():
            if sample and _draws(engine, model) and (not model.platforms or platform in model.platforms):
                return ["", sample.format(base=f"{address}/{platform}", key=key, model=model.name)]
    return []


def _draws(engine: Engine, model: Model) -> bool:
    """Whether a model makes pictures from words."""
    targets = (target for share in model.to for target in share.targets)
    return any("generate" in engine.house.providers[name].models[wanted].tasks for name, wanted, _ in targets)
