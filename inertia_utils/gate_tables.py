"""Gates beside their controls, at the same rate or at equal MACs (design, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan

import pandas as pd

from .comparisons import paired_difference
from .equal_macs import random_of_equal_macs
from .frames import at_rate, main_rates, open_by_layer, open_text, rates_between, seeds_of
from .standing import listed, told_apart
from .stats import MARGIN, Interval, interval

#: How far open fractions of a layer may be apart to be called equal.
EQUAL_RATES = 0.03
#: How a difference ends where they are not.
UNEQUAL = ", unequal"


def against_random(table: pd.DataFrame) -> pd.DataFrame:
    """One row per rate: what every measure opens, costs and reaches, and its differences from the controls.

    The controls are the random gate, the random gate that takes as many MACs as the measure does with its own, and the
    oracle.  Measured open fractions are those of the layers in turn; MACs of all convolutions with friction and gates
    are relative to the random gate's at the highest rate.  A difference in points is marked as unequal where a layer
    opens another fraction than it does with the control, by more than :data:`EQUAL_RATES`.  Means are over the seeds
    that a measure has, differences over those that both have.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`; what is not there stays empty.
    """
    rows = {}
    dearest = _dearest(table)
    for rate, at_this in table.groupby("rate"):
        gated = dict(iter(at_this.groupby("friction", sort=False)))
        row = {}
        for name, runs in gated.items():
            row[f"{name} open (%)"] = open_text(runs)
            row[f"{name} MACs (%)"] = f"{100 * runs['conv_macs'].mean() / dearest:.1f}"
            row[f"{name} (%)"] = f"{100 * runs['accuracy'].mean():.2f}"
        controls = {name: gated.pop(name) for name in ("random", "oracle") if name in gated}
        for name, runs in gated.items():
            for control, theirs in controls.items():
                if text := marked_difference(runs, theirs):
                    row[f"{name} − {control}"] = text
            if gap := _at_equal_macs(table, name, float(rate)):
                row[f"{name} − random, equal MACs"] = f"{gap:+.2f}"
        rows[f"{rate:.0%}"] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("asked").fillna("")


def against_open(table: pd.DataFrame, opened: pd.DataFrame) -> pd.DataFrame:
    """One row per trained gate: what it opens and reaches, and its differences from the open network and its controls.

    Those are the random gate of the same kind and rate, from which a difference is marked as in :func:`against_random`,
    and the gate that never opens, trained in the same way.

    Args:
        table: from :func:`~inertia_utils.frames.trained_gates`; what is not there has no row.
        opened: the same of the networks with open gates.
    """
    rows = []
    for (skip, rate, gate, friction), runs in table.groupby(["skip", "rate", "gate", "friction"], dropna=False):
        same = (table["skip"] == skip) & (table["rate"] == rate) & (table["gate"] == gate)
        row = {"skip": skip, "asked": "–" if isnan(rate) else f"{rate:.0%}", "gate": gate, "friction": friction}
        row["open, conv1 / conv2 (%)"] = open_text(runs)
        row["accuracy (%)"] = f"{100 * runs['accuracy'].mean():.2f}"
        row["minus open"] = _difference(runs, opened)
        chance = table[same & (table["friction"] == "random")]
        row["minus random"] = marked_difference(runs, chance) if friction and friction != "random" else ""
        closed = table[(table["skip"] == skip) & (table["gate"] == runs["closed"].iloc[0])]
        row["minus never"] = _difference(runs, closed) if gate != runs["closed"].iloc[0] else ""
        row["conv MACs / open"] = _share(runs, opened)
        rows.append(row)
    return pd.DataFrame(rows).set_index(["skip", "asked", "gate", "friction"]).fillna("")


def ways_table(
    ways: Mapping[str, pd.DataFrame], opened: pd.DataFrame, controls: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per way to choose positions in training: accuracies, training loss, MACs, and differences from controls.

    Args:
        ways: name → rows, from :func:`~inertia_utils.frames.trained_gates`.
        opened: the same of the network with open gates.
        controls: likewise; a way that is a control itself has no difference from itself.
    """
    table = {
        name: {
            "test accuracy (%)": f"{100 * rows['accuracy'].mean():.2f}",
            "held-out accuracy (%)": f"{100 * rows['holdout_accuracy'].mean():.2f}",
            "training loss": f"{rows['loss'].mean():.3f}",
            "conv MACs / all open": _share(rows, opened),
            **{
                f"minus {control}": "" if control == name else _difference(rows, theirs)
                for control, theirs in controls.items()
            },
        }
        for name, rows in ways.items()
    }
    return pd.DataFrame.from_dict(table, orient="index")


def rate_by_rate(table: pd.DataFrame) -> pd.DataFrame:
    """One row per main rate: what gating by range has over each of its controls, in points with intervals.

    Columns are as in :func:`against_random`, of which this is the short form, and the difference from the same network
    with all gates open.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`; what is not there stays empty.
    """
    by_range = table[table["friction"] == "range"]
    chance, oracle = (table[table["friction"] == name] for name in ("random", "oracle"))
    dearest = _dearest(table)
    rows = {}
    for rate in main_rates(table):
        ours = by_range[by_range["rate"] == rate]
        rows[f"{rate:.0%}"] = {
            "MACs (%)": f"{100 * ours['conv_macs'].mean() / dearest:.1f}",
            "minus random": marked_difference(ours, chance[chance["rate"] == rate]),
            "minus random, equal MACs": f"{gap:+.2f}" if (gap := _at_equal_macs(table, "range", rate)) else "",
            "minus oracle": marked_difference(ours, oracle[oracle["rate"] == rate]),
            "minus open": _difference(ours, by_range[by_range["rate"] == 1.0]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("asked")


def standings(table: pd.DataFrame, opened: pd.DataFrame) -> pd.DataFrame:
    """One row per trained gate by friction: how it stands to its controls, in words, and to open gates, in points.

    Controls are the random gate, the gate that never opens and was trained in the same way, and one that never opens
    and was trained so from the start; what each takes is its MACs relative to the open network's.

    Args:
        table: from :func:`~inertia_utils.frames.trained_gates`, with those controls as far as they are there.
        opened: the same of the networks with open gates.
    """
    rows = []
    for (skip, rate, gate), gated in table.groupby(["skip", "rate", "gate"]):
        ours, chance = (gated[gated["friction"] == name] for name in ("range", "random"))
        never = table[(table["skip"] == skip) & table["gate"].isin({ours["closed"].iloc[0], "never"})]
        controls = {"random": (chance, marked_difference)}
        controls |= {name: (closed, _difference) for name, closed in never.groupby("gate")}
        row = {"skip": skip, "asked": f"{rate:.0%}", "gate": gate}
        row |= {"open, conv1 / conv2 (%)": open_text(ours), "conv MACs / open": _share(ours, opened)}
        for name, (control, gap) in controls.items():
            if not control.empty:
                apart = told_apart(paired_difference(seeds_of(ours), seeds_of(control)))
                row[f"against {name}"] = f"{apart} it ({gap(ours, control)})"
                row[f"MACs of {name}"] = _share(control, opened)
        rows.append(row | {"minus open": _difference(ours, opened)})
    return pd.DataFrame(rows).set_index(["skip", "asked", "gate"]).fillna("")


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


def leads_by_network(networks: Mapping[str, pd.DataFrame], measure: str, control: str) -> pd.DataFrame:
    """One row per rate: a gate's lead over its control in two networks, their difference, and the loss that it avoids.

    Args:
        networks: name → rows of that network, from :func:`~inertia_utils.frames.gates`; two of them.
        measure: the gate, by its column ``friction``.
        control: the other gate.
    """
    columns = {}
    for name, rows in networks.items():
        gated = {key: found for key, found in rows.groupby(["friction", "rate"])}
        columns[f"{measure} − {control}, {name}"] = {
            rate: marked_difference(gated[measure, rate], gated[control, rate]) for rate in rates_between(rows)
        }
    columns[" − ".join(networks)] = _signed(changes_of_lead(*networks.values(), measure, control))
    for name, rows in networks.items():
        columns[f"share of the loss avoided (%), {name}"] = _signed(loss_avoided(rows, measure, control))
    return pd.DataFrame(columns).fillna("").rename("{:.0%}".format).rename_axis("asked")


def gaps_at_equal_macs(table: pd.DataFrame, measure: str) -> dict[float, Interval]:
    """Rate → difference of a gate from the random gate that takes as many MACs, in points; all and none left out.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`.
        measure: which gate, by its column ``friction``.
    """
    gaps = {rate: _at_equal_macs(table, measure, rate) for rate in rates_between(table)}
    return {rate: gap for rate, gap in gaps.items() if gap is not None}


def stands_by_rate(gaps: Mapping[float, Interval], control: str) -> str:
    """At which rates something beats a control, loses to it or is not told from it, in words.

    Args:
        gaps: rate → difference.
        control: its name, as the text has it.
    """
    rates: dict[str, list[str]] = {}
    for rate, gap in gaps.items():
        rates.setdefault(told_apart(gap), []).append(f"{100 * rate:.0f}")
    if len(rates) == 1 and len(gaps) > 2:
        return f"{next(iter(rates))} {control} at all {len(gaps)} rates"
    return "; ".join(f"{words} {control} at {listed(found)} %" for words, found in sorted(rates.items()))


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


def marked_difference(runs: pd.DataFrame, control: pd.DataFrame) -> str:
    """Difference in points with its interval, marked where a layer opens another fraction than in the control.

    Args:
        runs: as in :func:`equally_open`.
        control: likewise; without a seed in common the text is empty.
    """
    text = _difference(runs, control)
    return text if not text or equally_open(runs, control) else text + UNEQUAL


def equally_open(runs: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Whether every layer opens the same fraction in both, within :data:`EQUAL_RATES`.

    Args:
        runs: rows of one network at one rate, from :func:`~inertia_utils.frames.gates`.
        others: of its control.
    """
    ours, theirs = open_by_layer(runs), open_by_layer(others)
    return all(abs(ours[layer] - theirs[layer]) <= EQUAL_RATES for layer in ours.keys() & theirs.keys())


def _lead(table: pd.DataFrame, measure: str, control: str, rate: float) -> dict[int, float]:
    """Seed → accuracy of one gate minus that of another, at one rate."""
    ours, theirs = at_rate(table, measure, rate), at_rate(table, control, rate)
    return {seed: ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()}


def _difference(runs: pd.DataFrame, others: pd.DataFrame) -> str:
    ours, theirs = seeds_of(runs), seeds_of(others)
    return f"{paired_difference(ours, theirs):+.2f}" if ours.keys() & theirs.keys() else ""


def _signed(gaps: Mapping[float, Interval]) -> dict[float, str]:
    return {rate: f"{gap:+.2f}" for rate, gap in gaps.items()}


def _share(runs: pd.DataFrame, opened: pd.DataFrame) -> str:
    return f"{runs['conv_macs'].mean() / opened['conv_macs'].mean():.0%}"


def _dearest(table: pd.DataFrame) -> float:
    """MACs of the random gate at its highest rate, to which those of all gates are relative."""
    chance = table[table["friction"] == "random"]
    return float(chance[chance["rate"] == chance["rate"].max()]["conv_macs"].mean())


def _at_equal_macs(table: pd.DataFrame, friction: str, rate: float) -> Interval | None:
    """The difference of a gate by friction from the random gate of as many MACs; None without a seed in common."""
    ours, theirs = at_rate(table, friction, rate), random_of_equal_macs(table, friction, rate)
    return paired_difference(ours, theirs) if ours.keys() & theirs.keys() else None
