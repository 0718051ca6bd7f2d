"""Accuracy of re-applications and merges, open and gated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..arms import dense
from ..figures import WIDTH
from ..form_tables import Form, by_form
from ..frames import by_arm
from ..looks import LINES, MERGES, symbol
from ..stats import interval
from .marks import legend_below, mean_bar


def accuracy_by_form(opened: pd.DataFrame, controls: pd.DataFrame) -> Figure:
    """Accuracy by re-application, a panel for each window with a scale of its own.

    Seeds are symbols in the look of their merge, means have the intervals of three seeds or more, and lines mark the
    means of the dense networks of the window and of its core.

    Args:
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        controls: the same of the dense networks.
    """
    runs = by_form(opened)
    windows = _by_window(runs)
    sizes = sorted({size for forms in windows.values() for size in _dense_sizes(forms[0])}, reverse=True)
    lines = dict(zip(sizes, LINES, strict=False))
    reached = by_arm(controls)
    figure, panels = plt.subplots(1, len(windows), figsize=(WIDTH, 2.8), squeeze=False)
    for axes, (window, forms) in zip(panels[0], windows.items(), strict=True):
        rules = list(dict.fromkeys(form.reapply for form in forms))
        for form in forms:
            accuracies = 100 * runs[form]["accuracy"]
            place = rules.index(form.reapply) + 0.2 * (MERGES.index(form.merge) - 1)
            axes.scatter([place] * len(accuracies), accuracies, s=18, alpha=0.6, **symbol(form.merge), label=form.merge)
            mean_bar(axes, place + 0.07, list(accuracies))
        for size in _dense_sizes(forms[0]):
            style = {"color": "0.5", "linewidth": 0.8, "linestyle": lines[size], "label": dense(size).name}
            axes.axhline(100 * reached[dense(size).name].mean, **style)
        axes.set_xticks(range(len(rules)), rules)
        axes.set_title(f"(d, k) = {window}")
    panels[0, 0].set_ylabel("test accuracy (%)")
    legend_below(figure, panels[0], 6)
    return figure


def change_by_form(changes: Mapping[str, Mapping[Form, Sequence[float]]]) -> Figure:
    """What every form loses when gated by each measure, a panel for each window.

    Forms are ordered by what they lose by the first measure.  The axis is linear from −1 to 1, logarithmic below, and
    ends at 1 or the largest seed, which cuts longer intervals.  Seeds are symbols in the look of the measure, means
    have the intervals of three seeds or more.

    Args:
        changes: friction measure → :func:`~inertia_utils.form_tables.change_from_open`.
    """
    first, *_ = changes.values()
    windows = _by_window(first)
    figure, panels = plt.subplots(1, len(windows), figsize=(WIDTH, 3.2), sharex=True, squeeze=False)
    for axes, (window, forms) in zip(panels[0], windows.items(), strict=True):
        least_last = sorted(forms, key=lambda form: interval(first[form]).mean)
        for number, (name, gaps) in enumerate(changes.items()):
            shift = 0.15 - 0.3 * number
            for place, form in enumerate(least_last):
                if form in gaps:
                    places = [place + shift] * len(gaps[form])
                    axes.scatter(gaps[form], places, s=14, alpha=0.6, **symbol(name), label=name)
                    mean_bar(axes, place + shift, gaps[form], horizontal=True)
        axes.set_yticks(range(len(least_last)), [f"{form.reapply}, {form.merge}" for form in least_last])
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks([-100, -10, -1, 0, 1], ["−100", "−10", "−1", "0", "1"])
        axes.set_xlim(right=max(1.0, *(gap for gaps in changes.values() for form in gaps for gap in gaps[form])))
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(title=f"(d, k) = {window}", xlabel="gated − open (points)")
    legend_below(figure, panels[0], 6)
    return figure


def _by_window(forms: Mapping[Form, object]) -> dict[str, list[Form]]:
    windows: dict[str, list[Form]] = {}
    for form in forms:
        windows.setdefault(form.window, []).append(form)
    return windows


def _dense_sizes(form: Form) -> tuple[int, int]:
    return form.kernel_size, form.kernel_size - form.margin
