"""The outcome of the study in a few sentences, made from its two tables of comparisons."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pandas as pd

from .arms import Arm, dense
from .claims import FAILS, HOLDS, NOT_YET_RUN, OPEN
from .compared import PRIMARY, SLIMMER, STRIDED, compared_pairs
from .gate_gaps import UNEQUAL
from .original_claims import AFTER_A_LOOK
from .standing import by_the_margin
from .stats import ALPHA, MARGIN
from .train_run import TrainRun

#: Arm and control → their row in the table of comparisons.
Rows = dict[tuple[str, str], dict[str, str]]

#: The plainer ways to save, and how they are named.
PLAINER = {
    SLIMMER: f"that is merely slimmer, {SLIMMER.hidden} and {SLIMMER.channels} channels",
    STRIDED: "whose second layer strides in place of its pooling",
}

#: Conditions under which a claim is about gates.
GATED = ("gated after training", "trained with the gate")


def in_short(decided: pd.DataFrame, verdicts: pd.DataFrame, pooled: pd.DataFrame | None = None) -> list[str]:
    """What the outcome is, in a list of sentences.

    One for every arm that is held against a plain dense network, one for every kind of network that the arms' MACs
    would buy, one for each plainer way to save, one for how many comparisons stand when all are adjusted together, one
    for networks without the large head, and one for every claim about gates.

    Args:
        decided: the table of comparisons of networks with open gates, with columns ``arm`` and ``control``.
        verdicts: the table of claims.
        pooled: the table of comparisons between networks that end in global average pooling, where it is at hand.
    """
    rows = _by_pair(decided)
    small_heads = [] if pooled is None else _without_head(_by_pair(pooled))
    kernels, rivals = _kernels(rows, verdicts), _rivals(rows, verdicts)
    plainer = [line for rival, called in PLAINER.items() for line in _plainer(rows, rival, called)]
    return [*kernels, *rivals, *plainer, *_together(rows), *small_heads, *_gates(verdicts)]


def _by_pair(table: pd.DataFrame) -> Rows:
    return {(row["arm"], row["control"]): row for row in table.to_dict("records")}


def _kernels(rows: Rows, verdicts: pd.DataFrame) -> list[str]:
    # Widened and narrowed networks are rivals; what is replaced is the plain one.
    replaced = [(arm, control) for arm, control in compared_pairs() if control == dense(control.kernel_size)]
    # A core that could do the task alone proves least.
    replaced.sort(key=lambda pair: (pair[0].kernel_size - pair[0].margin > 2, pair[1] != dense(3)))
    names = [(arm.name, control.name) for arm, control in replaced]
    return [_kernel(rows[pair], verdicts) for pair in names if pair in rows]


def _kernel(row: dict[str, str], verdicts: pd.DataFrame) -> str:
    costs = {"convolution weights": "share of weights", "convolution MACs": "share of MACs", "time": "share of time"}
    shares = [f"{row[column]} of its {what}" for what, column in costs.items() if row[column]]
    return (
        f"Beside {row['control']}, {row['arm']} is **{_words(row)}**: {row['difference (points)']} points over "
        f"{row['seeds']} seeds, with {', '.join(shares[:-1])} and {shares[-1]}"
        f"{_for_images(row)}{_as_claim(row, verdicts)}{_after_a_look(row)}."
    )


def _words(row: dict[str, str]) -> str:
    """Better, worse or not told apart, and whether by more than the margin."""
    limits = re.findall(r"[+-][0-9.]+", row["difference (points)"])
    return by_the_margin(row["verdict"], float(limits[-1]) / 100)


def _after_a_look(row: dict[str, str]) -> str:
    """What is said of an arm that was planned when some of its seeds had been seen."""
    return "" if row["arm"] in {arm.name for arm in PRIMARY} else f"; {AFTER_A_LOOK.removeprefix(', ')}, in no family"


def _for_images(row: dict[str, str]) -> str:
    """What is said where the interval over seeds and images does not show what that over seeds does."""
    crossed = row.get("over seeds and images")
    bound = {"superior": 0.0, "non-inferior": -100 * MARGIN}.get(row["verdict"])
    if not crossed or bound is None:
        return ""
    interval = crossed[crossed.index("[") :]
    shown = float(interval[1:].split(",")[0]) > bound
    return "" if shown else f"; **not shown for other test images** ({interval})"


def _as_claim(row: dict[str, str], verdicts: pd.DataFrame) -> str:
    """What is said where the interval shows equal accuracy, and the claim of it, in a larger family, stays open."""
    same = (verdicts["arm"] == row["arm"]) & (verdicts["control"] == row["control"])
    of_accuracy = verdicts["margin"].eq(f"−{100 * MARGIN:.1f}") & ~verdicts["condition"].str.contains("LeNet")
    stays_open = verdicts[same & of_accuracy & (verdicts["verdict"] == OPEN)]
    if stays_open.empty or row["verdict"] not in ("superior", "non-inferior"):
        return ""
    return f"; **{OPEN}** among all claims of equal accuracy (adjusted p {stays_open['p (Holm)'].iloc[0]})"


def _rivals(rows: Rows, verdicts: pd.DataFrame) -> list[str]:
    # Another number of channels in the first layer is how a rival gets as many MACs.
    pairs = [(arm, rival) for arm, rival in compared_pairs() if rival.hidden != Arm.hidden and rival != SLIMMER]
    found: dict[str, list[dict[str, str]]] = {}
    for arm, rival in pairs:
        if row := rows.get((arm.name, rival.name)):
            found.setdefault(_kind_of_rival(rival), []).append(row)
    return [
        f"At equal MACs, beside {kind}, {_verdicts(compared)}{_ranges(compared)}{_as_claims(compared, verdicts)}."
        for kind, compared in found.items()
    ]


def _kind_of_rival(rival: Arm) -> str:
    if rival.conv == "separable":
        return "**separable networks** behind a dense first layer"
    if rival.kernel_size == 1:
        return "**dense 1×1 networks** that are widened"
    return f"**dense networks** with {'narrower layers' if rival.channels != Arm.channels else 'another first layer'}"


def _verdicts(compared: list[dict[str, str]]) -> str:
    counts = [f"{n} {words}" for words, n in Counter(map(_words, compared)).most_common()]
    return f"of {len(compared)} comparison{'s' if len(compared) > 1 else ''} {'; '.join(counts)}"


def _as_claims(compared: list[dict[str, str]], verdicts: pd.DataFrame) -> str:
    """How many of the comparisons are claims of being better, and how many of these hold when adjusted."""
    pairs = {(row["arm"], row["control"]) for row in compared}
    to_beat = verdicts[verdicts["margin"].eq("0") & ~verdicts["condition"].str.contains("LeNet")]
    claims = [row["verdict"] for row in to_beat.to_dict("records") if (row["arm"], row["control"]) in pairs]
    return f"; {claims.count(HOLDS)} of {len(claims)} hold as adjusted claims of being better" if claims else ""


def _ranges(compared: list[dict[str, str]]) -> str:
    """The lowest and the highest difference, and share of the rivals' time where it is known."""
    gaps = sorted((row["difference (points)"].split()[0] for row in compared), key=float)
    times = sorted((row["share of time"] for row in compared if row["share of time"]), key=lambda t: float(t[:-1]))
    parts = [f"{_span(gaps)} points"] + ([f"in {_span(times)} of their time"] if times else [])
    return f" ({', '.join(parts)})"


def _span(ordered: list[str]) -> str:
    return ordered[0] if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"


def _plainer(rows: Rows, rival: Arm, called: str) -> list[str]:
    """What inertial networks are beside a plainer way to save."""
    beside = [(arm.name, control.name) for arm, control in compared_pairs() if control == rival]
    compared = [rows[pair] for pair in beside if pair in rows]
    parts = [
        f"{row['arm']} is **{_words(row)}** ({_gap_and_time(row)}, with {row['share of MACs']} of its MACs)"
        for row in compared
    ]
    return [f"Beside a dense 3×3 network {called}: {'; '.join(parts)}."] if parts else []


def _together(rows: Rows) -> list[str]:
    """How many of all comparisons tell two networks apart, and how many still do when all are adjusted together."""
    apart = [row for row in rows.values() if row["verdict"] == "superior" or _words(row).startswith("worse")]
    if not apart or not all(row.get("p different, Holm") for row in rows.values()):
        return []
    stand = [row for row in apart if float(row["p different, Holm"].removeprefix("< ")) < ALPHA]
    names = "; ".join(f"{row['arm']} beside {row['control']}" for row in stand)
    together = f"{len(stand)} still {'does' if len(stand) == 1 else 'do'} when all are adjusted together"
    return [
        f"Of these {len(rows)} comparisons {len(apart)} tell two networks apart, each by its own interval, and "
        f"{together}{f': {names}' if names else ''}."
    ]


def _without_head(rows: Rows) -> list[str]:
    beside: dict[str, list[str]] = {}
    counts = set()
    for arm, control in compared_pairs():
        row = rows.get((arm.name, control.name))
        if row and control != dense(1):
            kind = control.name if control in (dense(3), SLIMMER) else _kind_of_rival(control)
            gap, _, seeds = row["difference (points)"].rstrip(")").rpartition(" (n=")
            # What is saved is said once.
            weights = f" (with {row['share of weights']} of all its weights)" if control == dense(3) else ""
            beside.setdefault(kind, []).append(f"{arm.name} {gap}{weights}")
            counts.add(seeds)
    if not beside:
        return []
    parts = [f"beside {kind}: {', '.join(gaps)}" for kind, gaps in beside.items()]
    return [f"Without the large head, in points over {_span(sorted(counts, key=int))} seeds, {'; '.join(parts)}."]


def _gap_and_time(row: dict[str, str]) -> str:
    # As many MACs in the convolutions do not take as much time, least of all where the head is smaller too.
    time = f", in {row['share of time']} of its time" if row["share of time"] else ""
    return f"{row['difference (points)']}{time}"


def _gates(verdicts: pd.DataFrame) -> list[str]:
    gated = verdicts[verdicts["condition"].str.contains("|".join(GATED))]
    return [f"“{statement}” {_by_verdict(rows)}." for statement, rows in gated.groupby("claim", sort=False)]


def _by_verdict(rows: pd.DataFrame) -> str:
    rows = rows.assign(dataset=rows["condition"].str.split(",").str[0])
    # An arm with several controls does not say which is meant.
    rows = rows.assign(several=rows.duplicated(["arm", "dataset"], keep=False))
    parts = []
    for verdict in (HOLDS, FAILS, OPEN, NOT_YET_RUN):
        found = [_case(row) for row in rows[rows["verdict"] == verdict].to_dict("records")]
        if found:
            parts.append(f"**{'is ' * (verdict in (OPEN, NOT_YET_RUN))}{verdict}** for {', '.join(found)}")
    return "; ".join(parts)


def _case(row: dict[str, Any]) -> str:
    """An arm, the points that it has over its control, and what the table says against taking them at face value."""
    said = [f"on {row['dataset']}"] if row["dataset"] != TrainRun.dataset else []
    said += [f"beside {row['control']}"] if row["several"] else []
    said += row["difference (points)"].split(" ")[:1]
    text = " ".join(filter(None, said))
    text += UNEQUAL if row["difference (points)"].endswith(UNEQUAL) else ""
    text += AFTER_A_LOOK if row["condition"].endswith(AFTER_A_LOOK) else ""
    return f"{row['arm'].removeprefix('inertial ')}{f' ({text})' if text else ''}"
