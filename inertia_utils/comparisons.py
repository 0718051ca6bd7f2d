"""Paired comparisons of the arms in a table of runs, and how notebooks show them (design, section 6, rule 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan

import pandas as pd

from .arms import Arm
from .equal_macs import random_of_equal_macs
from .frames import at_rate, by_seed, main_rates, open_by_layer, open_text, seeds_of
from .predict_run import Correct
from .stats import MARGIN, Comparison, Interval, compare, crossed_interval, holm, interval

#: How far open fractions of a layer may be apart to be called equal.
EQUAL_RATES = 0.03
#: How a difference ends where they are not.
UNEQUAL = ", unequal"
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
    return interval(_seed_by_seed(ours, theirs))


def in_points(difference: Interval) -> str:
    """A difference of accuracies in points, with its interval from three seeds on."""
    # What floating point leaves behind must not decide which way a half is rounded.
    mean, low, high = (f"{round(100 * value, 6):+.2f}" for value in (difference.mean, difference.low, difference.high))
    return mean if difference.half_width is None else f"{mean} [{low}, {high}]"


def p_text(p: float) -> str:
    """A p value to three decimals, of which none is zero."""
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


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
            if text := _at_equal_macs(table, name, float(rate)):
                row[f"{name} − random, equal MACs"] = text
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
        row = {"skip": skip, "asked": "" if isnan(rate) else f"{rate:.0%}", "gate": gate, "friction": friction}
        row["open, conv1 / conv2 (%)"] = open_text(runs)
        row["accuracy (%)"] = f"{100 * runs['accuracy'].mean():.2f}"
        row["minus open"] = _difference(runs, opened)
        if friction and friction != "random":
            row["minus random"] = marked_difference(runs, table[same & (table["friction"] == "random")])
        if gate != (closed := runs["closed"].iloc[0]):
            row["minus never"] = _difference(runs, table[(table["skip"] == skip) & (table["gate"] == closed)])
        row["conv MACs / open"] = _share(runs, opened)
        rows.append(row)
    return pd.DataFrame(rows).set_index(["skip", "asked", "gate", "friction"]).fillna("")


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
            "minus random, equal MACs": _at_equal_macs(table, "range", rate),
            "minus oracle": marked_difference(ours, oracle[oracle["rate"] == rate]),
            "minus open": _difference(ours, by_range[by_range["rate"] == 1.0]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("asked")


def gaps_by_rate(table: pd.DataFrame, measure: str, control: str) -> dict[float, Interval]:
    """Rate → difference between two gates of one network in points, where both are asked for it; all and none left out.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`.
        measure: which of them, by its column ``friction``.
        control: the other.
    """
    rates = sorted(rate for rate in table["rate"].unique() if 0 < rate < 1)
    pairs = {rate: (at_rate(table, measure, rate), at_rate(table, control, rate)) for rate in rates}
    return {rate: paired_difference(*pair) for rate, pair in pairs.items() if pair[0].keys() & pair[1].keys()}


def gaps_at_equal_macs(table: pd.DataFrame, measure: str) -> dict[float, Interval]:
    """Rate → difference of a gate from the random gate that takes as many MACs, in points; all and none left out.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`.
        measure: which gate, by its column ``friction``.
    """
    rates = sorted(rate for rate in table[table["friction"] == measure]["rate"].unique() if 0 < rate < 1)
    return {
        rate: paired_difference(at_rate(table, measure, rate), random_of_equal_macs(table, measure, rate))
        for rate in rates
    }


def stands_by_rate(gaps: Mapping[float, Interval], control: str) -> str:
    """At which rates something beats a control, loses to it or is not told from it, in words.

    Args:
        gaps: rate → difference.
        control: its name, as the text has it.
    """
    rates: dict[str, list[str]] = {}
    for rate, gap in gaps.items():
        rates.setdefault(told_apart(gap), []).append(f"{100 * rate:.0f}")
    return "; ".join(f"{words} {control} at {_listed(found)} %" for words, found in sorted(rates.items()))


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


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


def _dearest(table: pd.DataFrame) -> float:
    """MACs of the random gate at its highest rate, to which those of all gates are relative."""
    chance = table[table["friction"] == "random"]
    return float(chance[chance["rate"] == chance["rate"].max()]["conv_macs"].mean())


def _at_equal_macs(table: pd.DataFrame, friction: str, rate: float) -> str:
    """The difference of a gate by friction from the random gate of as many MACs."""
    ours = seeds_of(table[(table["friction"] == friction) & (table["rate"] == rate)])
    theirs = random_of_equal_macs(table, friction, rate)
    return f"{paired_difference(ours, theirs):+.2f}" if ours.keys() & theirs.keys() else ""


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


def _share(runs: pd.DataFrame, opened: pd.DataFrame) -> str:
    return f"{runs['conv_macs'].mean() / opened['conv_macs'].mean():.0%}"


def told_apart(difference: Interval) -> str:
    """How something stands to a control, by the interval of its difference from it, which needs three seeds."""
    if difference.count < 3:
        return "cannot yet be told from"
    return "loses to" if difference.high < 0 else "beats" if difference.low > 0 else "is not told from"


def _difference(runs: pd.DataFrame, others: pd.DataFrame) -> str:
    ours, theirs = seeds_of(runs), seeds_of(others)
    return f"{paired_difference(ours, theirs):+.2f}" if ours.keys() & theirs.keys() else ""


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


def differences(table: pd.DataFrame, arm: str, control: str) -> list[float]:
    """Arm − control in points, for every seed that both have, in order."""
    return _seed_by_seed(by_seed(table, arm), by_seed(table, control))


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


def _seed_by_seed(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    return [100 * (ours[seed] - theirs[seed]) for seed in sorted(ours.keys() & theirs.keys())]
