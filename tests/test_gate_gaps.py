"""Gates are compared with their controls at the same rate, or at equal MACs."""

import numpy as np
import pandas as pd
import pytest
from gate_rows import gated, trained

from inertia_utils.gate_gaps import (
    changes_of_lead,
    equally_open,
    gaps_at_equal_macs,
    gaps_by_rate,
    gaps_of_kinds,
    loss_avoided,
    lowest_rate_within,
)


def test_networks_are_equally_open_if_every_layer_is():
    known, close, other = (
        pd.DataFrame([gated("range", 0.5, 0, 0.9, *opened)]) for opened in ((0.5, 0.4), (0.52, 0.38), (0.45, 0.45))
    )
    assert equally_open(known, close) and not equally_open(known, other)


def test_the_lowest_rate_counts_only_if_all_higher_ones_keep_within_the_margin():
    losses = {0.2: 0.0, 0.4: -0.05, 0.6: 0.0, 0.8: -0.001, 1.0: 0.0}
    rows = [
        gated("range", rate, seed, 0.9 + loss + seed / 1e4, rate) for rate, loss in losses.items() for seed in range(3)
    ]
    table = pd.DataFrame(rows)
    assert lowest_rate_within(table, "range") == 0.6
    assert lowest_rate_within(table[table["rate"].isin([0.4, 1.0])], "range") == 1.0
    single = table[table["seed"] == 0]
    assert lowest_rate_within(single, "range") == 1.0, "one seed has no interval"
    with pytest.raises(ValueError, match=r"^friction: no row of 'jsd' at rate 1; it has range"):
        lowest_rate_within(table, "jsd")


def test_gates_are_compared_at_every_rate_that_both_have():
    rows = [gated("range", rate, seed, 0.9 + seed / 100, rate) for rate in (0.0, 0.3, 0.6, 1.0) for seed in (0, 1)]
    rows += [gated("random", rate, seed, 0.8, rate) for rate in (0.0, 0.3, 1.0) for seed in (0, 1)]
    gaps = gaps_by_rate(pd.DataFrame(rows), "range", "random")
    assert list(gaps) == [0.3] and gaps[0.3].count == 2 and gaps[0.3].mean == pytest.approx(10.5)


def test_at_equal_macs_the_random_gate_opens_more():
    # By friction a rate takes 10 more; the random gate gains a point for every 10.
    rows = [gated("random", rate, 0, 0.8 + rate / 10, rate) for rate in (0.0, 0.25, 0.5, 1.0)]
    rows += [gated("range", rate, 0, 0.9, rate) for rate in (0.0, 0.25, 0.5, 1.0)]
    table = pd.DataFrame(rows)
    gaps = gaps_at_equal_macs(table, "range")
    assert list(gaps) == [0.25, 0.5]
    for rate, gap in gaps.items():
        (macs,) = table[(table["friction"] == "range") & (table["rate"] == rate)]["conv_macs"]
        chance = table[table["friction"] == "random"]
        assert gap.mean == pytest.approx(100 * (0.9 - np.interp(macs, chance["conv_macs"], chance["accuracy"])))


def test_kinds_of_gates_stand_beside_those_that_never_open_and_beside_chance():
    rows = [
        *(trained("rate", "range", 0.25, seed, 0.90) for seed in (0, 1)),
        *(trained("rate", "random", 0.25, seed, 0.91) for seed in (1, 2)),
        *(trained("rate", "range", 0.50, seed, 0.99) for seed in (0, 1)),
        *(trained("learned", "range", 0.25, seed, 0.93) for seed in (0, 1)),
        *(trained("never", "", 0.0, seed, 0.92) for seed in (0, 1)),
        *(trained("image", "range", 0.25, seed, 0.93) for seed in (7, 8)),
    ]
    opened = pd.DataFrame([trained("always", "", 1.0, seed, 0.94) for seed in (1, 2)])
    gaps = gaps_of_kinds(pd.DataFrame(rows), 0.25, opened)
    assert {control: {kind: f"{gap:+.1f}" for kind, gap in kinds.items()} for control, kinds in gaps.items()} == {
        "open": {"learned": "-1.0 (n=1)", "rate": "-4.0 (n=1)"},
        "never": {"learned": "+1.0 (n=2)", "rate": "-2.0 (n=2)"},
        "random": {"rate": "-1.0 (n=1)"},
    }


def test_the_lead_of_a_gate_is_compared_between_networks_seed_by_seed():
    pooled = [
        *(gated("range", rate, seed, 0.90 + 0.01 * seed, rate) for rate in (0.0, 0.5, 1.0) for seed in (0, 1)),
        *(gated("random", rate, seed, 0.85, rate) for rate in (0.0, 0.5, 1.0) for seed in (0, 1)),
        *(gated(name, 0.2, 0, 0.8, 0.2) for name in ("range", "random")),
    ]
    flat = [
        gated(name, rate, seed, 0.8, rate) for name in ("range", "random") for rate in (0.5, 1.0) for seed in (1, 2)
    ]
    found = changes_of_lead(pd.DataFrame(pooled), pd.DataFrame(flat), "range", "random")
    assert {rate: f"{gap:+.2f}" for rate, gap in found.items()} == {0.5: "+6.00 (n=1)"}


def test_what_a_gate_keeps_of_its_controls_loss():
    rows = [
        *(gated("random", 1.0, seed, 0.9, 1.0) for seed in (0, 1, 2)),
        *(gated("range", 1.0, seed, 0.1, 1.0) for seed in (0, 1, 2)),
        gated("random", 0.5, 0, 0.8, 0.5),
        gated("range", 0.5, 0, 0.85, 0.5),
        gated("random", 0.5, 1, 0.5, 0.5),
        gated("range", 0.5, 1, 0.4, 0.5),
        # Nothing is lost here, so nothing can be kept.
        gated("random", 0.5, 2, 0.9, 0.5),
        gated("range", 0.5, 2, 0.8, 0.5),
    ]
    found = loss_avoided(pd.DataFrame(rows), "range", "random")
    assert {rate: f"{share:.1f}" for rate, share in found.items()} == {0.5: "12.5 (n=2)"}
