"""Charts of the notebooks, from the tables of :mod:`~inertia_utils.frames`."""

from .break_even import break_even_map, gate_times
from .costs import COSTS, accuracy_against_costs, accuracy_by_macs, with_neighbours
from .differences import paired_differences, window_margin_map
from .forms import accuracy_by_form, change_by_form
from .gates import accuracy_and_loss, gap_curve, gate_curve, gate_kinds, open_fractions, rank_correlations
from .marks import mean_bar
from .time import time_against_macs

__all__ = [
    "COSTS",
    "accuracy_against_costs",
    "accuracy_and_loss",
    "accuracy_by_form",
    "accuracy_by_macs",
    "break_even_map",
    "change_by_form",
    "gap_curve",
    "gate_curve",
    "gate_kinds",
    "gate_times",
    "mean_bar",
    "open_fractions",
    "paired_differences",
    "rank_correlations",
    "time_against_macs",
    "window_margin_map",
    "with_neighbours",
]
