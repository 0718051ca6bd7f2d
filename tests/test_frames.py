"""Results as data frames: rows that pair, and what a gate opened."""

import math

import pandas as pd
import pytest

from inertia_utils.arms import inertial
from inertia_utils.frames import at_rate, by_seed, cost_share, main_rates, open_text, seeds_of, trained_gates
from inertia_utils.result_file import Result
from inertia_utils.train_run import TrainRun


def result(arm, seed=0, accuracy=0.9, **metrics):
    return Result(
        TrainRun(arm, seed=seed),
        {"accuracy": accuracy, "conv_macs": 100.0, **metrics},
        [{"holdout_accuracy": 0.8, "loss": 0.3}],
        {},
    )


def test_a_trained_gate_shows_what_its_layers_opened():
    arm = inertial(5, 2, gate="learned", rate=0.25, skip="core")
    (row,) = trained_gates([result(arm, 3, **{"open_fraction/conv1": 0.2, "open_fraction/conv2": 0.4})]).to_dict(
        "records"
    )
    assert row == {
        "gate": "learned",
        "closed": "never",
        "friction": "range",
        "skip": "core",
        "rate": 0.25,
        "open_fraction": pytest.approx(0.3),
        "seed": 3,
        "accuracy": 0.9,
        "holdout_accuracy": 0.8,
        "loss": 0.3,
        "conv_macs": 100.0,
        "open_fraction/conv1": 0.2,
        "open_fraction/conv2": 0.4,
    }


def test_trained_gates_of_one_kind_are_told_apart():
    changes = ({}, {"temperature": 0.03}, {"open_first": True}, {"reduction": "before"})
    arms = [inertial(5, 2, gate="learned", **options) for options in changes]
    table = trained_gates([result(arm, **{"open_fraction/conv1": 0.5}) for arm in arms])
    assert table["gate"].tolist() == [
        "learned",
        "learned, temperature 0.03",
        "learned, first layer open",
        "learned, reduction before",
    ]
    assert table["closed"].tolist() == ["never", "never", "never, first layer open", "never"]


def test_a_gate_and_the_closed_one_beside_it_came_there_in_the_same_way():
    arms = [inertial(5, 2, gate=gate) for gate in ("rate", "never")]
    tuned = trained_gates([result(arm, **{"open_fraction/conv1": 0.5}) for arm in arms], "fine-tuned")
    assert tuned["gate"].tolist() == ["fine-tuned, rate", "fine-tuned, never"]
    assert tuned["closed"].tolist() == ["fine-tuned, never"] * 2


def test_a_first_layer_that_stays_open_counts_as_open():
    arm = inertial(5, 2, gate="rate", open_first=True)
    table = trained_gates([result(arm, **{"open_fraction/conv2": 0.5})])
    assert open_text(table) == "100 / 50" and table["open_fraction"].tolist() == [0.75]


@pytest.mark.parametrize(("gate", "opened"), [("always", 1.0), ("never", 0.0)])
def test_a_constant_gate_looks_at_no_friction(gate, opened):
    (row,) = trained_gates([result(inertial(5, 2, gate=gate))]).to_dict("records")
    assert (row["gate"], row["friction"], row["open_fraction"]) == (gate, "", opened)
    assert math.isnan(row["rate"])


def test_rows_of_several_networks_do_not_pair():
    table = pd.DataFrame({"arm": ["a", "a", "b"], "seed": [0, 1, 0], "accuracy": [0.1, 0.2, 0.3]})
    assert by_seed(table, "a") == {0: 0.1, 1: 0.2}
    with pytest.raises(ValueError, match="expected one row per seed, got 3 rows with 2 seeds"):
        seeds_of(table)


def test_at_rate_takes_one_measure_and_one_rate():
    rows = [("range", 0.5, 0, 0.9), ("range", 1.0, 0, 0.95), ("random", 0.5, 0, 0.8), ("range", 0.5, 1, 0.85)]
    table = pd.DataFrame(rows, columns=["friction", "rate", "seed", "accuracy"])
    assert at_rate(table, "range", 0.5) == {0: 0.9, 1: 0.85}
    assert at_rate(table, "oracle", 0.5) == {}


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ([0.0, 0.5, 1.0], [0.5]),
        ([0.0, 0.25, 0.5, 1.0], [0.25, 0.5]),
        ([tenth / 10 for tenth in range(11)], [0.3, 0.5, 0.7]),
    ],
)
def test_main_rates_are_the_quarters_that_were_asked_for(rates, expected):
    assert main_rates(pd.DataFrame({"rate": rates[::-1]})) == expected


def test_a_share_of_cost_is_that_of_the_means():
    table = pd.DataFrame({"arm": ["a", "a", "b"], "conv_macs": [1.0, 3.0, 8.0]})
    assert cost_share(table, "a", "b", "conv_macs") == 0.25
    with pytest.raises(ValueError, match=r"control: expected an arm of the table, got 'c'; it has a, b"):
        cost_share(table, "a", "c", "conv_macs")
