"""The gateways of the bench, each by one entry, and how one is started in a folder of its own."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from .answers import FAILING
from .scenarios import Scenario, models

ROOT = Path(__file__).parent.parent
START_SECONDS = 60
STOP_SECONDS = 40
LOG = "gateway.log"
LARGE = 1 << 20


@dataclass(frozen=True, slots=True)
class Gateway:
    """One entry. In every text {port}, {vendor} (a URL), {folder} and {secret} stand for what they are in a run.

    `prepare` runs once, in the folder that every start begins with a copy of; the last line it prints is {secret}.
    `model` says how a scenario's model is told to it. `copies`: it passes bytes on and changes no answer. `scenarios`
    holds words of the families that it can do, none means all. `checked`: whether this entry was ever run.
    """

    name: str
    command: tuple[str, ...]
    url: str = "http://127.0.0.1:{port}/v1"
    ready: str = "/readyz"
    headers: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    model: str = "{model}"
    copies: bool = False
    scenarios: tuple[str, ...] = ()
    checked: bool = True

    def does(self, scenario: Scenario) -> bool:
        wanted = not self.scenarios or any(word.lower() in scenario.name.lower() for word in self.scenarios)
        return wanted and self.name not in scenario.without

    def told(self, scenario: Scenario) -> str:
        """The model of a scenario as this gateway knows it."""
        name = scenario.copied if self.copies and scenario.copied else scenario.model
        return self.model.replace("{model}", name)


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway at work: `seconds` is what it took from the command to the first answer of its ready page.

    `folder` is its own, where all that it prints is in the log.
    """

    gateway: Gateway
    url: str
    probe: str
    headers: Mapping[str, str]
    pid: int
    seconds: float
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / LOG


TRACES = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "{vendor}",
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "0.1",
}


def koci() -> Gateway:
    return Gateway(
        "koci",
        (sys.executable, "-m", "koci_proxy", "serve", "--port", "{port}", "--sandbox", "{vendor}"),
        url="http://127.0.0.1:{port}/openai/v1",
        headers={"authorization": "Bearer {secret}"},
        files=_koci_files(),
        prepare=(sys.executable, "-m", "koci_proxy", "keys", "new", "bench", "--credits", "100000000"),
    )


def traced() -> Gateway:
    """The same, with one request in ten traced and the spans sent to a collector, for small answers."""
    return replace(koci(), name="koci-traced", env=TRACES, scenarios=("small answer",))


def _koci_files() -> dict[str, str]:
    """Everything is on as it comes; the models have a price, and the key has credits."""
    mine = [name for name in models() if name != "two" and not name.startswith("gem-")]
    others = [name for name in models() if name.startswith("gem-")]
    targets = {"bench-openai": mine, "bench-gemini": others, "bench-two": ["two"]}
    routes = {
        "platforms": {"openai": "openai", "google": "gemini"},
        "keys": {"bench-openai": "bench", "bench-gemini": "bench", "bench-two": [FAILING, "bench"]},
        "models": {name: {"price": 4, "to": f"{to}/{name}"} for to, names in targets.items() for name in names},
    }
    vendor = {"url": "sandbox:/v1", "sandbox": True, "timeout": 120}
    openai = {"dialect": "openai", **vendor}
    gemini = {"dialect": "gemini", **vendor, "auth": {"header": "x-goog-api-key", "prefix": ""}}
    cards = {"bench-openai": (openai, "gpt-image-2"), "bench-gemini": (gemini, "gemini-3-pro-image")}
    cards["bench-two"] = cards["bench-openai"]
    files = {
        f"providers/{name}.yaml": yaml.safe_dump({**facts, "models": dict.fromkeys(targets[name], card)})
        for name, (facts, card) in cards.items()
    }
    return {"routes.yaml": yaml.safe_dump(routes), **files}


NGINX = """\
daemon off;
%s
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 8192; }
http {
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    upstream vendor { server {host}; keepalive 2048; keepalive_requests 1000000; }
    server {
        listen 127.0.0.1:{port} backlog=4096;
        location = /readyz { return 200 "ready\\n"; }
        location / {
            proxy_pass http://vendor;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_read_timeout 300;
%s
        }
    }
}
"""
TUNED = """\
            client_body_buffer_size 256k;
            proxy_request_buffering off;
            proxy_buffer_size 64k;
            proxy_buffers 4 256k;
            proxy_busy_buffers_size 512k;
            proxy_max_temp_file_size 0;"""


def nginx(name: str = "nginx", buffers: str = TUNED) -> Gateway:
    user = "user root;" if os.geteuid() == 0 else ""
    return Gateway(
        name,
        ("nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "stderr"),
        headers={"authorization": "Bearer bench"},
        files={"nginx.conf": NGINX % (user, buffers)},
        copies=True,
    )


def naive() -> Gateway:
    serve = ("uvicorn", "bench.naive:app", "--app-dir", str(ROOT), "--port", "{port}", "--loop", "uvloop")
    return Gateway(
        "naive",
        (sys.executable, "-m", *serve, "--http", "httptools", "--no-access-log", "--log-level", "warning"),
        env={"BENCH_VENDOR": "{vendor}", "BENCH_KEYS": f"{FAILING},bench"},
    )


def shipped() -> dict[str, Gateway]:
    """Every gateway that the bench brings; the last one runs only when it is named."""
    known = (koci(), traced(), nginx(), naive(), nginx("nginx-default", ""))
    return {one.name: one for one in known}


USUAL = ("koci", "koci-traced", "nginx", "naive")


def read(path: Path) -> Gateway:
    """A gateway out of a YAML file with the fields of `Gateway`. Raises `ValueError` that names the wrong field."""
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {one.name for one in fields(Gateway)}
    if not isinstance(value, dict) or not {"name", "command"} <= value.keys() <= known:
        wrong = sorted(set(value) - known) if isinstance(value, dict) else []
        raise ValueError(f"{path}: needs name and command" + (f", and knows no {', '.join(wrong)}" if wrong else ""))
    lists = {name: tuple(map(str, value[name])) for name in ("command", "prepare", "scenarios") if name in value}
    loose: dict[str, Any] = {"checked": False, **value, **lists}
    return Gateway(**loose)


def missing(gateway: Gateway) -> str:
    """Why a gateway cannot run here; empty when it can."""
    program = gateway.command[0]
    return "" if shutil.which(program) else f"{gateway.name} is left out: there is no {program} on this machine"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A gateway whose first folder is made."""

    gateway: Gateway
    folder: Path
    vendor: str
    secret: str

    def filled(self, text: str, port: int, folder: Path) -> str:
        words = {"port": str(port), "vendor": self.vendor, "folder": str(folder), "secret": self.secret}
        words["host"] = self.vendor.removeprefix("http://")
        for word, value in words.items():
            text = text.replace("{" + word + "}", value)
        return text


def prepare(gateway: Gateway, vendor: str, home: Path) -> Prepared:
    made = Prepared(gateway, home / f"{gateway.name}-first", vendor, "")
    made.folder.mkdir(parents=True)
    _write(made, 0, made.folder)
    if not gateway.prepare:
        return made
    done = subprocess.run(gateway.prepare, cwd=made.folder, stdout=subprocess.PIPE, text=True, check=True)
    return replace(made, secret=done.stdout.strip().splitlines()[-1])


def _write(made: Prepared, port: int, folder: Path) -> None:
    for name, text in made.gateway.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made.filled(text, port, folder), encoding="utf-8")


@contextmanager
def started(made: Prepared, home: Path) -> Iterator[Running]:
    """A gateway on a fresh copy of its folder and a free port, ready; stopped by its own id at the end."""
    gateway, port = made.gateway, free_port()
    with _folder(home, gateway.name) as folder:
        shutil.copytree(made.folder, folder, dirs_exist_ok=True)
        _write(made, port, folder)

        def fill(text: str) -> str:
            return made.filled(text, port, folder)

        env = os.environ | {key: fill(value) for key, value in gateway.env.items()}
        command = [fill(word) for word in gateway.command]
        with (folder / LOG).open("w") as log:
            began = time.perf_counter()
            child = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(child, port, gateway.ready, folder)
            seconds = time.perf_counter() - began
            headers = {key: fill(value) for key, value in gateway.headers.items()}
            probe = f"http://127.0.0.1:{port}{gateway.ready}"
            yield Running(gateway, fill(gateway.url), probe, headers, child.pid, seconds, folder)
        finally:
            _stop(child)


@contextmanager
def _folder(home: Path, name: str) -> Iterator[Path]:
    """A folder of its own. Its files stay until the bench ends, the large ones emptied: ext4 looks past every file that
    was deleted in the last minutes when it makes a new one, which would tell more of what was before than of this.
    """
    folder = Path(tempfile.mkdtemp(dir=home, prefix=f"{name}-"))
    try:
        yield folder
    finally:
        clear(folder, "*")


def clear(folder: Path, names: str = "*.png") -> None:
    """Empty the large pictures that a gateway has kept."""
    for path in folder.rglob(names):
        if path.is_file() and path.stat().st_size > LARGE:
            os.truncate(path, 0)


def _wait(child: subprocess.Popen[bytes], port: int, page: str, folder: Path) -> None:
    limit = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < limit:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            line.request("GET", page)
            if line.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            line.close()
        time.sleep(0.005)
    raise RuntimeError(f"{child.args!r} did not become ready:\n{(folder / 'gateway.log').read_text()[-2000:]}")


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
