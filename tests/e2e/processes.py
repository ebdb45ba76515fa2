"""The proxy and the sandbox as processes of their own, started on free ports and stopped by their own id."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox vendor and what it was asked."""

    url: str

    def calls(self) -> Any:
        return ask(f"{self.url}/_sandbox/calls")

    def last(self) -> Any:
        return ask(f"{self.url}/_sandbox/last")

    def forget(self) -> None:
        ask(f"{self.url}/_sandbox/calls", method="DELETE")
        ask(f"{self.url}/_sandbox/faults", method="DELETE")

    def fault(self, what: str, key: str | None = None) -> None:
        ask(f"{self.url}/_sandbox/faults", {"fault": what, **({"key": key} if key else {})})


@dataclass(frozen=True, slots=True)
class House:
    """A running proxy: where it is, its first app key, its admin token, its folder, its process and its vendor."""

    url: str
    key: str
    admin: str
    folder: Path
    pid: int
    sandbox: Sandbox

    def status(self) -> Any:
        return ask(f"{self.url}/admin/status", headers={"authorization": f"Bearer {self.admin}"})


def ask(url: str, body: Any = None, *, method: str | None = None, headers: Mapping[str, str] | None = None) -> Any:
    """One plain JSON exchange."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@contextmanager
def process(*command: str, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A command of ours in a folder of its own; what it logs stands there in stderr.txt. Stopped at the end."""
    with (cwd / "stderr.txt").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "koci_proxy", *command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert child.stdout is not None
    with child.stdout:
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def lines_until(child: subprocess.Popen[str], pattern: str) -> list[str]:
    """What a child prints up to the line that matches; fails when it ends before."""
    assert child.stdout is not None
    seen = []
    for line in child.stdout:
        seen.append(line.rstrip("\n"))
        if re.search(pattern, line):
            return seen
    raise AssertionError(f"ended with {child.wait()} before {pattern!r}: {seen}")


@contextmanager
def sandbox(*options: str) -> Iterator[Sandbox]:
    with (
        tempfile.TemporaryDirectory() as folder,
        process("sandbox", "--port", "0", *options, cwd=Path(folder)) as child,
    ):
        match = re.search(r"http://[\d.]+:\d+", lines_until(child, r"http://")[-1])
        assert match
        yield Sandbox(match[0])


@contextmanager
def proxy(
    folder: Path, vendor: Sandbox, routes: str, admin: str = "", env: Mapping[str, str] | None = None
) -> Iterator[House]:
    """A proxy on a folder, with `routes` written there as its routes.yaml; `admin` is the token that they set, if any.

    One that sets none prints a token of its own, last of all.
    """
    (folder / "routes.yaml").write_text(routes, encoding="utf-8")
    with process("serve", "--port", "0", "--sandbox", vendor.url, cwd=folder, env=env) as child:
        text = "\n".join(lines_until(child, r"app key" if admin else r"admin token"))
        url, key = (re.search(pattern, text) for pattern in (r"serving on (\S+)", r"app key.*: (\S+)"))
        assert url, text
        assert key, text
        token = admin or text.rpartition(": ")[2]
        yield House(url[1], key[1], token, folder, child.pid, vendor)


def until(done: Callable[[], bool]) -> None:
    """Wait for another process to come so far, which it cannot tell us."""
    limit = time.monotonic() + 30
    while not done():
        assert time.monotonic() < limit


class Lives:
    """A proxy that is killed and started again, on the same folder and the same port; never told to stop nicely."""

    def __init__(self, folder: Path, vendor: Sandbox, routes: str) -> None:
        (folder / "routes.yaml").write_text(routes, encoding="utf-8")
        self.folder, self.vendor = folder, vendor
        self.url, self.key, self.count = "", "", 0
        self._port = "0"
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begin a life; returns once it serves. The first one says where, and gives the key."""
        self.count += 1
        command = [sys.executable, "-m", "koci_proxy", "serve", "--port", self._port, "--sandbox", self.vendor.url]
        with (self.folder / f"stderr{self.count}.txt").open("w") as log:
            child = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True)
        self._child = child
        text = "\n".join(lines_until(child, r"admin token" if self.count == 1 else r"serving on"))
        found = re.search(r"serving on (http://[\d.]+:(\d+))", text)
        assert found, text
        self.url, self._port = found[1], found[2]
        if self.count == 1:
            key = re.search(r"app key.*: (\S+)", text)
            assert key, text
            self.key = key[1]

    def kill(self) -> None:
        """As a power cut would, as far as a process can tell."""
        assert self._child is not None
        self._child.kill()
        self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._child = None

    def __enter__(self) -> Lives:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self.kill()
