"""Gating a trained network: calibration, measured open fractions, and the controls."""

from dataclasses import replace

import pytest
import torch

from inertia_utils.arms import inertial
from inertia_utils.fine_tune_run import FineTuneRun
from inertia_utils.friction import MEASURES
from inertia_utils.gate_run import GateRun, calibrate, gated_layers, gated_model
from inertia_utils.models import FashionNet
from inertia_utils.runs import Context, config
from inertia_utils.seed import initialise_paired
from inertia_utils.store import Store
from inertia_utils.train import Images, correct
from inertia_utils.train_run import TrainRun


@pytest.fixture(scope="module")
def images() -> Images:
    pixels = torch.randint(0, 256, (60, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Images(pixels, torch.arange(60) % 10, (0.5,), (0.25,))


def network(**options) -> FashionNet:
    model = FashionNet(inertial(5, 2, **options), head="gap").eval()
    initialise_paired(model, 0)
    return model


@pytest.mark.parametrize("skip", ["detail", "core"])
@pytest.mark.parametrize("friction", list(MEASURES))
def test_every_layer_opens_the_rate_behind_gated_layers(images, friction, skip):
    torch.manual_seed(0)
    model = network(gate="threshold", friction=friction, skip=skip)
    calibrate(model, images, 0.3)
    correct(model, images)
    assert len(gated_layers(model)) == 2
    # Bytes tie, and tied positions stay closed; on one channel cosine knows only two values.
    assert model.conv2.open_fraction.item() == pytest.approx(0.3, abs=0.01)
    if friction != "cosine":
        assert model.conv1.open_fraction.item() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("skip", ["detail", "core"])
def test_all_open_is_the_trained_network_and_all_closed_is_not(images, skip):
    model, trained = network(gate="threshold", skip=skip), network()
    trained.load_state_dict(model.state_dict(), strict=False)
    batch, _ = images.batch(slice(None))
    calibrate(model, images, 1.0)
    torch.testing.assert_close(model(batch), trained(batch), rtol=1e-4, atol=1e-5)
    calibrate(model, images, 0.0)
    assert (model(batch) - trained(batch)).abs().max() > 1e-3


def test_oracle_ranks_by_what_closing_loses():
    x = torch.randn(2, 1, 20, 20)
    for skip in ("detail", "core"):
        layer = network(gate="threshold", friction="oracle", skip=skip).conv1
        friction, loss = layer.friction_and_loss(x)
        torch.testing.assert_close(friction, loss.mean(1, keepdim=True))


def test_bad_gates_are_refused():
    open_gate = TrainRun(inertial(5, 2))
    with pytest.raises(ValueError, match=r"^parent: expected a training with the gate open, got gate='rate'"):
        GateRun(replace(open_gate, arm=inertial(5, 2, gate="rate")))
    with pytest.raises(ValueError, match=r"^friction: unknown name 'mood'"):
        GateRun(open_gate, friction="mood")
    with pytest.raises(ValueError, match=r"^choice: unknown name 'luck'; known: threshold, image, shuffled"):
        GateRun(open_gate, choice="luck")
    with pytest.raises(ValueError, match=r"^rates: expected fractions from 0 to 1, got \(0.5, 50\)"):
        GateRun(open_gate, rates=(0.5, 50))


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    """A store with one trained network."""
    context = Context(Store(tmp_path_factory.mktemp("results"), "smoke"))
    outcome = PARENT.execute(context)
    context.store.save(PARENT, outcome, {})
    return context


PARENT = TrainRun(inertial(3, 2), epochs=1, images=400, head="gap", dataset="mnist-5k")


def test_a_gate_run_ends_at_the_trained_network(context):
    gated = GateRun(PARENT, rates=(0.0, 0.5, 1.0)).execute(context)
    accuracies = [record["accuracy"] for record in gated.history]
    assert accuracies[-1] == context.store.load(PARENT).metrics["accuracy"]
    assert all(record["open_fraction/conv1"] == pytest.approx(record["rate"], abs=0.1) for record in gated.history)
    assert "threshold/conv1" in gated.history[1] and "threshold/conv1" not in gated.history[0]


def test_a_choice_within_images_opens_the_same_of_each_and_ends_at_the_trained_network(context):
    run = GateRun(PARENT, rates=(0.0, 0.3, 1.0), choice="image")
    closed, some, opened = run.execute(context).history
    assert closed["open_fraction/conv1"] == 0 and opened["open_fraction/conv2"] == 1
    assert some["open_fraction/conv1"] == pytest.approx(round(0.3 * 784) / 784)
    assert opened["accuracy"] == context.store.load(PARENT).metrics["accuracy"]
    assert "image" in run.label() and not any(name.startswith("threshold") for name in some)


def test_shuffled_opens_as_much_as_the_threshold_does_elsewhere(context):
    rates = (0.5,)
    (plain,), (shuffled,) = (
        GateRun(PARENT, rates=rates, choice=choice).execute(context).history for choice in ("threshold", "shuffled")
    )
    # What the second layer is shown is another image, the first layer's is the same.
    assert shuffled["open_fraction/conv1"] == plain["open_fraction/conv1"]
    assert shuffled["accuracy"] != plain["accuracy"]


def test_only_the_layers_named_are_gated(context):
    record = GateRun(PARENT, rates=(0.0,), layers=("conv2",)).execute(context).history[0]
    assert record["open_fraction/conv2"] == 0 and "open_fraction/conv1" not in record
    with pytest.raises(ValueError, match=r"^layers: conv9 is no inertial layer of fashionnet"):
        GateRun(PARENT, layers=("conv9",)).execute(context)


def test_a_merge_may_change_after_training(context, images):
    batch, _ = images.batch(slice(None))
    outputs = {}
    for rate in (0.0, 1.0):
        for merge in ("matched", "replace"):
            model = gated_model(PARENT, inertial(3, 2, gate="threshold", merge=merge), context)
            calibrate(model, images, rate)
            outputs[rate, merge] = model(batch)
    torch.testing.assert_close(outputs[1.0, "matched"], outputs[1.0, "replace"], rtol=1e-4, atol=1e-5)
    assert (outputs[0.0, "matched"] - outputs[0.0, "replace"]).abs().max() > 1e-3
    assert "merge" in config(GateRun(PARENT, merge="replace"))


def test_fine_tuning_goes_on_from_the_parent(context):
    arm = inertial(3, 2, gate="rate", rate=0.5)
    outcome = FineTuneRun(PARENT, arm, epochs=2).execute(context)
    assert outcome.metrics["open_fraction/conv2"] == pytest.approx(0.5, abs=0.1)
    assert outcome.history[0]["loss"] < context.store.load(PARENT).history[0]["loss"]
    assert FineTuneRun(PARENT, arm, epochs=2).execute(context).metrics == outcome.metrics


def test_fine_tuning_refuses_another_convolution():
    with pytest.raises(ValueError, match=r"^arm: 'inertial \(5, 2\), gate rate 0.5' is not 'inertial \(3, 2\)' with"):
        FineTuneRun(PARENT, inertial(5, 2, gate="rate"))
    with pytest.raises(ValueError, match=r"^parent: expected a training with the gate open, got gate='never'"):
        FineTuneRun(replace(PARENT, arm=inertial(3, 2, gate="never")), inertial(3, 2, gate="rate"))


@pytest.mark.parametrize("head", ["fc", "gap"])
def test_without_pooling_both_convolutions_see_the_whole_image(head):
    model = FashionNet(3, head=head, pool=False)
    seen = []
    model.conv2.register_forward_hook(lambda _, inputs, output: seen.append(output.shape[-2:]))
    assert model(torch.zeros(1, 1, 28, 28)).shape == (1, 10) and seen == [(28, 28)]
    assert not any(isinstance(module, torch.nn.MaxPool2d) for module in model.modules())


def test_what_was_drawn_before_does_not_reach_the_random_gate(context):
    run = GateRun(PARENT, "random", rates=(0.3,), choice="shuffled")
    torch.manual_seed(0)
    once = run.execute(context)
    torch.manual_seed(1)
    assert run.execute(context).history == once.history
