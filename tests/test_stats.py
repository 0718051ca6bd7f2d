"""Statistics against scipy and by hand."""

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats as scipy_stats

from inertia_utils.stats import MARGIN, compare, crossed_interval, holm, interval, unpaired_difference

accuracies = st.lists(st.floats(0.8, 0.95), min_size=3, max_size=12)


@settings(derandomize=True, deadline=None)
@given(accuracies)
def test_interval_is_the_t_interval(values):
    if np.ptp(values) < 1e-6:
        values[0] += 0.01
    ours = interval(values)
    low, high = scipy_stats.t.interval(0.95, len(values) - 1, np.mean(values), scipy_stats.sem(values))
    assert (ours.mean, ours.low, ours.high) == pytest.approx((np.mean(values), low, high))


def test_interval_of_one_value_and_of_none():
    assert math.isnan(interval([0.9]).low) and f"{interval([0.9]):.2f}" == "0.90 (n=1)"
    with pytest.raises(ValueError, match="values: expected at least one"):
        interval([])


def test_the_sign_of_a_mean_is_not_that_of_its_spread():
    assert f"{interval([0.1, 0.2, 0.3]):+.2f}" == "+0.20 ± 0.25 (n=3)"


def as_seeds(values):
    return dict(enumerate(values))


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.01, "superior"), (0.0, "non-inferior"), (-0.001, "non-inferior"), (-0.02, "inferior")]
)
def test_verdicts(gain, verdict):
    control = np.linspace(0.90, 0.92, 10)
    noise = 0.0004 * np.array([1, -1, 2, -2, 1, -1, 2, -2, 1, -1])
    assert compare(as_seeds(control + gain + noise), as_seeds(control)).verdict == verdict


def test_few_noisy_seeds_are_inconclusive():
    assert compare(as_seeds([0.90, 0.93, 0.91]), as_seeds([0.92, 0.91, 0.92])).verdict == "inconclusive"


def test_pairing_uses_common_seeds_only():
    comparison = compare({0: 0.91, 1: 0.92, 7: 0.1}, {0: 0.90, 1: 0.90, 9: 0.99})
    assert comparison.difference.mean == pytest.approx(0.015) and comparison.difference.count == 2
    with pytest.raises(ValueError, match="two seeds in common, got 1"):
        compare({0: 0.9, 1: 0.9}, {0: 0.9, 2: 0.9})


def test_non_inferiority_p_value_is_scipys():
    ours, theirs = np.array([0.91, 0.92, 0.93, 0.91]), np.array([0.911, 0.922, 0.929, 0.913])
    expected = scipy_stats.ttest_rel(ours + MARGIN, theirs, alternative="greater").pvalue
    assert compare(as_seeds(ours), as_seeds(theirs)).p_non_inferior == pytest.approx(expected)


def test_verdicts_agree_with_the_two_sided_test():
    for seed in range(40):
        ours = 0.9 + 0.003 * np.random.default_rng(seed).standard_normal(5)
        comparison = compare(as_seeds(ours), as_seeds([0.9] * 5))
        assert (comparison.p_different < 0.05) == (comparison.verdict == "superior" or comparison.difference.high < 0)


def test_a_verdict_names_the_seeds_that_it_hangs_on():
    arm = {3: 0.921, 5: 0.9215, 7: 0.922, 9: 0.935}
    control = dict.fromkeys(arm, 0.92)
    comparison = compare(arm, control)
    others = {
        seed: compare({s: arm[s] for s in arm if s != seed}, control).verdict for seed in arm
    }  # the definition, one seed at a time
    assert comparison.hangs_on == tuple(seed for seed in arm if others[seed] != comparison.verdict)
    assert comparison.hangs_on == (9,)
    three = {seed: arm[seed] for seed in (3, 5, 9)}
    assert compare(three, control).hangs_on == ()


def test_two_seeds_have_no_verdict():
    two = compare({0: 0.9, 1: 0.91}, {0: 0.8, 1: 0.81})
    assert two.verdict == "too few seeds" and two.difference.half_width is None


def test_differences_without_spread():
    same = {0: 0.9, 1: 0.8, 2: 0.7}
    assert compare(same, same).verdict == "non-inferior"


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def crossed_by_definition(table):
    """Half the width of the interval, from sums over single cells."""
    seeds, images = table.shape
    mean, cells = table.mean(), [(s, i) for s in range(seeds) for i in range(images)]
    rows = images * sum((table[s].mean() - mean) ** 2 for s in range(seeds)) / (seeds - 1)
    columns = seeds * sum((table[:, i].mean() - mean) ** 2 for i in range(images)) / (images - 1)
    rest = sum((table[s, i] - table[s].mean() - table[:, i].mean() + mean) ** 2 for s, i in cells)
    rest /= (seeds - 1) * (images - 1)
    of_images = max(columns - rest, 0)
    total = rows + of_images
    free = total**2 / (rows**2 / (seeds - 1) + of_images**2 / (images - 1))
    return math.sqrt(total / table.size) * scipy_stats.t.ppf(0.975, free)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(hnp.arrays(float, st.tuples(st.integers(2, 5), st.integers(2, 9)), elements=st.floats(-1, 1)))
def test_the_crossed_interval_is_that_of_the_two_way_model(table):
    assume(np.ptp(table.mean(1)) > 1e-3)
    found, half = crossed_interval(table), crossed_by_definition(table)
    assert (found.mean, found.count) == (pytest.approx(table.mean()), len(table))
    assert (found.low, found.high) == pytest.approx((table.mean() - half, table.mean() + half))


def test_equal_values_have_no_spread():
    found = crossed_interval(np.full((3, 4), 0.5))
    assert (found.mean, found.low, found.high, found.count) == (0.5, 0.5, 0.5, 3)


def test_images_that_all_behave_alike_leave_the_interval_over_seeds():
    table = np.repeat([[0.1], [0.4], [-0.2]], 7, axis=1)
    found, expected = crossed_interval(table), interval([0.1, 0.4, -0.2])
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_crossed_interval_covers_what_the_one_over_seeds_misses():
    random = np.random.default_rng(0)
    covered = {crossed_interval: 0, interval: 0}
    for _ in range(300):
        table = 0.1 * random.normal(size=(6, 1)) + random.normal(size=30) + random.normal(size=(6, 30))
        for method, values in ((crossed_interval, table), (interval, table.mean(1))):
            found = method(values)
            covered[method] += found.low <= 0 <= found.high
    assert covered[crossed_interval] >= 0.92 * 300 and covered[interval] <= 0.85 * 300


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (4,)])
def test_a_crossed_interval_needs_seeds_and_images(shape):
    with pytest.raises(
        ValueError, match=re.escape(f"values: expected at least 2 seeds by 2 images, got shape {shape}")
    ):
        crossed_interval(np.zeros(shape))


@settings(derandomize=True, deadline=None)
@given(accuracies, accuracies)
def test_the_unpaired_interval_is_welchs(values, others):
    assume(np.ptp(values) > 1e-6 and np.ptp(others) > 1e-6)
    spreads = [np.var(group, ddof=1) / len(group) for group in (values, others)]
    freedom = sum(spreads) ** 2 / sum(s**2 / (len(g) - 1) for s, g in zip(spreads, (values, others), strict=True))
    half = scipy_stats.t.ppf(0.975, freedom) * math.sqrt(sum(spreads))
    found = unpaired_difference(values, others)
    assert found.mean == pytest.approx(np.mean(values) - np.mean(others), abs=1e-9)
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half))
    assert found.count == min(len(values), len(others))


def test_unpaired_groups_need_two_values():
    with pytest.raises(ValueError, match="got 1 and 3 values"):
        unpaired_difference([1.0], [1.0, 2.0, 3.0])
