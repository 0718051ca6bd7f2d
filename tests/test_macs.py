"""MACs of the layer: against torch's own count, at their best and their worst."""

from itertools import pairwise

import pytest
import torch
from generated import FRICTIONS, JOINT, MERGES, REAPPLICATIONS, STACKING, cases, reaches_edge
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from inertia_utils import InertialConv2d
from inertia_utils.friction import MEASURES, friction_macs
from inertia_utils.macs import MacCount


def counted(layer, x):
    """MACs that torch counts (2 FLOPs each), of the definition's own evaluation: a fast form may leave out zeros."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer.reference(x)
    return {str(name): flops / 2 for name, flops in counter.get_flop_counts()["Global"].items()}


def blend_at_the_border(case, positions):
    """What torch counts for the blend of ``aggregate`` beyond ((k+1)² − 1)·C per position.

    The weight one in the centre is multiplied as well, and the blend is computed where cores of several windows overlap
    and, for a stride, between windows.
    """
    height, width = (size - case.margin for size in case.padded().shape[-2:])
    side = (case.margin + 1) ** 2
    return case.images * case.in_channels * (side * height * width - (side - 1) * positions)


def output_positions(case):
    height, width = case.padded().shape[-2:]
    rows = (height - case.kernel_size) // case.stride[0] + 1
    return rows * ((width - case.kernel_size) // case.stride[1] + 1)


@settings(max_examples=120)
@given(cases())
def test_open_layer_against_torch(case):
    layer = case.layer(gate="always")
    macs = layer.macs(tuple(case.image().shape))
    expected = macs.core + macs.periphery
    if case.reapply == "aggregate":
        expected += blend_at_the_border(case, output_positions(case))
    # resizing the core itself is a matrix product of the weights, once per call whatever the image
    assert counted(layer, case.image())["aten.convolution"] == expected
    assert (macs.friction, macs.gate) == (0, 0)


@settings(max_examples=60)
@given(cases())
def test_closed_layer_is_the_plain_small_convolution(case):
    layer = case.layer(gate="never")
    macs = layer.macs(tuple(case.image().shape))
    assert counted(layer, case.image())["aten.convolution"] == macs.core == macs.total
    core = case.sizes.core**2 * case.in_channels // case.groups * case.filters * case.cores
    assert macs.core == core * output_positions(case) * case.images


@settings(max_examples=60)
@given(cases(reapplications=("slide",)))
def test_skipping_the_core_against_torch(case):
    x = case.image()
    always = case.layer(gate="always", skip="core")
    macs = always.macs(tuple(x.shape))
    assert counted(always, x)["aten.convolution"] == macs.core + macs.periphery
    height, width = (size - case.sizes.core + 1 for size in case.padded().shape[-2:])
    blocks = -(-height // 2) * -(-width // 2)
    closed = always.macs(tuple(x.shape), 0.0)
    assert closed.core * height * width == pytest.approx(macs.core * blocks)
    half = always.macs(tuple(x.shape), 0.5)
    assert half.core == pytest.approx((closed.core + macs.core) / 2)


@settings(max_examples=60)
@given(cases(), st.sampled_from(FRICTIONS), st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_cost_grows_with_the_open_fraction(case, friction, fractions):
    skips = ("detail", "core") if case.reapply == "slide" else ("detail",)
    for skip in skips:
        layer = case.layer(gate="threshold", friction=friction, skip=skip)
        shape = tuple(case.image().shape)
        totals = [layer.macs(shape, fraction).total for fraction in sorted([0, *fractions, 1])]
        # rounding of the sums apart
        assert all(low <= high * (1 + 1e-12) for low, high in pairwise(totals))


WINDOWS = [(3, 1), (3, 2), (5, 2), (5, 4), (7, 3)]
LEGAL = [(d, k, name) for d, k in WINDOWS for name in REAPPLICATIONS if name != "dilate" or reaches_edge(d, k)]


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize(("kernel_size", "margin", "reapply"), LEGAL)
def test_best_and_worst_case(kernel_size, margin, reapply, merge):
    channels, filters, positions = 16, 32, 14 * 14
    layer = InertialConv2d(
        channels,
        filters * (2 if merge in STACKING else 1),
        kernel_size,
        margin,
        padding="same",
        reapply=reapply,
        merge=merge,
        gate="threshold",
    )
    core = (kernel_size - margin) ** 2 * channels * filters * positions
    dense = kernel_size**2 * channels * filters * positions
    best, worst = layer.macs((channels, 14, 14), 0.0), layer.macs((channels, 14, 14), 1.0)
    assert best.core == core
    assert best.gate == worst.gate == positions
    # γ is one multiplication per filter, and only the matched merge applies it
    assert best.periphery == (filters * positions if merge == "matched" else 0)
    side = (margin + 1) ** 2
    detailed = {
        "slide": filters * side,
        "dilate": (kernel_size - margin) ** 2 * channels * filters,
        "resize": kernel_size**2 * channels * filters,
        "aggregate": channels * (side - 1) + (kernel_size - margin) ** 2 * channels * filters,
    }
    assert worst.periphery == detailed[reapply] * positions
    placements = (14 + margin) ** 2 if reapply == "slide" else positions
    assert worst.core == core / positions * placements
    # at most d² MACs in the worst case: not for resize, which applies d² taps on top of the core
    assert (worst.core + worst.periphery <= dense) == (reapply != "resize")


@pytest.mark.parametrize("reapply", REAPPLICATIONS)
@pytest.mark.parametrize("cores", [1, 3])
def test_weights(reapply, cores):
    layer = InertialConv2d(8, 6, 5, 2, reapply=reapply, cores=cores, bias=False)
    assert layer.weight.numel() == 3 * 3 * 8 * 6 * cores
    assert (
        layer.periphery.numel()
        == {"slide": 54 * cores, "dilate": 6 * cores, "resize": 6 * cores, "aggregate": 8}[reapply]
    )


def test_one_count_by_hand():
    layer = InertialConv2d(3, 8, 5, 2, padding=2, gate="threshold", friction="range")
    macs = layer.macs((3, 10, 10), 0.25)
    assert macs == MacCount(
        core=9 * 3 * 8 * 12 * 12,
        periphery=(0.25 * 8 * 9 + 0.75 * 8) * 100,
        friction=3 * (4 * 4 + 1) * 100,
        gate=100,
    )
    assert macs.total == macs.core + macs.periphery + macs.friction + macs.gate
    assert layer.macs((4, 3, 10, 10), 0.25) == macs * 4
    assert macs + macs == macs * 2


def test_the_latest_open_fraction_is_the_default():
    torch.manual_seed(0)
    layer = InertialConv2d(2, 4, 3, 1, gate="rate", rate=0.3)
    layer(torch.randn(4, 2, 12, 12))
    fraction = layer.open_fraction.item()
    assert 0.28 < fraction < 0.32
    assert layer.macs((2, 12, 12)) == layer.macs((2, 12, 12), fraction)
    always = InertialConv2d(2, 4, 3, 1)
    assert always.macs((2, 12, 12)) == always.macs((2, 12, 12), 1.0)


@pytest.mark.parametrize("name", FRICTIONS)
def test_reducing_channels_first_is_cheaper(name):
    after = friction_macs(MEASURES[name], 5, 3, 64, "after")
    assert after > 0
    if name not in JOINT:
        before = friction_macs(MEASURES[name], 5, 3, 64, "before")
        assert 0 < before < after / 3


@pytest.mark.parametrize("name", ["random", "oracle"])
def test_controls_cost_nothing(name):
    assert friction_macs(MEASURES[name], 5, 3, 64, "after") == 0


@pytest.mark.parametrize("shape", [(4, 8, 8), (3, 8), (1, 1, 3, 8, 8), (1, 2, 8, 8)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(ValueError, match=r"input_shape: expected \(C, H, W\) with C = 3, got \("):
        InertialConv2d(3, 4, 3, 1).macs(shape)


def test_too_small_images_and_impossible_fractions_are_refused():
    layer = InertialConv2d(3, 4, 5, 1)
    with pytest.raises(ValueError, match=r"input: .* 4×8 is smaller than the window of 5"):
        layer.macs((3, 4, 8))
    for fraction in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=f"open_fraction: {fraction}"):
            layer.macs((3, 8, 8), fraction)
