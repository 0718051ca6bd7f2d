"""Accuracy against what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from statistics import fmean

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from ..figures import WIDTH
from ..frames import frontier
from ..looks import kind, symbol
from ..stats import interval
from .marks import label_counts, legend_below, mean_bar

#: Columns of a legend that names kinds of arms.
LEGEND_COLUMNS = 3
#: Costs that accuracy is drawn against, and their labels.
COSTS = {"conv_weights": "convolution weights", "conv_macs": "convolution MACs"}


def accuracy_against_costs(table: pd.DataFrame, reference: str, costs: Mapping[str, str] = COSTS) -> Figure:
    """Accuracy against every cost: seeds small, means large with intervals, and the frontier.

    Intervals are those of three seeds or more.  All arms of a kind are drawn alike.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        reference: arm whose mean is drawn as a dotted line.
        costs: columns of the table and their labels, a panel each.

    Raises:
        ValueError: ``reference`` is not in the table.
    """
    means = table.groupby("arm", sort=False)[["accuracy", *costs]].mean()
    if reference not in means.index:
        raise ValueError(f"reference: expected an arm of the table, got {reference!r}; it has {', '.join(means.index)}")
    kinds = table["arm"].map(kind)
    styles = {name: symbol(name) for name in kinds.unique()}
    height = 2.8 + 0.18 * ceil((len(styles) + 2) / LEGEND_COLUMNS)
    figure, (panels,) = plt.subplots(1, len(costs), figsize=(WIDTH, height), sharey=True, squeeze=False)
    for axes, (cost, label) in zip(panels, costs.items(), strict=True):
        for name, style in styles.items():
            seeds = table[kinds == name]
            marks = means.loc[seeds["arm"].unique()]
            axes.scatter(seeds[cost], 100 * seeds["accuracy"], s=7, alpha=0.3, **style)
            axes.scatter(marks[cost], 100 * marks["accuracy"], s=26, label=name, **style)
            for _, values in seeds.groupby("arm"):
                mean = interval(100 * values["accuracy"])
                axes.errorbar(values[cost].mean(), mean.mean, mean.half_width, color=style["color"], linewidth=1)
        best = frontier(means, cost)
        axes.step(best[cost], 100 * best["accuracy"], where="post", color="black", linewidth=0.8, label="frontier")
        axes.axhline(
            100 * means["accuracy"][reference],
            color="black",
            linewidth=0.8,
            linestyle=":",
            label=f"mean of {reference}",
        )
        axes.set(xscale="log", xlabel=label)
        label_counts(axes.xaxis, _ticks(means[cost]))
    panels[0].set_ylabel("test accuracy (%)")
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=LEGEND_COLUMNS, columnspacing=1, handletextpad=0.4)
    return figure


def accuracy_by_macs(table: pd.DataFrame, reference: str, costs: Mapping[str, str] = COSTS) -> Figure:
    """Every arm in a row of its own, from the most convolution MACs to the fewest, its costs written beside it.

    Seeds are small symbols in the colour of the arm's kind, with mean and interval (of three seeds or more) below them.
    Arms that take about as many MACs stand together.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        reference: arm whose mean is drawn as a dotted line.
        costs: columns of the table and the headings under which their means are written.

    Raises:
        ValueError: ``reference`` is not in the table.
    """
    accuracies = {arm: list(100 * values) for arm, values in table.groupby("arm")["accuracy"]}
    if reference not in accuracies:
        raise ValueError(f"reference: expected an arm of the table, got {reference!r}; it has {', '.join(accuracies)}")
    means = table.groupby("arm")[list(dict.fromkeys(["conv_macs", "accuracy", *costs]))].mean()
    places = _grouped(means.sort_values(["conv_macs", "accuracy"], ascending=False)["conv_macs"])
    bottom = -min(places.values())
    figure, axes = plt.subplots(figsize=(WIDTH, 1.1 + 0.19 * bottom))
    for arm, place in places.items():
        row = [place] * len(accuracies[arm])
        axes.scatter(accuracies[arm], row, s=8, alpha=0.5, **symbol(kind(arm)), label=kind(arm))
        mean_bar(axes, place - 0.3, accuracies[arm], horizontal=True)
    axes.axvline(fmean(accuracies[reference]), color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(list(places.values()), list(places))
    axes.set(xlabel="test accuracy (%)", ylim=(-bottom - 0.9, 1.4))
    beside = axes.secondary_yaxis("right")
    beside.set_yticks([1, *places.values()], _columns(means.loc[list(places), list(costs)], list(costs.values())))
    beside.tick_params(length=0, labelfontfamily="monospace")
    beside.spines["right"].set_visible(False)
    legend_below(figure, [axes], 3, markerscale=2)
    return figure


def with_neighbours(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of networks that see neighbours, and a sentence about the others, far below, for a figure's caption.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
    """
    blind = table[table["kernel_size"] == 1]
    means = [f"{arm} ({mean:.1%})" for arm, mean in blind.groupby("arm", sort=False)["accuracy"].mean().items()]
    sentence = f"Not drawn, since a 1×1 kernel sees no neighbours: {', '.join(means)}." if means else ""
    return table[table["kernel_size"] > 1], sentence


def _columns(counts: pd.DataFrame, headings: Sequence[str]) -> list[str]:
    """Headings and one line per row, aligned to the right; a dash for what was not measured."""
    count = EngFormatter(places=1, sep="")
    rows = counts.itertuples(index=False)
    lines = [headings, *(["–" if pd.isna(number) else count(number) for number in row] for row in rows)]
    widths = [2 + max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["".join(f"{text:>{width}}" for text, width in zip(line, widths, strict=True)) for line in lines]


def _grouped(macs: pd.Series) -> dict[str, float]:
    """Name → place from 0 downwards, with a gap wherever the MACs, which fall, are a sixth below the group's first."""
    places, place, first = {}, 0.0, macs.iloc[0]
    for name, count in macs.items():
        if count < first / 1.2:
            place, first = place - 0.6, count
        places[str(name)] = place
        place -= 1
    return places


def _ticks(costs: pd.Series) -> tuple[float, ...]:
    """Which multiples of powers of ten are labelled: more of them where the axis spans few."""
    return (1, 2, 5) if costs.max() / costs.min() > 4 else (1, 1.5, 2, 3, 4, 5, 7)
