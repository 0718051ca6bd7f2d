"""Up to which open fraction computing only what is open returns time."""

from __future__ import annotations

from math import isnan

import pandas as pd
from matplotlib.axes import Axes

from ..bench.read import partly_open
from ..looks import look, symbol


def gate_times(axes: Axes, curve: pd.DataFrame, form: str, ungated: float) -> None:
    """Time of a gated layer over its open fraction, beside the same layer without a gate, a plain line.

    Symbols are of the layer that computes only what is open, the dotted line of one that computes everything.  None
    open and all open are left out.

    Args:
        axes: where to draw.
        curve: of one form and place, from :func:`~inertia_utils.bench.read.break_even_frame`.
        form: its name, which also gives the look.
        ungated: milliseconds of the layer without a gate.
    """
    between = partly_open(curve)
    color = look(form)["color"]
    axes.axhline(ungated, color=color, linewidth=0.8, label=f"{form}, no gate")
    axes.plot(between["fraction"], between["chosen"], **symbol(form), markersize=3, label=f"{form}, open only")
    axes.plot(between["fraction"], between["everywhere"], color=color, linestyle=":", label=f"{form}, all")


def break_even_map(axes: Axes, points: pd.DataFrame) -> None:
    """Break-even open fractions, a column per form and a row per channels, size and batch.

    Args:
        axes: where to draw.
        points: from :func:`~inertia_utils.bench.read.break_even_frame`.
    """
    place = ["channels", "size", "batch"]
    each = points.drop_duplicates(["form", *place])
    grid = each.pivot_table(index=place, columns="form", values="break_even")[list(each["form"].unique())]
    axes.imshow(grid, cmap="viridis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(grid.columns)), grid.columns, fontsize=7)
    axes.set_yticks(range(len(grid)), [f"{c} ch, {s}², {b}" for c, s, b in grid.index], fontsize=7)
    axes.set_ylabel(", ".join(place))
    axes.grid(False)
    for row, line in enumerate(grid.to_numpy()):
        for column, value in enumerate(line):
            if isnan(value):
                continue
            color = "white" if value < 0.6 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
