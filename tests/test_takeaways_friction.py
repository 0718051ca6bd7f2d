"""Sentences on friction say what the numbers behind them say."""

import pandas as pd
import pytest

from inertia_utils.stats import interval
from inertia_utils.takeaways import friction as takeaway


def gated(friction, accuracies, seeds=3, macs=0, opens=0.0, **columns):
    """Rows as of the frame of gated networks: rate → accuracy, of seeds that all lie as far apart."""
    return [
        {
            "friction": friction,
            "rate": rate,
            "seed": seed,
            "accuracy": accuracy + 0.001 * seed,
            "conv_macs": 100 * rate + macs,
            "open_fraction/conv1": rate + opens,
            **columns,
        }
        for rate, accuracy in accuracies.items()
        for seed in range(seeds)
    ]


@pytest.fixture
def table():
    return pd.DataFrame(
        [
            *gated("random", {0.1: 0.50, 0.5: 0.80, 1.0: 0.90}),
            *gated("range", {0.1: 0.60, 0.5: 0.82, 1.0: 0.90}, macs=10),
            *gated("squared", {0.1: 0.40, 0.5: 0.80, 1.0: 0.90}),
            *gated("oracle", {0.1: 0.70, 0.5: 0.75, 1.0: 0.90}),
        ]
    )


def test_measures_are_counted_by_how_they_stand_to_random(table):
    assert takeaway.which_measure(table, ["range", "squared"], 0.5) == (
        "**Which measure?** (5, 2), 3 seeds, of the 2 measures that open what is asked: at 50% 1 beats random and 1 is "
        "not told from it, and the oracle itself loses to random (-5.00 ± 0.00 (n=3)). At 10% 1 beats random and 1 "
        "loses to it; `range` is ahead, picked on the test set (+10.0 ± 0.0 (n=3)), where 60 % accuracy is left."
    )


def test_better_orders_are_held_against_the_accuracy_that_they_keep(table):
    ranks = {"range": 0.9, "squared": 0.95, "gradient": 0.5, "oracle": 1.0}
    more = pd.concat([table, pd.DataFrame(gated("gradient", {0.1: 0.55, 0.5: 0.79, 1.0: 0.9}))])
    text = takeaway.finding_detail(more, ranks, ["range", "squared", "gradient"], ["range", "squared", "gradient"])
    assert "correlate by up to 0.95 (`squared`; `range`, which carries the certificate, 0.90)" in text
    # Ranks by correlation: squared, range, gradient; by accuracy: range, gradient, squared, and at 50 % the other way.
    assert "rank correlations of -0.50 to +0.50 by rate, 0 of 2 told from none" in text


def test_measuring_is_held_against_what_there_is_to_save(table):
    text = takeaway.wide_core(table, 0.5)
    assert text.startswith(
        "**(5, 2), range**, 3 seeds: at the same rate it beats random at 10 and 50 %. At equal MACs it "
    )
    # 100 for all of the random gate, 10 for a tenth; range takes 10 more at any rate.
    assert text.endswith("from all open to 10% open there are 90.0% of the MACs to save, and measuring takes 10.0%.")


def test_a_small_core_is_told_with_its_oracle_if_there_is_one(table):
    text = takeaway.small_core(table, "range of mean", 0.5)
    assert text.startswith(
        "**(3, 2), range of mean**, 3 seeds: at the same rate it beats random at 10 and 50 %; at equal "
    )
    assert "The oracle orders by |δ| itself, and range beats it at 50 %; loses to it at 10 %. No measures but" in text
    without = takeaway.small_core(table[table["friction"] != "oracle"], "range", 0.5)
    assert "oracle" not in without and without.endswith("points at 50%).")


def test_what_is_saved_is_read_where_the_margin_is_kept(table):
    near = pd.DataFrame([*gated("random", {1.0: 0.9}), *gated("range", {0.1: 0.5, 0.5: 0.899, 1.0: 0.9}, macs=10)])
    narrow = pd.DataFrame(
        [{"arm": "inertial (3, 2), 23 channels", "seed": n, "accuracy": 0.8, "conv_macs": 60} for n in range(3)]
    )
    text = takeaway.what_it_saves({"range": table, "of mean": near}, narrow, "of mean")
    assert "is shown by range from 100% asked on (a rate read off the test set), at 110% of the MACs" in text
    assert "by of mean from 50% asked on (a rate read off the test set), at 60% of the MACs." in text
    assert "At 60% of the MACs 23 channels without a gate have 80.00 ± 0.00 (n=3) %" in text
    assert "a gate by of mean that takes no more 90.00 ± 0.25 (n=3) %" in text


def test_places_and_shares_are_told_network_by_network():
    up, down = interval([0.9, 1.0, 1.1]), interval([-1.1, -1.0, -0.9])
    apart = {("a", "places"): {0.3: up, 0.5: up}, ("a", "shares"): {0.3: up, 0.5: down}}
    questions = {"places": "places", "shares": "shares", "more shares": "shares"}
    apart["a", "more shares"] = {0.3: down}
    assert takeaway.places_or_shares(apart, questions).endswith(
        "In a, places are better in 2, worse in 0 of 2 comparisons; shares are better in 1, worse in 2 of 3 "
        "comparisons. The others are not told apart."
    )


def test_an_oracle_that_is_not_told_apart_may_keep_more(table):
    noisy = table.copy()
    noisy.loc[(noisy["friction"] == "oracle") & (noisy["rate"] == 0.5), "accuracy"] = [0.81, 0.823, 0.84]
    gap = interval([100 * (0.82 - 0.81), 100 * (0.821 - 0.823), 100 * (0.822 - 0.84)])
    text = takeaway.small_core(noisy, "range", 0.5)
    assert f"where they are not told apart, the oracle may keep up to {-gap.low:.1f} points more." in text


@pytest.mark.parametrize(
    ("lead", "opens", "answer", "marked"),
    [
        (0.02, 0.0, "not adjusted: yes, the lead of friction is smaller with pooling at 50 %. A", False),
        (0.08, 0.0, "at no rate is the lead of friction smaller with pooling, and at 50 % it is larger. A", False),
        (0.05, 0.1, "at no rate is the lead of friction smaller with pooling. A", True),
    ],
)
def test_pooling_flatters_where_the_lead_is_smaller_with_it(lead, opens, answer, marked):
    pooled = [*gated("random", {0.5: 0.80, 1.0: 0.9}), *gated("range", {0.5: 0.80 + lead, 1.0: 0.9}, opens=opens)]
    bare = [*gated("random", {0.5: 0.70, 1.0: 0.9}), *gated("range", {0.5: 0.75, 1.0: 0.9})]
    # A wave that differs between the networks, so that differences of the leads have an interval.
    for row in bare:
        row["accuracy"] += 0.002 * (row["seed"] == 1) * (row["friction"] == "range")
    text = takeaway.does_pooling_flatter(*map(pd.DataFrame, (pooled, bare)))
    assert answer in text
    assert "A random gate loses more with pooling at 0 of 1 rates" in text
    assert text.endswith("At 50 % friction opens another fraction than the random gate.") is marked


def test_nothing_follows_about_pooling_from_two_seeds():
    rows = pd.DataFrame(gated("range", {0.5: 0.8}, seeds=2))
    assert takeaway.does_pooling_flatter(rows, rows) == "(3, 2): from 2 seeds nothing follows yet."


def test_reducing_channels_first_is_told_with_what_it_costs():
    costs = {
        when: {"MACs / layer's": macs, "time / layer's": time}
        for when, macs, time in (("before", "1%", "5%"), ("after", "20%", "60%"))
    }
    assert takeaway.channels_first(costs, interval([-1.0, -1.0]), 0.5).endswith(
        "for a (3, 2) layer 1% of its MACs in place of 20% and 5% of its time in place of 60%; "
        "for (5, 2) at 50% that is -1.00 (n=2) points from measuring every channel."
    )


def test_each_layer_is_told_by_itself(table):
    alone = pd.concat([table.assign(layers=name) for name in ("conv1", "conv2")])
    assert takeaway.one_layer(alone, ("range", "oracle")) == [
        f"Only {layer} gated, {text}."
        for layer in ("conv1", "conv2")
        for text in ("range beats random at 10 and 50 %", "oracle beats random at 10 %; loses to random at 50 %")
    ]


def test_the_answer_says_whether_measures_could_be_told_apart(table):
    text = takeaway.answer(table, table, ["range", "squared"], 0.5)
    assert text == (
        "**Answer.** In (5, 2), 50% open, 1 beats a random order and 1 is not told from it, of 2 measures; the oracle "
        "itself loses to it, so this network cannot tell which measure is best. In (3, 2), whose core cannot do the "
        "task alone, range beats a random order at 2 of 2 rates; which measure is best there has not been tried."
    )
    assert "cannot tell" not in takeaway.answer(table, table, ["range", "squared"], 0.1)


def test_layers_are_told_with_what_chance_costs_and_where_the_oracle_loses_to_it(table):
    alone = pd.concat([table.assign(layers=name) for name in ("conv1", "conv2")])
    opened = {seed: 0.9 + 0.001 * seed for seed in range(3)}
    text = takeaway.which_layer(alone, opened, 0.5)
    assert (
        "50% open at random changes accuracy by -10.00 ± 0.00 (n=3) points in conv1 and -10.00 ± 0.00 (n=3) points in "
        "conv2; conv1 is not told from conv2 (+0.00 ± 0.00 (n=3))."
    ) in text
    assert "loses to chance in conv1 (-5.00 ± 0.00 (n=3)) and in conv2 (-5.00" in text
    assert "loses" not in takeaway.which_layer(alone, opened, 0.1)


def test_seeds_of_which_other_weights_were_gated_are_named():
    ends = {0.0: 0.30, 1.0: 0.92}
    table, other = (pd.DataFrame(gated("range", ends)) for _ in range(2))
    assert takeaway.other_trainings(table, other) == ""
    other.loc[(other["rate"] == 0.0) & (other["seed"] == 1), "accuracy"] = 0.35
    assert takeaway.other_trainings(table, other) == (
        "With seed 1 the two ways of measuring gate different trainings of the same run."
    )
    other.loc[other["seed"] == 2, "accuracy"] = 0.5
    assert takeaway.other_trainings(table, other).startswith("With seeds 1 and 2 the two")


def test_measures_at_equal_shares_are_counted_rate_by_rate_and_the_oracle_apart():
    better, level = interval([1.0, 1.1, 0.9]), interval([1.0, -1.0, 0.1])
    gaps = {
        "range": {0.1: better, 0.5: level},
        "cosine": {0.1: level, 0.5: level},
        "oracle": {0.1: better, 0.5: better},
    }
    assert takeaway.at_equal_shares(gaps) == (
        "With equal shares, of 2 measures at 10% 1 beats random and 1 is not told from it; at 50% 2 are not told from "
        "random. The oracle beats random at 10 and 50 %."
    )
