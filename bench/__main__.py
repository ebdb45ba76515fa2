"""`python -m bench`: run every scenario and print CPU per request, latency and peak memory of the proxy.

The sandbox and this load generator are processes of their own, so what is read from /proc is the proxy's alone. The
machine may be shared: compare rows of one run, not runs. `--only WORD` runs the scenarios whose name holds the word.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from koci_proxy.upstream import Client
from tests.e2e.processes import House, Sandbox, proxy, sandbox

ROUTES = """
platforms: {openai: openai, google: gemini}
models: {picture: {to: sandbox-openai/gpt-image-2}}
"""
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    prompt: str
    deliver: str
    in_flight: int
    requests: int


SCENARIOS = (
    Scenario("small answer", "bench:small", "b64_json", 1, 500),
    Scenario("small answer", "bench:small", "b64_json", 64, 3000),
    Scenario("24 MB base64 to URL", "bench:24", "url", 1, 20),
    Scenario("24 MB base64 to URL", "bench:24", "url", 8, 48),
    Scenario("24 MB base64 to URL", "bench:24", "url", 64, 192),
    Scenario("24 MB base64 passed on", "bench:24", "b64_json", 1, 20),
    Scenario("24 MB base64 passed on", "bench:24", "b64_json", 8, 48),
    Scenario("24 MB base64 passed on", "bench:24", "b64_json", 64, 192),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one scenario: CPU and p50/p99 latency per request in milliseconds, peak resident memory in MB."""

    cpu: float
    p50: float
    p99: float
    peak: float


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


async def load(house: House, scenario: Scenario) -> Cost:
    """Run a scenario once, all its requests with so many in flight."""
    client = Client(per_origin=scenario.in_flight)
    body = json.dumps(
        {"model": "picture", "prompt": scenario.prompt, "size": "2048x2048", "response_format": scenario.deliver}
    ).encode()
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    waits: list[float] = []
    left = iter(range(scenario.requests))

    async def one() -> None:
        began = time.perf_counter()
        url = f"{house.url}/openai/v1/images/generations"
        async with await client.send("POST", url, headers, lambda: iter((body,)), length=len(body)) as answer:
            async for _ in answer.pieces():
                pass
            if answer.status != 200:
                raise SystemExit(f"{scenario.name}: answered {answer.status}")
        waits.append((time.perf_counter() - began) * 1000)

    async def worker(turns: Iterator[int]) -> None:
        for _ in turns:
            await one()

    await one()
    waits.clear()
    forget_peak(house.pid)
    before = cpu_seconds(house.pid)
    await asyncio.gather(*(worker(left) for _ in range(scenario.in_flight)))
    cpu = (cpu_seconds(house.pid) - before) / scenario.requests * 1000
    await client.close()
    marks = statistics.quantiles(waits, n=100)
    return Cost(cpu, statistics.median(waits), marks[98], peak_mb(house.pid))


def run(only: str) -> None:
    with sandbox() as vendor, tempfile.TemporaryDirectory() as folder:
        print(f"{'scenario':<26}{'in flight':>10}{'CPU ms':>9}{'p50 ms':>9}{'p99 ms':>9}{'peak MB':>9}")
        for scenario in SCENARIOS:
            if only in scenario.name:
                report(vendor, Path(folder), scenario)


def report(vendor: Sandbox, folder: Path, scenario: Scenario) -> None:
    """Each scenario has a proxy of its own, so that one's memory does not stand in another's row."""
    home = Path(tempfile.mkdtemp(dir=folder))
    with proxy(home, vendor, ROUTES) as house:
        cost = asyncio.run(load(house, scenario))
    row = f"{cost.cpu:>9.2f}{cost.p50:>9.1f}{cost.p99:>9.1f}{cost.peak:>9.0f}"
    print(f"{scenario.name:<26}{scenario.in_flight:>10}{row}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="run the scenarios whose name holds this word")
    run(parser.parse_args().only)
