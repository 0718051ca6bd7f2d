"""Benchmarks measure every arm in every round and report ratios of what they measured."""

import pytest
import torch

from inertia_utils.bench import friction, timing
from inertia_utils.bench.train import CEILING, ORIGINAL, OURS, OURS_PER_CORE, _row, measure, table
from inertia_utils.data import Dataset


def test_interleaving_times_every_arm_once_per_round():
    calls = []
    arms = {name: (lambda name=name: calls.append(name)) for name in "ab"}
    timings = timing.interleave(arms, rounds=3)
    assert calls == list("abababab"), "one warm-up round and three counted ones"
    assert all(len(arm.seconds) == 3 for arm in timings.values())
    with pytest.raises(ValueError, match="rounds: expected at least 2, got 1"):
        timing.interleave(arms, rounds=1)


def test_ratios_are_taken_round_by_round():
    slow, fast = timing.Timing([2.0, 4.0, 9.0]), timing.Timing([1.0, 1.0, 3.0])
    assert timing.ratio(slow, fast).seconds == [2.0, 4.0, 3.0]
    assert timing.ratio(slow, fast).median == 3.0


def test_table_shows_what_was_measured():
    timings = {"original loop": timing.Timing([4.0, 4.0]), "ours, one run per core": timing.Timing([2.0, 1.0])}
    row = _row(timings["ours, one run per core"], 2000, timings, 1000)
    assert row["ratio"] == 6.0 and row["ratio_range"] == [4.0, 8.0]
    record = {
        "network": "net",
        "images_per_round": 1000,
        "rounds": 2,
        "machine": {"device": "cpu", "cores": 2, "torch": "2"},
        "arms": {"ours, one run per core": row},
    }
    assert "| ours, one run per core | 1333 (1143 – 1600) | 6.00 (4.00 – 8.00) |" in table(record)


def test_every_arm_of_the_training_benchmark_runs(monkeypatch):
    pixels = torch.zeros(800, 1, 28, 28, dtype=torch.uint8)
    labels = torch.zeros(800, dtype=torch.int64)
    dataset = Dataset("blank", pixels, labels, pixels, labels, (0.5,), (0.5,), "made here")
    monkeypatch.setattr("inertia_utils.data.load", lambda name: dataset)
    record = measure(800, 2)
    assert {ORIGINAL, OURS, OURS_PER_CORE, CEILING} <= record["arms"].keys()
    assert all(row["median"] > 0 for row in record["arms"].values())
    assert record["arms"][ORIGINAL]["ratio"] == 1


def test_friction_benchmark_times_every_measure_that_has_a_time_of_its_own():
    record = friction.measure(2, {"small": (1, 2, 6, 6)})
    timed = {(row["friction"], row["reduction"]) for row in record["rows"]}
    assert timed == set(friction.timed()) and ("oracle", "after") not in timed and ("jsd", "before") not in timed
    assert all(row["milliseconds"] > 0 and row["share_of_layer_time"] > 0 for row in record["rows"])
    macs = {(row["friction"], row["reduction"]): row["share_of_layer_macs"] for row in record["rows"]}
    assert macs["range", "before"] < macs["range", "after"] and macs["random", "after"] == 0
