"""The goals that were set for speed before anything was measured, and whether the records meet them."""

from __future__ import annotations

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
