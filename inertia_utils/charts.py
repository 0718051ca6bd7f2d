"""Charts that more than one notebook draws, from the tables of :mod:`~inertia_utils.frames`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from statistics import fmean

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from .arms import dense, inertial
from .comparisons import Pair, differences
from .figures import WIDTH
from .frames import frontier
from .looks import kind, look, symbol
from .stats import MARGIN, Interval, interval

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
        _label_counts(axes.xaxis, _ticks(means[cost]))
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
    figure, axes = plt.subplots(figsize=(WIDTH, 0.7 + 0.19 * bottom))
    for arm, place in places.items():
        axes.scatter(accuracies[arm], [place] * len(accuracies[arm]), s=8, alpha=0.5, **symbol(kind(arm)))
        mean_bar(axes, place - 0.3, accuracies[arm], horizontal=True)
    axes.axvline(fmean(accuracies[reference]), color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(list(places.values()), list(places))
    axes.set(xlabel="test accuracy (%)", ylim=(-bottom - 0.9, 1.4))
    beside = axes.secondary_yaxis("right")
    beside.set_yticks([1, *places.values()], _columns(means.loc[list(places), list(costs)], list(costs.values())))
    beside.tick_params(length=0, labelfontfamily="monospace")
    beside.spines["right"].set_visible(False)
    return figure


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


def with_neighbours(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The rows of networks that see neighbours, and a sentence about the others, far below, for a figure's caption.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
    """
    blind = table[table["kernel_size"] == 1]
    means = [f"{arm} ({mean:.1%})" for arm, mean in blind.groupby("arm", sort=False)["accuracy"].mean().items()]
    sentence = f"Not drawn, since a 1×1 kernel sees no neighbours: {', '.join(means)}." if means else ""
    return table[table["kernel_size"] > 1], sentence


def _ticks(costs: pd.Series) -> tuple[float, ...]:
    """Which multiples of powers of ten are labelled: more of them where the axis spans few."""
    return (1, 2, 5) if costs.max() / costs.min() > 4 else (1, 1.5, 2, 3, 4, 5, 7)


def _label_counts(axis: Axis, multiples: Sequence[float]) -> None:
    """Label these multiples of powers of ten on a logarithmic axis, thousands as 1k and millions as 1M."""
    axis.set_major_locator(LogLocator(subs=multiples))
    axis.set_major_formatter(EngFormatter(sep=""))
    axis.set_minor_formatter(NullFormatter())


def window_margin_map(table: pd.DataFrame) -> Figure:
    """What inertial arms have over dense 3×3, seed by seed, over window and margin.

    Each cell says the difference in points with its interval, *own*, that from the dense arm of its own window, its
    core and its seeds; hatched cells have fewer than three, and no interval.  Colours are symmetric about 0.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`; of inertial arms those that differ in window
            and margin only have a cell, if dense 3×3 is there too.
    """
    gaps = {
        (d, k): found
        for d, k in sorted(set(zip(table["kernel_size"], table["margin"], strict=True)))
        if 0 < k < d and (found := differences(table, inertial(d, k).name, dense(3).name))
    }
    means = pd.Series({place: fmean(found) for place, found in gaps.items()}).unstack()
    widest = means.abs().max().max()
    figure, axes = plt.subplots(figsize=(0.98 * len(means.columns) + 1.3, 0.75 * len(means.index) + 0.9))
    image = axes.imshow(means, cmap="RdBu", vmin=-widest, vmax=widest, aspect="auto")
    for (d, k), found in gaps.items():
        place = means.columns.get_loc(k), means.index.get_loc(d)
        color = "white" if abs(means.loc[d, k]) > 0.6 * widest else "black"
        lines = [f"{interval(found):+.2f}".partition(" (")[0]]
        if d > 3 and (own := differences(table, inertial(d, k).name, dense(d).name)):
            lines.append(f"own {fmean(own):+.2f}")
        text = "\n".join([*lines, f"core {d - k}×{d - k}, n={len(found)}"])
        behind = {"facecolor": image.to_rgba(means.loc[d, k]), "edgecolor": "none", "pad": 1.5}
        axes.text(*place, text, ha="center", va="center", fontsize=7, color=color, bbox=behind)
        if len(found) < 3:
            corner = (place[0] - 0.5, place[1] - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="///", edgecolor="0.6", linewidth=0))
    axes.set_xticks(range(len(means.columns)), means.columns)
    axes.set_yticks(range(len(means.index)), means.index)
    axes.set(xlabel="margin $k$", ylabel="window $d$")
    axes.grid(False)
    figure.colorbar(image, label="minus dense 3×3 (points)")
    return figure


def paired_differences(table: pd.DataFrame, pairs: Sequence[Pair]) -> Figure:
    """Arm − control of each pair that has a seed in common: seeds as points, mean and interval below them.

    Intervals are those of three seeds or more.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        pairs: names of arms; the first is drawn at the top.
    """
    gaps = {pair: found for pair in pairs if (found := differences(table, *pair))}
    figure, axes = plt.subplots(figsize=(WIDTH, 0.6 + 0.29 * len(gaps)))
    for position, values in enumerate(reversed(gaps.values())):
        axes.scatter(values, [position] * len(values), s=12, alpha=0.5, **symbol("inertial"))
        mean_bar(axes, position - 0.25, values, horizontal=True)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(-100 * MARGIN, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(gaps)), [f"{arm} − {control}" for arm, control in reversed(gaps)])
    axes.set_xlabel("difference (points)")
    return figure


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
        _band(axes, rates, found.values(), label)


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
            axes.axhline(scale * rows[column].mean(), color="grey", linestyle=line, linewidth=1, label=name)
        axes.set_xticks(range(len(ways)), list(ways))
        axes.set_ylabel(label)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(without), title="without a gate")
    return figure


def time_against_macs(rows: pd.DataFrame, reference: str) -> Figure:
    """Time of a layer against its MACs, a symbol per arm with quartiles; hollow where a gate decides.

    Beside a symbol stands what its form does not say: kernel, open fraction, and the window where it is not (5, 2).

    Args:
        rows: of one shape and batch, from :func:`~inertia_utils.bench.read.layer_times`; those without MACs are left
            out.
        reference: arm whose pace per MAC is drawn as a line.

    Raises:
        ValueError: ``reference`` is not among them.
    """
    rows = rows[rows["macs"] > 0]
    if reference not in set(rows["arm"]):
        raise ValueError(
            f"reference: expected an arm of the rows, got {reference!r}; they are {', '.join(rows['arm'])}"
        )
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    for (form, gated), marks in rows.groupby(["form", rows["open_fraction"].notna()], sort=False):
        style = symbol(form)
        spread = [marks["ms"] - marks["low"], marks["high"] - marks["ms"]]
        style |= {"fmt": style.pop("marker"), "markersize": 5, "linewidth": 0.8}
        style |= {"markerfacecolor": "none"} if gated else {}
        axes.errorbar(marks["macs"], marks["ms"], yerr=spread, label=f"{form}, gated" if gated else form, **style)
    for _, row in rows.iterrows():
        beside = row["arm"].removeprefix(row["form"]).strip().removeprefix("(5, 2)").removesuffix(", open")
        # Gated layers lie above the others: their labels go to the left, out of the way.
        side = {"ha": "left", "xytext": (4, 3)} if pd.isna(row["open_fraction"]) else {"ha": "right", "xytext": (-4, 3)}
        text = beside.removeprefix(", ").replace(" real", "")
        axes.annotate(text, (row["macs"], row["ms"]), textcoords="offset points", fontsize=6, **side)
    pace = rows.set_index("arm").loc[reference]
    span = pd.Series([rows["macs"].min(), rows["macs"].max()])
    axes.plot(
        span,
        span * pace["ms"] / pace["macs"],
        color="black",
        linewidth=0.8,
        linestyle=":",
        label=f"pace of {reference}",
    )
    axes.margins(x=0.1)
    axes.set(xscale="log", yscale="log", xlabel="MACs per image", ylabel=f"ms per {pace['batch']} images")
    for axis in (axes.xaxis, axes.yaxis):
        _label_counts(axis, (1, 2, 5))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center")
    return figure


def mean_bar(axes: Axes, place: float, values: Sequence[float], horizontal: bool = False) -> None:
    """Mean and interval of seeds, in black; a mean alone for two of them, and nothing for one, which is its own mean.

    Args:
        axes: where to draw.
        place: on the other axis.
        values: one per seed.
        horizontal: the values run along the x axis.
    """
    if len(values) == 1:
        return
    mean = interval(values)
    if horizontal:
        axes.errorbar(mean.mean, place, xerr=mean.half_width, fmt="|", color="black", linewidth=1)
    else:
        axes.errorbar(place, mean.mean, mean.half_width, fmt="_", color="black", linewidth=1)


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
    _band(axes, means[column], [interval(100 * seeds) for _, seeds in rows.groupby("rate")["accuracy"]], label)


def _band(axes: Axes, places: Iterable[float], intervals: Iterable[Interval], label: str) -> None:
    """The intervals as a band in the colour of a label, without width where there are fewer than three seeds."""
    ends = [(found.mean - (found.half_width or 0.0), found.mean + (found.half_width or 0.0)) for found in intervals]
    axes.fill_between(places, *zip(*ends, strict=True), color=symbol(label)["color"], alpha=0.12, linewidth=0)
