"""The outcome of the study in a few sentences, made from its two tables of comparisons."""

from __future__ import annotations

import pandas as pd

from .arms import dense
from .claims import FAILS, HOLDS, NOT_YET_RUN, OPEN
from .plans import primary_pairs

SAYS = {
    "superior": "is better than",
    "non-inferior": "keeps up with",
    "inconclusive": "cannot be told from",
    "inferior": "falls short of",
}


def in_short(decided: pd.DataFrame, verdicts: pd.DataFrame) -> list[str]:
    """One sentence for every primary arm in the place of a dense network, and one for every claim about gates.

    Args:
        decided: the table of the primary comparisons, with columns ``arm`` and ``control``.
        verdicts: the table of claims.
    """
    return [*_kernels(decided), *_gates(verdicts)]


def _kernels(decided: pd.DataFrame) -> list[str]:
    rows = {(row["arm"], row["control"]): row for row in decided.to_dict("records")}
    # Widened and narrowed networks are rivals; what is replaced is the plain one.
    replaced = [(arm.name, control.name) for arm, control in primary_pairs() if control == dense(control.kernel_size)]
    return [_kernel(rows[pair]) for pair in replaced if pair in rows]


def _kernel(row: dict[str, str]) -> str:
    costs = {"convolution weights": "share of weights", "convolution MACs": "share of MACs", "time": "share of time"}
    shares = [f"{row[column]} of its {what}" for what, column in costs.items() if row[column]]
    return (
        f"Gates open, {row['arm']} **{SAYS[row['verdict']]}** {row['control']}: {row['difference (points)']} points "
        f"over {row['seeds']} seeds, with {', '.join(shares[:-1])} and {shares[-1]}."
    )


def _gates(verdicts: pd.DataFrame) -> list[str]:
    gated = verdicts[verdicts["condition"].str.contains("gated after training|trained with the gate")]
    return [f"“{statement}”: {_tally(rows)}." for statement, rows in gated.groupby("claim", sort=False)]


def _tally(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    parts = [f"{verdict} in {counts[verdict]}" for verdict in (HOLDS, FAILS, OPEN, NOT_YET_RUN) if verdict in counts]
    return f"{', '.join(parts)} of {len(rows)} comparison{'s' if len(rows) > 1 else ''}"
