"""What the rounds came to: medians with their spread, ratios, targets, and the tables that show them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .scenarios import Scenario, Target

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
OURS, YARDSTICK, PLAIN = "koci", "nginx", "naive"


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one round: CPU and latencies in ms, peak MB, KB held for each request under way, answers a second."""

    cpu: float
    p50: float
    p90: float
    p99: float
    peak: float
    held: float
    rate: float
    probes: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, and their least and most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        if number(self.least) == number(self.most):
            return number(self.median)
        return f"{number(self.median)} ({number(self.least)}–{number(self.most)})"


def number(value: float) -> str:
    """Three digits that count, thousands whole."""
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of all lies, by the nearest rank."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


@dataclass(slots=True)
class Results:
    """All rounds of a run by scenario and gateway, what failed, how starts went; `gateways` in the order of a row."""

    rounds: dict[tuple[Scenario, str], list[Cost]] = field(default_factory=dict)
    failed: dict[tuple[Scenario, str], str] = field(default_factory=dict)
    gateways: list[str] = field(default_factory=list)
    starts: dict[str, list[float]] = field(default_factory=dict)
    idle: dict[str, list[float]] = field(default_factory=dict)

    def add(self, scenario: Scenario, gateway: str, cost: Cost) -> None:
        self.rounds.setdefault((scenario, gateway), []).append(cost)

    def spread(self, scenario: Scenario, gateway: str, of: Callable[[Cost], float]) -> Spread | None:
        costs = self.rounds.get((scenario, gateway))
        return Spread.of([of(cost) for cost in costs]) if costs else None

    def figure(self, scenario: Scenario, gateway: str, name: str) -> float | None:
        """The median of a figure; of the probe the p99 of all rounds together."""
        costs = self.rounds.get((scenario, gateway))
        if not costs:
            return None
        if name == "probe":
            probes = [wait for cost in costs for wait in cost.probes]
            return percentile(probes, 0.99) if probes else None
        return statistics.median(_getter(name)(cost) for cost in costs)

    def ratio(self, scenario: Scenario, above: str, below: str) -> float | None:
        """How many times the CPU of one gateway another one spends."""
        over, under = self.figure(scenario, above, "cpu"), self.figure(scenario, below, "cpu")
        return over / under if over is not None and under else None

    def scenarios(self) -> list[Scenario]:
        return list(dict.fromkeys(scenario for scenario, _ in [*self.rounds, *self.failed]))


WORDS = {"cpu": "CPU", "p50": "p50", "peak": "peak", "held": "held each", "probe": "/readyz p99"}
SHOWN = ("p50", "p90", "p99", "peak")
UNITS = {"cpu": "ms", "p50": "ms", "peak": "MB", "held": "KB", "probe": "ms"}


def verdict(results: Results, scenario: Scenario, target: Target) -> str:
    """A target in words, what came of it, and whether that is enough."""
    mine, name, unit = results.figure(scenario, OURS, target.figure), WORDS[target.figure], UNITS[target.figure]
    other = results.figure(scenario, target.of or target.beyond, target.figure) if target.of or target.beyond else 0.0
    if target.of and target.most < 1:
        said = f"{target.of} {name} ≥ {number(1 / target.most)} ×"
    elif target.of:
        said = f"{name} ≤ {target.most:g} × {target.of}"
    else:
        said = f"{name} ≤ {target.most:g} {unit}" + (f" over {target.beyond}" if target.beyond else "")
    if mine is None or other is None or (target.of and not other):
        return f"{said}: not measured"
    came = mine / other if target.of else mine - other
    shown = (
        f"{number(1 / came)} ×" if target.of and target.most < 1 else number(came) + (" ×" if target.of else f" {unit}")
    )
    return f"{said}: {shown}, {'reached' if came <= target.most else 'MISSED'}"


def verdicts(results: Results, scenario: Scenario) -> list[str]:
    return [verdict(results, scenario, target) for target in scenario.targets]


HEAD = f"{'scenario':<44}{'gateway':<14}{'CPU ms':>22}" + "".join(
    f"{word:>{width}}"
    for word, width in (("p50", 9), ("p90", 9), ("p99", 9), ("peak MB", 9), ("per core s", 11), ("× nginx", 9))
)


def lines(results: Results, scenario: Scenario) -> Iterator[str]:
    """One scenario for the terminal."""
    for gateway in results.gateways:
        start = f"{scenario.name:<44}{gateway:<14}"
        if (scenario, gateway) in results.failed:
            yield f"{start}failed: {results.failed[scenario, gateway]}"
            continue
        cpu = results.spread(scenario, gateway, lambda cost: cost.cpu)
        if cpu is None:
            continue
        middle = "".join(f"{number(results.figure(scenario, gateway, at) or 0):>9}" for at in SHOWN)
        ratio = results.ratio(scenario, gateway, YARDSTICK)
        probe = results.figure(scenario, gateway, "probe")
        tail = f"   /readyz p99 {number(probe)} ms" if probe is not None else ""
        yield f"{start}{cpu!s:>22}{middle}{_per_core(cpu.median):>11}{_times(ratio):>9}{tail}"
    yield from (f"    {each}" for each in verdicts(results, scenario))


def _per_core(cpu: float) -> str:
    return f"{1000 / cpu:,.0f}" if cpu >= 0.001 else "–"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else number(ratio)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lined = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lined, *(f"| {' | '.join(row)} |" for row in rows)])


def markdown(results: Results, about: Mapping[str, str], plot: str) -> str:
    """Everything for the page: ratios and targets, start and idle memory, then all figures."""
    said = ". ".join(f"{name}: {value}" for name, value in about.items())
    parts = [f"{said}.", f"![CPU for each request]({plot})", _ratios(results), _starts(results), _figures(results)]
    return "\n\n".join(part for part in parts if part)


def _ratios(results: Results) -> str:
    head = ("scenario", "in flight", "CPU × nginx", "naive ÷ koci", "peak MB", "targets")
    rows = []
    for one in results.scenarios():
        mine, other = results.ratio(one, OURS, YARDSTICK), results.ratio(one, PLAIN, OURS)
        peak = results.figure(one, OURS, "peak")
        reached = "; ".join(verdicts(results, one)) or "–"
        rows.append((one.family, f"{one.in_flight:,}", _times(mine), _times(other), _times(peak), reached))
    return table(head, rows)


def _starts(results: Results) -> str:
    rows = [
        (name, str(Spread.of(starts)), str(Spread.of(results.idle[name]))) for name, starts in results.starts.items()
    ]
    return table(("gateway", "start to ready, s", "idle, MB"), rows) if rows else ""


def _figures(results: Results) -> str:
    head = ("scenario", "in flight", "gateway", "CPU ms", "per core-second", "p50 ms", "p90 ms", "p99 ms", "peak MB")
    rows = []
    for one in results.scenarios():
        for gateway in results.gateways:
            first = (one.family, f"{one.in_flight:,}", gateway)
            if (one, gateway) in results.failed:
                rows.append((*first, "failed", "–", "–", "–", "–", "–"))
            elif cpu := results.spread(one, gateway, lambda cost: cost.cpu):
                p50, p90, p99, peak = (str(results.spread(one, gateway, _getter(name))) for name in SHOWN)
                rows.append((*first, str(cpu), _per_core(cpu.median), p50, p90, p99, peak))
    return table(head, rows)


def _getter(name: str) -> Callable[[Cost], float]:
    def get(cost: Cost) -> float:
        value: float = getattr(cost, name)
        return value

    return get


def shown(results: Results) -> list[Scenario]:
    """One scenario of each family: the one that most gateways went through, of these the one with most in flight."""
    best: dict[str, tuple[int, int, Scenario]] = {}
    for one in results.scenarios():
        count = sum((one, name) in results.rounds for name in results.gateways)
        if one.family not in best or (count, one.in_flight) >= best[one.family][:2]:
            best[one.family] = (count, one.in_flight, one)
    return [one for _, _, one in best.values()]


def insert(page: Path, text: str) -> None:
    """Put the tables between the page's two marks. `ValueError` where they are not there."""
    old = page.read_text(encoding="utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
