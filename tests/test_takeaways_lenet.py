"""Sentences on LeNet say what the numbers behind them say."""

import pandas as pd
import pytest

from inertia_utils.takeaways import lenet as takeaway


def frame(arms, seeds=3):
    """One row per arm and seed; arm → accuracy, or accuracy and MACs."""
    rows = []
    for arm, value in arms.items():
        accuracy, macs = value if isinstance(value, tuple) else (value, 100)
        rows += [
            {"arm": arm, "seed": seed, "accuracy": accuracy + 0.0001 * seed, "conv_macs": macs} for seed in range(seeds)
        ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("ours", "seeds", "within", "enough", "below"),
    [
        (0.989, 3, "shown", "shown", True),
        (0.991, 3, "shown", "shown", False),
        # Three quarters of the gap, and half a point.
        (0.985, 3, "**not shown**", "**not shown**", False),
        # Two seeds show nothing.
        (0.989, 2, "**not shown**", "**not shown**", True),
    ],
)
def test_goals_are_shown_by_intervals_of_three_seeds(ours, seeds, within, enough, below):
    table = frame({takeaway.OURS: ours, "dense 3×3": 0.99, "dense 1×1": 0.97}, seeds)
    text = takeaway.goals(table, table)
    told = f"it is {within} that it is at most 0.2 points worse, and {enough} that it closes 90% of the gap."
    assert told in text
    assert ("within the goal and still below 0" in text) is below


def test_goals_are_told_for_the_same_heads_as_well():
    table = frame({takeaway.OURS: 0.985, "dense 3×3": 0.99, "dense 1×1": 0.97})
    alike = frame({takeaway.OURS: 0.98, "dense 3×3": 0.99, "dense 1×1": 0.97})
    text = takeaway.goals(table, alike)
    assert "is -0.50 ± 0.00 (n=3) points from dense 3×3 and closes 75% ± 0% (n=3) of the gap" in text
    assert text.endswith("With the same heads it is -1.00 ± 0.00 (n=3) points and 50% ± 0% (n=3).")


def test_the_open_network_stands_beside_others_of_its_macs():
    table = frame({takeaway.OURS: 0.98, "a": 0.97, "b": 0.99})
    assert takeaway.same_macs(table, ["a", "b"]).startswith(
        "**For the same MACs** it beats a (+1.00 ± 0.00 (n=3) points), loses to b (-1.00 ± 0.00 (n=3) points). So "
    )
    assert takeaway.earlier_form(table, "a") == (
        "**The a** is -1.00 ± 0.00 (n=3) points from inertial (3, 2), all open."
    )


def test_the_gate_stands_beside_chance_the_open_network_and_those_without_a_gate():
    arms = {takeaway.OURS: (0.98, 100), "dense 3×3": (0.99, 400), "old": (0.95, 182)}
    table = frame(arms | {"friction": (0.97, 91), "random": (0.96, 82), "slim": (0.98, 105)})
    text = takeaway.with_gate(table, "friction", "random", "old")
    assert text == (
        "**Trained with about a quarter of the positions open**, friction is +1.00 ± 0.00 (n=3) points from a random "
        "gate, for 91% of the open network's MACs in place of 82%; -1.00 ± 0.00 (n=3) from the open network, -2.00 ± "
        "0.00 (n=3) from dense 3×3 and +2.00 ± 0.00 (n=3) from the old, at 50% of its MACs."
    )
    assert takeaway.with_gate(table, "friction", "random", "old", ["slim"]) == (
        f"{text} Beside networks without a gate it is -1.00 ± 0.00 (n=3) from slim (which takes 115% of its MACs)."
    )
    assert takeaway.by_mean(table, "slim", "friction", "random") == (
        "**The same by friction of the mean of the channels**: +2.00 ± 0.00 (n=3) points from a random gate, "
        "+1.00 ± 0.00 (n=3) from friction of every channel, with 105% of the open network's MACs."
    )
