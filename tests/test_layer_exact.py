"""The layer equals its definition, evaluated by loops in float64, and its equivalent dense convolution."""

from dataclasses import replace

import numpy as np
import pytest
import reference
import torch
from generated import FRICTIONS, JOINT, MERGES, REAPPLICATIONS, Case, arrays, cases, reaches_edge
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call
from torch.nn import functional as F

from inertia_utils import InertialConv2d

# torch remarks that a dense convolution of even size with padding="same" copies its input
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def close(actual, expected):
    torch.testing.assert_close(torch.as_tensor(actual).detach(), torch.as_tensor(expected).detach(), **TIGHT)


def by_definition(case: Case, layer: InertialConv2d, is_open: np.ndarray) -> np.ndarray:
    return reference.convolve(case.padded(), *arrays(layer), case.sizes, case.reapply, case.merge, is_open)


def output_positions(case: Case) -> tuple[int, int, int]:
    rows, columns = reference.positions(case.padded(), case.kernel_size, case.stride)
    return case.images, len(rows), len(columns)


def between_frictions(friction: np.ndarray, share: float) -> float:
    """A threshold in a wide gap between friction values, out of rounding's reach; about ``share`` lie below."""
    values = np.unique(friction)
    gaps = [place for place in range(len(values) - 1) if values[place + 1] - values[place] > 1e-3 * values[-1]]
    if not gaps:
        return values[-1] + 1.0
    place = gaps[int(share * (len(gaps) - 1))]
    return (values[place] + values[place + 1]) / 2


@settings(max_examples=250)
@given(cases())
def test_open_layer_is_its_definition_and_its_equivalent_convolution(case):
    layer = case.layer(gate="always")
    x = case.image()
    output = layer(x)
    close(output, by_definition(case, layer, np.ones(output_positions(case), dtype=bool)))
    close(output, layer.to_conv()(x))
    bias = None if layer.bias is None else F.pad(layer.bias, (0, layer.out_channels - len(layer.bias)))
    padded = torch.from_numpy(case.padded())
    close(output, F.conv2d(padded, layer.equivalent_kernel(), bias, case.stride, groups=case.groups))
    assert layer.open_fraction == 1


@settings(max_examples=150)
@given(cases())
def test_closed_layer_is_its_definition_and_a_plain_small_convolution(case):
    layer = case.layer(gate="never")
    output = layer(case.image())
    close(output, by_definition(case, layer, np.zeros(output_positions(case), dtype=bool)))
    first, last = case.margin // 2, case.margin - case.margin // 2
    padded = torch.from_numpy(case.padded())
    inner = padded[..., first : padded.shape[-2] - last, first : padded.shape[-1] - last]
    cores = layer.weight.unflatten(0, (case.filters, case.cores))
    if case.merge == "matched":
        cores = cores * layer.gamma[..., None, None, None]
    plain = F.conv2d(inner, cores.sum(1), layer.bias, case.stride, groups=case.groups)
    close(output[:, : case.filters], plain)
    assert not output[:, case.filters :].any()
    assert layer.open_fraction == 0


@settings(max_examples=250)
@given(cases(largest=5), st.sampled_from(FRICTIONS), st.sampled_from(["after", "before"]), st.floats(0, 1))
def test_threshold_gate_decides_position_by_position(case, friction, reduction, share):
    reduction = "after" if friction in JOINT else reduction
    padded = case.padded()
    values = reference.friction_map(friction, padded, case.kernel_size, case.margin, case.stride, reduction)
    threshold = between_frictions(values, share)
    layer = case.layer(gate="threshold", threshold=threshold, friction=friction, reduction=reduction)
    is_open = values > threshold
    close(layer(case.image()), by_definition(case, layer, is_open))
    assert layer.open_fraction.item() == pytest.approx(is_open.mean(), abs=1e-6)


def block_friction(case: Case, friction: str) -> np.ndarray:
    """Friction of the union of each 2×2 block's windows, the block's first core being its core.

    A half block at the border has a smaller union; for measures other than the range its last pixels count twice.
    """
    padded, core = case.padded(), case.sizes.core
    rows, columns = (size - core + 1 for size in padded.shape[-2:])
    if friction != "range":
        padded = np.pad(padded, [(0, 0), (0, 0), (0, rows % 2), (0, columns % 2)], mode="edge")
        return reference.friction_map(friction, padded, core + 1, 1, (2, 2))
    return np.array(
        [
            [
                [
                    np.ptp(image[:, row : row + core + 1, column : column + core + 1], (1, 2)).mean()
                    for column in range(0, columns, 2)
                ]
                for row in range(0, rows, 2)
            ]
            for image in padded
        ]
    )


@settings(max_examples=150)
@given(cases(reapplications=("slide",), largest=5), st.sampled_from(FRICTIONS), st.floats(0, 1))
def test_skipping_the_core_keeps_one_response_per_closed_block(case, friction, share):
    values = block_friction(case, friction)
    threshold = between_frictions(values, share)
    layer = case.layer(gate="threshold", threshold=threshold, friction=friction, skip="core")
    weight, periphery, bias = arrays(layer)
    phi = reference.response_map(case.padded(), weight, case.groups)
    kept = reference.keep_responses(phi, values > threshold)
    close(layer(case.image()), reference.slide_from_map(kept, periphery, bias, case.sizes, case.merge))
    assert layer.open_fraction.item() == pytest.approx((values > threshold).mean(), abs=1e-6)


@settings(max_examples=60)
@given(cases(reapplications=("slide",), largest=5), st.sampled_from(["always", "never"]))
def test_skipping_the_core_with_a_constant_gate(case, gate):
    layer = case.layer(gate=gate, skip="core")
    weight, periphery, bias = arrays(layer)
    phi = reference.response_map(case.padded(), weight, case.groups)
    is_open = np.full((case.images, phi.shape[2], phi.shape[3]), gate == "always")
    kept = reference.keep_responses(phi, is_open)
    close(layer(case.image()), reference.slide_from_map(kept, periphery, bias, case.sizes, case.merge))
    if gate == "always":
        close(layer(case.image()), case.layer(gate="always")(case.image()))


@settings(max_examples=120)
@given(cases(), st.integers(-3, 3))
def test_nothing_is_lost_where_windows_are_flat(case, exponent):
    # zero padding would put an edge around a flat image
    case = replace(case, padding_mode="replicate")
    levels = torch.linspace(-1, 2, case.in_channels, dtype=torch.float64) * 10.0**exponent
    flat = levels.view(-1, 1, 1).expand(case.images, -1, case.height, case.width)
    layer = case.layer()
    window = layer.windows(flat)
    responses = layer.kernel_responses().detail.sum((2, 3))
    core, reapplied = layer.reapply.forward(window, layer.weight, layer.periphery, layer.geometry)
    detail = reapplied - (core.unflatten(1, (case.filters, -1)) * layer.gamma[..., None, None]).sum(2)
    scale = 10.0**exponent * (1 + layer.weight.abs().sum() * (1 + layer.periphery.abs().sum()))
    assert detail.abs().max() <= 1e-12 * scale
    assert responses.abs().max() <= 1e-12 * scale / 10.0**exponent
    if case.merge in ("matched", "stack"):
        closed = case.layer(gate="never")
        assert (closed(flat) - layer(flat)).abs().max() <= 1e-12 * scale


COMBINATIONS = [(reapply, merge, 1) for reapply in REAPPLICATIONS for merge in MERGES]
COMBINATIONS += [("slide", "matched", 2), ("resize", "stack", 2), ("aggregate", "add", 2)]


@pytest.mark.parametrize("gate", ["always", "threshold"])
@pytest.mark.parametrize(("reapply", "merge", "cores"), COMBINATIONS)
def test_gradients(reapply, merge, cores, gate):
    case = Case(3, 1, 2, 2, (1, 2), 1, "zeros", 1, True, reapply, merge, cores, 1, 3, 4, seed=7)
    values = reference.friction_map("range", case.padded(), 3, 1, case.stride)
    layer = case.layer(gate=gate, threshold=between_frictions(values, 0.5))
    check_gradients(layer, case.image())
    if gate == "threshold":
        assert 0 < layer.open_fraction < 1


@pytest.mark.parametrize("merge", MERGES)
def test_gradients_where_the_core_is_skipped(merge):
    case = Case(3, 2, 1, 2, (1, 1), 1, "zeros", 1, True, "slide", merge, 2, 1, 4, 4, seed=3)
    layer = case.layer(gate="threshold", threshold=between_frictions(block_friction(case, "range"), 0.5), skip="core")
    check_gradients(layer, case.image())
    assert 0 < layer.open_fraction < 1


def check_gradients(layer, x):
    names = ["weight", "periphery", "bias"]

    def call(x, *parameters):
        return functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    parameters = [getattr(layer, name).detach().clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(call, (x.requires_grad_(), *parameters))


@pytest.mark.parametrize(("kernel_size", "margin"), [(d, k) for d in range(2, 8) for k in range(1, d)])
def test_every_window_and_margin(kernel_size, margin):
    for reapply in REAPPLICATIONS:
        if reapply != "dilate" or reaches_edge(kernel_size, margin):
            case = Case(kernel_size, margin, 2, 2, (1, 1), "same", "zeros", 1, True, reapply, "matched", 1, 1, 7, 8, 0)
            layer = case.layer()
            output = layer(case.image())
            assert output.shape == (1, 2, 7, 8)
            close(output, layer.to_conv()(case.image()))


def test_one_answer_by_hand():
    # window 3, margin 2: the core is the single weight 2, its nine placements are weighed by 0 … 8
    conv = InertialConv2d(1, 1, 3, 2, dtype=torch.float64)
    with torch.no_grad():
        conv.weight.fill_(2)
        conv.periphery.copy_(torch.arange(9.0).view(1, 1, 3, 3))
        conv.bias.fill_(1)
    image = torch.arange(12, dtype=torch.float64).view(1, 1, 3, 4)
    # T = 2·Σ j·x_j = 2·(0·0+1·1+2·2+3·4+4·5+5·6+6·8+7·9+8·10) = 2·258, and one column further 2·(258 + 36)
    assert conv(image).flatten().tolist() == [517.0, 589.0]
    # closed: γ·c with γ = 36 and c = 2·5 or 2·6
    never = InertialConv2d(1, 1, 3, 2, dtype=torch.float64, gate="never")
    never.load_state_dict({**conv.state_dict(), "open_fraction": torch.tensor(0.0)})
    assert never(image).flatten().tolist() == [361.0, 433.0]


def test_open_positions_are_exactly_the_dense_ones():
    # a matched core a million times as strong as T must not cost T its last digits
    conv = InertialConv2d(1, 1, 3, 2, bias=False, gate="threshold", threshold=0.0)
    with torch.no_grad():
        conv.weight.fill_(2**20)
        conv.periphery.zero_()
        conv.periphery[0, 0, 0, 0] = 1
    detailed = 1 + 2**-20
    image = torch.tensor([[detailed * 2**-20, 0, 0], [0, 1.0, 0], [0, 0, 0]]).view(1, 1, 3, 3)
    assert conv(image).item() == detailed
