"""Charts of the notebooks, from the tables of :mod:`~inertia_utils.frames`."""

from .costs import COSTS, accuracy_against_costs, accuracy_by_macs, with_neighbours
from .differences import paired_differences, window_margin_map
from .forms import accuracy_by_form, change_by_form
from .gates import accuracy_and_loss, gap_curve, gate_curve, gate_kinds
from .marks import mean_bar
from .time import time_against_macs

__all__ = [
    "COSTS",
    "accuracy_against_costs",
    "accuracy_and_loss",
    "accuracy_by_form",
    "accuracy_by_macs",
    "change_by_form",
    "gap_curve",
    "gate_curve",
    "gate_kinds",
    "mean_bar",
    "paired_differences",
    "time_against_macs",
    "window_margin_map",
    "with_neighbours",
]
