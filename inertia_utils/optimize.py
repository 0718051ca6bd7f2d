"""A model made ready for inference."""

from __future__ import annotations

import copy

import torch
from torch import nn

from .execute.constant import closed_weight, has_open_form, is_one_convolution
from .execute.folded import FoldedConv2d
from .execute.placed import to_core
from .layer import InertialConv2d
from .reapply import Slide
from .swap import swap


def optimize(model: nn.Module, *, compiled: bool = False) -> nn.Module:
    """A copy of ``model`` for inference: folded, frozen, in evaluation mode and in channels_last.

    An inertial layer whose gate never opens becomes its core's convolution; one whose gate is always open becomes its
    dense convolution where that takes less time (few input channels, or ``reapply="resize"``), and a ``slide`` layer
    keeps it for small inputs.  All others stay as they are and choose their fast form at every call; frozen weights let
    them do so outside ``torch.no_grad()`` as well.
    Outputs change by rounding only.

    Args:
        model: any model; it is not changed.
        compiled: pass the copy through ``torch.compile``, which pays off after its first, slow calls.

    Returns:
        The copy.  Give it inputs in channels_last.

    Examples:
        >>> fast = optimize(torch.nn.Sequential(InertialConv2d(3, 64, kernel_size=5, margin=2, padding=2)))
        >>> fast(torch.zeros(8, 3, 32, 32).to(memory_format=torch.channels_last)).shape
        torch.Size([8, 64, 32, 32])
    """
    ready = copy.deepcopy(model)
    folded = {module: _folded(module) for module in ready.modules() if isinstance(module, InertialConv2d)}
    frozen = swap(ready, folded).eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return torch.compile(frozen) if compiled else frozen


def _folded(layer: InertialConv2d) -> nn.Module:
    if layer.gate.constant == 1 and has_open_form(layer):
        if is_one_convolution(layer):
            return layer.to_conv()
        return FoldedConv2d(layer) if type(layer.reapply) is Slide else layer
    if layer.gate.constant == 0 and layer.skip == "detail" and not layer.merge.stacks:
        return _core_alone(layer) or layer
    return layer


def _core_alone(layer: InertialConv2d) -> nn.Conv2d | None:
    """The core as a convolution; None where its padding is not one that ``nn.Conv2d`` knows."""
    left, right, top, bottom = to_core(layer, layer.padding.widths)
    if layer.padding.mode != "zeros" or left != right or top != bottom or min(left, top) < 0:
        return None
    weight = closed_weight(layer).detach()
    conv = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.geometry.core_size,
        layer.stride,
        (top, left),
        groups=layer.geometry.groups,
        bias=layer.bias is not None,
        device=weight.device,
        dtype=weight.dtype,
    )
    with torch.no_grad():
        conv.weight.copy_(weight)
        if layer.bias is not None:
            conv.bias.copy_(layer.bias)
    return conv
