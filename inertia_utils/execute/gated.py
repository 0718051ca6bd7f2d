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
    shared_out,
    slide_weights,
    stacked_weights,
)
from .detail import detail_where_open
from .parts import is_channels_last
from .placed import Widths, bordered, padded, to_core
from .rows import Grid, choose, copy_rows

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
    x, inner, rest = shared_out(layer, x)
    maps = response_maps(layer, x, inner)
    scale = layer.gamma if layer.merge.scales_core else torch.ones_like(layer.periphery[..., 0, 0])
    if layer.merge.stacks:
        closed = depthwise(layer, maps, scale[..., None, None], layer.bias, to_core(layer, rest))
        opened = depthwise(layer, maps, stacked_weights(layer), None, rest)
        return torch.cat([closed, choose(is_open, opened, torch.zeros_like(opened))], 1)
    opened = depthwise(layer, maps, slide_weights(layer), layer.bias, rest)
    inside = to_core(layer, rest)
    if not (is_channels_last(opened) and max(inside) <= 0):
        closed = depthwise(layer, maps, scale[..., None, None], layer.bias, inside)
        return choose(is_open, opened, closed)
    scales = scale.unbind(1) if layer.merge.scales_core else [None] * len(maps)
    _close(layer, opened, is_open, list(zip(maps, scales, strict=True)), inside, layer.bias)
    return opened


def _aggregate_point(layer: InertialConv2d, x: Tensor, is_open: Tensor) -> Tensor:
    """r = 1: the core is linear and sees one pixel, so the gate chooses its input, and one 1×1 convolution follows."""
    x, widths = bordered(layer, x)
    chosen = blend_input(layer, x, widths, layer.merge.core_share, layer.stride)
    inside = to_core(layer, widths)
    if max(inside) > 0:
        x, inside = F.pad(x, inside), (0, 0, 0, 0)
    scale = layer.gamma[0, 0] if layer.merge.scales_core else None
    if is_channels_last(chosen):
        _close(layer, chosen, is_open, [(x, scale)], inside, None)
    else:
        closed = strided(layer, x, inside)
        chosen = torch.where(is_open, chosen, closed if scale is None else closed * scale)
    return F.conv2d(chosen, each_core(layer).sum(1), layer.bias, groups=layer.geometry.groups)


def _close(
    layer: InertialConv2d,
    opened: Tensor,
    is_open: Tensor,
    sources: list[tuple[Tensor, Tensor | None]],
    inside: Widths,
    bias: Tensor | None,
) -> None:
    """Put the central pixels of ``sources``, which reach ``-inside`` pixels too far, at closed positions."""
    closed = (~is_open).flatten().nonzero()[:, 0]
    left, _, top, _ = inside
    size = sources[0][0].shape[-2:]
    starts = Grid(tuple(opened.shape[-2:]), layer.stride, tuple(size)).starts(closed) - top * size[1] - left
    copy_rows(opened, closed, sources, starts, bias)


def strided(layer: InertialConv2d, x: Tensor, inside: Widths) -> Tensor:
    """The pixel of ``x`` at every window's centre."""
    down, right = layer.stride
    return padded(x, inside)[..., ::down, ::right]
