"""Gates stand beside their controls at the same rate, or at equal MACs."""

import numpy as np
import pandas as pd
import pytest

from inertia_utils.gate_tables import (
    against_open,
    against_random,
    changes_of_lead,
    equally_open,
    gaps_at_equal_macs,
    gaps_by_rate,
    gaps_of_kinds,
    leads_by_network,
    loss_avoided,
    lowest_rate_within,
    rate_by_rate,
    standings,
    stands_by_rate,
    ways_table,
)
from inertia_utils.stats import interval


def gated(friction, rate, seed, accuracy, first, second=0.5):
    """A row as of the frame of gated networks; measuring takes a tenth of the open network's MACs."""
    macs = 100 * rate + 10 * (friction != "random")
    names = ["friction", "rate", "seed", "accuracy", "conv_macs", "open_fraction/conv1", "open_fraction/conv2"]
    return dict(zip(names, (friction, rate, seed, accuracy, macs, first, second), strict=True))


def trained(gate, friction, rate, seed, accuracy, first=0.5):
    """A row as of the frame of trained gates."""
    names = ["skip", "gate", "closed", "friction", "rate", "seed", "accuracy", "conv_macs", "open_fraction/conv1"]
    return dict(zip(names, ("core", gate, "never", friction, rate, seed, accuracy, 50.0, first), strict=True))


def test_measures_stand_beside_the_random_gate_rate_by_rate():
    rows = [
        gated("range", 0.5, 0, 0.90, 0.49),
        gated("range", 0.5, 1, 0.92, 0.53),
        gated("random", 0.5, 0, 0.88, 0.50),
        gated("random", 0.5, 1, 0.90, 0.50),
        gated("random", 1.0, 0, 0.94, 1.0, 1.0),
        gated("random", 1.0, 1, 0.95, 1.0, 1.0),
        gated("range", 1.0, 1, 0.95, 1.0, 0.9),
        gated("oracle", 0.5, 1, 0.91, 0.52),
        gated("oracle", 1.0, 0, 0.94, 1.0, 1.0),
    ]
    table = against_random(pd.DataFrame(rows))
    assert table.index.tolist() == ["50%", "100%"]
    assert table.loc["50%"].to_dict() == {
        "range open (%)": "51 / 50",
        "range (%)": "91.00",
        "range MACs (%)": "60.0",
        "random open (%)": "50 / 50",
        "random (%)": "89.00",
        "random MACs (%)": "50.0",
        "range − random": "+2.00 (n=2)",
        # A fifth of the way from 0.88 to 0.94, and from 0.90 to 0.95.
        "range − random, equal MACs": "+0.90 (n=2)",
        "range − oracle": "+1.00 (n=1)",
        "oracle open (%)": "52 / 50",
        "oracle MACs (%)": "60.0",
        "oracle (%)": "91.00",
    }
    # The oracle's seed has no random gate to stand beside, and range opens less than the random gate does.
    assert table.loc["100%", "range − random"] == "+0.00 (n=1), unequal" and not table.loc["100%", "range − oracle"]


def test_trained_gates_stand_beside_the_open_network_and_the_random_gate_of_their_kind():
    nan = float("nan")
    opened = pd.DataFrame([trained("always", "", nan, seed, 0.93, nan) for seed in (0, 1)]).assign(conv_macs=100.0)
    rows = [
        trained("rate", "range", 0.5, 0, 0.91),
        trained("rate", "random", 0.5, 0, 0.90, 0.6),
        trained("rate", "random", 0.25, 1, 0.92),
        trained("anneal", "range", 0.5, 1, 0.92),
        trained("anneal", "range", 0.5, 2, 0.91),
        trained("never", "", nan, 2, 0.88, nan),
    ]
    table = against_open(pd.DataFrame(rows), opened)
    assert table.loc[("core", "50%", "rate", "range")].to_dict() == {
        "open, conv1 / conv2 (%)": "50",
        "accuracy (%)": "91.00",
        "minus open": "-2.00 (n=1)",
        "conv MACs / open": "50%",
        "minus random": "+1.00 (n=1), unequal",
        "minus never": "",
    }
    assert table.loc[("core", "50%", "anneal", "range"), "minus random"] == ""
    assert table.loc[("core", "50%", "anneal", "range"), "minus never"] == "+3.00 (n=1)"
    assert table.loc[("core", "–", "never", ""), "minus open"] == "", "no seed of the open network"
    assert (table["minus random"] != "").sum() == 1


def test_a_trained_gate_stands_to_its_controls_in_words():
    nan = float("nan")
    rows, opened = [], []
    for seed, drift in enumerate((0.0, 0.001, -0.001)):
        rows += [
            trained("rate", "range", 0.25, seed, 0.91 + drift),
            trained("rate", "random", 0.25, seed, 0.90 + drift / 2, 0.6),
            trained("never", "", nan, seed, 0.91 - drift, nan),
        ]
        opened.append(trained("always", "", nan, seed, 0.93 + drift, nan) | {"conv_macs": 100.0})
    table = pd.DataFrame(rows)
    stands = standings(table, pd.DataFrame(opened))
    assert stands.index.tolist() == [("core", "25%", "rate")]
    assert stands.iloc[0].to_dict() == {
        "open, conv1 / conv2 (%)": "50",
        "conv MACs / open": "50%",
        "against random": "beats it (+1.00 ± 0.12 (n=3), unequal)",
        "MACs of random": "50%",
        "against never": "is not told from it (+0.00 ± 0.50 (n=3))",
        "MACs of never": "50%",
        "minus open": "-2.00 ± 0.00 (n=3)",
    }
    alone = table[table["friction"] == "range"]
    assert list(standings(alone, pd.DataFrame(opened))) == ["open, conv1 / conv2 (%)", "conv MACs / open", "minus open"]


def test_a_fine_tuned_gate_stands_beside_both_gates_that_never_open():
    nan = float("nan")
    rows = []
    for seed in range(3):
        rows.append(trained("tuned, rate", "range", 0.25, seed, 0.91) | {"closed": "tuned, never"})
        rows.append(trained("tuned, never", "", nan, seed, 0.90, nan) | {"closed": "tuned, never", "conv_macs": 30.0})
        rows.append(trained("never", "", nan, seed, 0.92, nan) | {"conv_macs": 30.0})
    opened = pd.DataFrame([trained("always", "", nan, seed, 0.93, nan) for seed in range(3)]).assign(conv_macs=100.0)
    (row,) = standings(pd.DataFrame(rows), opened).to_dict("records")
    assert (row["against tuned, never"], row["MACs of tuned, never"]) == ("beats it (+1.00 ± 0.00 (n=3))", "30%")
    assert row["against never"] == "loses to it (-1.00 ± 0.00 (n=3))"


def test_rates_are_compared_one_by_one():
    rows = [gated("range", rate, 0, 0.90 + rate / 100, rate) for rate in (0.25, 0.5, 1.0)]
    rows += [gated("random", 0.25, 0, 0.88, 0.25), gated("random", 0.5, 0, 0.91, 0.7), gated("random", 1.0, 0, 0.91, 1)]
    rows += [gated("oracle", 0.5, 0, 0.92, 0.5)]
    assert rate_by_rate(pd.DataFrame(rows)).to_dict("index") == {
        "25%": {
            "MACs (%)": "35.0",
            "minus random": "+2.25 (n=1)",
            "minus random, equal MACs": "+1.05 (n=1)",
            "minus oracle": "",
            "minus open": "-0.75 (n=1)",
        },
        "50%": {
            "MACs (%)": "60.0",
            "minus random": "-0.50 (n=1), unequal",
            "minus random, equal MACs": "-0.50 (n=1)",
            "minus oracle": "-1.50 (n=1)",
            "minus open": "-0.50 (n=1)",
        },
    }


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


def test_rates_are_named_by_how_the_gates_stand():
    gaps = {0.1: (2.0, 2.1, 2.2), 0.2: (-1.0, -1.1, -1.2), 0.3: (3.0, 3.1, 3.2), 0.5: (-2.0, 2.0, 0.1), 0.6: (1, 2, 1)}
    text = stands_by_rate({rate: interval(values) for rate, values in gaps.items()}, "random")
    assert text == ("beats random at 10 and 30 %; is not told from random at 50 and 60 %; loses to random at 20 %")


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


def test_leads_in_two_networks_stand_side_by_side():
    def network(lead, lost):
        rows = [
            ("range", 0.5, 0.9 - lost + lead),
            ("random", 0.5, 0.9 - lost),
            ("range", 1.0, 0.9),
            ("random", 1.0, 0.9),
        ]
        # Range opens more of the first layer than the random gate does.
        return pd.DataFrame(
            [gated(name, rate, n, value, rate + 0.1 * (name == "range")) for name, rate, value in rows for n in (0, 1)]
        )

    table = leads_by_network({"with": network(0.03, 0.06), "without": network(0.01, 0.04)}, "range", "random")
    assert table.to_dict("index") == {
        "50%": {
            "range − random, with": "+3.00 (n=2), unequal",
            "range − random, without": "+1.00 (n=2), unequal",
            "with − without": "+2.00 (n=2)",
            "share of the loss avoided (%), with": "+50.00 (n=2)",
            "share of the loss avoided (%), without": "+25.00 (n=2)",
        }
    }


def test_ways_to_choose_stand_beside_their_controls_but_not_themselves():
    def rows(accuracy, macs=50.0, loss=0.2):
        return pd.DataFrame(
            [
                {"seed": n, "accuracy": accuracy, "holdout_accuracy": 0.5, "loss": loss, "conv_macs": macs}
                for n in (0, 1)
            ]
        )

    ways = {"image": rows(0.90), "chance": rows(0.88, 40.0, 0.1)}
    table = ways_table(ways, rows(0.95, 100.0), {"chance": ways["chance"], "fewer": rows(0.91)})
    assert table.to_dict("index") == {
        "image": {
            "test accuracy (%)": "90.00",
            "held-out accuracy (%)": "50.00",
            "training loss": "0.200",
            "conv MACs / all open": "50%",
            "minus chance": "+2.00 (n=2)",
            "minus fewer": "-1.00 (n=2)",
        },
        "chance": {
            "test accuracy (%)": "88.00",
            "held-out accuracy (%)": "50.00",
            "training loss": "0.100",
            "conv MACs / all open": "40%",
            "minus chance": "",
            "minus fewer": "-3.00 (n=2)",
        },
    }
