"""What a random gate reaches for the MACs of a gate by friction."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inertia_utils.equal_macs import at_macs, random_of_equal_macs

fractions = st.floats(0, 1)


@given(
    st.lists(st.tuples(st.integers(10, 99), fractions), min_size=2, max_size=6, unique_by=lambda point: point[0]),
    st.data(),
)
def test_two_rates_are_mixed_so_that_macs_and_accuracy_are_both_their_averages(points, data):
    curve = pd.DataFrame(points, columns=["conv_macs", "accuracy"])
    (cheap, low), (dear, high) = data.draw(st.sampled_from(list(zip(sorted(points), sorted(points)[1:], strict=False))))
    share = data.draw(st.integers(0, 100)) / 100  # no share so small that rounding makes it less than nothing
    macs = share * dear + (1 - share) * cheap
    assert at_macs(curve, macs) == pytest.approx(share * high + (1 - share) * low)


def test_nobody_spends_more_than_the_dearest_rate_takes():
    curve = pd.DataFrame({"conv_macs": [50.0, 100.0], "accuracy": [0.8, 0.9]})
    assert at_macs(curve, 120.0) == 0.9
    with pytest.raises(ValueError, match="macs: 40 is less than the 50 of the cheapest rate"):
        at_macs(curve, 40.0)


def test_every_seed_has_its_own_curve_and_budget():
    rows = [("random", rate, seed, 100 * rate, 0.5 + rate / 4 + seed / 10) for rate in (0.0, 1.0) for seed in (0, 1)]
    rows += [("range", 0.5, 0, 60.0, 0.9), ("range", 0.5, 1, 80.0, 0.9), ("range", 0.5, 2, 80.0, 0.9)]
    table = pd.DataFrame(rows, columns=["friction", "rate", "seed", "conv_macs", "accuracy"])
    assert random_of_equal_macs(table, "range", 0.5) == {0: pytest.approx(0.65), 1: pytest.approx(0.8)}
