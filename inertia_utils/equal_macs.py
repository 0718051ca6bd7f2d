"""A random gate that takes as many MACs as one by friction, whose measuring has to be paid for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .frames import seeds_of


def at_macs(curve: pd.DataFrame, macs: float) -> float:
    """Accuracy of a gated network at a number of MACs, linear between the rates at which it was measured.

    A network that takes one rate on some images and the next rate on the others has that accuracy and those MACs on
    average.  Beyond the dearest rate it is that rate's accuracy, since nobody has to spend more.

    Args:
        curve: columns ``conv_macs`` and ``accuracy``, one row per rate.
        macs: per image, at least those of the cheapest rate.

    Raises:
        ValueError: no rate is as cheap.
    """
    ordered = curve.sort_values("conv_macs")
    if macs < (cheapest := ordered["conv_macs"].iloc[0]):
        raise ValueError(f"macs: {macs:,.0f} is less than the {cheapest:,.0f} of the cheapest rate")
    return float(np.interp(macs, ordered["conv_macs"], ordered["accuracy"]))


def random_of_equal_macs(table: pd.DataFrame, friction: str, rate: float) -> dict[int, float]:
    """Seed → accuracy of the random gate that takes as many MACs as one by friction does at ``rate``.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`.
        friction: the measure that the gate by friction goes by.
        rate: fraction of positions that it is asked to open.
    """
    budgets = seeds_of(table[(table["friction"] == friction) & (table["rate"] == rate)], "conv_macs")
    curves = dict(iter(table[table["friction"] == "random"].groupby("seed")))
    return {seed: at_macs(curves[seed], budgets[seed]) for seed in budgets.keys() & curves.keys()}
