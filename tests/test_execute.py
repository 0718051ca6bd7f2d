"""Fast forms equal the reference: every size, mode and layout, at open fractions 0, 0.3 and 1."""

import json

import pytest
import torch
from generated import Case, cases
from hypothesis import given, settings
from hypothesis import strategies as st

from inertia_utils import InertialConv2d, execute
from inertia_utils.execute import break_even, coarse, decisions, detail
from inertia_utils.gate import Gate

TIGHT = {"rtol": 1e-9, "atol": 1e-9}
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
fractions = pytest.mark.parametrize("fraction", [0.0, 0.3, 1.0])


class Drawn(Gate):
    """Opens a fraction of the positions, the same ones in every image."""

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, friction: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(friction.shape[-2] * friction.shape[-1])
        draws = torch.rand(friction.shape[1:], generator=generator, dtype=friction.dtype)
        return (draws < self.fraction).to(friction.dtype).expand_as(friction)


def equals_reference(layer: InertialConv2d, x: torch.Tensor) -> None:
    layer.eval()
    with torch.no_grad():
        expected = layer.reference(x)
        fraction = layer.open_fraction.clone()
        layer.open_fraction.fill_(-1)
        actual = layer(x)
    torch.testing.assert_close(actual, expected, **TIGHT)
    if layer.gate.constant is None and x.numel():
        assert layer.open_fraction == fraction


@fractions
@pytest.mark.parametrize("sparse", [True, False])
@settings(max_examples=80)
@given(case=cases(), images=st.integers(0, 3), layout=st.sampled_from(sorted(LAYOUTS)), split=st.booleans())
def test_gated_layer(fraction, sparse, case, images, layout, split):
    x = case.image()[:1].repeat(images, 1, 1, 1) * torch.arange(1, images + 1).view(-1, 1, 1, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detail, "sparse_pays", lambda *_: sparse)
        if split:
            patch.setattr(execute, "PART", 1)
        equals_reference(case.layer(gate=Drawn(fraction)), x.to(memory_format=LAYOUTS[layout]))


@fractions
@pytest.mark.parametrize("sparse", [True, False])
@settings(max_examples=60)
@given(case=cases(reapplications=("slide",)), images=st.integers(0, 3), layout=st.sampled_from(sorted(LAYOUTS)))
def test_layer_that_skips_its_core(fraction, sparse, case, images, layout):
    x = case.image()[:1].repeat(images, 1, 1, 1) * torch.arange(1, images + 1).view(-1, 1, 1, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coarse, "sparse_pays", lambda *_: sparse)
        equals_reference(case.layer(gate=Drawn(fraction), skip="core"), x.to(memory_format=LAYOUTS[layout]))


@settings(max_examples=150)
@given(
    case=cases(),
    gate=st.sampled_from(["always", "never"]),
    skip=st.sampled_from(["detail", "core"]),
    images=st.integers(0, 2),
    layout=st.sampled_from(sorted(LAYOUTS)),
    split=st.booleans(),
)
def test_layer_with_a_constant_gate(case, gate, skip, images, layout, split):
    skip = skip if case.reapply == "slide" else "detail"
    x = case.image()[:1].repeat(images, 1, 1, 1).to(memory_format=LAYOUTS[layout])
    with pytest.MonkeyPatch.context() as patch:
        if split:
            patch.setattr(execute, "PART", 1)
        equals_reference(case.layer(gate=gate, skip=skip), x)


@pytest.mark.parametrize("channels", [1, 16])
@pytest.mark.parametrize("merge", ["matched", "replace", "add"])
@pytest.mark.parametrize("cores", [1, 3])
def test_open_slide_trains_as_the_reference(channels, merge, cores):
    """Few input channels take one dense convolution, more of them two passes; gradients agree either way."""
    case = Case(5, 2, channels, 4, (1, 2), 2, "zeros", 1, True, "slide", merge, cores, 2, 7, 8, seed=5)
    layer, x = case.layer(), case.image().requires_grad_()
    inputs = [x, layer.weight, layer.periphery, layer.bias]
    assert execute.constant.dense_is_cheaper(layer) == ((channels == 1 and cores == 1) or 25 < 9 * cores)
    fast, reference = layer(x), layer.reference(x)
    torch.testing.assert_close(fast, reference, **TIGHT)
    for ours, theirs in zip(
        torch.autograd.grad(fast.square().sum(), inputs),
        torch.autograd.grad(reference.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, **TIGHT)


@pytest.mark.parametrize(
    ("reapply", "skip"),
    [("slide", "detail"), ("dilate", "detail"), ("resize", "detail"), ("aggregate", "detail"), ("slide", "core")],
)
def test_layout_is_kept(reapply, skip):
    layer = InertialConv2d(4, 6, 5, 2, padding=2, reapply=reapply, skip=skip, gate=Drawn(0.3)).eval()
    for layout in LAYOUTS.values():
        with torch.no_grad():
            output = layer(torch.randn(2, 4, 9, 8).to(memory_format=layout))
        assert output.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("friction", ["range", "random", "oracle", "jsd"])
def test_every_friction_decides_as_in_the_reference(friction):
    layer = InertialConv2d(4, 6, 5, 2, padding=2, reapply="dilate", gate="rate", friction=friction)
    x = torch.randn(5, 4, 12, 11, generator=torch.Generator().manual_seed(0))
    layer(x)
    layer.eval()
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "PART", 1)
        torch.manual_seed(1)
        expected = layer.reference(x)
        torch.manual_seed(1)
        torch.testing.assert_close(layer(x), expected)


def test_break_even_is_that_of_the_most_similar_input(tmp_path, monkeypatch):
    table = tmp_path / "table.json"
    points = [(16, 1000, 0.2), (256, 1000, 0.8), (256, 64000, 0.9)]
    entries = [{"channels": c, "pixels": pixels, "fraction": fraction} for c, pixels, fraction in points]
    table.write_text(json.dumps({"devices": {"cpu": {"dilate": entries}}}))
    monkeypatch.setattr(break_even, "TABLE", table)
    break_even.break_even.cache_clear()
    inputs = {(1, 1): 0.2, (63, 1000): 0.2, (65, 1000): 0.8, (256, 7000): 0.8, (256, 9000): 0.9, (1024, 10**6): 0.9}
    for (channels, pixels), fraction in inputs.items():
        assert break_even.break_even("dilate", "cpu", channels, pixels) == fraction
    assert break_even.break_even("core", "cpu", 16, 1000) == 0, "without a measurement everything is computed"
    assert break_even.break_even("dilate", "another", 16, 1000) == 0
    break_even.break_even.cache_clear()


def test_friction_in_parts_is_friction_of_the_whole():
    layer = InertialConv2d(4, 6, 5, 2, padding=2, friction="variance", gate="threshold", reapply="dilate").eval()
    window = layer.windows(torch.randn(5, 4, 9, 9))
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        whole = decisions.friction(layer, window)
        patch.setattr(decisions, "PASSES", 1)
        torch.testing.assert_close(decisions.friction(layer, window), whole)
