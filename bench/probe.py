"""The probe: a process of its own that asks one page every 50 ms, and waits for nothing else meanwhile.

In the load's process it would wait for the load's own turn among all the pictures that come in there.
"""

from __future__ import annotations

import http.client
import multiprocessing
import time
from multiprocessing.connection import Connection as Pipe
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

PAUSE = 0.05
"""Seconds from one question to the next."""

PATIENCE = 60.0


class Probe:
    """Asks while the context is open; `waits` are then the milliseconds of each answer, `failed` why there are none."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.waits: list[float] = []
        self.failed = ""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_ask, args=(self._url, far), daemon=True)
        self._process.start()
        far.close()  # so that its end is seen here
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._pipe.send(None)
            self.waits = self._pipe.recv()
        except (EOFError, BrokenPipeError):
            self.failed = f"{self._url} did not answer as it must"
        self._process.join()


def _ask(url: str, pipe: Pipe) -> None:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    waits: list[float] = []
    took = PAUSE
    while not waits or not pipe.poll(max(0.0, PAUSE - took)):
        began = time.perf_counter()
        line.request("GET", parts.path)
        answer = line.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{url} answered {answer.status}")
        took = time.perf_counter() - began
        waits.append(took * 1000)
    line.close()
    pipe.send(waits)
