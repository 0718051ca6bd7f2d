"""At the start the layer has the output variance of the dense convolution that it replaces."""

import pytest
import torch
from generated import MERGES, REAPPLICATIONS, cases
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from inertia_utils import InertialConv2d
from inertia_utils.initialise import DENSE_ENERGY, INITIALISATIONS

NAMES = tuple(INITIALISATIONS)


@settings(max_examples=80)
@given(cases(merges=("matched", "replace", "add")), st.sampled_from(["normal", "identity"]))
def test_equivalent_kernels_have_the_norm_of_dense_ones(case, init):
    layer = case.layer(init=init)
    layer.reset_parameters()
    assert mean_energy(layer) == pytest.approx(1 / 3, rel=1e-9)


@pytest.mark.parametrize("init", NAMES)
@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("reapply", REAPPLICATIONS)
def test_every_initialisation_and_mode(reapply, merge, init):
    torch.manual_seed(0)
    layer = InertialConv2d(4, 8, 5, 2, reapply=reapply, merge=merge, init=init, cores=2)
    assert mean_energy(layer) == pytest.approx(1 / 3, rel=1e-5)


def mean_energy(layer):
    return layer.equivalent_kernel().square().flatten(1).sum(1).mean().item()


def test_a_dense_convolution_has_that_norm():
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 512, 5)
    assert conv.weight.square().flatten(1).sum(1).mean().item() == pytest.approx(DENSE_ENERGY, rel=0.02)


def variances(reapply, kernel_size, margin, **options):
    """Output variance on white noise, gate open and closed, relative to a fresh dense convolution."""
    torch.manual_seed(0)
    noise = torch.randn(2, 8, 28, 28)
    dense = nn.Conv2d(8, 512, kernel_size, bias=False)
    layer = InertialConv2d(8, 512, kernel_size, margin, reapply=reapply, bias=False, **options)
    closed = InertialConv2d(8, 512, kernel_size, margin, reapply=reapply, bias=False, gate="never", **options)
    closed.load_state_dict({**layer.state_dict(), "open_fraction": torch.tensor(0.0)})
    with torch.no_grad():
        expected, opened, shut = (conv(noise).var((0, 2, 3)).mean().item() for conv in (dense, layer, closed))
    return opened / expected, shut / expected


@pytest.mark.parametrize(("kernel_size", "margin", "cores"), [(3, 1, 1), (3, 2, 1), (3, 2, 2), (5, 2, 1), (5, 4, 3)])
def test_slide_keeps_the_variance_open_and_closed(kernel_size, margin, cores):
    for opened, shut in [variances("slide", kernel_size, margin, cores=cores)]:
        assert opened == pytest.approx(1, abs=0.05)
        assert shut == pytest.approx(1, abs=0.15)


# The open state is scaled to the dense variance in every mode.  Closed, the blends have the core alone, which is
# stronger than its blend with the smoother stretched core; for aggregate γ is one number for all filters, as drawn.
@pytest.mark.parametrize("reapply", REAPPLICATIONS)
@pytest.mark.parametrize("init", NAMES)
def test_open_variance_in_every_mode(init, reapply):
    opened, _ = variances(reapply, 5, 2, init=init)
    assert opened == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("reapply", "least", "most"), [("dilate", 1.3, 1.7), ("resize", 1.8, 2.6)])
def test_closed_variance_of_the_blends(reapply, least, most):
    _, shut = variances(reapply, 5, 2)
    assert least < shut < most


@pytest.mark.parametrize("reapply", REAPPLICATIONS)
def test_the_identity_start_has_one_variance(reapply):
    opened, shut = variances(reapply, 5, 2, init="identity")
    tolerance = 0.5 if reapply == "aggregate" else 0.05
    assert shut == pytest.approx(opened, rel=tolerance)


def test_bias_is_drawn_as_in_a_dense_convolution():
    torch.manual_seed(0)
    layer, dense = InertialConv2d(4, 4096, 3, 1, groups=2), nn.Conv2d(4, 4096, 3, groups=2)
    assert layer.bias.abs().max().item() == pytest.approx(dense.bias.abs().max().item(), rel=0.01)
    assert layer.bias.std().item() == pytest.approx(dense.bias.std().item(), rel=0.05)


@pytest.mark.parametrize("init", NAMES)
def test_a_seed_repeats_the_start(init):
    starts = []
    for _ in range(2):
        torch.manual_seed(3)
        starts.append(InertialConv2d(2, 3, 3, 1, init=init).state_dict())
    for name, value in starts[0].items():
        assert torch.equal(value, starts[1][name])
    torch.manual_seed(4)
    assert not torch.equal(InertialConv2d(2, 3, 3, 1, init=init).weight, starts[0]["weight"])


def test_unknown_initialisation_lists_the_known_ones():
    with pytest.raises(ValueError, match="init: unknown name 'zeros'; known: normal, identity, fit"):
        InertialConv2d(1, 1, 3, 1, init="zeros")
