import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from inertia_utils.arms import dense, inertial, separable
from inertia_utils.models import FashionNet, LeNet


def test_the_first_layer_can_stay_open():
    arm = inertial(5, 2, gate="rate", rate=0.25, skip="core", open_first=True)
    network = FashionNet(arm)
    assert network.conv1.gate.constant == 1 and network.conv2.gate.rate == 0.25
    assert network.conv1.skip == network.conv2.skip == "core"
    assert arm.name == "inertial (5, 2), gate rate 0.25, skip core, open first layer"


def test_the_temperature_reaches_the_gate_and_the_name():
    arm = inertial(5, 2, gate="learned", rate=0.25, temperature=0.3)
    assert FashionNet(arm).conv2.gate.log_temperature.exp().item() == pytest.approx(0.3)
    assert arm.name == "inertial (5, 2), gate learned 0.25, temperature 0.3"
    usual = inertial(5, 2, gate="learned", rate=0.25)
    assert FashionNet(usual).conv2.gate.log_temperature.item() == pytest.approx(math.log(0.1))


@pytest.mark.parametrize("network", [FashionNet, LeNet])
def test_both_layers_and_the_head_take_the_channels_of_the_arm(network):
    arm = dense(3, hidden=15, channels=30)
    assert arm.name == "dense 3×3, 15 and 30 channels"
    narrow = network(arm)
    assert (narrow.conv1.out_channels, narrow.conv2.in_channels, narrow.conv2.out_channels) == (15, 15, 30)
    assert narrow(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_a_strided_second_layer_takes_the_place_of_its_pooling():
    strided = replace(dense(3), strided=True)
    assert strided.name == "dense 3×3, strided second layer"
    network, plain = FashionNet(strided), FashionNet(dense(3))
    plain.load_state_dict(network.state_dict())
    images = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    features = torch.relu(plain.pool(plain.conv1(images)))
    every_second = torch.relu(plain.conv2(features)[..., ::2, ::2])
    network.eval()
    assert torch.allclose(network(images), network.head(every_second), atol=1e-6)
    with pytest.raises(ValueError, match="strided: True does not go with conv='inertial'; only 'dense' has a strided"):
        inertial(3, 2, strided=True)
    with pytest.raises(ValueError, match="only FashionNet has a strided second layer"):
        LeNet(strided)


def test_the_head_with_global_pooling_takes_the_channels_of_the_arm():
    assert FashionNet(dense(3, channels=30), head="gap")(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_a_margin_is_for_inertial_arms_only():
    with pytest.raises(ValueError, match="margin: 1 does not go with conv='dense'"):
        inertial(3, 1, conv="dense")
    assert dense(3).margin == 0


@pytest.mark.parametrize("arm", [dense(3), dense(4), inertial(3, 2), separable(3)], ids=lambda arm: arm.name)
def test_without_bias_no_convolution_has_one(arm):
    for bias in (True, False):
        layer = replace(arm, bias=bias).layer(4, 4, "same")
        assert any(name.endswith("bias") for name, _ in layer.named_parameters()) == bias


def test_a_separable_network_can_keep_its_first_layer_dense():
    arm = separable(3, dense_first=True)
    assert arm.name == "separable 3×3, dense first layer"
    first, second = (
        arm.layer(*channels, "same", first=number == 0) for number, channels in enumerate([(1, 8), (8, 4)])
    )
    assert isinstance(first, nn.Conv2d) and first.weight.shape == (8, 1, 3, 3)
    assert [conv.groups for conv in second] == [8, 1]
