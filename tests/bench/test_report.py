"""What the bench makes of its rounds: medians, ratios, targets, tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.report import BEGIN, END, Cost, Results, Spread, insert, lines, markdown, number, percentile, verdict
from bench.scenarios import Scenario, Target

ONE = Scenario("24 MB base64 to URL", 8, 16, "b64-24", "url")
COST = Cost(cpu=10, p50=5, p90=8, p99=9, peak=50, held=20, rate=100)


def results(scenario: Scenario = ONE) -> Results:
    found = Results(gateways=["koci", "nginx", "naive"])
    for name, cpus in {"koci": (24, 30, 20), "nginx": (12, 10, 14), "naive": (240, 260, 250)}.items():
        for cpu in cpus:
            found.add(scenario, name, replace(COST, cpu=cpu))
    return found


def test_the_middle_and_its_spread() -> None:
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3)
    assert str(Spread.of([24, 30, 20])) == "24.0 (20.0–30.0)"
    assert str(Spread.of([24.0])) == "24.0"


@pytest.mark.parametrize(
    ("value", "said"), [(1234.5, "1,234"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012"), (0.5, "0.50")]
)
def test_numbers(value: float, said: str) -> None:
    assert number(value) == said


def test_percentiles_by_the_nearest_rank() -> None:
    values = list(range(100, 0, -1))
    assert [percentile(values, share) for share in (0.5, 0.9, 0.99)] == [50, 90, 99]
    assert percentile([7], 0.99) == 7


def test_ratios_are_of_medians() -> None:
    found = results()
    assert found.ratio(ONE, "koci", "nginx") == 2
    assert found.ratio(ONE, "naive", "koci") == pytest.approx(250 / 24)
    assert found.ratio(ONE, "koci", "nobody") is None


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target("cpu", 2, of="nginx"), "CPU ≤ 2 × nginx: 2.00 ×, reached"),
        (Target("cpu", 1.5, of="nginx"), "CPU ≤ 1.5 × nginx: 2.00 ×, MISSED"),
        (Target("cpu", 1 / 8, of="naive"), "naive CPU ≥ 8.00 ×: 10.4 ×, reached"),
        (Target("cpu", 20), "CPU ≤ 20 ms: 24.0 ms, MISSED"),
        (Target("peak", 100), "peak ≤ 100 MB: 50.0 MB, reached"),
        (Target("p50", 0.5, beyond="nginx"), "p50 ≤ 0.5 ms over nginx: 0.000 ms, reached"),
        (Target("cpu", 2, of="nobody"), "CPU ≤ 2 × nobody: not measured"),
        (Target("probe", 50), "/readyz p99 ≤ 50 ms: not measured"),
    ],
)
def test_targets(target: Target, said: str) -> None:
    assert verdict(results(), ONE, target) == said


def test_probes_of_all_rounds_count_together() -> None:
    found = Results(gateways=["koci"])
    for probes in ((1.0,) * 50, (1.0,) * 49 + (80.0,)):
        found.add(ONE, "koci", replace(COST, probes=probes))
    assert found.figure(ONE, "koci", "probe") == 1.0
    found.add(ONE, "koci", replace(COST, probes=(80.0,)))
    assert found.figure(ONE, "koci", "probe") == 80.0


def test_what_failed_has_a_row() -> None:
    found = results()
    found.rounds.pop((ONE, "naive"))
    found.failed[ONE, "naive"] = "answered 500"
    assert any("failed: answered 500" in line for line in lines(found, ONE))
    assert "| naive | failed |" in markdown(found, {}, "p.svg")


def test_the_page_keeps_what_is_not_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    insert(page, markdown(results(), {"Rounds": "3"}, "p.svg"))
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\nRounds: 3.\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| 24 MB base64 to URL | 8 | koci | 24.0 (20.0–30.0) | 42 |" in text


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no marks\n")
    with pytest.raises(ValueError, match="bench:begin"):
        insert(page, "text")
    assert page.read_text() == "no marks\n"
