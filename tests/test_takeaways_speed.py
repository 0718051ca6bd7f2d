"""Sentences on time say what the timings behind them say."""

import pandas as pd
import pytest

from inertia_utils.takeaways import speed as takeaway


@pytest.fixture
def times():
    columns = ["arm", "ms", "macs", "speed_up", "mac_ratio", "batch"]
    rows = [
        ("dense 5×5", 40.0, 100.0, 1.0, 1.0, 64),
        ("slide", 20.0, 40.0, 2.0, 2.5, 64),
        ("skip", 25.0, 10.0, 1.6, 10.0, 64),
    ]
    return pd.DataFrame(rows, columns=columns)


def test_open_layers_stand_beside_the_dense_ones_of_their_window(times):
    text = takeaway.one_layer(times, {"slide": "dense 5×5"})
    assert text.endswith("at batch 64: slide is 2.00× as fast as dense 5×5 (MACs promise 2.50).")


def test_gates_that_return_time_are_counted_and_named():
    returned = pd.Series({"dilate": 1.2, "resize": 0.9, "core": 1.1})
    text = takeaway.gated_layer(returned, {"dilate": 0.35}, 64)
    assert "for 2 of 3 forms (dilate and core);" in text and text.endswith("an open fraction of 0.35 (dilate).")
    assert "for 0 of 3 forms;" in takeaway.gated_layer(returned - 1, {"dilate": 0.0}, 64)


def test_time_that_skipping_takes_stands_beside_what_macs_promise(times):
    assert takeaway.skipped_core(times, "skip", "slide").startswith(
        "`skip` takes 125% of the time of slide, where MACs promise 25%"
    )


def test_networks_are_told_at_the_batches_that_were_timed():
    ratios = pd.DataFrame({1: {"a": 0.5, "b": 1.0}, 256: {"a": 1.5, "b": 1.25}})
    text = takeaway.whole_network(ratios, ratios.drop("b") * 2, ["a", "b"])
    assert "at batch 1 and 256, so many" in text and "a 0.50, 1.50; b 1.00, 1.25." in text
    assert "With the small head, at batch 256: a 3.00." in text


def test_memory_that_is_returned_costs_what_it_says():
    text = takeaway.kept_memory(pd.Series({"a": 3.31, "b": 2.0, "c": 9.0}), ("a", "b"), 256)
    assert "at batch 256 a call takes 3.3 times as long for a and 2.0 times as long for b with" in text
