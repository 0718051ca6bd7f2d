"""Time of a layer against its MACs."""

from __future__ import annotations

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..figures import WIDTH
from ..looks import symbol
from .marks import label_counts


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
        label_counts(axis, (1, 2, 5))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center")
    return figure
