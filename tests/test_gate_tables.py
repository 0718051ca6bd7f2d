"""Gates stand beside their controls in tables."""

import pandas as pd
from gate_rows import gated, trained

from inertia_utils.gate_tables import (
    against_open,
    against_random,
    gaps_table,
    leads_by_network,
    rate_by_rate,
    standings,
    threshold_moves,
    threshold_table,
    ways_table,
)
from inertia_utils.stats import interval


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
            "seeds": "2",
            "test accuracy (%)": "90.00",
            "held-out accuracy (%)": "50.00",
            "training loss": "0.200",
            "conv MACs / all open": "50%",
            "minus chance": "+2.00 (n=2)",
            "minus fewer": "-1.00 (n=2)",
        },
        "chance": {
            "seeds": "2",
            "test accuracy (%)": "88.00",
            "held-out accuracy (%)": "50.00",
            "training loss": "0.100",
            "conv MACs / all open": "40%",
            "minus chance": "",
            "minus fewer": "-3.00 (n=2)",
        },
    }


def test_learned_thresholds_are_told_by_what_they_move_after_the_first_epoch():
    path = {0: (2.0, 9.0, 1.0), 1: (4.0, 0.0, 5.0)}
    rows = [
        {"arm": f"inertial (5, 2), gate {gate}", "seed": seed, "epoch": epoch, "threshold/conv1": value}
        for gate in ("learned 0.25", "rate 0.25")
        for seed, values in path.items()
        for epoch, value in reversed(list(enumerate(values, start=1)))
    ]
    moves = threshold_moves(pd.DataFrame(rows), ["conv1"])
    assert moves["conv1"].to_numpy().tolist() == [[2, 1, -50], [4, 5, 25]]
    table = threshold_table(moves)
    assert table.loc["learned 0.25"].to_dict() == {
        "seeds": "2",
        "conv1, epoch 1": "3.000",
        "conv1, at the end": "3.000",
        "conv1, moved (%)": "-50.0 … +25.0",
    }
    assert len(table) == 1


def test_differences_by_rate_are_a_row_each_in_their_order():
    gaps = {"b": {0.1: interval([1.0, 2.0, 3.0]), 0.5: interval([0.0])}, "a": {0.1: interval([-1.0])}}
    table = gaps_table(gaps).fillna("")
    assert list(table.index) == ["b", "a"] and list(table.columns) == ["10%", "50%"]
    assert list(table.loc["b"]) == ["+2.00 ± 2.48 (n=3)", "+0.00 (n=1)"] and list(table.loc["a"]) == ["-1.00 (n=1)", ""]
