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
from ..looks import symbol
from ..stats import MARGIN, interval
from .marks import mean_bar


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
