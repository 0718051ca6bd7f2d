"""Sentences on re-applications and merges say what the numbers behind them say."""

import pandas as pd
import pytest

from inertia_utils.arms import dense, inertial
from inertia_utils.takeaways import reapplication as takeaway

FORMS = {
    inertial(3, 2): (0.92, 25),
    inertial(3, 2, reapply="resize"): (0.90, 111),
    inertial(3, 2, merge="stack"): (0.93, 12),
}


def form(arm, merge=""):
    return {"kernel_size": arm.kernel_size, "margin": arm.margin, "reapply": arm.reapply, "merge": merge or arm.merge}


def runs(arm, mean, macs, seeds=3):
    """Rows as of the frame of trainings."""
    return [
        form(arm) | {"arm": arm.name, "seed": seed, "accuracy": mean + 0.001 * seed, "conv_macs": macs}
        for seed in range(seeds)
    ]


def gated(arm, friction, half, macs=0, merge=""):
    """Rows as of the frame of gates, half open and open."""
    return [
        form(arm, merge)
        | {"arm": arm.name, "friction": friction, "rate": rate, "seed": seed, "conv_macs": macs}
        | {"accuracy": accuracy + 0.001 * seed}
        for rate, accuracy in ((0.5, half), (1.0, 0.92))
        for seed in range(3)
    ]


@pytest.fixture
def opened():
    return pd.DataFrame([row for arm, (mean, macs) in FORMS.items() for row in runs(arm, mean, macs)])


@pytest.fixture
def controls():
    return pd.DataFrame([*runs(dense(3), 0.93, 100), *runs(dense(1), 0.80, 10)])


@pytest.fixture
def half():
    slide, resized, _ = FORMS
    return pd.DataFrame(
        [
            *gated(slide, "range", 0.90, 20),
            *gated(slide, "random", 0.85),
            *gated(slide, "range", 0.50, 20, "replace"),
            *gated(slide, "random", 0.60, merge="replace"),
            *gated(resized, "range", 0.91, 60),
            *gated(resized, "random", 0.91),
        ]
    )


def test_fewer_than_three_seeds_of_any_form_show_no_interval(opened):
    assert takeaway.few_seeds(opened, "full") == ""
    assert takeaway.few_seeds(opened[opened["seed"] < 1], "quick") == (
        "**1 seed** of every re-application, of short trainings: no difference has an interval before there are "
        "three, and none is called one before."
    )
    lacking = opened[(opened["seed"] < 2) | (opened["merge"] != "stack")]
    assert takeaway.few_seeds(lacking, "full").startswith("**2 seeds** of every re-application: ")


def test_open_forms_stand_beside_the_default_and_its_dense_networks(opened, controls):
    assert takeaway.gate_open(opened, controls) == [
        "**(3, 2), gate open**: `slide`/`matched` has 92.10 % with 25% of the MACs of dense 3×3, which has 93.10 %; "
        "dense 1×1, the core alone, has 80.10 %. Minus `slide`/`matched`, in points, at a share of dense 3×3's MACs, "
        "by re-application: `resize` -2.00 ± 0.00 (n=3), at 111%; by merge: `stack` +1.00 ± 0.00 (n=3), at 12%. Of all "
        "2 other forms 1 beats `slide`/`matched` and 1 loses to it."
    ]
    (without_merges,) = takeaway.gate_open(opened[opened["merge"] == "matched"], controls)
    assert "by merge" not in without_merges


def test_the_forms_that_change_most_and_least_are_named(half, opened):
    assert takeaway.gated_after(half, opened, 0.5) == (
        "**50% open after training**, by range, beside the same network open: `slide`/`matched` -2.00 ± 0.00 (n=3) "
        "points at (3, 2) for 80% of the MACs of the network without a gate; best kept is `resize`/`matched` "
        "at (3, 2) (-1.00 ± 0.00 (n=3)), worst `slide`/`replace` at (3, 2) (-42.00 ± 0.00 (n=3)). The 3 "
        "different forms keep 54% to 80% of the MACs."
    )


def test_the_cheapest_open_form_stands_beside_the_best_gated_one(half, opened, controls):
    assert takeaway.which_form(half, opened, controls, 0.5) == (
        "**Which form, then?** By the means, and so picked on the test set. At (3, 2) the most accurate form is "
        "`slide`/`stack` (93.10 %, for 12% of the MACs of dense 3×3) with its gate open, and `resize`/`matched` (91.10 "
        "%, for 60% of the MACs of dense 3×3) with 50% open; the cheapest form that is as accurate as the latter "
        "without a gate is `slide`/`stack` (93.10 %, for 12% of the MACs of dense 3×3)."
    )
    worse = opened[opened["reapply"] == "resize"].assign(accuracy=0.5)
    assert takeaway.which_form(half, worse, controls, 0.5).endswith(
        "no form without a gate is as accurate as the latter."
    )


def test_friction_is_held_against_chance_window_by_window(half):
    wide = half[half["merge"] == "replace"].assign(kernel_size=5)
    assert takeaway.against_chance(pd.concat([half, wide]), 0.5) == (
        "**Friction against chance**, 50% open: of 3 forms at (3, 2) 1 beats the random gate, 1 loses to it and 1 is "
        "not told from it; of 1 forms at (5, 2) 1 loses to the random gate."
    )


def test_forms_that_take_more_than_dense_are_named(opened, controls):
    text = takeaway.worst_case(opened, controls)
    assert text.endswith("with `resize`/`matched` at (3, 2) (111%) of the MACs of dense d×d.")
    assert takeaway.worst_case(opened[opened["reapply"] == "slide"], controls).startswith("With all positions open no ")


def test_the_literal_form_stands_beside_its_controls():
    arms = {"form, half": (0.90, 78), "form, open": (0.92, 100), "dense 3×3": (0.90, 100)}
    table = pd.DataFrame(
        [
            {"arm": arm, "seed": seed, "accuracy": mean, "conv_macs": macs}
            for arm, (mean, macs) in arms.items()
            for seed in range(3)
        ]
    )
    assert takeaway.literal_form(table, "form, half", ["form, open", "dense 3×3"], "full") == (
        "**The form, half**, profile full, takes 78% of the MACs of dense 3×3 and loses to open (-2.00 ± 0.00 (n=3) "
        "points, at 100%), is not told from dense 3×3 (+0.00 ± 0.00 (n=3) points, at 100%). Where it is not told from "
        "a control the interval says what 3 seeds can show; it is no proof of being level."
    )
