"""Times of the layer as a frame: one row per arm, its form by name, nothing where nothing was measured."""

import json

import pytest

from inertia_utils.layer_times import layer_times


def test_nothing_measured(tmp_path):
    assert layer_times(tmp_path / "layer.json").empty


def test_rows_forms_and_units(tmp_path):
    row = {"median": 0.002, "quartiles": [0.001, 0.004], "macs": 5.0, "open_fraction": None}
    arms = {"dense 5×5": row, "skip core (5, 2), 30% real": row | {"open_fraction": 0.3}, "mine": row}
    record = {
        "machine": {"device": "CPU", "threads": 2},
        "dtype": "float32",
        "layout": "channels_last",
        "tables": [{"shape": "64x64@28", "batch": 8, "arms": arms}],
    }
    (tmp_path / "layer.json").write_text(json.dumps(record), encoding="utf-8")
    table = layer_times(tmp_path / "layer.json")
    assert table["form"].tolist() == ["dense", "skip core", "mine"]
    assert table.loc[1, ["ms", "low", "high", "open", "batch"]].tolist() == pytest.approx([2, 1, 4, 0.3, 8])
    assert table["open"].isna().tolist() == [True, False, True]
    assert set(table["conditions"]) == {"CPU, 2 threads, float32, channels_last"}
