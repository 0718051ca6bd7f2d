"""What windows and margins keep, and what periphery and further cores earn (design, sections 2 and 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from .arms import Arm, dense, separable
from .comparisons import Pair, compare_arms, differences
from .frames import cost_share
from .models import widened
from .stats import Comparison, Interval, interval

#: Costs that are shown as shares, and their names in a table.
SHARES = {"conv_weights": "weights", "conv_macs": "MACs"}


def of_window(arm: Arm) -> Arm:
    """The dense arm whose kernels are as large as the window of ``arm``."""
    return dense(arm.kernel_size)


def against_window(table: pd.DataFrame, arms: Iterable[Arm]) -> dict[Pair, Comparison]:
    """The comparison of each arm with the dense one of its window, where both have two seeds in common.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        arms: inertial ones.
    """
    return compare_arms(table, [(arm.name, of_window(arm).name) for arm in arms])


def margin_table(table: pd.DataFrame, arms: Iterable[Arm]) -> pd.DataFrame:
    """One row per arm: its core, its share of its dense window's costs, the verdict, and differences from controls.

    The controls are the dense network of the window, dense 3×3, the dense network of the core, the same on more
    channels with as many MACs, and the separable network of the window behind a dense first layer.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`; what is not there stays empty.
        arms: inertial ones; those that the table does not have get no row.
    """
    arms = [arm for arm in arms if arm.name in set(table["arm"])]
    verdicts = {arm: found.verdict for (arm, _), found in against_window(table, arms).items()}
    rows = {}
    for arm in arms:
        core = dense(arm.kernel_size - arm.margin)
        controls = {
            "dense window": of_window(arm),
            "dense 3×3": dense(3),
            "dense core": core,
            "dense core, equal MACs": widened(arm),
            "separable window": separable(arm.kernel_size, dense_first=True),
        }
        rows[arm.name] = {
            "core": core.name.removeprefix("dense "),
            **_shares(table, arm, of_window(arm), "window"),
            "verdict": verdicts.get(arm.name, ""),
            **{f"minus {name}": _gap(table, arm, control) for name, control in controls.items()},
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def earned_by_periphery(table: pd.DataFrame, arms: Iterable[Arm]) -> dict[str, Interval]:
    """Name of each arm → what it has over its core on more channels, with as many MACs, in points.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        arms: inertial ones; those without a seed in common with that control are left out.
    """
    gaps = {arm.name: differences(table, arm.name, widened(arm).name) for arm in arms}
    return {arm: interval(found) for arm, found in gaps.items() if found}


def gained_by_cores(table: pd.DataFrame, arms: Iterable[Arm]) -> dict[str, Interval]:
    """Name of each arm of several cores → what it has over the same arm with one, in points.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        arms: inertial ones; those with one core are left out, and those without a seed in common with it.
    """
    gaps = {arm.name: differences(table, arm.name, replace(arm, cores=1).name) for arm in arms if arm.cores > 1}
    return {arm: interval(found) for arm, found in gaps.items() if found}


def core_table(table: pd.DataFrame, arms: Iterable[Arm]) -> pd.DataFrame:
    """One row per arm of several cores: its share of dense 3×3's costs, and what it has over that and over one core.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`; what is not there stays empty.
        arms: inertial ones; those with one core and those that the table does not have get no row.
    """
    gained = gained_by_cores(table, arms := list(arms))
    rows = {
        arm.name: {
            **_shares(table, arm, dense(3), "dense 3×3"),
            "minus dense 3×3": _gap(table, arm, dense(3)),
            "minus one core": f"{gained[arm.name]:+.2f}" if arm.name in gained else "",
        }
        for arm in arms
        if arm.cores > 1 and arm.name in set(table["arm"])
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _shares(table: pd.DataFrame, arm: Arm, control: Arm, called: str) -> dict[str, str]:
    there = control.name in set(table["arm"])
    return {
        f"{name} of {called}": f"{cost_share(table, arm.name, control.name, cost):.0%}" if there else ""
        for cost, name in SHARES.items()
    }


def _gap(table: pd.DataFrame, arm: Arm, control: Arm) -> str:
    """The difference in points with its interval; empty without a seed in common."""
    gaps = differences(table, arm.name, control.name)
    return f"{interval(gaps):+.2f}" if gaps else ""
