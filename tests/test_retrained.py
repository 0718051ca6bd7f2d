"""Gated networks that are not those of the stored trainings are counted."""

import pytest

from inertia_utils.arms import inertial
from inertia_utils.gate_run import GateRun
from inertia_utils.retrained import open_differences
from inertia_utils.runs import Outcome
from inertia_utils.store import Store
from inertia_utils.study import Study
from inertia_utils.train_run import TrainRun

SAME, AGAIN, LOST, FEWER, CLOSED = (TrainRun(inertial(3, 2), seed=seed) for seed in range(5))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path, "full")
    for run in (SAME, AGAIN, FEWER, CLOSED):
        store.save(run, Outcome({"accuracy": 0.9, "test_images": 100}), {})
    return store


def gate_results(store):
    cases = [(SAME, 1.0, 0.9, 100), (AGAIN, 1.0, 0.88, 100), (LOST, 1.0, 0.5, 100), (FEWER, 1.0, 0.5, 10)]
    cases.append((CLOSED, 0.5, 0.5, 100))
    return [
        store.save(GateRun(parent), Outcome({"test_images": images}, [{"rate": rate, "accuracy": accuracy}]), {})
        for parent, rate, accuracy, images in cases
    ]


def test_open_networks_are_held_against_their_stored_training(store):
    found = open_differences([*gate_results(store), store.load(SAME)], store)
    assert found == {SAME: 0.0, AGAIN: pytest.approx(-2.0)}


def test_the_banner_counts_them(store):
    found = gate_results(store)
    study = Study("04_friction", "full", {"gated": found}, off=open_differences(found, store))
    said = "; 1 of 5 gated networks had to be trained anew, up to 2.00 points off the published when open"
    assert said in study.banner()
    same = Study("04_friction", "full", {"gated": found[:1]}, off=study.off)
    assert "trained anew" not in same.banner()
