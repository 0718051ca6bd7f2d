"""A model made ready for inference computes what it did before."""

import pytest
import torch
from torch import nn

from inertia_utils import InertialConv2d, optimize
from inertia_utils.arms import dense, inertial
from inertia_utils.models import FashionNet


def kinds(model: nn.Module) -> list[str]:
    return [type(module).__name__ for module in model.modules() if isinstance(module, (nn.Conv2d, InertialConv2d))]


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        (dense(5), ["Conv2d", "Conv2d"]),
        (inertial(5, 2), ["Conv2d", "InertialConv2d", "Conv2d"]),
        (inertial(3, 1, merge="stack"), ["Conv2d", "InertialConv2d", "Conv2d"]),
        (inertial(5, 2, gate="never"), ["Conv2d", "Conv2d"]),
        (inertial(5, 2, reapply="resize"), ["Conv2d", "Conv2d"]),
        (inertial(3, 2, reapply="aggregate"), ["InertialConv2d", "InertialConv2d"]),
        (inertial(5, 2, gate="threshold", threshold=0.7, reapply="dilate"), ["InertialConv2d", "InertialConv2d"]),
    ],
    ids=lambda value: value.name if not isinstance(value, list) else "",
)
def test_folding(arm, expected):
    torch.manual_seed(0)
    model, x = FashionNet(arm), torch.randn(3, 1, 28, 28)
    model(x)
    model.eval()
    fast = optimize(model)
    assert kinds(fast) == expected
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    torch.testing.assert_close(fast(x.to(memory_format=torch.channels_last)), model(x), rtol=1e-4, atol=1e-4)


def test_a_layer_with_two_names_is_folded_under_both():
    model = nn.ModuleDict({"one": InertialConv2d(2, 3, 3, 2, padding=1, gate="never")})
    model["other"] = model["one"]
    fast = optimize(model)
    assert type(fast["one"]) is nn.Conv2d and fast["other"] is fast["one"]


@pytest.mark.parametrize("padding", [0, 2, "same"])
@pytest.mark.parametrize("merge", ["matched", "replace", "add", "stack", "stack_whole"])
def test_a_single_closed_layer(padding, merge):
    layer = InertialConv2d(4, 6, 4, 1, padding=padding, gate="never", merge=merge).eval()
    x = torch.randn(2, 4, 9, 8)
    torch.testing.assert_close(optimize(layer)(x), layer(x))


@pytest.mark.parametrize("merge", ["matched", "add", "stack", "stack_whole"])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_small_input_takes_the_dense_convolution_and_a_large_one_two_steps(merge, stride):
    layer = InertialConv2d(64, 64, 3, 2, padding=1, stride=stride, merge=merge).eval()
    fast = optimize(layer)
    taken = []
    fast.dense.register_forward_hook(lambda *_: taken.append("dense"))
    fast.layer.register_forward_hook(lambda *_: taken.append("layer"))
    for side in (4, 160):
        for x in (torch.randn(64, side, side), torch.randn(1, 64, side, side)):
            torch.testing.assert_close(fast(x), layer(x), rtol=1e-4, atol=1e-4)
    assert taken == ["dense", "dense", "layer", "layer"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_compiling(monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model: compiled.append(model) or model)
    assert optimize(nn.Sequential(nn.Conv2d(1, 2, 3)), compiled=True) is compiled[0]
