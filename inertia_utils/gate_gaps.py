"""What gates have over their controls, at the same rate or at equal MACs (design, section 6)."""

from __future__ import annotations

import pandas as pd

from .comparisons import paired_difference
from .equal_macs import random_of_equal_macs
from .frames import at_rate, open_by_layer, rates_between, seeds_of
from .stats import MARGIN, Interval, interval

#: How far open fractions of a layer may be apart to be called equal.
EQUAL_RATES = 0.03
#: How a difference ends where they are not.
UNEQUAL = ", unequal"


def marked_difference(runs: pd.DataFrame, control: pd.DataFrame) -> str:
    """Difference in points with its interval, marked where a layer opens another fraction than in the control.

    Args:
        runs: as in :func:`equally_open`.
        control: likewise; without a seed in common the text is empty.
    """
    text = difference_text(runs, control)
    return text if not text or equally_open(runs, control) else text + UNEQUAL


def difference_text(runs: pd.DataFrame, others: pd.DataFrame) -> str:
    """Difference in points with its interval; empty without a seed in common.

    Args:
        runs: rows of one network, one per seed.
        others: of its control.
    """
    return f"{gap_between_rows(runs, others):+.2f}" if set(runs["seed"]) & set(others["seed"]) else ""


def gap_between_rows(runs: pd.DataFrame, others: pd.DataFrame) -> Interval:
    """Difference in points, paired by seed.

    Args:
        runs: rows of one network, one per seed.
        others: of its control.

    Raises:
        ValueError: no seed in common.
    """
    return paired_difference(seeds_of(runs), seeds_of(others))


def share_of_macs(runs: pd.DataFrame, others: pd.DataFrame) -> float:
    """Mean convolution MACs of some rows, as a share of those of others.

    Args:
        runs: rows of one network, one per seed.
        others: of that which counts as one.
    """
    return runs["conv_macs"].mean() / others["conv_macs"].mean()


def equally_open(runs: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Whether every layer opens the same fraction in both, within :data:`EQUAL_RATES`.

    Args:
        runs: rows of one network at one rate, from :func:`~inertia_utils.frames.gates`.
        others: of its control.
    """
    ours, theirs = open_by_layer(runs), open_by_layer(others)
    return all(abs(ours[layer] - theirs[layer]) <= EQUAL_RATES for layer in ours.keys() & theirs.keys())


def gaps_by_rate(table: pd.DataFrame, measure: str, control: str) -> dict[float, Interval]:
    """Rate → difference between two gates of one network in points, where both are asked for it; all and none left out.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`.
        measure: which of them, by its column ``friction``.
        control: the other.
    """
    pairs = {rate: (at_rate(table, measure, rate), at_rate(table, control, rate)) for rate in rates_between(table)}
    return {rate: paired_difference(*pair) for rate, pair in pairs.items() if pair[0].keys() & pair[1].keys()}


def changes_of_lead(table: pd.DataFrame, other: pd.DataFrame, measure: str, control: str) -> dict[float, Interval]:
    """Rate → by how many points the lead of a gate over its control is larger in one network than in another.

    Paired by seed, over the seeds that both gates have in both networks; all and none left out.

    Args:
        table: of the one network, from :func:`~inertia_utils.frames.gates`.
        other: of the other.
        measure: the gate that leads, by its column ``friction``.
        control: the other gate.
    """
    pairs = {rate: [_lead(rows, measure, control, rate) for rows in (table, other)] for rate in rates_between(table)}
    return {rate: paired_difference(*pair) for rate, pair in pairs.items() if pair[0].keys() & pair[1].keys()}


def loss_avoided(table: pd.DataFrame, measure: str, control: str) -> dict[float, Interval]:
    """Rate → share of what its control loses to the open network that a gate keeps, in per cent; all and none left out.

    (gate − control) / (open − control), seed by seed, over the seeds with which the control loses something.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`, the rate 1 among its rates.
        measure: the gate, by its column ``friction``.
        control: the other gate, whose accuracy at rate 1 is that of the open network.
    """
    opened, shares = at_rate(table, control, 1.0), {}
    for rate in rates_between(table):
        lead, theirs = _lead(table, measure, control, rate), at_rate(table, control, rate)
        seeds = [seed for seed in sorted(lead.keys() & opened.keys()) if opened[seed] > theirs[seed]]
        if seeds:
            shares[rate] = interval([100 * lead[seed] / (opened[seed] - theirs[seed]) for seed in seeds])
    return shares


def gaps_at_equal_macs(table: pd.DataFrame, measure: str) -> dict[float, Interval]:
    """Rate → difference of a gate from the random gate that takes as many MACs, in points; all and none left out.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`.
        measure: which gate, by its column ``friction``.
    """
    gaps = {rate: gap_at_equal_macs(table, measure, rate) for rate in rates_between(table)}
    return {rate: gap for rate, gap in gaps.items() if gap is not None}


def gap_at_equal_macs(table: pd.DataFrame, friction: str, rate: float) -> Interval | None:
    """Difference of a gate by friction from the random gate of as many MACs, in points; None without a seed in common.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`.
        friction: which gate, by its column ``friction``.
        rate: the one at which it is asked.
    """
    ours, theirs = at_rate(table, friction, rate), random_of_equal_macs(table, friction, rate)
    return paired_difference(ours, theirs) if ours.keys() & theirs.keys() else None


def gaps_of_kinds(table: pd.DataFrame, rate: float, opened: pd.DataFrame) -> dict[str, dict[str, Interval]]:
    """Control → kind of gate → what the gate by friction has over that control, in points, over the seeds of both.

    Controls are ``"open"``, the network with open gates, ``"never"``, the gate that never opens and was trained in the
    same way, and ``"random"``, the random gate of the same kind and rate; a kind is left out beside a control that it
    does not have.

    Args:
        table: of one kind of skipping, from :func:`~inertia_utils.frames.trained_gates`.
        rate: that the gates were asked for; a gate that is asked for none, such as a fixed threshold, is left out.
        opened: from the same function, of the networks with open gates.
    """
    gaps: dict[str, dict[str, Interval]] = {"open": {}, "never": {}, "random": {}}
    asked = table[table["rate"] == rate]
    for gate, ours in asked[asked["friction"] == "range"].groupby("gate"):
        controls = {
            "open": opened,
            "never": table[table["gate"] == ours["closed"].iloc[0]],
            "random": asked[(asked["gate"] == gate) & (asked["friction"] == "random")],
        }
        for control, theirs in controls.items():
            values, others = seeds_of(ours), seeds_of(theirs)
            if values.keys() & others.keys():
                gaps[control][str(gate)] = paired_difference(values, others)
    return gaps


def lowest_rate_within(table: pd.DataFrame, friction: str) -> float:
    """The lowest rate from which on a gate loses no more than the margin to the network with all positions open.

    At this rate and at all higher ones the interval of the difference lies above −0.3 points; 1 if at none below.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`, the rate 1 among its rates.
        friction: the measure that it is gated by.

    Raises:
        ValueError: the table has no network that this measure opens all of.
    """
    kept = {rate: seeds_of(rows) for rate, rows in table[table["friction"] == friction].groupby("rate")}
    if 1.0 not in kept:
        raise ValueError(f"friction: no row of {friction!r} at rate 1; it has {', '.join(table['friction'].unique())}")
    lowest = 1.0
    for rate in sorted(kept, reverse=True):
        if rate < 1 and not paired_difference(kept[rate], kept[1.0]).low > -100 * MARGIN:
            break
        lowest = rate
    return float(lowest)


def _lead(table: pd.DataFrame, measure: str, control: str, rate: float) -> dict[int, float]:
    """Seed → accuracy of one gate minus that of another, at one rate."""
    ours, theirs = at_rate(table, measure, rate), at_rate(table, control, rate)
    return {seed: ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()}
