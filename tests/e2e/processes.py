"""The proxy and the sandbox as processes of their own, started on free ports and stopped by their own id."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
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
def process(*command: str, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command of ours in a folder of its own; what it logs stands there in stderr.txt. Stopped at the end."""
    with (cwd / "stderr.txt").open("w") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "koci_proxy", *command], cwd=cwd, stdout=subprocess.PIPE, stderr=log, text=True
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
def proxy(folder: Path, vendor: Sandbox, routes: str) -> Iterator[House]:
    """A proxy on a folder, with `routes` written there as its routes.yaml."""
    (folder / "routes.yaml").write_text(routes, encoding="utf-8")
    with process("serve", "--port", "0", "--sandbox", vendor.url, cwd=folder) as child:
        text = "\n".join(lines_until(child, r"admin token"))
        url, key, admin = (
            re.search(pattern, text) for pattern in (r"serving on (\S+)", r"app key.*: (\S+)", r"admin.*: (\S+)")
        )
        assert url, text
        assert key, text
        assert admin, text
        yield House(url[1], key[1], admin[1], folder, child.pid, vendor)
