"""The bench's figure: CPU for each request, by scenario and gateway. Needs the group `bench` of pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # before pyplot is there: no window anywhere

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

from .report import Results, number, shown

COLOURS = {"koci": "#d1495b", "koci-traced": "#8c2f39", "nginx": "#8d99ae", "naive": "#edae49"}
OTHERS = ("#66a182", "#00798c", "#6a4c93", "#2e4057")
LEFT_OUT = "vendor"


def draw(results: Results, path: Path) -> None:
    """Write the figure as the ending of `path` says."""
    scenarios = shown(results)
    names = [name for name in results.gateways if name != LEFT_OUT]
    others = iter(OTHERS * 3)
    high = 0.8 / max(1, len(names))
    with mpl.rc_context({"font.size": 9, "svg.hashsalt": "bench", "font.family": "DejaVu Sans"}):
        figure, axes = plt.subplots(figsize=(9, 1.2 + 0.24 * len(scenarios) * max(2, len(names))))
        for at, name in enumerate(names):
            found = [(row, results.figure(one, name, "cpu")) for row, one in enumerate(scenarios)]
            bars = [(row + at * high, cpu) for row, cpu in found if cpu is not None]
            if not bars:
                continue
            colour = COLOURS.get(name) or next(others)
            rows, values = zip(*bars, strict=True)
            drawn = axes.barh(rows, values, high * 0.92, align="edge", color=colour, label=name)
            axes.bar_label(drawn, [number(value) for value in values], padding=3, fontsize=7)
        axes.set_xscale("log")
        axes.set_xlabel("CPU ms for each request, all processes of the gateway (log scale; less is better)")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_yticks([row + 0.4 for row in range(len(scenarios))], [one.name for one in scenarios])
        axes.invert_yaxis()
        axes.margins(x=0.08, y=0.01)
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="upper center", ncols=len(names), frameon=False)
        figure.tight_layout(rect=(0, 0, 1, 1 - 0.35 / figure.get_figheight()))
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)
