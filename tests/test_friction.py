"""Friction measures: each equals its definition, and what a layer, a gate and the cost make of them."""

import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
import reference
import torch
from generated import FRICTIONS, JOINT, SEEDS
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inertia_utils import InertialConv2d
from inertia_utils.friction import MEASURES, REDUCTIONS, costs, friction_macs, friction_map
from inertia_utils.window import Window

CONTROLS = ("random", "oracle")


def windows(seed, kernel_size, margin, stride=(1, 1), channels=2, size=(7, 8)):
    x = torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Window(x, kernel_size, margin, stride)


def test_registry_holds_the_measures_and_the_controls():
    assert set(MEASURES) == {*FRICTIONS, *CONTROLS}


@pytest.mark.parametrize("name", FRICTIONS)
@settings(max_examples=40)
@given(SEEDS, st.integers(2, 6), st.data())
def test_measure_is_its_definition(name, seed, kernel_size, data):
    margin = data.draw(st.integers(1, kernel_size - 1))
    stride = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    reduction = data.draw(st.sampled_from(["after"] if name in JOINT else REDUCTIONS))
    window = windows(seed, kernel_size, margin, stride, data.draw(st.integers(1, 3)))
    friction = friction_map(MEASURES[name], window, reduction)
    expected = reference.friction_map(name, window.x.numpy(), kernel_size, margin, stride, reduction)
    torch.testing.assert_close(friction[:, 0], torch.from_numpy(expected), rtol=1e-9, atol=1e-9)
    assert friction.shape == (2, 1, *window.shape)
    assert (friction >= 0).all()


@pytest.mark.parametrize("name", FRICTIONS)
@pytest.mark.parametrize("level", [0.0, 1.0, -3.7, 1e4])
@pytest.mark.parametrize(("kernel_size", "margin"), [(2, 1), (3, 1), (3, 2), (5, 2), (6, 1)])
def test_zero_on_flat_windows(name, level, kernel_size, margin):
    # one level per channel: flat means flat in space
    levels = level * torch.tensor([1.0, 0.5, -0.25], dtype=torch.float64)
    x = levels.view(1, 3, 1, 1).expand(1, 3, 8, 8)
    friction = friction_map(MEASURES[name], Window(x, kernel_size, margin), "after")
    assert (friction >= 0).all()
    assert friction.max() <= 1e-12 * max(1.0, abs(level))


@pytest.mark.parametrize("name", FRICTIONS)
def test_half_flat_image_is_ranked(name):
    x = torch.zeros(1, 2, 8, 16)
    x[..., 8:] = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    friction = friction_map(MEASURES[name], Window(x + 1, 3, 2), "after")[0, 0]
    assert friction[:, :6].max() < 1e-5 < 1e-3 < friction[:, 8:].median()


@pytest.mark.parametrize("name", FRICTIONS)
def test_gradient_is_finite_on_flat_backgrounds(name):
    # a learned gate passes the gradient of its friction on to the layers below
    x = torch.zeros(1, 2, 6, 6)
    x[..., 0, 0] = 1
    x.requires_grad_()
    friction_map(MEASURES[name], Window(x, 3, 1), "after").sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().max() < 1e3


def test_cosine_of_a_zero_periphery_is_a_half():
    x = torch.zeros(1, 3, 3, 3)
    x[0, :, 1, 1] = torch.tensor([0.1, 0.7, 1.3])
    assert friction_map(MEASURES["cosine"], Window(x, 3, 2), "after").item() == pytest.approx(0.5)


@pytest.mark.parametrize("name", FRICTIONS)
@settings(max_examples=10)
@given(SEEDS, st.sampled_from([float("nan"), float("inf"), -float("inf")]), st.data())
def test_broken_pixels_do_not_pass_for_flat(name, seed, broken, data):
    row, column = data.draw(st.integers(0, 6)), data.draw(st.integers(0, 7))
    margin = data.draw(st.integers(1, 2))
    for reduction in ["after"] if name in JOINT else REDUCTIONS:
        for memory_format in (torch.contiguous_format, torch.channels_last):
            x = windows(seed, 3, margin).x.float() * 0.01
            x[0, 1, row, column] = broken
            friction = friction_map(MEASURES[name], Window(x.to(memory_format=memory_format), 3, margin), reduction)
            touched = friction[0, 0, max(row - 2, 0) : row + 1, max(column - 2, 0) : column + 1]
            assert not touched.isfinite().any()
            assert friction[1].isfinite().all()


def test_channel_reduction_before_and_after_differ():
    # opposite edges in two channels cancel in their mean
    x = torch.zeros(1, 2, 5, 5)
    x[:, 0, :, 2:] = 1
    x[:, 1, :, 2:] = -1
    window = Window(x, 3, 1)
    assert friction_map(MEASURES["range"], window, "after").max() == 1
    assert friction_map(MEASURES["range"], window, "before").max() == 0
    layers = [
        InertialConv2d(2, 1, 3, 1, gate="threshold", threshold=0.5, reduction=reduction) for reduction in REDUCTIONS
    ]
    for layer in layers:
        layer(x)
    assert [layer.open_fraction.item() for layer in layers] == [pytest.approx(2 / 3), 0]


@pytest.mark.parametrize("name", [*JOINT, *CONTROLS])
def test_averaging_channels_first_is_refused_where_they_are_compared(name):
    with pytest.raises(ValueError, match=rf"^reduction: 'before' .* friction='{name}'"):
        InertialConv2d(2, 2, 3, 1, friction=name, reduction="before")


def test_random_control_ignores_the_image():
    window = windows(0, 3, 1, size=(40, 40))
    torch.manual_seed(0)
    first = friction_map(MEASURES["random"], window, "after")
    torch.manual_seed(0)
    again = friction_map(MEASURES["random"], replace(window, x=torch.zeros_like(window.x)), "after")
    assert torch.equal(first, again)
    assert first.shape == (2, 1, 38, 38)
    assert 0 <= first.min() < 0.01 < 0.99 < first.max() < 1
    assert first.mean() == pytest.approx(0.5, abs=0.03)
    layer = InertialConv2d(2, 3, 3, 1, friction="random", gate="threshold", threshold=0.7, dtype=torch.float64)
    layer(window.x)
    assert layer.open_fraction.item() == pytest.approx(0.3, abs=0.04)


@pytest.mark.parametrize("merge", ["matched", "replace", "add", "stack", "stack_whole"])
@pytest.mark.parametrize("reapply", ["slide", "dilate", "resize", "aggregate"])
def test_oracle_opens_where_the_mean_detail_is_largest(reapply, merge):
    options = {"padding": 1, "dtype": torch.float64, "reapply": reapply, "cores": 2, "bias": False}
    x = windows(3, 3, 1).x
    torch.manual_seed(0)
    stacked = InertialConv2d(2, 8, 3, 1, merge="stack", **options)
    detail = stacked(x)[:, 4:].abs().mean(1, keepdim=True)
    threshold = detail.flatten().sort().values[[41, 42]].mean().item()
    outputs = 8 if merge.startswith("stack") else 4
    oracle = InertialConv2d(
        2, outputs, 3, 1, merge=merge, friction="oracle", gate="threshold", threshold=threshold, **options
    )
    ends = {gate: InertialConv2d(2, outputs, 3, 1, merge=merge, gate=gate, **options) for gate in ("always", "never")}
    for layer in (oracle, *ends.values()):
        for name in ("weight", "periphery"):
            getattr(layer, name).data.copy_(getattr(stacked, name))
    expected = torch.where(detail > threshold, ends["always"](x), ends["never"](x))
    torch.testing.assert_close(oracle(x), expected)


def test_oracle_of_the_skipped_core_is_the_largest_change_in_each_block():
    torch.manual_seed(0)
    x = torch.randn(1, 2, 6, 7, dtype=torch.float64)
    layer = InertialConv2d(2, 3, 3, 2, dtype=torch.float64, friction="oracle", skip="core", gate="rate", rate=0.5)
    phi = reference.response_map(x.numpy(), layer.weight.detach().numpy(), 1)
    kept = reference.keep_responses(phi, np.zeros((1, 3, 4), dtype=bool))
    lost = np.abs(phi - kept)[0]
    worst = np.array(
        [[lost[:, r : r + 2, c : c + 2].max((1, 2)).mean() for c in range(0, 7, 2)] for r in range(0, 6, 2)]
    )
    is_open = (worst > np.sort(worst.ravel())[5])[None]
    expected = reference.slide_from_map(
        reference.keep_responses(phi, is_open),
        layer.periphery.detach().numpy(),
        layer.bias.detach().numpy(),
        reference.Sizes(3, 2, (1, 1), 1, 1),
        "matched",
    )
    torch.testing.assert_close(layer(x).detach(), torch.from_numpy(expected))
    assert layer.open_fraction == 0.5


def test_oracle_cannot_be_computed_from_an_image():
    with pytest.raises(ValueError, match="friction: 'oracle' needs the detail"):
        friction_map(MEASURES["oracle"], windows(0, 3, 1), "after")


def test_unknown_measure_lists_the_known_ones():
    with pytest.raises(ValueError, match=re.escape("friction: unknown name 'heat'; known: " + ", ".join(MEASURES))):
        InertialConv2d(1, 1, 3, 1, friction="heat")


@pytest.fixture
def spread():
    """A measure in a few lines, as a reader would add it, registered for one test."""

    @MEASURES.register("spread")
    @costs(lambda d, r: d * d)
    def measure(window):
        return window.max() - window.mean()

    yield measure
    del MEASURES._parts["spread"]


def test_a_new_measure_works_with_layer_gate_and_cost(spread):
    x = windows(0, 3, 2).x.float()
    unfolded = torch.nn.functional.unfold(x, 3).view(2, 2, 9, 5, 6)
    expected = (unfolded.amax(2) - unfolded.mean(2)).mean(1, keepdim=True)
    for friction in ("spread", spread):
        layer = InertialConv2d(2, 4, 3, 2, friction=friction, gate="rate", rate=0.4)
        torch.testing.assert_close(friction_map(layer.friction, layer.windows(x), "after"), expected)
        layer(x)
        assert layer.open_fraction.item() == pytest.approx(0.4, abs=0.02)
        assert layer.macs((2, 7, 8)).friction == 2 * (9 + 1) * 30
    assert friction_macs(spread, 3, 1, 2, "before") == 2 + 9


def test_a_name_is_taken_once(spread):
    with pytest.raises(ValueError, match="friction: 'spread' is already registered"):
        MEASURES.register("spread")(spread)


def test_a_measure_declares_its_cost():
    with pytest.raises(ValueError, match=r"^friction: .* does not declare its cost"):
        InertialConv2d(1, 1, 3, 1, friction=lambda window: window.mean())


def test_a_measure_that_declares_a_part_is_told_what_is_missing():
    def half(window):
        return window.mean()

    half.macs_per_channel = lambda d, r: d * d
    with pytest.raises(
        ValueError, match=r"^friction: .*half.* does not declare its cost \(joint, needs_detail missing"
    ):
        InertialConv2d(1, 1, 3, 1, friction=half, reduction="before")


@pytest.mark.parametrize("name", [*FRICTIONS, *CONTROLS])
def test_measures_survive_pickling(name):
    assert pickle.loads(pickle.dumps(MEASURES[name])) is MEASURES[name]


@settings(max_examples=20)
@given(SEEDS)
def test_variance_keeps_its_digits_on_bright_images(seed):
    window = windows(seed, 3, 1)
    assume(window.x.std() > 0.1)
    bright = replace(window, x=(1e-2 * window.x + 1000).float())
    exact = friction_map(MEASURES["variance"], replace(bright, x=bright.x.double()), "after")
    friction = friction_map(MEASURES["variance"], bright, "after").double()
    torch.testing.assert_close(friction, exact, rtol=1e-3, atol=1e-8)
