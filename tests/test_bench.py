"""Benchmarks measure every arm in every round and report ratios of what they measured."""

import argparse
import json

import pandas as pd
import pytest
import torch

from inertia_utils import bench
from inertia_utils.allocator import keep_freed_memory
from inertia_utils.bench import cases, device, friction, gate, goals, masks, model, read, timing
from inertia_utils.bench.train import CEILING, ORIGINAL, OURS, OURS_PER_CORE, _row, measure, table
from inertia_utils.compared import STRIDED, compared_pairs, pooled_arms
from inertia_utils.cost import measure as count
from inertia_utils.data import Dataset
from inertia_utils.execute import break_even
from inertia_utils.models import FashionNet


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


def test_published_times_cover_every_comparison_of_the_study():
    record = read.load("model")
    times = read.network_times(record, 256)
    # The strided network joined when the record had been made.
    assert {arm.name for pair in compared_pairs() for arm in pair} - times.keys() <= {STRIDED.name}
    assert {arm.name for arm in pooled_arms()} <= read.network_times(read.load("model-gap"), 256).keys()
    (part,) = (part for part in record["tables"] if (part["what"], part["batch"]) == ("forward", 256))
    assert times["inertial (3, 1), merge stack"] == 1e3 * part["arms"]["slide (3, 1), stacked"]["median"]
    assert read.network_times(record, 3) == {}


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
    macs = {(row["layer"], row["friction"], row["reduction"]): row["share_of_layer_macs"] for row in record["rows"]}
    for layer in ("(5, 2)", "(3, 2)"):
        assert macs[layer, "range", "before"] < macs[layer, "range", "after"] and macs[layer, "random", "after"] == 0
    assert macs["(3, 2)", "range", "after"] > macs["(5, 2)", "range", "after"]


def run(name, output, *more):
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    options = parser.parse_args([name, "--quick", "--output", str(output), *more])
    assert bench.main(options) == 0
    return json.loads(output.read_text())


def test_layer_benchmark(tmp_path):
    arms = ["dense 3×3", "slide (5, 2)", "dilate (5, 2), 30% real", "skip core (5, 2), 30% random"]
    record = run("layer", tmp_path / "layer.json", "--shapes", "fashionnet-2", "lenet-1", "--arms", *arms)
    assert [(part["shape"], part["batch"]) for part in record["tables"]] == [("fashionnet-2", 1), ("lenet-1", 1)]
    rows = record["tables"][0]["arms"]
    assert list(sorted(rows)) == sorted(["dense 5×5", *arms]), "the dense layer is always measured"
    slide, gated = rows["slide (5, 2)"], rows["dilate (5, 2), 30% real"]
    assert slide["speed_up"] == rows["dense 5×5"]["median"] / slide["median"]
    positions, placements = 14 * 14, 16 * 16
    assert rows["dense 5×5"]["macs"] == 25 * 32 * 64 * positions
    assert slide["macs"] == 9 * 32 * 64 * placements + 9 * 64 * positions
    assert slide["percentile95"] is None and gated["percentile95"] >= gated["median"]
    assert 0 < gated["open_fraction"] < 1
    assert all(row["peak_memory"] >= 4 * 64 * positions for row in rows.values())
    assert "| slide (5, 2) |" in (tmp_path / "layer.md").read_text()


def test_layer_benchmark_appends(tmp_path):
    output = tmp_path / "layer.json"
    run("layer", output, "--arms", "dense 3×3", "--shapes", "64x64@14")
    run("layer", output, "--arms", "dense 1×1", "--shapes", "fashionnet-2", "--append")
    record = run("layer", output, "--arms", "separable 3×3", "--shapes", "64x64@14", "--append")
    assert [part["shape"] for part in record["tables"]] == ["fashionnet-2", "64x64@14"]
    assert set(record["tables"][1]["arms"]) == {"dense 5×5", "separable 3×3"}


def test_layer_benchmark_takes_what_a_user_registers(tmp_path):
    @cases.ARMS.register("mine")
    def mine(shape):
        return lambda x: torch.nn.functional.avg_pool2d(x, 3, 1, 1)

    try:
        record = run("layer", tmp_path / "layer.json", "--arms", "mine")
    finally:
        del cases.ARMS._parts["mine"]
    row = record["tables"][0]["arms"]["mine"]
    assert row["median"] > 0 and row["mac_ratio"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shapes", "7x7"], "shape: unknown name '7x7'; known: fashionnet-1, "),
        (["--arms", "sparse"], "arm: unknown name 'sparse'; known: dense 5×5, "),
    ],
)
def test_unknown_shapes_and_arms(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        run("layer", tmp_path / "layer.json", *arguments)


def test_records_say_what_became_of_freed_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("inertia_utils.allocator._kept", False)
    record = run("layer", tmp_path / "returned.json", "--arms", "dense 3×3", "--return-memory")
    assert record["machine"]["freed_memory"] == "returned to the system"
    record = run("layer", tmp_path / "kept.json", "--arms", "dense 3×3")
    assert record["machine"]["freed_memory"] == ("kept" if keep_freed_memory() else "returned to the system")


def test_model_benchmark(tmp_path):
    record = run("model", tmp_path / "model.json")
    forward, training = record["tables"]
    assert (forward["what"], training["what"]) == ("forward", "training step")
    assert forward["arms"]["dense 5×5"]["speed_up"] == forward["arms"]["dense 5×5"]["mac_ratio"] == 1
    assert not set(model.GATED) & set(training["arms"])


def test_model_benchmark_of_another_head(tmp_path):
    record = run("model", tmp_path / "model.json", "--head", "gap")
    forward = record["tables"][0]["arms"]["dense 5×5"]
    assert record["head"] == "gap"
    assert forward["macs"] == count(FashionNet(5, head="gap"), [torch.randn(2, 1, 28, 28)]).metrics()["macs"]


def test_gate_benchmark(tmp_path):
    record = run("gate", tmp_path / "gate.json")
    assert {point["kind"] for point in record["map"]} == set(gate.KINDS)
    assert all(0 <= point["break_even"] <= 1 for point in record["map"])


def test_crossing():
    fractions = (0.0, 0.5, 1.0)
    assert gate.crossing(fractions, [1, 2, 3], [4, 4, 4]) == 1
    assert gate.crossing(fractions, [1, 3, 5], [4, 4, 4]) == 0.75
    assert gate.crossing(fractions, [5, 5, 5], [4, 4, 4]) == 0, "nothing is gained at any fraction"
    assert gate.crossing(fractions, [3, 5, 3], [4, 4, 4]) == 0, "with nothing open both ways are the same"
    assert gate.crossing(fractions, [5, 3, 5], [4, 4, 4]) == 0.75
    assert gate.crossing((0.0, 1.0), [1, 1], [4, 2]) == 1


def test_a_form_that_never_paid_is_installed_as_such():
    point = {"kind": "core", "channels": 16, "size": 28, "batch": 8}
    record = read.load("gate")
    (found,) = (entry for entry in record["map"] if point.items() <= entry.items())
    assert gate.crossing(tuple(record["fractions"]), found["chosen"], found["everywhere"]) == 0
    assert break_even.break_even("core", "cpu", 16, 8 * 28**2) == 0


def test_installing_for_one_device_keeps_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(break_even, "TABLE", tmp_path / "table.json")
    before = {"devices": {"cpu": {"core": []}}, "machines": {"cpu": {"device": "a processor"}}}
    break_even.TABLE.write_text(json.dumps(before))
    monkeypatch.setattr(gate, "machine", lambda device: {"device": f"a {device}"})
    gate._install([{"kind": "core", "channels": 16, "size": 28, "batch": 8, "break_even": 0.25}], "cuda")
    after = json.loads(break_even.TABLE.read_text())
    assert after["devices"] == before["devices"] | {
        "cuda": {"core": [{"channels": 16, "pixels": 8 * 28**2, "fraction": 0.25}]}
    }
    assert after["machines"] == before["machines"] | {"cuda": {"device": "a cuda"}}


def test_masks_are_real_or_shuffled_at_equal_density():
    recorded = masks.Masks.load(0.3, blocks=False)
    real, random = recorded.at((28, 28)), recorded.shuffled((28, 28))
    assert real.shape == random.shape == (256, 1, 28, 28)
    assert torch.equal(real.sum((1, 2, 3)), random.sum((1, 2, 3)))
    assert not torch.equal(real, random)
    assert 0.25 < real.mean() < 0.35
    with pytest.raises(ValueError, match=r"masks: none were recorded for 'positions 0\.5'; recorded: blocks 0\.1"):
        masks.Masks.load(0.5, blocks=False)


def test_speed_ups_have_a_column_per_batch():
    rows = [("slide", 1, 1.234), ("slide", 64, 2.5), ("dense", 1, 1.0), ("dense", 64, 1.0)]
    table = read.speed_ups(pd.DataFrame(rows, columns=["arm", "batch", "speed_up"]))
    assert table.index.tolist() == ["slide", "dense"]
    assert table.loc["slide"].to_dict() == {"batch 1": "1.23", "batch 64": "2.50"}


def test_peak_memory():
    x = torch.zeros(256, 1024)
    peak = device.peak_memory(lambda: (x + 1) * 2, "cpu")
    assert peak == pytest.approx(2 * x.numel() * 4, rel=0.01), "both the sum and the product are held"


def test_networks_are_held_against_one_of_them():
    record = read.load("model")
    ratios = read.network_ratios(record, "dense 3×3")
    times = read.network_times(record, 256)
    assert (ratios.loc["dense 3×3"] == 1).all() and list(ratios.columns) == [1, 8, 64, 256]
    assert ratios.loc["inertial (3, 2)", 256] == pytest.approx(times["dense 3×3"] / times["inertial (3, 2)"])


@pytest.mark.parametrize(
    ("times", "fraction"),
    [
        ((9.0, 1.0, 3.0, 7.0, 9.0), 0.4),
        ((9.0, 6.0, 7.0, 8.0, 1.0), 0.0),
        ((9.0, 1.0, 2.0, 3.0, 9.0), 0.7),
    ],
    ids=["between", "never", "always"],
)
def test_a_gate_returns_time_up_to_where_it_meets_the_open_layer(times, fraction):
    curve = pd.DataFrame({"fraction": (0.0, 0.1, 0.3, 0.7, 1.0), "chosen": times})
    assert read.returns_up_to(curve, 4.0) == pytest.approx(fraction)


def test_goals_are_judged_where_they_were_set():
    arms = {"dense 5×5": 40.0, "dense 3×3": 15.0, "slide (5, 2)": 20.0, "slide (3, 2)": 4.0, "slide (5, 4)": 4.0}
    arms |= {"dilate (5, 2), 30% real": 30.0, "skip core (5, 2), 30% real": 20.0}
    layers = pd.DataFrame([(64, arm, ms) for arm, ms in arms.items()], columns=["batch", "arm", "ms"])
    networks = pd.concat(
        [layers.assign(what=what, batch=batch) for what in ("forward", "training step") for batch in (64, 256)]
    )
    worst = dict.fromkeys(goals.LIMITS, 0.06)
    outcome = goals.outcome(layers, networks, worst)
    assert outcome["met"].tolist() == [False, True, True, False, False, True, True, True, True, False, False]
    assert outcome.loc["layer (5, 2) against dense 5×5"].to_dict() == {
        "goal": "≥ 2.2",
        "measured": "2.00 (batch 64)",
        "met": False,
        "batch 64": "2.00",
        "batch 256": "",
    }
    with pytest.raises(ValueError, match="worst: expected a value for every limit, got none for friction, channels av"):
        goals.outcome(layers, networks, {})


def test_forms_of_timed_layers_are_told_by_name():
    row = {"median": 0.002, "quartiles": [0.001, 0.004], "macs": 5.0, "open_fraction": None}
    arms = {"dense 5×5": row, "skip core (5, 2), 30% real": row | {"open_fraction": 0.3}, "mine": row}
    record = {
        "machine": {"device": "CPU", "threads": 2},
        "dtype": "float32",
        "layout": "channels_last",
        "tables": [{"shape": "64x64@28", "batch": 8, "arms": arms}],
    }
    table = read.layer_times(record)
    assert table["form"].tolist() == ["dense", "skip core", "mine"]
    assert table.loc[1, ["ms", "low", "high", "open_fraction", "batch"]].tolist() == pytest.approx([2, 1, 4, 0.3, 8])
    assert table["open_fraction"].isna().tolist() == [True, False, True]
