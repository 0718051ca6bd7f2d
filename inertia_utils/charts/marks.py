"""Marks that several charts share: means with their intervals, bands, and labels of large counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from ..looks import symbol
from ..stats import Interval, interval


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


def band(axes: Axes, places: Iterable[float], intervals: Iterable[Interval], label: str) -> None:
    """The intervals as a band in the colour of a label, without width where there are fewer than three seeds.

    Args:
        axes: where to draw.
        places: on the x axis, in order.
        intervals: one per place.
        label: name that gives the colour.
    """
    ends = [(found.mean - (found.half_width or 0.0), found.mean + (found.half_width or 0.0)) for found in intervals]
    axes.fill_between(places, *zip(*ends, strict=True), color=symbol(label)["color"], alpha=0.12, linewidth=0)


def legend_below(figure: Figure, panels: Iterable[Axes], columns: int, **options: Any) -> None:
    """One legend for all panels, below them, in which every label stands once.

    Args:
        figure: where to put it.
        panels: whose labels.
        columns: of the legend.
        options: as of ``Figure.legend``.
    """
    handles = {label: mark for axes in panels for mark, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=columns, **options)


def label_counts(axis: Axis, multiples: Sequence[float]) -> None:
    """Label some multiples of powers of ten on a logarithmic axis, thousands as 1k and millions as 1M.

    Args:
        axis: the x or the y axis.
        multiples: which of them, from 1 to below 10.
    """
    axis.set_major_locator(LogLocator(subs=multiples))
    axis.set_major_formatter(EngFormatter(sep=""))
    axis.set_minor_formatter(NullFormatter())
