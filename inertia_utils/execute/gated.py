"""The layer with some positions open: what is cheap is computed everywhere, what is dear only where it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ..reapply import Aggregate, Slide
from ..window import Window
from .constant import (
    blend_input,
    depthwise,
    each_core,
    response_maps,
    slide_weights,
)
from .detail import detail_where_open
from .placed import bordered, to_core
from .rows import choose

if TYPE_CHECKING:
    from ..layer import InertialConv2d


def gated_response(layer: InertialConv2d, x: Tensor, window: Window, is_open: Tensor) -> Tensor:
    """The output for a gate: x (N, C, H, W), ``is_open`` bool (N, 1, H_out, W_out) → (N, out_channels, …).

    ``window`` holds the windows of the padded x.
    """
    if type(layer.reapply) is Slide:
        return _slide(layer, x, is_open)
    if type(layer.reapply) is Aggregate and layer.geometry.core_size == 1 and not layer.merge.stacks:
        return _aggregate_point(layer, x, is_open)
    return detail_where_open(layer, x, window, is_open)


def _slide(layer: InertialConv2d, x: Tensor, is_open: Tensor) -> Tensor:
    maps, rest = response_maps(layer, x)
    weights, gamma = layer.periphery, layer.gamma[..., None, None]
    point = gamma if layer.merge.scales_core else torch.ones_like(gamma)
    closed = depthwise(layer, maps, point, layer.bias, to_core(layer, rest))
    if not layer.merge.stacks:
        return choose(is_open, depthwise(layer, maps, slide_weights(layer), layer.bias, rest), closed)
    detail = weights - gamma * layer.reapply.identity(layer.geometry).to(weights)
    opened = depthwise(layer, maps, detail, None, rest)
    return torch.cat([closed, choose(is_open, opened, torch.zeros_like(opened))], 1)


def _aggregate_point(layer: InertialConv2d, x: Tensor, is_open: Tensor) -> Tensor:
    """r = 1: the core is linear and sees one pixel, so the gate chooses its input, and one 1×1 convolution follows."""
    x, widths = bordered(layer, x)
    opened = blend_input(layer, x, widths, layer.merge.core_share)
    closed = F.pad(x, to_core(layer, widths))
    if layer.merge.scales_core:
        closed = closed * layer.gamma[0, 0]
    down, right = layer.stride
    chosen = choose(is_open, _strided(opened, down, right), _strided(closed, down, right))
    return F.conv2d(chosen, each_core(layer).sum(1), layer.bias, groups=layer.geometry.groups)


def _strided(x: Tensor, down: int, right: int) -> Tensor:
    if (down, right) == (1, 1):
        return x
    layout = torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    return x[..., ::down, ::right].contiguous(memory_format=layout)
