"""The detailed pass only where the gate is open: for every re-application that needs more than the response map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ..reapply import Aggregate, Dilate
from ..window import Window
from .break_even import sparse_pays
from .constant import blend_input, blend_weights, closed_response, each_core
from .rows import Grid, Runs, choose, convolve_rows, pixels, tap_matrix

if TYPE_CHECKING:
    from ..layer import InertialConv2d


@dataclass(frozen=True)
class Extra:
    """An open position's value: kernel ⊛ source + scale·closed + shift, where closed includes the bias.

    Attributes:
        source: map that the kernel's windows lie in, (N, C, H, W), zeros around it included.
        kernel: (O, C/groups, side, side).
        dilation: spacing of its taps.
        scale: (O,), or None for 0.
        shift: (O,), or None for 0.
    """

    source: Tensor
    kernel: Tensor
    dilation: int = 1
    scale: Tensor | None = None
    shift: Tensor | None = None


def detail_where_open(layer: InertialConv2d, x: Tensor, window: Window, is_open: Tensor) -> Tensor:
    """The output for a gate: x (N, C, H, W), ``is_open`` bool (N, 1, H_out, W_out) → (N, out_channels, …)."""
    closed = closed_response(layer, x, layer.bias).contiguous(memory_format=torch.channels_last)
    target = torch.zeros_like(closed) if layer.merge.stacks else closed
    opened = is_open.flatten().nonzero()[:, 0]
    if len(opened):
        extra = _extra(layer, window.x)
        if layer.geometry.groups == 1 and sparse_pays(kind(layer), layer, x, len(opened) / is_open.numel()):
            _fill_rows(layer, target, closed, extra, opened)
        else:
            target = choose(is_open, _everywhere(layer, closed, extra), target)
    return torch.cat([closed, target], 1) if layer.merge.stacks else target


def kind(layer: InertialConv2d) -> str:
    """Under which name the break-even table knows the detailed pass."""
    names = {Dilate: "dilate", Aggregate: "aggregate"}
    return names.get(type(layer.reapply), "resize") if layer.geometry.cores == 1 else "resize"


def _fill_rows(layer: InertialConv2d, target: Tensor, closed: Tensor, extra: Extra, opened: Tensor) -> None:
    height, width = extra.source.shape[-2:]
    grid = Grid(tuple(closed.shape[-2:]), layer.stride, (height, width))
    runs = Runs(extra.source, extra.kernel.shape[-1], extra.dilation)
    convolve_rows(
        pixels(target),
        opened,
        runs,
        grid.starts(opened),
        tap_matrix(extra.kernel),
        extra.shift,
        extra.scale,
        pixels(closed),
    )


def _everywhere(layer: InertialConv2d, closed: Tensor, extra: Extra) -> Tensor:
    groups = layer.geometry.groups
    values = F.conv2d(extra.source, extra.kernel, extra.shift, layer.stride, 0, extra.dilation, groups)
    return values if extra.scale is None else values.addcmul_(closed, extra.scale[:, None, None])


def _extra(layer: InertialConv2d, padded: Tensor) -> Extra:
    if type(layer.reapply) is Dilate and layer.geometry.cores == 1:
        return _spread_core(layer, padded)
    if type(layer.reapply) is Aggregate:
        return _core_on_blend(layer, padded)
    if layer.merge.stacks:
        return Extra(padded, layer.equivalent_kernel()[layer.geometry.filters :])
    return Extra(padded, layer.equivalent_kernel(), shift=layer.bias)


def _spread_core(layer: InertialConv2d, padded: Tensor) -> Extra:
    """β·(spread core) on top of the central core's response, which is there already."""
    spacing = (layer.geometry.kernel_size - 1) // (layer.geometry.core_size - 1)
    blend = layer.periphery[:, 0]
    scale = 1 + layer.merge.core_share - layer.merge.matched_share - blend
    return Extra(padded, blend_weights(layer)[1], spacing, scale, _rest_of_bias(layer, scale))


def _core_on_blend(layer: InertialConv2d, padded: Tensor) -> Extra:
    """The core once more, on the blended input."""
    blended = blend_input(layer, padded, (0, 0, 0, 0), 0)
    scale = None
    if layer.merge.matched_share:
        scale = -layer.merge.matched_share * layer.gamma[:, 0]
    elif layer.merge.core_share:
        scale = torch.full_like(layer.gamma[:, 0], layer.merge.core_share)
    return Extra(blended, each_core(layer).sum(1), 1, scale, _rest_of_bias(layer, scale))


def _rest_of_bias(layer: InertialConv2d, scale: Tensor | None) -> Tensor | None:
    """What is missing of the open value's bias when scale·closed has brought scale times the bias."""
    if layer.bias is None:
        return None
    wanted = 0.0 if layer.merge.stacks else 1.0
    return layer.bias * (wanted - (0.0 if scale is None else scale))
