"""The layer is a drop-in for nn.Conv2d: its arguments, its inputs, its life as a module, and what it refuses."""

import copy
import io
import pickle
import re

import numpy as np
import pytest
import torch
from generated import MERGES, REAPPLICATIONS
from torch import nn
from torch.nn import functional as F

from inertia_utils import InertialConv2d
from inertia_utils.reapply import Slide

CONFIGURATIONS = {
    "default": {},
    "same": {"padding": "same", "padding_mode": "reflect", "cores": 2},
    "dilate": {"reapply": "dilate", "merge": "add", "gate": "threshold", "threshold": 0.5},
    "resize": {"reapply": "resize", "merge": "replace", "gate": "rate", "friction": "jsd"},
    "aggregate": {"reapply": "aggregate", "merge": "stack", "gate": "learned", "friction": "squared"},
    "skip": {"skip": "core", "gate": "rate", "stride": 2, "friction": "gradient"},
    "skip threshold": {"skip": "core", "gate": "threshold", "threshold": 0.5, "merge": "stack", "cores": 2},
    "never": {"gate": "never", "groups": 2, "bias": False},
    "literal": {"reapply": "dilate", "merge": "stack_whole", "gate": "rate"},
    "entropy": {"gate": "threshold", "threshold": 0.1, "friction": "entropy", "reduction": "before"},
}
configured = pytest.mark.parametrize("options", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())


def build(options, **more):
    torch.manual_seed(0)
    return InertialConv2d(4, 8, 3, 1, **options, **more)


def batch(count=3, height=9, width=8):
    return torch.randn(count, 4, height, width, generator=torch.Generator().manual_seed(1))


def started(options, **more):
    """A layer whose gate has seen training batches, in evaluation mode."""
    layer = build(options, **more)
    for _ in range(2):
        layer(batch())
    return layer.eval()


# --- arguments of nn.Conv2d -------------------------------------------------------------------------------------------


def test_call_styles():
    positional = InertialConv2d(4, 6, 3, 1, 2, 1, 1, 2, False, "reflect", "cpu", torch.float64)
    mixed = InertialConv2d(4, 6, 3, 1, 2, padding=1, groups=2, bias=False, padding_mode="reflect", dtype=torch.float64)
    keyword = InertialConv2d(
        dtype=torch.float64,
        device="cpu",
        padding_mode="reflect",
        bias=False,
        groups=2,
        dilation=1,
        padding=(1, 1),
        stride=(2, 2),
        margin=1,
        kernel_size=(3, 3),
        out_channels=6,
        in_channels=4,
    )
    x = batch().double()
    for layer in (mixed, keyword):
        layer.load_state_dict(positional.state_dict())
        assert torch.equal(layer(x), positional(x))
    assert positional.weight.shape == (6, 2, 2, 2)


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [0, 1, (2, 0), "same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, (1, 3)])
def test_output_shape_is_that_of_a_dense_convolution(stride, padding, padding_mode):
    if padding == "same" and stride != 1:
        with pytest.raises(ValueError, match=r"padding: 'same' needs stride 1, got stride=\("):
            InertialConv2d(4, 8, 5, 2, stride, padding)
        return
    layer = InertialConv2d(4, 8, 5, 2, stride, padding, padding_mode=padding_mode)
    dense = nn.Conv2d(4, 8, 5, stride, padding, padding_mode=padding_mode)
    dense.load_state_dict({"weight": layer.equivalent_kernel(), "bias": layer.bias})
    torch.testing.assert_close(layer(batch()), dense(batch()))


def test_wrapped_in_a_network_and_trained():
    torch.manual_seed(0)
    net = nn.Sequential(InertialConv2d(4, 6, 3, 2, padding=1, gate="learned"), nn.ReLU(), InertialConv2d(6, 2, 3, 1))
    before = [parameter.clone() for parameter in net.parameters()]
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    (net(batch()).square().mean() + net[0].gate.budget_loss()).backward()
    optimiser.step()
    assert all(not torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))


def test_parameters_have_their_names():
    assert set(dict(build({}).named_parameters())) == {"weight", "periphery", "bias"}
    assert set(dict(build({"bias": False}).named_parameters())) == {"weight", "periphery"}
    assert set(build({"gate": "rate"}).state_dict()) == {
        "weight",
        "periphery",
        "bias",
        "open_fraction",
        "gate.threshold",
        "gate.batches",
    }


# --- inputs -----------------------------------------------------------------------------------------------------------


@configured
def test_unbatched_and_empty_input(options):
    layer = started(options)
    x = batch()
    torch.testing.assert_close(layer(x[1]), layer(x)[1])
    expected = (0, *layer(x).shape[1:])
    assert layer(x[:0]).shape == expected
    assert layer.train()(x[:0]).shape == expected
    layer(x[:0]).sum().backward()


@configured
@pytest.mark.parametrize("training", [True, False])
def test_channels_last_is_preserved(options, training):
    layer = started(options).train(training)
    expected = layer(batch())
    actual = layer(batch().to(memory_format=torch.channels_last))
    assert actual.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(actual, expected)
    converted = layer.to(memory_format=torch.channels_last)(batch().to(memory_format=torch.channels_last))
    assert converted.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(converted, expected)


@configured
def test_autocast(options):
    layer = started(options)
    expected = layer(batch())
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(batch())
        halved = layer(batch().bfloat16())
    assert output.dtype == halved.dtype == torch.bfloat16
    if layer.gate.constant is not None:
        torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.05)
    with torch.autocast("cpu", torch.bfloat16):
        layer.train()(batch()).float().square().mean().backward()
    assert layer.weight.grad.dtype == torch.float32
    assert layer.weight.grad.isfinite().all()


@configured
def test_dtypes(options):
    layer = build(options, dtype=torch.float64)
    assert {parameter.dtype for parameter in (layer.weight, layer.periphery)} == {torch.float64}
    assert layer(batch().double()).dtype == torch.float64
    assert layer.to(torch.bfloat16)(batch().bfloat16()).dtype == torch.bfloat16


def test_device():
    layer = InertialConv2d(4, 8, 3, 1, gate="rate", device="meta")
    assert {tensor.device.type for tensor in (*layer.parameters(), *layer.buffers())} == {"meta"}
    assert layer.eval()(torch.empty(2, 4, 8, 8, device="meta")).shape == (2, 8, 6, 6)
    # a device without float64 can hold every buffer
    assert all(tensor.dtype != torch.float64 for tensor in InertialConv2d(4, 8, 3, 1, reapply="resize").buffers())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@configured
def test_cuda(options):
    layer = started(options, dtype=torch.float64)
    x = batch().double()
    expected = layer(x)
    torch.testing.assert_close(layer.cuda()(x.cuda()).cpu(), expected)
    created = build(options, device="cuda")
    created(x.float().cuda()).square().mean().backward()
    assert created.weight.grad.isfinite().all()


def test_wrong_inputs_are_named():
    layer = InertialConv2d(4, 8, 5, 1)
    for shape in ((2, 3, 8, 8), (3, 8, 8), (4, 8), (1, 2, 4, 8, 8)):
        message = f"input: expected shape (N, 4, H, W) or (4, H, W), got {shape}"
        with pytest.raises(ValueError, match=re.escape(message)):
            layer(torch.zeros(shape))
    with pytest.raises(ValueError, match=r"input: expected dtype torch\.float32 .* got torch\.float64"):
        layer(torch.zeros(1, 4, 8, 8, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"input: expected dtype torch\.float32 .* got torch\.uint8"):
        layer(torch.zeros(1, 4, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"4×8 is smaller than the window of 5; .* got an input of 4×8"):
        layer(torch.zeros(1, 4, 4, 8))


@pytest.mark.parametrize(("mode", "size", "needed"), [("reflect", 3, 4), ("circular", 2, 3), ("replicate", 0, 1)])
def test_padding_wider_than_the_image(mode, size, needed):
    layer = InertialConv2d(4, 8, 5, 1, padding=3, padding_mode=mode)
    with pytest.raises(ValueError, match=f"input: padding_mode='{mode}' .* at least {needed} pixels, .* 9×{size}"):
        layer(torch.zeros(1, 4, 9, size))
    layer(torch.zeros(1, 4, 9, needed))


# --- life as a module -------------------------------------------------------------------------------------------------


@configured
def test_state_dict_round_trip(options):
    layer = started(options)
    expected = layer(batch())
    stored = io.BytesIO()
    torch.save(layer.state_dict(), stored)
    stored.seek(0)
    torch.manual_seed(9)
    fresh = InertialConv2d(4, 8, 3, 1, **options).eval()
    fresh.load_state_dict(torch.load(stored, weights_only=True), strict=True)
    assert fresh.open_fraction == layer.open_fraction
    for name, value in layer.gate.state_dict().items():
        assert torch.equal(fresh.gate.state_dict()[name], value)
    assert torch.equal(fresh(batch()), expected)


@configured
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies(options, duplicate):
    layer = build(options)
    # after a training step the learned gate holds on to its latest batch
    layer(batch()).square().mean().backward()
    twin = duplicate(layer)
    assert repr(twin) == repr(layer)
    assert torch.equal(twin.eval()(batch()), layer.eval()(batch()))
    with torch.no_grad():
        twin.weight.zero_()
    assert layer.weight.any()
    if options.get("gate") == "learned":
        assert twin.gate.budget_loss() is None
        assert layer.gate.budget_loss() is not None


@configured
def test_reset_parameters_repeats_the_constructor(options):
    layer = build(options)
    first = layer.weight.clone()
    torch.manual_seed(0)
    layer.reset_parameters()
    assert torch.equal(layer.weight, first)


def test_representation_shows_what_differs_from_the_defaults():
    assert repr(InertialConv2d(1, 2, 3, 1)).splitlines()[1].strip() == (
        "1, 2, kernel_size=3, margin=1, stride=(1, 1), padding=0"
    )
    layer = build(CONFIGURATIONS["skip threshold"])
    for shown in ("merge='stack'", "cores=2", "skip='core'", "Threshold(threshold=0.5)"):
        assert shown in repr(layer)
    for option, shown in (
        ({"reapply": "resize"}, "reapply='resize'"),
        ({"friction": "jsd"}, "friction='jsd'"),
        ({"reduction": "before"}, "reduction='before'"),
        ({"groups": 2}, "groups=2"),
        ({"bias": False}, "bias=False"),
        ({"padding": "same", "padding_mode": "reflect"}, "padding='same', padding_mode='reflect'"),
        ({"init": "identity"}, "init='identity'"),
        ({"gate": "rate", "rate": 0.25}, "Rate(rate=0.25, threshold=-inf)"),
        ({"gate": "learned", "rate": 0.25}, "Learned(rate=0.25, threshold=0)"),
    ):
        assert shown in repr(build(option))


@configured
def test_compile(options):
    layer = started(options)
    torch._dynamo.reset()
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    for x in (batch(), batch(2, 11, 12)):
        expected = layer(x)
        fraction = layer.open_fraction.clone()
        torch.testing.assert_close(compiled(x), expected)
        assert layer.open_fraction == fraction


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@configured
def test_export(options):
    layer = started(options)
    count = torch.export.Dim("count", min=2, max=64)
    program = torch.export.export(layer, (batch(),), dynamic_shapes=({0: count},))
    for x in (batch(), batch(5)):
        torch.testing.assert_close(program.module()(x), layer(x))


def test_a_reapplication_of_ones_own():
    layer, named = InertialConv2d(4, 8, 3, 1, reapply=Slide()), InertialConv2d(4, 8, 3, 1)
    named.load_state_dict(layer.state_dict())
    assert torch.equal(layer(batch()), named(batch()))


# --- refusals ---------------------------------------------------------------------------------------------------------

REFUSED = [
    ({"kernel_size": 1}, "kernel_size: expected one or two whole numbers of at least 2, got 1"),
    ({"kernel_size": 3.0}, "kernel_size: expected one or two whole numbers of at least 2, got 3.0"),
    ({"kernel_size": (3, 5)}, "kernel_size: the window must be square, got (3, 5)"),
    ({"margin": 5}, "margin: 5 leaves no core in a window of kernel_size=5"),
    ({"margin": 7}, "margin: 7 leaves no core in a window of kernel_size=5"),
    ({"margin": 0}, "margin: expected a whole number of at least 1, got 0"),
    ({"margin": -1}, "margin: expected a whole number of at least 1, got -1"),
    ({"margin": 1.0}, "margin: expected a whole number of at least 1, got 1.0"),
    ({"margin": True}, "margin: expected a whole number of at least 1, got True"),
    ({"in_channels": 0}, "in_channels: expected a whole number of at least 1, got 0"),
    ({"out_channels": -2}, "out_channels: expected a whole number of at least 1, got -2"),
    ({"cores": 0}, "cores: expected a whole number of at least 1, got 0"),
    ({"groups": 0}, "groups: expected a whole number of at least 1, got 0"),
    ({"groups": 3}, "groups: 3 must divide in_channels=4"),
    ({"out_channels": 7, "groups": 2}, "groups: 2 must divide in_channels=4 and the number of filters 7"),
    ({"merge": "stack", "groups": 2}, "groups: a merge that stacks orders its channels"),
    (
        {"merge": "stack", "out_channels": 7},
        "out_channels: a merge that stacks gives two channels per filter, so 7 must be",
    ),
    ({"dilation": 2}, "dilation: 2 is not supported"),
    ({"dilation": (1, 2)}, "dilation: (1, 2) is not supported"),
    ({"stride": 0}, "stride: expected one or two whole numbers of at least 1, got 0"),
    ({"stride": (1, 2, 3)}, "stride: expected one or two whole numbers of at least 1, got (1, 2, 3)"),
    ({"padding": -1}, "padding: expected one or two whole numbers of at least 0, got -1"),
    ({"padding": "full"}, "padding: unknown name 'full'; known: same, valid"),
    ({"padding": "same", "stride": 2}, "padding: 'same' needs stride 1, got stride=(2, 2)"),
    ({"padding_mode": "mirror"}, "padding_mode: unknown name 'mirror'; known: zeros, reflect, replicate, circular"),
    ({"reapply": "turn"}, "reapply: unknown name 'turn'; known: slide, dilate, resize, aggregate"),
    ({"reapply": None}, "reapply: expected a Reapply or one of slide, dilate, resize, aggregate, got None"),
    ({"merge": "mix"}, "merge: unknown name 'mix'; known: matched, replace, add, stack, stack_whole"),
    ({"merge": None}, "merge: unknown name None; known: matched, replace, add, stack, stack_whole"),
    ({"rate": "a"}, "rate: 'a' is not a fraction of positions; give a number from 0 to 1"),
    ({"rate": True}, "rate: True is not a fraction of positions; give a number from 0 to 1"),
    ({"rate": None}, "rate: None is not a fraction of positions; give a number from 0 to 1"),
    ({"threshold": "x"}, "threshold: 'x' is not a threshold; give a number (inf closes"),
    ({"threshold": None}, "threshold: None is not a threshold; give a number (inf closes"),
    ({"threshold": False}, "threshold: False is not a threshold; give a number (inf closes"),
    ({"reduction": "never"}, "reduction: unknown name 'never'; known: after, before"),
    ({"skip": "all"}, "skip: unknown name 'all'; known: detail, core"),
    ({"reapply": "dilate", "skip": "core", "kernel_size": 3, "margin": 1}, "got reapply='dilate'"),
    ({"reapply": "aggregate", "skip": "core"}, "skip: 'core' needs a re-application that works on"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_bad_configuration_is_refused_by_name_and_value(options, message):
    arguments = {"in_channels": 4, "out_channels": 8, "kernel_size": 5, "margin": 2}
    with pytest.raises(ValueError, match=re.escape(message)):
        InertialConv2d(**{**arguments, **options})


@pytest.mark.parametrize(("kernel_size", "margin"), [(2, 1), (3, 2), (5, 1), (5, 4), (6, 2), (7, 2), (7, 6)])
def test_dilation_that_does_not_reach_the_edge(kernel_size, margin):
    message = (
        f"reapply: 'dilate' cannot spread a core of {kernel_size - margin} to the edge of a window of {kernel_size}"
    )
    with pytest.raises(ValueError, match=message):
        InertialConv2d(4, 8, kernel_size, margin, reapply="dilate")


@pytest.mark.parametrize("merge", MERGES)
@pytest.mark.parametrize("reapply", REAPPLICATIONS)
def test_every_pair_of_modes_is_built(reapply, merge):
    layer = InertialConv2d(4, 8, 5, 2, reapply=reapply, merge=merge)
    assert layer(batch()).shape == (3, 8, 5, 4)
    assert layer.equivalent_kernel().shape == (8, 4, 5, 5)
    bias = F.pad(layer.bias, (0, 8 - len(layer.bias)))
    assert np.array_equal(layer.to_conv().bias.detach(), bias.detach())


@pytest.mark.parametrize(
    ("margin", "options"),
    [(1, {}), (2, {}), (2, {"merge": "stack"}), (2, {"gate": "rate"}), (2, {"gate": "rate", "skip": "core"})],
)
@pytest.mark.parametrize("training", [True, False])
def test_one_channel_images_keep_the_layout_of_the_layer(margin, options, training):
    x = torch.rand(4, 1, 8, 8)
    for layout in (torch.contiguous_format, torch.channels_last):
        layer = InertialConv2d(1, 6, 3, margin, padding=1, **options).to(memory_format=layout).train(training)
        dense = nn.Conv2d(1, 6, 3, padding=1).to(memory_format=layout)
        with torch.set_grad_enabled(training):
            output = layer(x.to(memory_format=layout))
            assert output.stride() == dense(x.to(memory_format=layout)).stride()
