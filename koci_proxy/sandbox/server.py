"""The sandbox on a socket: started inside a running loop for tests and benches, or as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .desk import BASES
from .options import Options
from .sending import CONNECTION
from .vendor import app

if TYPE_CHECKING:
    from uvicorn.server import ServerState


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that listens. `url` is its address, without a slash at the end."""

    url: str
    _listener: asyncio.Server
    _state: ServerState

    async def stop(self) -> None:
        """Stop listening, drop every connection whatever it is doing, and wait until all calls have ended."""
        self._listener.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        tasks = list(self._state.tasks)
        if tasks:
            await asyncio.wait(tasks)
        await self._listener.wait_closed()


async def start(options: Options | None = None, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Listen on host and port (0: any free one) in the running loop. Sets no signal handlers. Raises OSError."""
    from uvicorn.config import Config
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    from uvicorn.server import ServerState

    class Protocol(HttpToolsProtocol):
        """uvicorn's protocol, which also hands the app its transport, so that it can cut a connection."""

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope["extensions"] = {CONNECTION: {"transport": self.transport}}

    config = Config(
        app(options),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=75,
        server_header=False,
    )
    config.load()
    state = ServerState()

    def protocol() -> asyncio.Protocol:
        return Protocol(config=config, server_state=state, app_state={})

    listener = await asyncio.get_running_loop().create_server(protocol, host, port, backlog=2048)
    bound: tuple[Any, ...] = listener.sockets[0].getsockname()
    name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    return Running(f"http://{name}:{bound[1]}", listener, state)


def serve(host: str = "127.0.0.1", port: int = 9000, options: Options | None = None) -> None:
    """Run a sandbox until SIGINT or SIGTERM. Raises OSError when the address is taken."""
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_until_signal(host, port, options))


async def _until_signal(host: str, port: int, options: Options | None) -> None:
    running = await start(options, host, port)
    print(f"sandbox on {running.url}: {BASES}", flush=True)
    done = asyncio.Event()
    if sys.platform != "win32":
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, done.set)
    await done.wait()
    await running.stop()
