"""Sentences on windows and margins say what the numbers behind them say."""

from dataclasses import replace
from itertools import chain

import pandas as pd
import pytest

from inertia_utils.arms import dense, inertial
from inertia_utils.compared import PRIMARY, SLIMMER, STACKED, STRIDED
from inertia_utils.comparisons import adjusted, compare_arms, gap_between
from inertia_utils.models import narrowed, separated
from inertia_utils.stats import interval
from inertia_utils.takeaways import bulleted, short_trainings
from inertia_utils.takeaways import window_margin as takeaway

#: Ups and downs of the seeds, which differences have in common.
WAVE = (0.000, 0.001, -0.001, 0.002, -0.002)


def runs(arm, mean, weights=100, macs=100, wave=WAVE):
    """Rows as of the frame of trainings, one per seed."""
    return [
        {"arm": arm.name, "seed": seed, "accuracy": mean + up, "conv_weights": weights, "conv_macs": macs}
        for seed, up in enumerate(wave)
    ]


def compared(*rows, pairs):
    table = pd.DataFrame(chain.from_iterable(rows))
    names = [(arm.name, control.name) for arm, control in pairs]
    return takeaway.Compared(table, compare_arms(table, names))


def with_tests(rows, family, crossed=None):
    """The comparisons of a family, tested without and with another that failed."""
    ours = compared(*rows, pairs=family)
    names = [(arm.name, control.name) for arm, control in family]
    given_up = [("given up", "dense 3×3")]
    p_values, strict = adjusted(ours.comparisons, names), adjusted(ours.comparisons, names + given_up)
    return ours, takeaway.Tests(names, p_values, strict, crossed or {})


def test_what_is_not_there_gets_no_item():
    assert bulleted(["one", "", "two"]) == "- one\n- two"


def test_short_trainings_are_named():
    assert short_trainings(["full", "full"]) == ""
    assert short_trainings(["quick", "full", "quick"]).startswith("What is of profile quick was trained")


def test_the_goal_is_not_met_by_an_arm_that_is_worse_or_dear():
    family = [(arm, dense(3)) for arm in PRIMARY]
    rows = [runs(PRIMARY[0], 0.95), runs(PRIMARY[1], 0.92, 20, 20), runs(STACKED, 0.92, 20, 31), runs(dense(3), 0.93)]
    assert takeaway.cheap_enough(pd.DataFrame(chain.from_iterable(rows)), [(a.name, c.name) for a, c in family]) == [
        PRIMARY[1].name
    ]
    assert takeaway.goal(*with_tests(rows, family)) == ["**The goal is not met** by any arm that was tested for it."]


@pytest.mark.parametrize(
    ("wave", "images", "met"),
    [
        ((0.0004, 0.0008, 0.0, 0.0012, -0.0008), (-0.002, 0.003), True),
        # The interval over images reaches below the margin, or is not there.
        ((0.0004, 0.0008, 0.0, 0.0012, -0.0008), (-0.004, 0.005), False),
        ((0.0004, 0.0008, 0.0, 0.0012, -0.0008), None, False),
        # One seed decides.
        ((0.0, -0.0015, -0.0006, 0.0026, -0.002), (-0.002, 0.003), False),
    ],
)
def test_the_goal_is_open_while_anything_speaks_against_it(wave, images, met):
    pair = (STACKED.name, "dense 3×3")
    crossed = {pair: interval([images[0], sum(images) / 2, images[1]])} if images else {}
    if images:  # an interval with just these limits
        crossed = {pair: type(crossed[pair])(sum(images) / 2, *images, 5)}
    rows = [runs(STACKED, 0.93, 20, 20, wave), runs(dense(3), 0.93, wave=(0.0,) * 5)]
    ours, tests = with_tests(rows, [(STACKED, dense(3))], crossed)
    (text,) = takeaway.goal(ours, tests)
    assert text.startswith("**The goal is met.**" if met else "**Whether the goal is met is open.**")
    assert ("for other images as well" in text) is bool(images)
    hangs = ours.comparisons[pair].hangs_on
    assert (f"For {len(hangs)} of the 5 seeds" in text) is bool(hangs)


def test_a_verdict_that_only_gets_better_without_a_seed_does_not_hang_on_it():
    # Without the last seed the arm would be better, and never is it worse by the margin.
    wave = (0.0010, 0.0011, 0.0012, 0.0013, -0.0009)
    rows = [runs(STACKED, 0.93, 20, 20, wave), runs(dense(3), 0.93, wave=(0.0,) * 5)]
    ours, tests = with_tests(rows, [(STACKED, dense(3))])
    assert ours.comparisons[STACKED.name, "dense 3×3"].hangs_on
    (text,) = takeaway.goal(ours, tests)
    assert "Without any one seed the interval lies above the margin, too" in text


def test_two_seeds_have_no_comparison_without_the_first():
    rows = [runs(STACKED, 0.94, 20, 20, (0.0, 0.0)), runs(dense(3), 0.93, wave=(0.0, 0.0))]
    ours, tests = with_tests(rows, [(STACKED, dense(3))])
    (text,) = takeaway.goal(ours, replace(tests, p_values={(STACKED.name, "dense 3×3"): 0.0}))
    assert "Without seed 0" not in text


def test_only_rivals_of_equal_macs_are_counted_as_such():
    arm = PRIMARY[1]
    dearer = narrowed(STACKED)
    rows = [runs(arm, 0.92), runs(narrowed(arm), 0.91), runs(dearer, 0.95, macs=200), runs(SLIMMER, 0.95, macs=150)]
    ours = compared(*rows, runs(dense(3), 0.95), pairs=[(arm, rival) for rival in (narrowed(arm), dearer, SLIMMER)])
    assert "**At equal MACs**, counted by arm, 1 beats dense 3×3 with a narrower first layer." in takeaway.answer(
        ours, {}, {}, {}, {}
    )


def test_the_plainer_savings_stand_beside_the_arms():
    rows = [runs(PRIMARY[1], 0.92, 10, 30), runs(dense(3), 0.93), runs(STRIDED, 0.93, macs=40), runs(SLIMMER, 0.92)]
    controls = [(PRIMARY[1], STRIDED), (PRIMARY[1], SLIMMER)]
    ours = compared(*rows, pairs=[(STRIDED, dense(3)), *controls])
    assert takeaway.answer(ours, {}, {}, {}, {})[2:4] == [
        "**Dense 3×3, strided second layer**, which strides in place of pooling, takes 40% of the MACs. It is at most "
        "0.3 points worse, if at all, beside dense 3×3. Beside it (3, 2) is worse, by more than 0.3 points.",
        "**Dense 3×3, 24 and 48 channels**, merely slimmer, takes 100% of the MACs. Beside it (3, 2) is at most 0.3 "
        "points worse, if at all.",
    ]


def test_margins_are_listed_by_what_is_said_of_them():
    rows = [runs(inertial(5, 2), 0.94), runs(inertial(5, 1), 0.95), runs(inertial(3, 2), 0.90)]
    rows += [runs(dense(5), 0.93), runs(dense(3), 0.94)]
    pairs = [(inertial(5, 2), dense(5)), (inertial(5, 1), dense(5)), (inertial(3, 2), dense(3))]
    ours = compared(*rows, pairs=pairs)
    assert takeaway.margins(ours.table, ours.comparisons) == (
        "**Margins**, in points over the dense network of the same window, better: (5, 2) +1.00 (n=5), (5, 1) +2.00 "
        "(n=5); worse, by more than 0.3 points: (3, 2) -4.00 (n=5). Each by its own interval, not adjusted; "
        "dense 5×5 loses to dense 3×3 (-1.00 ± 0.00 (n=5))."
    )
    only = {(inertial(3, 2).name, "dense 3×3"): ours.comparisons[inertial(3, 2).name, "dense 3×3"]}
    assert takeaway.margins(ours.table, only).endswith("of windows only 3×3 was trained.")


def test_cores_are_told_from_one_by_intervals_of_three_seeds():
    level, sure, few = interval([-0.1, 0.0, 0.2]), interval([0.4, 0.5, 0.6]), interval([1.0, 1.0])
    assert takeaway.more_cores({"a": level, "few": few}) == (
        "**More cores**, for two and three times the MACs, give +0.03 to +0.03 points over one; of 1 arms none has an "
        "interval that leaves out 0."
    )
    assert takeaway.more_cores({"a": level, "b": sure}).endswith(
        "of 2 arms only b (+0.50 ± 0.25 (n=3)) by an interval that leaves out 0."
    )
    assert takeaway.more_cores({"few": few}) == ""


def test_networks_with_a_small_head_stand_beside_dense_and_those_of_equal_macs():
    arms = {"ours": (0.90, 100), "dense 3×3": (0.92, 400), "dense 1×1": (0.70, 100), "rival": (0.88, 105)}
    table = pd.DataFrame(
        [
            {"arm": arm, "seed": seed, "accuracy": mean, "macs": macs, "weights": macs, "ms": macs}
            for arm, (mean, macs) in arms.items()
            for seed in range(3)
        ]
    )
    gaps = {("ours", control): gap_between(table, "ours", control) for control in ("dense 3×3", "dense 1×1", "rival")}
    assert takeaway.without_head(table, gaps, "quick") == (
        "**Without the large head** (profile quick), beside dense 3×3: ours loses to it (-2.00 ± 0.00 (n=3) points, "
        "with 25% of all its weights, in 25% of its time). At equal MACs ours beats rival (+2.00 ± 0.00 (n=3))."
    )


def test_rates_and_recipes_are_told_where_there_is_something_to_tell():
    assert takeaway.better_rates({"a": 0.0, "b": 0.0123}).endswith("in points: b 1.23.")
    assert takeaway.better_rates(pd.Series({"a": 0.0, "b": 0.0})) == (
        "The learning rate is the best of those tried for a and b; for no other arm was one chosen."
    )
    gaps = {("a", "b"): interval([0.4, 0.5, 0.6])}
    assert takeaway.kernel_rates(gaps) == "**The kernels' learning rate**: a beats b (+0.50 ± 0.25 (n=3) points)."
    assert takeaway.original_recipe(gaps) == (
        "**By the original recipe**, far below convergence: a beats b (+0.50 ± 0.25 (n=3))."
    )
    assert takeaway.original_recipe(gaps | {("a", "c"): interval([1.0])}) == ""


def test_a_short_map_stands_beside_the_comparison_that_decides():
    pairs = [(PRIMARY[1], dense(3))]
    early = compared(runs(PRIMARY[1], 0.80), runs(dense(3), 0.90), pairs=pairs)
    late = compared(runs(PRIMARY[1], 0.92), runs(dense(3), 0.93), pairs=pairs)
    text = takeaway.short_map(early.comparisons, late, "quick", "full")
    assert text.endswith("inertial (3, 2) -10.00 [-10.00, -10.00], where profile full says -1.00 [-1.00, -1.00].")
    assert takeaway.short_map(early.comparisons, late, "full", "full") == ""


def test_the_answer_groups_arms_by_what_is_said_of_them():
    large, small, stacked = PRIMARY
    pairs = [*((arm, dense(3)) for arm in PRIMARY), *((arm, narrowed(arm)) for arm in (small, stacked))]
    rows = [runs(large, 0.94, macs=139), runs(small, 0.90), runs(stacked, 0.90), runs(dense(3), 0.93)]
    ours = compared(*rows, runs(narrowed(small), 0.89), runs(narrowed(stacked), 0.92), pairs=pairs)
    of_window = compare_arms(ours.table, [(small.name, "dense 3×3"), (stacked.name, "dense 3×3")])
    below, above, around = interval([-1.0, -1.1, -0.9]), interval([1.0, 1.1, 0.9]), interval([-1.0, 0.1, 1.0])
    pooled = {
        (small.name, "dense 3×3"): below,
        (small.name, separated(small).name): below,
        (small.name, SLIMMER.name): above,
        (small.name, "dense 1×1"): above,
    }
    earned = {small.name: above, large.name: around}
    assert takeaway.answer(ours, of_window, earned, pooled, {(large.name, "dense 3×3"): around}) == [
        "**Which margins are free?** Beside the dense network of the same window (3, 2) and (3, 1), merge stack are "
        "worse, by more than 0.3 points.",
        "**Beside dense 3×3** (5, 2) at 139% of its MACs is better; (3, 2) at 100% of its MACs and (3, 1), merge stack "
        "at 100% of its MACs are worse, by more than 0.3 points. That (5, 2) is better is not shown for other test "
        "images.",
        "**The periphery** is worth more than as many MACs spent on channels of the core for (3, 2), and is not shown "
        "to be for (5, 2).",
        "**At equal MACs**, counted by arm, 1 beats dense 3×3 with a narrower first layer and 1 loses to it.",
        "**Without the large head** behind them, counted by arm, 1 loses to dense 3×3; 1 loses to separable networks.",
    ]
    alone = compared(runs(small, 0.90), runs(dense(3), 0.93), pairs=[(small, dense(3))])
    assert [text for text in takeaway.answer(alone, {}, {}, {}, {}) if text] == [
        "**Beside dense 3×3** (3, 2) at 100% of its MACs is worse, by more than 0.3 points."
    ]
