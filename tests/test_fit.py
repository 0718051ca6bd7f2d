"""``from_conv`` finds what is representable and loses more the smaller the core; ``to_conv`` leads back."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from generated import REAPPLICATIONS, STACKING, cases
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from inertia_utils import InertialConv2d
from inertia_utils.data import load

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def relative_error(layer, conv):
    return ((layer.equivalent_kernel() - conv.weight).norm() / conv.weight.norm()).item()


@pytest.mark.parametrize("merge", ["matched", "replace", "add"])
@pytest.mark.parametrize("reapply", REAPPLICATIONS)
def test_a_representable_convolution_is_found_to_rounding(reapply, merge):
    torch.manual_seed(0)
    options = {"reapply": reapply, "merge": merge}
    conv = InertialConv2d(3, 4, 5, 2, dtype=torch.float64, **options).to_conv()
    assert relative_error(InertialConv2d.from_conv(conv, 2, **options), conv) < 1e-7


@settings(max_examples=30)
@given(cases(merges=("matched", "replace", "add"), largest=5))
def test_any_representable_convolution_is_reproduced(case):
    torch.manual_seed(case.seed)
    case = replace(case, cores=1)
    source = case.layer()
    source.reset_parameters()
    conv = source.to_conv()
    layer = InertialConv2d.from_conv(conv, case.margin, reapply=case.reapply, merge=case.merge)
    # the alternation converges slowly where core and stretched core are nearly parallel
    assert relative_error(layer, conv) < 1e-3
    torch.testing.assert_close(layer(case.image()), conv(case.image()), rtol=1e-2, atol=5e-3)
    again = layer.to_conv()
    for name in ("kernel_size", "stride", "padding", "groups", "padding_mode"):
        assert getattr(again, name) == getattr(conv, name)
    torch.testing.assert_close(again.weight, layer.equivalent_kernel())
    assert (again.bias is None) == (conv.bias is None)
    if conv.bias is not None:
        assert torch.equal(again.bias, conv.bias)


@settings(max_examples=15)
@given(st.integers(2, 5), st.integers(2, 3), st.integers(0, 2**16))
def test_several_pointwise_cores_are_found_to_rounding(kernel_size, cores, seed):
    # with one-pixel cores the fit is a singular value decomposition, which has no local minima
    torch.manual_seed(seed)
    options = {"cores": cores, "dtype": torch.float64}
    conv = InertialConv2d(4, 3, kernel_size, kernel_size - 1, **options).to_conv()
    layer = InertialConv2d.from_conv(conv, kernel_size - 1, cores=cores)
    assert relative_error(layer, conv) < 1e-6


def test_pointwise_slide_is_the_best_separable_approximation():
    # Eckart and Young: the error of m cores is the tail of the singular values
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 4, 3, dtype=torch.float64)
    values = torch.linalg.svdvals(conv.weight.detach().flatten(2))
    for cores in (1, 2, 3):
        tail = (values[:, cores:].square().sum() / values.square().sum()).sqrt().item()
        layer = InertialConv2d.from_conv(conv, 2, cores=cores)
        assert relative_error(layer, conv) == pytest.approx(tail, rel=1e-3)


@pytest.fixture(scope="module")
def trained():
    """The second convolution of a small network that reads digits."""
    digits = load("mnist-5k")
    images, labels = digits.train_images / 255, digits.train_labels
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 5, padding=2),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(3),
        nn.Flatten(),
        nn.Linear(108, 10),
    )
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(120):
        batch = torch.randint(len(images), (64,))
        loss = F.cross_entropy(net(images[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.6
    return net[3]


def smooth(kernel_size=5):
    """A kernel as training leaves it: smooth, with some noise."""
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 12, kernel_size)
    with torch.no_grad():
        wide = F.interpolate(torch.randn(12, 8, 3, 3), size=kernel_size, mode="bicubic", align_corners=True)
        conv.weight.copy_(wide + 0.2 * torch.randn_like(wide))
    return conv


@pytest.mark.parametrize("source", ["smooth", "trained"])
@pytest.mark.parametrize("merge", ["matched", "add"])
@pytest.mark.parametrize("reapply", REAPPLICATIONS)
def test_error_grows_with_the_margin(reapply, merge, source, request):
    conv = smooth() if source == "smooth" else request.getfixturevalue("trained")
    margins = (2, 3) if reapply == "dilate" else (1, 2, 3, 4)
    errors = [
        relative_error(InertialConv2d.from_conv(conv, margin, reapply=reapply, merge=merge), conv) for margin in margins
    ]
    assert all(smaller <= larger + 1e-6 for smaller, larger in pairwise(errors))
    assert 0 < errors[0] < errors[-1] < 1


def test_more_cores_fit_better():
    conv = smooth()
    errors = [relative_error(InertialConv2d.from_conv(conv, 4, cores=cores), conv) for cores in (1, 2, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-5  # eight pointwise cores span the eight channels


@pytest.mark.parametrize("reapply", REAPPLICATIONS)
def test_the_fit_is_a_minimum(reapply):
    conv = smooth()
    layer = InertialConv2d.from_conv(conv.double(), 2, reapply=reapply)
    loss = (layer.equivalent_kernel() - conv.weight.detach()).square().sum()
    loss.backward()
    for parameter in (layer.weight, layer.periphery):
        assert parameter.grad.abs().max() < 0.02 * loss.item()


def test_options_of_the_convolution_are_kept():
    conv = nn.Conv2d(4, 6, 3, (2, 1), (1, 0), groups=2, bias=False, padding_mode="reflect", dtype=torch.float64).eval()
    layer = InertialConv2d.from_conv(conv, 1, gate="rate", rate=0.25, cores=2)
    assert (layer.stride, layer.padding.argument, layer.padding.mode) == ((2, 1), (1, 0), "reflect")
    assert (layer.geometry.groups, layer.geometry.cores, layer.bias) == (2, 2, None)
    assert layer.weight.dtype == torch.float64
    assert layer.gate.rate == 0.25
    assert not layer.training


def test_a_fit_repeats_bit_for_bit():
    conv = smooth()
    torch.manual_seed(1)
    first = InertialConv2d.from_conv(conv, 2, cores=2)
    torch.manual_seed(2)
    second = InertialConv2d.from_conv(conv, 2, cores=2)
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.periphery, second.periphery)


def test_what_cannot_be_fitted_is_refused():
    for merge in STACKING:
        with pytest.raises(ValueError, match=f"merge: '{merge}' cannot be fitted"):
            InertialConv2d.from_conv(nn.Conv2d(2, 2, 3), 1, merge=merge)
    with pytest.raises(ValueError, match="kernel_size: the window must be square"):
        InertialConv2d.from_conv(nn.Conv2d(2, 2, (3, 5)), 1)
    with pytest.raises(ValueError, match="dilation: "):
        InertialConv2d.from_conv(nn.Conv2d(2, 2, 3, dilation=2), 1)
    with pytest.raises(ValueError, match="margin: 3"):
        InertialConv2d.from_conv(nn.Conv2d(2, 2, 3), 3)
