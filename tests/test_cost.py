"""Weights and MACs of whole models against hand counts and torch's own counter."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet18

from inertia_utils import InertialConv2d, convert
from inertia_utils.arms import dense, inertial, separable
from inertia_utils.cost import Meter, measure
from inertia_utils.models import FashionNet, LeNet


@pytest.mark.parametrize(
    ("kernel", "weights", "macs"),
    [
        (5, 52_096, 25 * (32 * 784 + 2048 * 196)),
        (3, 18_816, 9 * (32 * 784 + 2048 * 196)),
        (1, 2_176, 32 * 784 + 2048 * 196),
    ],
)
def test_fashion_net_by_hand(kernel, weights, macs):
    metrics = measure(FashionNet(kernel), [torch.randn(2, 1, 28, 28)]).metrics()
    assert metrics["conv_weights"] == weights
    assert metrics["conv_macs"] == metrics["conv_macs_best"] == metrics["conv_macs_worst"] == macs
    assert metrics["weights"] == weights + 3136 * 1024 + 1024 + 10_240 + 10
    assert metrics["macs"] == macs + 3136 * 1024 + 10_240


@pytest.mark.parametrize(
    "model",
    [
        FashionNet(inertial(5, 2)),
        FashionNet(inertial(3, 2, cores=2)),
        FashionNet(inertial(5, 2, reapply="dilate", merge="add")),
        FashionNet(separable(3), head="gap"),
        LeNet(inertial(3, 2)),
        LeNet(dense(3), padded=True),
        convert(resnet18(num_classes=4), margin=2, keep_weights=False).model,
        nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.Conv2d(4, 4, 3, groups=2), nn.PReLU()),
    ],
    ids=["slide", "two cores", "dilate", "separable", "lenet", "lenet padded", "resnet18", "unknown layers"],
)
def test_against_torchs_counter(model, monkeypatch):
    # Costs are those of the definition; a fast form may compute fewer zeros, or a cheap layer as a dense one.
    monkeypatch.setattr("inertia_utils.layer.respond", lambda layer, x: layer.reference(x))
    channels = next(model.parameters()).shape[1] if not isinstance(model, nn.Sequential) else 3
    x = torch.randn(2, channels, 28, 28)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(x)
    total = measure(model, [x]).metrics()["macs"]
    assert 2 * total * len(x) == counter.get_total_flops()


def test_gated_cost_averages_over_batches_and_lies_between_the_cases():
    torch.manual_seed(0)
    model = FashionNet(inertial(5, 2, gate="rate", rate=0.3, reapply="dilate"))
    batches = [torch.randn(4, 1, 28, 28), torch.randn(2, 1, 28, 28) * 3]
    model.train()
    model(batches[0])
    cost = measure(model, batches)
    fractions = []
    for batch in batches:
        model.eval()(batch)
        fractions += [model.conv1.open_fraction.item()] * len(batch)
    first = cost.layers[0]
    assert first.open_fraction == pytest.approx(sum(fractions) / len(fractions))
    assert 0 < first.open_fraction < 1
    assert first.best < first.macs.total < first.worst
    assert first.macs.friction > 0 and first.macs.gate == 28 * 28
    expected = model.conv1.macs((1, 28, 28), first.open_fraction).total
    assert first.macs.total == pytest.approx(expected)


def test_a_learned_gate_counts_its_parameters_in_its_layer():
    layer = InertialConv2d(2, 4, 3, 1, gate="learned")
    cost = measure(nn.Sequential(layer), [torch.randn(1, 2, 8, 8)])
    assert [entry.name for entry in cost.layers] == ["0"]
    assert cost.layers[0].weights == 4 * 2 * 4 + 4 * 4 + 4 + 2


def test_a_gated_layer_that_is_called_twice_takes_twice_the_macs_at_the_same_open_fraction():
    torch.manual_seed(0)
    layer, x = (
        InertialConv2d(2, 2, 3, 2, padding=1, gate="threshold", threshold=2.0),
        torch.randn(3, 2, 8, 8),
    )
    once, twice = (measure(nn.Sequential(*[layer] * calls), [x]).layers[0] for calls in (1, 2))
    fractions = []
    layer.register_forward_hook(lambda *_: fractions.append(layer.open_fraction.item()))
    layer(layer(x))
    assert once.open_fraction == pytest.approx(fractions[0])
    assert twice.open_fraction == pytest.approx(sum(fractions) / 2) and 0 < twice.open_fraction < 1
    assert twice.best == 2 * once.best and twice.worst == 2 * once.worst
    assert twice.best < twice.macs.total < twice.worst


def test_a_meter_does_not_pass_over_layers_that_it_cannot_count():
    model, x = nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.Conv2d(4, 4, 3)), torch.randn(2, 3, 8, 8)
    with Meter(model) as meter:
        model(x)
    with pytest.raises(ValueError, match=r"^flops: no formula covers 0; give their FLOPs, or use measure\(\)"):
        meter.cost()
    assert meter.cost({"0": 200.0}).layers[0].macs.total == 100
    gated = InertialConv2d(3, 4, 3, 1, gate="learned")
    with Meter(gated) as meter:
        gated(x)
    assert meter.cost().layers[0].macs.total > 0, "a gate is counted with its layer"


def test_training_mode_is_left_as_it_was():
    model = FashionNet(5).train()
    measure(model, [torch.randn(1, 1, 28, 28)])
    assert model.training


def test_no_batch():
    with pytest.raises(ValueError, match="batches: expected at least one batch"):
        measure(FashionNet(3), [])
