"""Paired comparisons of the arms in a table of runs, and how notebooks show them (design, section 6, rule 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from .arms import Arm
from .frames import by_seed
from .predict_run import Correct
from .stats import Comparison, Interval, compare, crossed_interval, holm, interval

#: An arm and the control that it is held against, by their names.
Pair = tuple[str, str]


def named(pairs: Iterable[tuple[Arm, Arm]]) -> list[Pair]:
    """The names of arms and controls, such as a plan lists them."""
    return [(arm.name, control.name) for arm, control in pairs]


def compare_arms(table: pd.DataFrame, pairs: Iterable[Pair]) -> dict[Pair, Comparison]:
    """The comparison of each pair that has two seeds in common.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        pairs: names of arms.
    """
    values = {arm: by_seed(table, arm) for arm in table["arm"].unique()}
    return {
        (arm, control): compare(values[arm], values[control])
        for arm, control in pairs
        if len(values.get(arm, {}).keys() & values.get(control, {}).keys()) > 1
    }


def adjusted(comparisons: Mapping[Pair, Comparison], family: Iterable[Pair]) -> dict[Pair, float]:
    """p values of non-inferiority, adjusted by Holm's procedure for a family of planned comparisons.

    A member that has no result yet counts with p = 1, so that stopping early buys nothing.

    Args:
        comparisons: from :func:`compare_arms`.
        family: all pairs that were planned to be tested together.
    """
    family = list(family)
    p_values = [comparisons[pair].p_non_inferior if pair in comparisons else 1.0 for pair in family]
    return {pair: p for pair, p in zip(family, holm(p_values), strict=True) if pair in comparisons}


def over_images(correct: Correct, pairs: Iterable[Pair]) -> dict[Pair, Interval]:
    """The difference of each pair that has two seeds in common, with an interval for other seeds and other images.

    Args:
        correct: from :func:`~inertia_utils.predict_run.correct_images`.
        pairs: names of arms.
    """
    intervals = {}
    for arm, control in pairs:
        ours, theirs = correct.get(arm, {}), correct.get(control, {})
        if len(seeds := sorted(ours.keys() & theirs.keys())) > 1:
            table = [ours[seed].astype(int) - theirs[seed].astype(int) for seed in seeds]
            intervals[arm, control] = crossed_interval(table)
    return intervals


def comparison_table(
    comparisons: Mapping[Pair, Comparison],
    p_values: Mapping[Pair, float] | None = None,
    crossed: Mapping[Pair, Interval] | None = None,
) -> pd.DataFrame:
    """One row per pair: difference in points with its interval, seeds, verdict, adjusted p value where there is one.

    *changes without seed* names the seeds without which, one at a time, the verdict would be another.

    Args:
        comparisons: from :func:`compare_arms`.
        p_values: from :func:`adjusted`; without them there is no such column.
        crossed: from :func:`over_images`, whose intervals get a column of their own; without them there is none.
    """
    rows = {}
    for pair, comparison in comparisons.items():
        gap = comparison.difference
        rows[pair] = {
            "difference (points)": in_points(gap),
            "seeds": gap.count,
            "verdict": comparison.verdict,
            "changes without seed": ", ".join(map(str, comparison.hangs_on)),
        }
        if p_values is not None:
            rows[pair]["p non-inferior, Holm"] = p_text(p_values[pair]) if pair in p_values else ""
        if crossed is not None:
            # Other numbers of seeds would make it the interval of another difference.
            same = pair in crossed and crossed[pair].count == gap.count
            rows[pair]["over seeds and images"] = in_points(crossed[pair]) if same else ""
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=["arm", "control"])
    return table


def paired_difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Interval:
    """Mean difference in points, with its interval, over the seeds that both have.

    Args:
        ours: seed → accuracy.
        theirs: seed → accuracy of the control.

    Raises:
        ValueError: no seed in common.
    """
    return interval(seed_by_seed(ours, theirs))


def seed_by_seed(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Differences in points for every seed that both have, in order.

    Args:
        ours: seed → accuracy.
        theirs: seed → accuracy of the control.
    """
    return [100 * (ours[seed] - theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]


def in_points(difference: Interval) -> str:
    """A difference of accuracies in points, with its interval from three seeds on."""
    # What floating point leaves behind must not decide which way a half is rounded.
    mean, low, high = (f"{round(100 * value, 6):+.2f}" for value in (difference.mean, difference.low, difference.high))
    return mean if difference.half_width is None else f"{mean} [{low}, {high}]"


def p_text(p: float) -> str:
    """A p value to three decimals, of which none is zero."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def differences(table: pd.DataFrame, arm: str, control: str) -> list[float]:
    """Arm − control in points, for every seed that both have, in order."""
    return seed_by_seed(by_seed(table, arm), by_seed(table, control))


def gap_between(table: pd.DataFrame, arm: str, control: str) -> Interval:
    """Arm − control in points: the mean over the seeds that both have, with its interval.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        arm: its name.
        control: name of the arm that it is held against.

    Raises:
        ValueError: no seed in common.
    """
    return interval(differences(table, arm, control))


def gap_closed(table: pd.DataFrame, arm: str, narrow: str, wide: str) -> Interval:
    """Share of the gap between two networks that an arm closes, (arm − narrow) / (wide − narrow), seed by seed.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        arm: its name.
        narrow: the network from which the gap is counted.
        wide: that up to which it is counted.

    Raises:
        ValueError: no seed in common, or a seed with which both networks are equally good, so that there is no gap.
    """
    ours, low, high = (by_seed(table, name) for name in (arm, narrow, wide))
    seeds = sorted(ours.keys() & low.keys() & high.keys())
    if level := [seed for seed in seeds if high[seed] == low[seed]]:
        raise ValueError(f"wide: {wide!r} is as good as {narrow!r} with seed {level[0]}, so there is no gap to close")
    return interval([(ours[seed] - low[seed]) / (high[seed] - low[seed]) for seed in seeds])
