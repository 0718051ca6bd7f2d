"""Paired differences of accuracy, pair by pair and over window and margin."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..arms import dense, inertial
from ..comparisons import Pair, differences
from ..figures import WIDTH
from ..looks import kind, symbol
from ..stats import MARGIN, interval
from .marks import legend_below, mean_bar


def paired_differences(table: pd.DataFrame, pairs: Sequence[Pair]) -> Figure:
    """Arm − control of each pair that has a seed in common, a row per control below the name of the arm.

    Seeds are symbols in the look of the control's kind, with mean and interval (of three seeds or more) below them.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        pairs: names of arms; those of one arm are drawn together, the first at the top.
    """
    by_arm: dict[str, dict[str, list[float]]] = {}
    for arm, control in pairs:
        if found := differences(table, arm, control):
            by_arm.setdefault(arm, {})[control] = found
    height = 1.3 + 0.2 * sum(1.4 + len(of_arm) for of_arm in by_arm.values())
    figure, axes = plt.subplots(figsize=(WIDTH, height))
    labels, place = {}, 0.0
    for arm, of_arm in by_arm.items():
        labels[place] = (f"{arm} minus", "bold")
        for control, values in of_arm.items():
            place -= 1
            labels[place] = (control, "normal")
            look = symbol(kind(control))
            axes.scatter(values, [place] * len(values), s=10, alpha=0.5, **look, label=kind(control))
            mean_bar(axes, place - 0.3, values, horizontal=True)
        place -= 1.4
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(-100 * MARGIN, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(list(labels), [text for text, _ in labels.values()])
    for label, (_, weight) in zip(axes.get_yticklabels(), labels.values(), strict=True):
        label.set_fontweight(weight)
    axes.set(xlabel="difference (points)", ylim=(place + 0.4, 0.8))
    legend_below(figure, [axes], 3, markerscale=2)
    return figure


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
