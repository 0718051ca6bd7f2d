"""Gating a trained network: calibration, measured open fractions, and the controls."""

from dataclasses import replace

import pytest
import torch

from inertia_utils.arms import inertial
from inertia_utils.friction import MEASURES
from inertia_utils.gate_run import GateRun, calibrate, gated_layers
from inertia_utils.models import FashionNet
from inertia_utils.seed import initialise_paired
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
    with pytest.raises(ValueError, match=r"^rates: expected fractions from 0 to 1, got \(0.5, 50\)"):
        GateRun(open_gate, rates=(0.5, 50))
