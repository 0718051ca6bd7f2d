import numpy as np
import pandas as pd
import pytest

from inertia_utils.comparisons import (
    adjusted,
    compare_arms,
    comparison_table,
    differences,
    gap_between,
    gap_closed,
    in_points,
    over_images,
    p_text,
    paired_difference,
)
from inertia_utils.stats import Interval, crossed_interval, holm, interval

VALUES = {"a": [0.91, 0.92, 0.925], "b": [0.90, 0.915, 0.91, 0.5], "c": [0.93, 0.92, 0.93], "once": [0.9]}
TABLE = pd.DataFrame(
    [(arm, seed, value) for arm, values in VALUES.items() for seed, value in enumerate(values)],
    columns=["arm", "seed", "accuracy"],
)


def test_only_common_seeds_are_paired_and_single_ones_left_out():
    comparisons = compare_arms(TABLE, [("a", "b"), ("once", "b"), ("missing", "b"), ("c", "b")])
    assert list(comparisons) == [("a", "b"), ("c", "b")]
    gap = comparisons["a", "b"].difference
    assert gap.count == 3 and gap.mean == pytest.approx((0.01 + 0.005 + 0.015) / 3)


def test_a_family_is_adjusted_together():
    comparisons = compare_arms(TABLE, [("a", "b"), ("c", "b"), ("a", "c")])
    family = [("a", "b"), ("c", "b")]
    expected = holm([comparisons[pair].p_non_inferior for pair in family])
    assert adjusted(comparisons, family) == dict(zip(family, expected, strict=True))


def test_what_was_planned_and_is_missing_counts_as_failed():
    (pair,) = comparisons = compare_arms(TABLE, [("a", "b")])
    p_values = adjusted(comparisons, [("once", "b"), pair, ("nobody", "b")])
    assert p_values == {pair: pytest.approx(min(1, 3 * comparisons[pair].p_non_inferior))}
    assert 0 < comparisons[pair].p_non_inferior < p_values[pair]


def test_the_table_shows_every_pair():
    comparisons = compare_arms(TABLE, [("a", "b"), ("a", "c")])
    table = comparison_table(comparisons, {("a", "b"): 0.0123})
    assert table.index.tolist() == [("a", "b"), ("a", "c")] and table.index.names == ["arm", "control"]
    first, second = (table.loc[pair] for pair in comparisons)
    assert first["difference (points)"].startswith("+1.00 [") and first["seeds"] == 3
    assert first["p non-inferior, Holm"] == "0.012" and second["p non-inferior, Holm"] == ""
    assert [first["verdict"], second["verdict"]] == [c.verdict for c in comparisons.values()]


def test_nothing_in_common_is_an_empty_table():
    assert comparison_table(compare_arms(TABLE, [("once", "b")]), {}).empty


def test_without_adjusted_p_values_there_is_no_column_of_them():
    table = comparison_table(compare_arms(TABLE, [("a", "b")]))
    assert table.columns.tolist() == ["difference (points)", "seeds", "verdict", "changes without seed"]


def test_differences_over_images_take_common_seeds():
    random = np.random.default_rng(0)
    correct = {
        arm: {seed: random.random(50) < 0.8 for seed in seeds} for arm, seeds in (("a", (0, 1, 2)), ("b", (2, 1)))
    }
    found = over_images(correct, [("a", "b"), ("a", "missing")])
    values = [correct["a"][seed].astype(float) - correct["b"][seed] for seed in (1, 2)]
    assert found == {("a", "b"): crossed_interval(values)}


def test_intervals_over_images_stand_beside_those_of_the_same_seeds():
    comparisons = compare_arms(TABLE, [("a", "b"), ("a", "c")])
    crossed = {("a", "b"): Interval(0.01, -0.02, 0.04, 3), ("a", "c"): Interval(0.0, -0.01, 0.01, 2)}
    table = comparison_table(comparisons, crossed=crossed)
    assert table["over seeds and images"].tolist() == ["+1.00 [-2.00, +4.00]", ""]


def test_intervals_are_written_from_three_seeds_on():
    assert in_points(Interval(0.01, -0.02, 0.04, 3)) == "+1.00 [-2.00, +4.00]"
    for value in (0.0033499999999999975, 0.00335):
        assert in_points(Interval(value, -value, value, 3)) == "+0.34 [-0.34, +0.34]"
    assert (
        in_points(Interval(0.01, -0.02, 0.04, 2)) == in_points(Interval(0.01, float("nan"), float("nan"), 1)) == "+1.00"
    )


def test_no_p_value_is_shown_as_zero():
    assert [p_text(p) for p in (1.0, 0.0444, 0.001, 0.0009)] == ["1.000", "0.044", "0.001", "< 0.001"]


def test_differences_are_seed_by_seed():
    assert differences(TABLE, "a", "b") == pytest.approx([1.0, 0.5, 1.5])
    assert differences(TABLE, "a", "missing") == []


def test_a_paired_difference_is_in_points_over_common_seeds():
    difference = paired_difference({0: 0.9, 1: 0.8, 2: 0.7}, {2: 0.6, 1: 0.7, 5: 0.1})
    assert (difference.mean, difference.count) == (pytest.approx(10), 2)
    with pytest.raises(ValueError, match="expected at least one value"):
        paired_difference({0: 0.9}, {1: 0.9})


def test_the_gap_between_two_arms_is_that_of_their_common_seeds():
    gap = gap_between(TABLE, "a", "b")
    assert gap == interval(differences(TABLE, "a", "b")) and gap.count == 3 and gap.mean == pytest.approx(1.0)


def test_the_share_of_a_gap_is_taken_seed_by_seed():
    rows = [("low", 0.5), ("high", 0.9), ("arm", 0.8), ("low", 0.6), ("high", 0.7), ("arm", 0.75)]
    table = pd.DataFrame([(arm, number // 3, value) for number, (arm, value) in enumerate(rows)], columns=TABLE.columns)
    closed = gap_closed(table, "arm", "low", "high")
    assert closed.count == 2 and closed.mean == pytest.approx((0.75 + 1.5) / 2)
    with pytest.raises(ValueError, match="'arm' is as good as 'arm' with seed 0"):
        gap_closed(table, "high", "arm", "arm")
