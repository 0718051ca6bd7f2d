"""What gates keep, by what they open and by how they were trained, and what they open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..figures import WIDTH
from ..looks import MARKERS, PALETTE, look, symbol
from ..stats import interval
from .marks import band, legend_below, mean_bar


def gate_curve(axes: Axes, rows: pd.DataFrame, label: str, column: str = "open_fraction") -> None:
    """Accuracy against measured open positions: a line through the means, seeds as symbols, intervals as a band.

    Intervals are those of three seeds or more.

    Args:
        axes: where to draw.
        rows: of one measure, from :func:`~inertia_utils.frames.gates`.
        label: name of the measure, which also gives the look.
        column: another share to draw it against.
    """
    means = 100 * rows.groupby("rate")[[column, "accuracy"]].mean()
    axes.plot(means[column], means["accuracy"], markersize=4, label=label, **look(label))
    axes.scatter(100 * rows[column], 100 * rows["accuracy"], s=6, alpha=0.4, **symbol(label))
    band(axes, means[column], [interval(100 * seeds) for _, seeds in rows.groupby("rate")["accuracy"]], label)


def gap_curve(axes: Axes, rows: pd.DataFrame, control: pd.DataFrame, label: str, *, faint: bool = False) -> None:
    """Accuracy minus that of another gate asked for the same rate: mean of the paired differences, intervals as a band.

    Intervals are those of three seeds or more.

    Args:
        axes: where to draw.
        rows: of one gate, from :func:`~inertia_utils.frames.gates`.
        control: of the other; rates and seeds that only one of them has are left out.
        label: name of the gate, which also gives the look.
        faint: draw a thin grey line without intervals, one of many that need not be told apart.
    """
    both = rows.merge(control, on=["rate", "seed"], suffixes=("", " of control"))
    gaps = 100 * (both["accuracy"] - both["accuracy of control"])
    found = {rate: interval(values) for rate, values in gaps.groupby(both["rate"])}
    rates = [100 * rate for rate in found]
    style = {"color": "0.7", "linewidth": 0.8} if faint else {"markersize": 4, **look(label)}
    axes.plot(rates, [gap.mean for gap in found.values()], label=label, **style)
    if not faint:
        band(axes, rates, found.values(), label)


def gate_kinds(table: pd.DataFrame, open_accuracy: float) -> Figure:
    """Accuracy by kind of gate and rate, with friction beside random; one panel for each thing that is skipped.

    Seeds are symbols, means have the intervals of three seeds or more, and a line marks the network with open gates.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.trained_gates`.
        open_accuracy: mean of the network whose gates are open.
    """
    rates = table["rate"].map(lambda rate: "" if pd.isna(rate) else f", {rate:.0%}")
    table = table.assign(kind=table["gate"] + rates).sort_values(["gate", "rate"], kind="stable")
    panels = {skip: list(rows["kind"].unique())[::-1] for skip, rows in table.groupby("skip", sort=False)}
    counts = [len(kinds) for kinds in panels.values()]
    height = 0.7 + 0.35 * len(panels) + 0.24 * sum(counts)
    figure, drawn = plt.subplots(
        len(panels), 1, figsize=(WIDTH, height), sharex=True, squeeze=False, height_ratios=counts
    )
    for axes, (skip, kinds) in zip(drawn[:, 0], panels.items(), strict=True):
        rows = table[table["skip"] == skip]
        for name, shift in {"range": 0.15, "random": -0.15, "": 0.0}.items():
            ours = rows[rows["friction"] == name]
            style = symbol(name) if name else {"color": "grey", "marker": "D"}
            places = [kinds.index(kind) + shift for kind in ours["kind"]]
            axes.scatter(100 * ours["accuracy"], places, **style, s=20, alpha=0.6, label=name or "none")
            for place, values in ours.groupby(places)["accuracy"]:
                mean_bar(axes, place, 100 * values, horizontal=True)
        axes.axvline(100 * open_accuracy, color="grey", linewidth=0.8, label="open gates")
        axes.set_yticks(range(len(kinds)), kinds)
        axes.set(title=f'skip="{skip}"', ylim=(-0.6, len(kinds) - 0.4))
    drawn[-1, 0].set_xlabel("test accuracy (%)")
    figure.legend(*drawn[0, 0].get_legend_handles_labels(), title="friction", loc="outside right center")
    return figure


def accuracy_and_loss(ways: Mapping[str, pd.DataFrame], without: Mapping[str, pd.DataFrame]) -> Figure:
    """Test accuracy and training loss of every way to choose positions, beside those of networks without a gate.

    Seeds are symbols in the look of their friction, means have the intervals of three seeds or more; networks without a
    gate are lines, at most four of them.

    Args:
        ways: label → rows of one way, from :func:`~inertia_utils.frames.trained_gates`.
        without: label → rows of a network without a gate.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 2.9))
    columns = {"accuracy": (100, "test accuracy (%)"), "loss": (1, "training loss, last epoch")}
    for axes, (column, (scale, label)) in zip(panels, columns.items(), strict=True):
        for place, rows in enumerate(ways.values()):
            style = symbol(rows["friction"].iloc[0])
            axes.scatter([place - 0.15] * len(rows), scale * rows[column], s=16, alpha=0.7, **style)
            mean_bar(axes, place, scale * rows[column])
        for (name, rows), line in zip(without.items(), ("--", ":", "-.", "-"), strict=False):
            axes.axhline(
                scale * rows[column].mean(), color="grey", linestyle=line, linewidth=1, label=f"{name}, no gate"
            )
        axes.set_xticks(range(len(ways)), list(ways))
        axes.set_ylabel(label)
    legend_below(figure, panels, len(without))
    return figure


def open_fractions(history: pd.DataFrame, arms: Sequence[str], layers: Sequence[str]) -> Figure:
    """Fraction that gates open after every epoch of training, a line per arm and a panel per layer.

    Args:
        history: of one seed, from :func:`~inertia_utils.frames.curves`.
        arms: which of its arms, by name, which also gives the look; labels leave out what all names begin with, up to
            the gate.
        layers: names of the gated layers.
    """
    figure, panels = plt.subplots(1, len(layers), figsize=(WIDTH, 3.2), sharey=True, squeeze=False)
    for axes, layer in zip(panels[0], layers, strict=True):
        for arm in arms:
            rows = history[history["arm"] == arm]
            opened = 100 * rows[f"open_fraction/{layer}"]
            axes.plot(rows["epoch"], opened, **look(arm), markersize=4, label=arm.partition(", gate ")[2])
        axes.set(title=layer, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[0, 0].set_ylabel("open on held-out images (%)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def rank_correlations(correlations: pd.DataFrame, layers: Sequence[str]) -> Figure:
    """Rank correlation of every friction measure with the detail |δ|, by layer: means large, seeds small.

    Measures are ordered by the last layer's mean.

    Args:
        correlations: one row per measure and seed, with the columns ``friction`` and the names of the layers.
        layers: those names.
    """
    means = correlations.groupby("friction")[list(layers)].mean().sort_values(layers[-1])
    places = {name: place for place, name in enumerate(means.index)}
    figure, axes = plt.subplots(figsize=(WIDTH * 0.75, 3))
    for number, layer in enumerate(layers):
        shift = 0.12 - 0.24 * number
        style = {"marker": MARKERS[number], "color": PALETTE[number]}
        axes.scatter(means[layer], [place + shift for place in places.values()], s=24, label=layer, **style)
        beside = [places[name] + shift for name in correlations["friction"]]
        axes.scatter(correlations[layer], beside, s=6, alpha=0.5, **style)
    axes.set_yticks(range(len(means)), means.index)
    axes.set(xlabel="rank correlation with |δ|", xlim=(min(-0.05, means.min().min() - 0.05), 1.05))
    axes.legend(loc="lower right")
    return figure
