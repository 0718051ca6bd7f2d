"""The goals that were set for speed before anything was measured, and whether the records meet them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Goal:
    """An arm is to be so many times as fast as another.

    Attributes:
        text: the goal in words.
        arm: name of the arm.
        against: name of the arm that it is compared with.
        factor: the least ratio of their medians.
        what: ``"layer"``, ``"forward"`` or ``"training step"``.
        batch: the batch that the goal was set for; 64 where it names none.
    """

    text: str
    arm: str
    against: str
    factor: float
    what: str = "layer"
    batch: int = 64


GOALS = (
    Goal("layer (5, 2) against dense 5×5", "slide (5, 2)", "dense 5×5", 2.2),
    Goal("layer (3, 2) against dense 3×3", "slide (3, 2)", "dense 3×3", 3.3),
    Goal("layer (5, 4) against dense 5×5", "slide (5, 4)", "dense 5×5", 8.0),
    Goal("gated dilate (5, 2), 30 % open, against dense 5×5", "dilate (5, 2), 30% real", "dense 5×5", 1.4),
    Goal("skip core (5, 2), 30 % open, against dense 5×5", "skip core (5, 2), 30% real", "dense 5×5", 3.0),
    Goal("FashionNet forward, (5, 2) against dense 5×5", "slide (5, 2)", "dense 5×5", 1.6, "forward", 256),
    Goal("FashionNet training step, (5, 2) against dense 5×5", "slide (5, 2)", "dense 5×5", 1.0, "training step", 256),
)


def ratios(table: pd.DataFrame, goal: Goal) -> dict[int, float]:
    """Batch → how many times as fast the goal's arm is; ``table`` has the columns batch, arm and ms."""
    times = table.pivot_table(index="batch", columns="arm", values="ms", aggfunc="first")
    return (times[goal.against] / times[goal.arm]).to_dict()


#: What is to stay at or below a bound, over all batches and arms that were measured → the bound.
LIMITS = {
    "friction, channels averaged first, share of a gated layer's time": 0.10,
    "friction, channels averaged last, share of a gated layer's time": 0.10,
    "slower than computing everything, worst point of the map": 0.05,
    "gated at 30 %, slower than its own open form, worst arm and batch": 0.05,
}


def outcome(layers: pd.DataFrame, networks: pd.DataFrame, worst: Mapping[str, float]) -> pd.DataFrame:
    """One row per goal: what was asked, what was measured, whether it is met, and the ratios at every batch.

    Args:
        layers: rows of the layer record, from :func:`~inertia_utils.bench.read.frame`.
        networks: rows of the record of whole networks.
        worst: what was measured of each of :data:`LIMITS`.

    Raises:
        ValueError: a limit has no measurement.
    """
    if missing := LIMITS.keys() - worst.keys():
        raise ValueError(f"worst: expected a value for every limit, got none for {', '.join(sorted(missing))}")
    rows = {}
    for goal in GOALS:
        table = layers if goal.what == "layer" else networks[networks["what"] == goal.what]
        found = ratios(table, goal)
        rows[goal.text] = {
            "goal": f"≥ {goal.factor:g}",
            "measured": f"{found[goal.batch]:.2f} (batch {goal.batch})",
            "met": found[goal.batch] >= goal.factor,
        } | {f"batch {batch}": f"{value:.2f}" for batch, value in found.items()}
    for text, most in LIMITS.items():
        rows[text] = {"goal": f"≤ {most:.0%}", "measured": f"{worst[text]:.0%}", "met": worst[text] <= most}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("")
