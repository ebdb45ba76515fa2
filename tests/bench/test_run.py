"""Who goes through what in which round, and what the figure shows."""

from __future__ import annotations

from dataclasses import replace

from bench.__main__ import due
from bench.gateways import Gateway
from bench.report import Cost, Results, shown
from bench.scenarios import Scenario

ONE = Scenario("waiting 2 s", 64, 64, "wait-2", once=frozenset({"slow"}), without=frozenset({"never"}))
COST = Cost(cpu=1, p50=5, p90=8, p99=9, peak=50, held=20, rate=100)


def test_slow_gateways_go_once() -> None:
    results = Results()
    for name, rounds in {"slow": [True, False], "never": [False, False], "fast": [True, True]}.items():
        assert [due(results, Gateway(name, ()), [ONE], turn) == [ONE] for turn in (0, 1)] == rounds


def test_what_failed_is_not_tried_again() -> None:
    results = Results(failed={(ONE, "fast"): "answered 500"})
    assert due(results, Gateway("fast", ()), [ONE], 1) == []


def test_the_figure_shows_the_scenario_that_most_went_through() -> None:
    results = Results(gateways=["vendor", "koci", "nginx", "other"])
    alone = replace(ONE, in_flight=2000)
    for name in ("vendor", "koci", "nginx"):
        results.add(ONE, name, COST)
    results.add(alone, "koci", COST)
    assert shown(results) == [ONE]
