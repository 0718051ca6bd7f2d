"""What skipping loses never exceeds what the certificate promises."""

import numpy as np
import pytest
import reference
import torch
from generated import MERGES, REAPPLICATIONS, arrays, cases
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from inertia_utils import InertialConv2d
from inertia_utils.certificate import block_bound, detail_bound, detail_kernel
from inertia_utils.data import available, load
from inertia_utils.friction import MEASURES, friction_map

#: Rounding, relative to the size of the terms that the detail adds up.
ROUNDING = 1e-12


def detail_by_definition(case, layer):
    """δ = T − γ·c at every position: what ``stack`` puts into its second half where it is open."""
    weight, periphery, _ = arrays(layer)
    padded = case.padded()
    rows, columns = reference.positions(padded, case.kernel_size, case.stride)
    is_open = np.ones((case.images, len(rows), len(columns)), dtype=bool)
    stacked = reference.convolve(padded, weight, periphery, None, case.sizes, case.reapply, "stack", is_open)
    return torch.from_numpy(stacked[:, case.filters :])


@settings(max_examples=150)
@given(cases())
def test_detail_stays_below_its_bound(case):
    layer = case.layer()
    detail = detail_by_definition(case, layer).abs()
    bound = detail_bound(layer, case.image())
    assert bound.shape == detail.shape
    assert (detail <= bound * (1 + ROUNDING) + ROUNDING * np.abs(case.padded()).max()).all()


@settings(max_examples=60)
@given(cases(reapplications=("slide",)))
def test_bound_of_slide_is_at_most_the_simple_one(case):
    layer = case.layer()
    weight, periphery, _ = arrays(layer)
    padded, filters = case.padded(), case.filters
    simple = np.zeros(detail_bound(layer, case.image()).shape)
    rows, columns = reference.positions(padded, case.kernel_size, case.stride)
    for o in range(filters):
        seen = reference.channels_of(o, filters, case.in_channels, case.groups)
        strengths = [
            np.abs(periphery[o, m]).sum() * np.abs(weight[o * case.cores + m]).sum((1, 2)) for m in range(case.cores)
        ]
        for y, row in enumerate(rows):
            for x, column in enumerate(columns):
                for n in range(case.images):
                    window = reference.cut(padded[n], row, column, case.kernel_size)[seen]
                    simple[n, o, y, x] = (sum(strengths) * np.ptp(window, (1, 2))).sum()
    assert (detail_bound(layer, case.image()) <= torch.from_numpy(simple) * (1 + ROUNDING)).all()


@settings(max_examples=60)
@given(cases(largest=4), st.data())
def test_bound_is_reached_by_the_worst_window(case, data):
    # pixels at the ends of the range, by the sign of the detail's kernel: the bound cannot be lowered
    layer = case.layer()
    o = data.draw(st.integers(0, case.filters - 1))
    kernel = layer.kernel_responses().detail.transpose(0, 1)[o]
    size = case.kernel_size
    window = torch.zeros(1, case.in_channels, size, size, dtype=torch.float64)
    seen = reference.channels_of(o, case.filters, case.in_channels, case.groups)
    window[0, seen] = (kernel > 0).double()
    valid = InertialConv2d(
        case.in_channels,
        layer.out_channels,
        size,
        case.margin,
        groups=case.groups,
        dtype=torch.float64,
        reapply=case.reapply,
        merge=case.merge,
        cores=case.cores,
        bias=False,
    )
    valid.load_state_dict({name: value for name, value in layer.state_dict().items() if name != "bias"})
    detail = (kernel * window[0, seen]).sum()
    torch.testing.assert_close(detail_bound(valid, window)[0, o, 0, 0], detail, rtol=1e-9, atol=1e-9)


@settings(max_examples=100)
@given(cases(reapplications=("slide", "resize")))
def test_kept_responses_stay_within_the_block_bound(case):
    layer = case.layer()
    phi = reference.response_map(case.padded(), arrays(layer)[0], case.groups)
    blocks = (-(-phi.shape[2] // 2), -(-phi.shape[3] // 2))
    kept = reference.keep_responses(phi, np.zeros((case.images, *blocks), dtype=bool))
    lost = torch.from_numpy(np.abs(phi - kept))
    bound = block_bound(layer, case.image())
    assert bound.shape == (case.images, len(layer.weight), *blocks)
    worst = F.max_pool2d(lost, 2, ceil_mode=True)
    assert (worst <= bound * (1 + ROUNDING) + ROUNDING * np.abs(case.padded()).max()).all()


def landscape(images=4, side=32):
    """Images whose spectrum falls as 1/f, as that of photographs does, with a flat sky."""
    noise = torch.randn(images, 1, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rows, columns = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)
    spectrum = torch.fft.rfft2(noise) / (rows.square() + columns.square()).sqrt().clamp_min(1 / side)
    image = torch.fft.irfft2(spectrum, (side, side))
    image = (image - image.amin((2, 3), keepdim=True)) / (image.amax((2, 3), keepdim=True) - image.amin((2, 3), True))
    image[..., : side // 4, :] = 0.5
    return image.float()


def fashion():
    if not available("fashion-mnist"):
        pytest.skip("Fashion-MNIST is not on this machine")
    return load("fashion-mnist").test_images[:8] / 255


@pytest.mark.parametrize("source", [landscape, fashion])
@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("reapply", REAPPLICATIONS)
def test_certificate_on_images(reapply, merge, source):
    images = source()
    torch.manual_seed(1)
    for kernel_size, margin in ((3, 1), (5, 2), (7, 4)):
        layer = InertialConv2d(1, 16, kernel_size, margin, padding="same", reapply=reapply, merge=merge, bias=False)
        with torch.no_grad():
            lost = open_minus_matched(layer, reapply, images)
            bound = detail_bound(layer, images)
        assert (lost <= bound + 1e-5).all()
        flat = bound < 1e-7
        assert flat.any()
        assert lost[flat].max() < 1e-6


def open_minus_matched(layer, reapply, images):
    """|δ| from a matched layer of the same weights, open and closed."""
    options = {"padding": "same", "reapply": reapply, "bias": False}
    geometry = layer.geometry
    outputs = []
    for gate in ("always", "never"):
        twin = InertialConv2d(1, geometry.filters, geometry.kernel_size, geometry.margin, gate=gate, **options)
        twin.load_state_dict(layer.state_dict())
        outputs.append(twin(images))
    return (outputs[0] - outputs[1]).abs()


def test_channels_that_cancel_have_detail_and_no_friction_of_their_mean():
    layer = InertialConv2d(2, 1, 3, margin=2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1))
    channel = torch.arange(25.0).reshape(1, 1, 5, 5) ** 2
    x = torch.cat([channel, -channel], 1)
    windows = layer.windows(x)
    assert (friction_map(MEASURES["range"], windows, "before") == 0).all()
    assert (friction_map(MEASURES["range"], windows, "after") > 0).all()
    detail = F.conv2d(x, detail_kernel(layer))
    assert (detail.abs() > 0).all() and (detail.abs() <= detail_bound(layer, x)).all()
