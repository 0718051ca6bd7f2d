"""Converting whole models, and counting what they cost."""

import math

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from inertia_utils import InertialConv2d, convert
from inertia_utils.gate import Rate


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    torch.manual_seed(0)
    return resnet18(num_classes=10).eval()


def test_resnet18_fresh(resnet):
    conversion = convert(resnet, margin=2, skip_first=True, keep_weights=False)
    assert len(conversion.replaced) == 16
    assert conversion.kept["conv1"] == "the first convolution"
    pointwise = [name for name in conversion.kept if name.endswith("downsample.0")]
    assert len(pointwise) == 3 and "no core for margin 2" in conversion.kept[pointwise[0]]
    assert str(conversion).startswith("16 convolutions replaced, 4 left alone\n  conv1: the first convolution")
    assert conversion.model(torch.randn(2, 3, 64, 64)).shape == (2, 10)
    assert not any(isinstance(module, InertialConv2d) for module in resnet.modules()), "the original was changed"


def test_resnet18_keeps_what_can_be_represented(resnet):
    """A ResNet whose 3×3 kernels are exact inertial ones gives the same outputs after conversion."""
    representable = convert(resnet, margin=2, skip_first=True, keep_weights=False).model
    for name, module in list(representable.named_modules()):
        if isinstance(module, InertialConv2d):
            representable.set_submodule(name, module.to_conv())
    converted = convert(representable, margin=2, skip_first=True)
    x = torch.randn(1, 3, 64, 64)
    assert len(converted.replaced) == 16
    torch.testing.assert_close(converted.model(x), representable(x), rtol=1e-3, atol=1e-3)


def test_what_does_not_fit_is_named():
    model = nn.Sequential(
        nn.Conv2d(3, 4, (3, 5)),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 5, 3),
        nn.Conv2d(5, 4, 3),
    )
    conversion = convert(model, margin=1, merge="stack", keep_weights=False)
    assert conversion.replaced == ["4"]
    assert conversion.kept == {
        "0": "its kernel of 3×5 is not square",
        "1": "its dilation is (2, 2)",
        "2": "its kernel of 1×1 leaves no core for margin 1",
        "3": "out_channels: a merge that stacks gives two channels per filter, so 5 must be even",
    }


@pytest.mark.parametrize("keep_weights", [True, False])
def test_every_layer_has_a_gate_of_its_own(keep_weights):
    given, model = Rate(0.5, 0.0), nn.Sequential(nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3))
    first, second = convert(model, margin=2, keep_weights=keep_weights, gate=given).model
    assert len({id(gate) for gate in (given, first.gate, second.gate)}) == 3
    first.train()(torch.rand(4, 2, 9, 9))
    assert first.gate.level() > 0 and second.gate.level() == given.level() == -math.inf


class Twice(nn.Module):
    """Passes through one convolution twice, which it knows by two names, one of them within a block of two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 2, 3, padding=1)
        self.block = self.again = nn.Sequential(self.first, nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.again(self.block(self.first(x)))


def test_a_convolution_with_several_names_is_replaced_under_all_of_them():
    model, x = Twice(), torch.rand(2, 2, 8, 8)
    conversion = convert(model, margin=1)
    inertial = conversion.model.first
    assert isinstance(inertial, InertialConv2d) and conversion.replaced == ["first"]
    assert conversion.model.block[0] is conversion.model.again[0] is inertial
    torch.testing.assert_close(conversion.model(x), conversion.model.again(conversion.model.block(inertial(x))))
    assert convert(model, margin=1, skip_first=True).kept == {"first": "the first convolution"}


@pytest.mark.parametrize("keep_weights", [True, False])
def test_what_is_frozen_stays_so(keep_weights):
    model = nn.Sequential(nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3), nn.Conv2d(2, 2, 3, bias=False)).requires_grad_(False)
    model[1].bias.requires_grad_(True)
    layers = convert(model, margin=2, keep_weights=keep_weights).model
    trained = [name for name, parameter in layers.named_parameters() if parameter.requires_grad]
    assert trained == ["1.bias"]


def test_a_convolution_alone():
    assert isinstance(convert(nn.Conv2d(3, 4, 3), margin=1).model, InertialConv2d)


@pytest.mark.parametrize(
    "options", [{"margin": 0}, {"margin": 1, "gate": "ajar"}, {"margin": 1, "rate": 2.0, "gate": "rate"}]
)
def test_bad_options_are_refused_even_without_convolutions(options):
    with pytest.raises(ValueError, match=r"^(margin|gate|rate): "):
        convert(nn.Linear(2, 2), **options)
