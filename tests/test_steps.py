import math

import pytest
import torch
from torch import nn

from inertia_utils import InertialConv2d
from inertia_utils.arms import dense, inertial, separable
from inertia_utils.models import FashionNet
from inertia_utils.recipes import recipe
from inertia_utils.steps import parameter_groups, step_factor


@pytest.mark.parametrize(("kernel_size", "margin", "cores"), [(3, 2, 1), (3, 2, 2), (5, 2, 1), (5, 4, 1)])
def test_a_step_moves_the_kernel_as_far_as_a_dense_one_would_move(kernel_size, margin, cores):
    torch.manual_seed(0)
    layer = InertialConv2d(32, 256, kernel_size, margin, cores=cores)
    conv = nn.Conv2d(32, 256, kernel_size)
    length = 1e-6
    before = layer.equivalent_kernel().detach()
    with torch.no_grad():
        for part in (layer.weight, layer.periphery):
            # What counts is the size of a coherent change: every weight grows by its own sign.
            part.add_(step_factor(layer) * length * part.square().mean().sqrt().reciprocal() * part)
    moved = (layer.equivalent_kernel() - before).square().mean().sqrt() / before.square().mean().sqrt()
    expected = length / conv.weight.square().mean().sqrt()
    assert moved.item() == pytest.approx(expected.item(), rel=0.05)


def test_every_parameter_is_in_one_group():
    for arm in (dense(3), inertial(3, 2, gate="learned"), separable(3), inertial(5, 2, dense_first=True)):
        network = FashionNet(arm)
        for factor in (0.0, 2.0):
            grouped = [parameter for group in parameter_groups(network, factor) for parameter in group.parameters]
            assert len(grouped) == len(set(grouped)) and set(grouped) == set(network.parameters())


def test_only_kernels_have_longer_steps():
    network = FashionNet(inertial(3, 2))
    rest, *kernels = parameter_groups(network)
    assert rest.factor == 1 and any(parameter is network.conv2.bias for parameter in rest.parameters)
    assert [group.factor for group in kernels] == [step_factor(network.conv1), step_factor(network.conv2)]
    assert kernels[1].factor == pytest.approx(math.sqrt(3 * 288) / (math.sqrt(96) + 3), rel=0.15)
    assert len(parameter_groups(FashionNet(dense(3)))) == 1
    assert [group.factor for group in parameter_groups(FashionNet(dense(3)), 2.5)] == [1, 2.5, 2.5]
    assert [group.factor for group in parameter_groups(network, 1.0)] == [1, 1, 1]


def test_a_separable_pair_has_them_too():
    torch.manual_seed(0)
    _, first, second = parameter_groups(FashionNet(separable(3)))
    assert first.parameters[0].shape == (1, 1, 3, 3) and first.parameters[1].shape == (32, 1, 1, 1)
    assert second.factor == pytest.approx(math.sqrt(3 * 288) / (math.sqrt(27) + math.sqrt(96)), rel=0.15)


@pytest.mark.parametrize(("name", "scaled"), [("converged", True), ("original", False)])
def test_recipes_with_absolute_steps_apply_the_factors(name, scaled):
    plan = recipe(name, "fashionnet")
    assert plan.absolute_steps == scaled
    groups = parameter_groups(FashionNet(inertial(3, 2)), 3.0)
    optimizer, scheduler, _ = plan.build(groups, 1e-3, 10, 2)
    rates = {group["lr"] for group in optimizer.param_groups}
    assert len(rates) == 1 + scaled
    if scaled:
        assert max(rates) == pytest.approx(3 * min(rates)) and scheduler.total_steps == 20


def test_a_layer_of_zeros_keeps_the_plain_steps():
    layer = InertialConv2d(2, 4, 3, 2)
    nn.init.zeros_(layer.periphery)
    assert step_factor(layer) == 1
