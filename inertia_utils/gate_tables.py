"""Tables of gates beside their controls (design, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

import pandas as pd

from .frames import main_rates, open_text, rates_between
from .gate_gaps import (
    changes_of_lead,
    difference_text,
    gap_at_equal_macs,
    gap_between_rows,
    loss_avoided,
    marked_difference,
    share_of_macs,
)
from .standing import told_apart
from .stats import Interval


def against_random(table: pd.DataFrame) -> pd.DataFrame:
    """One row per rate: what every measure opens, costs and reaches, and its differences from the controls.

    The controls are the random gate, the random gate that takes as many MACs as the measure does with its own, and the
    oracle.  Measured open fractions are those of the layers in turn; MACs of all convolutions with friction and gates
    are relative to the random gate's at the highest rate.  A difference in points is marked as unequal where a layer
    opens another fraction than it does with the control, as :func:`~inertia_utils.gate_gaps.equally_open` says.  Means
    are over the seeds that a measure has, differences over those that both have.

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
            if gap := gap_at_equal_macs(table, name, float(rate)):
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
        row["minus open"] = difference_text(runs, opened)
        chance = table[same & (table["friction"] == "random")]
        row["minus random"] = marked_difference(runs, chance) if friction and friction != "random" else ""
        closed = table[(table["skip"] == skip) & (table["gate"] == runs["closed"].iloc[0])]
        row["minus never"] = difference_text(runs, closed) if gate != runs["closed"].iloc[0] else ""
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
            "seeds": f"{rows['seed'].nunique()}",
            "test accuracy (%)": f"{100 * rows['accuracy'].mean():.2f}",
            "held-out accuracy (%)": f"{100 * rows['holdout_accuracy'].mean():.2f}",
            "training loss": f"{rows['loss'].mean():.3f}",
            "conv MACs / all open": _share(rows, opened),
            **{
                f"minus {control}": "" if control == name else difference_text(rows, theirs)
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
            "minus random, equal MACs": f"{gap:+.2f}" if (gap := gap_at_equal_macs(table, "range", rate)) else "",
            "minus oracle": marked_difference(ours, oracle[oracle["rate"] == rate]),
            "minus open": difference_text(ours, by_range[by_range["rate"] == 1.0]),
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
        controls |= {name: (closed, difference_text) for name, closed in never.groupby("gate")}
        row = {"skip": skip, "asked": f"{rate:.0%}", "gate": gate}
        row |= {"open, conv1 / conv2 (%)": open_text(ours), "conv MACs / open": _share(ours, opened)}
        for name, (control, gap) in controls.items():
            if not control.empty:
                apart = told_apart(gap_between_rows(ours, control))
                row[f"against {name}"] = f"{apart} it ({gap(ours, control)})"
                row[f"MACs of {name}"] = _share(control, opened)
        rows.append(row | {"minus open": difference_text(ours, opened)})
    return pd.DataFrame(rows).set_index(["skip", "asked", "gate"]).fillna("")


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


def gaps_table(gaps: Mapping[Any, Mapping[float, Interval]]) -> pd.DataFrame:
    """One row per comparison, one column per rate: differences in points with their intervals.

    Args:
        gaps: what is compared → rate → difference.
    """
    return pd.DataFrame({what: _signed(by_rate) for what, by_rate in gaps.items()}).rename("{:.0%}".format).T


def threshold_moves(history: pd.DataFrame, layers: Sequence[str]) -> pd.DataFrame:
    """One row per gate that learned its threshold and seed: where it stood after one epoch and at the end of training.

    By how many per cent it moved in between stands beside them; what it did in the first epoch is not recorded.

    Args:
        history: from :func:`~inertia_utils.frames.curves`.
        layers: names of the gated layers; each has the columns ``epoch 1``, ``at the end`` and ``moved (%)``.
    """
    learned = history[history["arm"].str.contains("gate learned")].sort_values("epoch").groupby(["arm", "seed"])
    columns = {}
    for layer in layers:
        first, last = learned[f"threshold/{layer}"].first(), learned[f"threshold/{layer}"].last()
        columns[layer] = pd.DataFrame({"epoch 1": first, "at the end": last, "moved (%)": 100 * (last / first - 1)})
    return pd.concat(columns, axis=1)


def threshold_table(moves: pd.DataFrame) -> pd.DataFrame:
    """One row per gate: means over seeds of its thresholds, and the least and the most by which one moved.

    Args:
        moves: from :func:`threshold_moves`, of gates of one network.
    """
    rows = {}
    for arm, seeds in moves.groupby(level="arm", sort=False):
        row = {"seeds": f"{len(seeds)}"}
        for layer in moves.columns.get_level_values(0).unique():
            of_layer = seeds[layer]
            moved = of_layer["moved (%)"]
            row |= {f"{layer}, {when}": f"{of_layer[when].mean():.3f}" for when in ("epoch 1", "at the end")}
            row[f"{layer}, moved (%)"] = f"{moved.min():+.1f} … {moved.max():+.1f}"
        rows[arm.partition(", gate ")[2]] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("gate")


def _signed(gaps: Mapping[float, Interval]) -> dict[float, str]:
    return {rate: f"{gap:+.2f}" for rate, gap in gaps.items()}


def _share(runs: pd.DataFrame, opened: pd.DataFrame) -> str:
    return f"{share_of_macs(runs, opened):.0%}"


def _dearest(table: pd.DataFrame) -> float:
    """MACs of the random gate at its highest rate, to which those of all gates are relative."""
    chance = table[table["friction"] == "random"]
    return float(chance[chance["rate"] == chance["rate"].max()]["conv_macs"].mean())
