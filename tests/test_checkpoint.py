"""A training that is stopped goes on where it was, to the same bits."""

import logging

import pytest
import torch
from toy_training import toy_training

from inertia_utils import checkpoint
from inertia_utils import train as training_module
from inertia_utils.arms import dense, inertial
from inertia_utils.checkpoint import Checkpoint
from inertia_utils.models import FashionNet
from inertia_utils.runs import Context, Outcome
from inertia_utils.schedule import Task
from inertia_utils.seed import initialise_paired
from inertia_utils.store import Store
from inertia_utils.train import train
from inertia_utils.train_run import TrainRun
from inertia_utils.worker import perform, threads

ARMS = [
    dense(3),
    inertial(5, 2, gate="anneal", friction="random"),
    inertial(5, 2, gate="learned", rate=0.4, skip="core"),
]
EPOCHS = 3


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Checkpoint:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    return Checkpoint(tmp_path / "checkpoints" / "toy.pt", {"torch": "this"})


def trained(arm, recipe, kept=None):
    model = FashionNet(arm, head="gap")
    initialise_paired(model, 5)
    with threads(1):
        history = train(model, toy_training(*recipe, epochs=EPOCHS), kept)
    timeless = [{name: value for name, value in epoch.items() if name != "seconds"} for epoch in history]
    return model.state_dict(), timeless


def stop_in_epoch(monkeypatch, number):
    """Stop as a key would, while the images of this epoch's hold-out are classified."""
    accuracy, calls = training_module.accuracy, []

    def stopping(*arguments):
        calls.append(arguments)
        if len(calls) == number:
            raise KeyboardInterrupt
        return accuracy(*arguments)

    monkeypatch.setattr(training_module, "accuracy", stopping)


@pytest.mark.parametrize("recipe", [("converged",), ("original",), ("original", "lenet")], ids=" ".join)
@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_a_stopped_training_goes_on_to_the_same_bits(arm, recipe, kept):
    weights, history = trained(arm, recipe)
    for epoch in (3, 1):  # the third from the start, then the first after the checkpoint of the second
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_in_epoch(patch, epoch)
            trained(arm, recipe, kept)
    with pytest.MonkeyPatch.context() as patch:
        stop_in_epoch(patch, EPOCHS)  # would stop a training that started afresh
        again, its_history = trained(arm, recipe, kept)
    assert its_history == history
    assert all(torch.equal(weights[name], again[name]) for name in weights)


def test_a_stopped_run_goes_on_in_its_store(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    context = Context(Store(tmp_path, "smoke"))
    run = TrainRun(inertial(3, 2), epochs=2, images=400, test_images=100, head="gap", dataset="mnist-5k")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_in_epoch(patch, 2)
        perform(Task(run), context)
    assert context.store.checkpoint(run, context).load()["history"][0]["epoch"] == 1
    report = perform(Task(run), context)
    result = context.store.read(run)
    assert report.state == "done" and [record["epoch"] for record in result.history] == [1, 2]
    assert result.provenance["seconds"] >= sum(record["seconds"] for record in result.history) - 0.01
    assert not list((tmp_path / "smoke" / "checkpoints").iterdir())


def test_a_training_repeated_for_its_weights_leaves_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    context = Context(Store(tmp_path, "smoke"))
    run = TrainRun(dense(1), epochs=2, images=100, test_images=100, head="gap", dataset="mnist-5k")
    assert perform(Task(run), context).state == "done"
    context.store.weights_path(run).unlink()
    assert perform(Task(run, weights=True), context).state == "done"
    assert context.store.has(run, weights=True)
    assert not list((tmp_path / "smoke" / "checkpoints").iterdir())


def test_short_trainings_write_nothing(tmp_path):
    kept = Checkpoint(tmp_path / "toy.pt", {})
    kept.save(lambda: {"epoch": 1})
    assert not list(tmp_path.iterdir()) and kept.load() is None


def test_other_conditions_and_damage_start_afresh_and_say_so(kept, caplog):
    kept.save(lambda: {"epoch": 1})
    assert kept.load() == {"epoch": 1}
    with caplog.at_level(logging.WARNING):
        assert Checkpoint(kept.path, {"torch": "another"}).load() is None
        assert "'torch': 'this'" in caplog.text and str(kept.path) in caplog.text
        caplog.clear()
        for damage in (b"", b"not an archive", kept.path.read_bytes()[:-100]):
            kept.path.write_bytes(damage)
            assert kept.load() is None
    assert caplog.text.count("damaged checkpoint") == 3


def test_a_stored_result_needs_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    store, run = Store(tmp_path, "smoke"), TrainRun(dense(3))
    kept = store.checkpoint(run, Context(store))
    kept.save(lambda: {"epoch": 1})
    assert kept.path.exists() and store.checkpoint(run, Context(store)).load() == {"epoch": 1}
    assert store.checkpoint(run, Context(store, dtype=torch.bfloat16)).load() is None
    store.save(run, Outcome({"accuracy": 0.5}), {})
    assert not kept.path.exists()
