"""`python -m bench`: run every scenario against several gateways and print CPU per request, latency and peak memory.

The vendor and the load are processes of their own, so what is measured is each gateway's alone. Rounds of the gateways
take turns, so that a noisy machine disturbs them alike: compare rows of one run, not runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from . import gateways, measure, report
from .gateways import Gateway, Prepared, Running, prepare, started
from .load import Load, Order
from .probe import Probe
from .report import Cost, Results, percentile
from .scenarios import Scenario, picked

STARTS = 5
VENDOR = "vendor"
"""The name of the rows in which the load asks the vendor itself."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a run goes by: the gateways, the vendor as one more, the load, and a folder for all of them."""

    prepared: Sequence[Prepared]
    vendor: Running
    load: Load
    home: Path
    results: Results


@contextmanager
def vendor() -> Iterator[Running]:
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.vendor"], stdout=subprocess.PIPE, text=True, cwd=gateways.ROOT
    )
    assert child.stdout is not None
    try:
        address = child.stdout.readline().strip()
        alone = Gateway(VENDOR, (), copies=True)
        yield Running(alone, f"{address}/v1", "", {"authorization": "Bearer bench"}, child.pid, 0, Path(os.devnull))
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()


def one_round(bench: Bench, running: Running, scenario: Scenario, look: bool) -> str:
    """Measure a scenario once; the reason where it failed."""
    model, copies = running.gateway.told(scenario), running.gateway.copies

    def order(requests: int, in_flight: int, look: bool) -> Order:
        return Order(scenario, running.url, running.headers, model, requests, in_flight, copies, look)

    if look and (failed := bench.load.run(order(1, 1, True)).failed):
        return failed
    if failed := bench.load.run(order(scenario.warm, min(scenario.in_flight, scenario.warm), False)).failed:
        return failed
    gateways.clear(running.folder)
    measure.forget_peak(running.pid)
    base, before = measure.resident_mb(running.pid), measure.cpu_seconds(running.pid)
    with Probe(running.probe) if scenario.probed and running.probe else nullcontext() as probe:
        times = bench.load.run(order(scenario.requests, scenario.in_flight, False))
    cpu = (measure.cpu_seconds(running.pid) - before) / scenario.requests * 1000
    if times.failed:
        return times.failed
    peak = measure.peak_mb(running.pid)
    p50, p90, p99 = (percentile(times.waits, share) for share in (0.5, 0.9, 0.99))
    held = max(0.0, peak - base) * 1024 / scenario.in_flight
    rate = scenario.requests / times.seconds
    if probe and probe.failed:
        return probe.failed
    probes = tuple(probe.waits) if probe else ()
    bench.results.add(scenario, running.gateway.name, Cost(cpu, p50, p90, p99, peak, held, rate, probes))
    return ""


def one_family(bench: Bench, running: Running, family: Sequence[Scenario], first: bool) -> None:
    name = running.gateway.name
    for scenario in family:
        if reason := one_round(bench, running, scenario, first):
            bench.results.failed[scenario, name] = reason
            print(f"{scenario.name}, {name}: {reason}", *_last_lines(running.log), sep="\n    ", file=sys.stderr)


def _last_lines(log: Path) -> list[str]:
    return [] if not log.is_file() else log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]


def due(results: Results, gateway: Gateway, family: Sequence[Scenario], turn: int) -> list[Scenario]:
    """What a gateway has to go through in round `turn`; what failed once is left alone."""
    return [
        scenario
        for scenario in family
        if gateway.does(scenario)
        and (turn == 0 or gateway.name not in scenario.once)
        and (scenario, gateway.name) not in results.failed
    ]


def run(bench: Bench, families: Sequence[Sequence[Scenario]], rounds: int) -> None:
    """All families, each with its rounds, in which the gateways take turns; a fresh process of each every time."""
    print(report.HEAD)
    for family in families:
        for turn in range(rounds):
            one_family(bench, bench.vendor, due(bench.results, bench.vendor.gateway, family, turn), turn == 0)
            first = turn % len(bench.prepared) if bench.prepared else 0
            for made in (*bench.prepared[first:], *bench.prepared[:first]):
                if scenarios := due(bench.results, made.gateway, family, turn):
                    with started(made, bench.home) as running:
                        one_family(bench, running, scenarios, turn == 0)
        for scenario in family:
            print("\n".join(report.lines(bench.results, scenario)), flush=True)


def starts(bench: Bench, times: int) -> None:
    """How long each gateway takes to be ready, and the memory it then has."""
    for _ in range(times):
        for made in bench.prepared:
            with started(made, bench.home) as running:
                name = made.gateway.name
                bench.results.starts.setdefault(name, []).append(running.seconds)
                bench.results.idle.setdefault(name, []).append(measure.resident_mb(running.pid))
    for name, seconds in bench.results.starts.items():
        idle = report.Spread.of(bench.results.idle[name])
        print(f"start of {name:<14}{report.Spread.of(seconds)!s:>22} s, then {idle} MB", flush=True)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="run the scenarios whose name holds this word")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each scenario and gateway (5; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="fewer scenarios and requests, one round")
    parser.add_argument("--gateways", default=",".join(gateways.USUAL), metavar="A,B", help="of those the bench brings")
    parser.add_argument("--gateway", action="append", default=[], type=Path, metavar="FILE", help="one more, from YAML")
    parser.add_argument("--write", action="store_true", help="write the tables and the plot into the page")
    parser.add_argument("--docs", type=Path, default=gateways.ROOT / "docs" / "performance.md", metavar="PAGE")
    parser.add_argument("--list", action="store_true", help="name the scenarios and stop")
    return parser.parse_args()


def chosen(asked: argparse.Namespace) -> list[Gateway]:
    """The gateways of a run; those that cannot run here are told and left out."""
    known = gateways.shipped()
    names = [name for name in asked.gateways.split(",") if name]
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"no gateway {', '.join(unknown)}: there are {', '.join(known)}")
    found = [known[name] for name in names] + [gateways.read(path) for path in asked.gateway]
    for gateway in found:
        if reason := gateways.missing(gateway):
            print(reason, file=sys.stderr)
        if not gateway.checked:
            print(f"{gateway.name} is an entry that nobody has checked", file=sys.stderr)
    return [gateway for gateway in found if not gateways.missing(gateway)]


def about(rounds: int, names: Sequence[str]) -> dict[str, str]:
    cores = len(re.findall(r"^processor", Path("/proc/cpuinfo").read_text(), re.M))
    found = {"Cores": str(cores), "Python": platform.python_version(), "Rounds": str(rounds)}
    if "nginx" in names:
        said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
        found["nginx"] = said.strip().rpartition("/")[2]
    return found


def main() -> None:
    asked = options()
    families = picked(asked.only, asked.quick)
    if asked.list:
        print("\n".join(scenario.name for family in families for scenario in family))
        return
    rounds = asked.rounds or (1 if asked.quick else 5)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # or what was started would stay
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    found = chosen(asked)
    results = Results(gateways=[VENDOR, *(one.name for one in found)])
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, vendor() as alone, Load() as load:
        home = Path(folder)
        address = alone.url.removesuffix("/v1")
        bench = Bench([prepare(gateway, address, home) for gateway in found], alone, load, home, results)
        run(bench, families, rounds)
        if not asked.only or "start" in asked.only:
            starts(bench, 2 if asked.quick else STARTS)
    if asked.write:
        from . import plot  # its library is large, and no other run needs it

        picture = asked.docs.with_suffix(".svg")
        plot.draw(results, picture)
        report.insert(asked.docs, report.markdown(results, about(rounds, [one.name for one in found]), picture.name))


if __name__ == "__main__":
    main()
