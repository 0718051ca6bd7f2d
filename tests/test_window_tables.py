"""Windows, margins and cores beside what they replace."""

import pandas as pd
import pytest

from inertia_utils.arms import dense, inertial, separable
from inertia_utils.models import widened
from inertia_utils.window_tables import (
    against_window,
    core_table,
    earned_by_periphery,
    gained_by_cores,
    margin_table,
)


def runs(arm, *accuracies, weights=100, macs=1000):
    """Rows as of the frame of trainings, one per seed."""
    return [
        {"arm": arm.name, "seed": seed, "accuracy": value, "conv_weights": weights, "conv_macs": macs}
        for seed, value in enumerate(accuracies)
    ]


@pytest.fixture
def table():
    return pd.DataFrame(
        [
            *runs(inertial(3, 2), 0.91, 0.92, 0.93, weights=20, macs=300),
            *runs(inertial(3, 2, cores=3), 0.92, 0.93, weights=50, macs=500),
            *runs(inertial(5, 2), 0.95, 0.96, 0.97, weights=120, macs=1200),
            *runs(dense(3), 0.93, 0.94, 0.95),
            *runs(dense(1), 0.80, 0.80, 0.80, weights=10, macs=100),
            *runs(widened(inertial(3, 2)), 0.81),
            *runs(separable(3, dense_first=True), 0.905, 0.915, 0.935),
        ]
    )


def test_margins_stand_beside_window_core_and_separable(table):
    rows = margin_table(table, [inertial(3, 1), inertial(3, 2), inertial(5, 2)])
    assert rows.loc["inertial (3, 2)"].to_dict() == {
        "core": "1×1",
        "weights of window": "20%",
        "MACs of window": "30%",
        "verdict": "inferior",
        "minus dense window": "-2.00 ± 0.00 (n=3)",
        "minus dense 3×3": "-2.00 ± 0.00 (n=3)",
        "minus dense core": "+12.00 ± 2.48 (n=3)",
        "minus dense core, equal MACs": "+10.00 (n=1)",
        "minus separable window": "+0.17 ± 1.43 (n=3)",
    }
    assert rows.index.tolist() == ["inertial (3, 2)", "inertial (5, 2)"]


def test_a_margin_whose_window_was_not_trained_has_empty_columns(table):
    row = margin_table(table, [inertial(5, 2)]).loc["inertial (5, 2)"]
    assert [row[name] for name in ("weights of window", "verdict", "minus dense window")] == ["", "", ""]
    assert row["minus dense core"] == row["minus dense 3×3"] == "+2.00 ± 0.00 (n=3)"


def test_several_cores_stand_beside_one(table):
    rows = core_table(table, [inertial(3, 2), inertial(3, 2, cores=2), inertial(3, 2, cores=3)])
    assert rows.to_dict("index") == {
        "inertial (3, 2), cores 3": {
            "weights of dense 3×3": "50%",
            "MACs of dense 3×3": "50%",
            "minus dense 3×3": "-1.00 (n=2)",
            "minus one core": "+1.00 (n=2)",
        }
    }
    gained = gained_by_cores(table, [inertial(3, 2), inertial(3, 2, cores=2), inertial(3, 2, cores=3)])
    assert {arm: f"{gap:.2f}" for arm, gap in gained.items()} == {"inertial (3, 2), cores 3": "1.00 (n=2)"}


def test_the_periphery_is_paid_in_the_same_core_on_more_channels(table):
    earned = earned_by_periphery(table, [inertial(3, 2), inertial(5, 2)])
    assert list(earned) == ["inertial (3, 2)"]
    assert earned["inertial (3, 2)"].mean == pytest.approx(10) and earned["inertial (3, 2)"].count == 1


def test_arms_are_compared_with_their_window_where_it_is_there(table):
    comparisons = against_window(table, [inertial(3, 2), inertial(3, 2, cores=3), inertial(5, 2)])
    assert {pair: found.verdict for pair, found in comparisons.items()} == {
        ("inertial (3, 2)", "dense 3×3"): "inferior",
        ("inertial (3, 2), cores 3", "dense 3×3"): "too few seeds",
    }
