"""The outcome of the study in a few sentences, made from its two tables of comparisons."""

from __future__ import annotations

import pandas as pd

from .arms import Arm, dense
from .claims import FAILS, HOLDS, NOT_YET_RUN, OPEN
from .plans import SLIMMER, compared_pairs
from .stats import MARGIN

#: Arm and control → their row in the table of comparisons.
Rows = dict[tuple[str, str], dict[str, str]]

SAYS = {
    "superior": "is better than",
    "non-inferior": f"is at most {100 * MARGIN:.1f} points worse than",
    "inconclusive": "cannot be told from",
    "inferior": "falls short of",
    "too few seeds": "cannot yet be told from",
}

#: The same where the control has been named.
BRIEFLY = {
    "superior": "better",
    "non-inferior": f"at most {100 * MARGIN:.1f} points worse",
    "inconclusive": "not told apart",
    "inferior": "worse",
    "too few seeds": "not yet told apart",
}


def in_short(decided: pd.DataFrame, verdicts: pd.DataFrame) -> list[str]:
    """What the outcome is, in a list of sentences.

    One for every primary arm, the cheapest and (3, 1) in the place of a dense network, one for what else their MACs
    would buy, one for what else their time would, and one for every claim about gates.

    Args:
        decided: the table of the primary comparisons, with columns ``arm`` and ``control``.
        verdicts: the table of claims.
    """
    rows = {(row["arm"], row["control"]): row for row in decided.to_dict("records")}
    return [*_kernels(rows, verdicts), *_rivals(rows), *_slimmer(rows), *_gates(verdicts)]


def _kernels(rows: Rows, verdicts: pd.DataFrame) -> list[str]:
    # Widened and narrowed networks are rivals; what is replaced is the plain one.
    replaced = [(arm.name, control.name) for arm, control in compared_pairs() if control == dense(control.kernel_size)]
    return [_kernel(rows[pair], verdicts) for pair in replaced if pair in rows]


def _kernel(row: dict[str, str], verdicts: pd.DataFrame) -> str:
    costs = {"convolution weights": "share of weights", "convolution MACs": "share of MACs", "time": "share of time"}
    shares = [f"{row[column]} of its {what}" for what, column in costs.items() if row[column]]
    images = f" (over images too: {row['over seeds and images']})" if row.get("over seeds and images") else ""
    return (
        f"Gates open, {row['arm']} **{SAYS[row['verdict']]}** {row['control']}: {row['difference (points)']} points "
        f"over {row['seeds']} seeds{images}, with {', '.join(shares[:-1])} and {shares[-1]}{_as_claim(row, verdicts)}."
    )


def _as_claim(row: dict[str, str], verdicts: pd.DataFrame) -> str:
    """What is said where the interval shows equal accuracy, and the claim of it, in a larger family, stays open."""
    same = (verdicts["arm"] == row["arm"]) & (verdicts["control"] == row["control"])
    of_accuracy = verdicts["margin"].eq(f"−{100 * MARGIN:.1f}") & ~verdicts["condition"].str.contains("LeNet")
    stays_open = verdicts[same & of_accuracy & (verdicts["verdict"] == OPEN)]
    if stays_open.empty or row["verdict"] not in ("superior", "non-inferior"):
        return ""
    return f"; among all claims of equal accuracy this one is {OPEN} (adjusted p {stays_open['p (Holm)'].iloc[0]})"


def _rivals(rows: Rows) -> list[str]:
    # Another number of channels in the first layer is how a rival gets as many MACs.
    pairs = [(arm, rival) for arm, rival in compared_pairs() if rival.hidden != Arm.hidden and rival != SLIMMER]
    found: dict[str, list[dict[str, str]]] = {}
    for arm, rival in pairs:
        if row := rows.get((arm.name, rival.name)):
            found.setdefault(_kind_of_rival(rival), []).append(row)
    return [
        f"At equal MACs, beside {kind}, an inertial network is {_verdicts(compared)}{_ranges(compared)}."
        for kind, compared in found.items()
    ]


def _kind_of_rival(rival: Arm) -> str:
    if rival.conv == "separable":
        return "**separable networks** behind a dense first layer"
    return f"**dense networks** with {'narrower layers' if rival.channels != Arm.channels else 'another first layer'}"


def _verdicts(compared: list[dict[str, str]]) -> str:
    given = [row["verdict"] for row in compared]
    counts = [f"{BRIEFLY[verdict]} in {given.count(verdict)}" for verdict in BRIEFLY if verdict in given]
    return f"{', '.join(counts)} of {len(compared)} comparison{'s' if len(compared) > 1 else ''}"


def _ranges(compared: list[dict[str, str]]) -> str:
    """The lowest and the highest difference, and share of the rivals' time where it is known."""
    gaps = sorted((row["difference (points)"].split()[0] for row in compared), key=float)
    times = sorted((row["share of time"] for row in compared if row["share of time"]), key=lambda t: float(t[:-1]))
    parts = [f"{_span(gaps)} points"] + ([f"in {_span(times)} of their time"] if times else [])
    return f" ({', '.join(parts)})"


def _span(ordered: list[str]) -> str:
    return ordered[0] if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"


def _slimmer(rows: Rows) -> list[str]:
    beside = [(arm.name, control.name) for arm, control in compared_pairs() if control == SLIMMER]
    compared = [rows[pair] for pair in beside if pair in rows]
    parts = [
        f"{row['arm']} **{SAYS[row['verdict']]}** it ({_gap_and_time(row)}, with {row['share of MACs']} of its MACs)"
        for row in compared
    ]
    widths = f"{SLIMMER.hidden} and {SLIMMER.channels} channels"
    return [f"Beside a dense 3×3 network that is merely slimmer, {widths}: {', '.join(parts)}."] if parts else []


def _gap_and_time(row: dict[str, str]) -> str:
    # As many MACs in the convolutions do not take as much time, least of all where the head is smaller too.
    time = f", in {row['share of time']} of its time" if row["share of time"] else ""
    return f"{row['difference (points)']}{time}"


def _gates(verdicts: pd.DataFrame) -> list[str]:
    gated = verdicts[verdicts["condition"].str.contains("gated after training|trained with the gate")]
    return [f"“{statement}”: {_tally(rows)}." for statement, rows in gated.groupby("claim", sort=False)]


def _tally(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    parts = [f"{verdict} in {counts[verdict]}" for verdict in (HOLDS, FAILS, OPEN, NOT_YET_RUN) if verdict in counts]
    return f"{', '.join(parts)} of {len(rows)} comparison{'s' if len(rows) > 1 else ''}{_rates(rows)}"


def _rates(rows: pd.DataFrame) -> str:
    """What fractions the gates were asked to open, as the names of the arms have it."""
    found = rows["arm"].str.extract(r"at (?P<after>\d+)% asked|gate rate (?P<trained>[\d.]+)").astype(float)
    rates = found["after"].div(100).fillna(found["trained"]).dropna()
    if rates.empty:
        return ""
    low, high = rates.min(), rates.max()
    return f", with {low:.0%} {f'to {high:.0%} ' if high > low else ''}of the positions open"
