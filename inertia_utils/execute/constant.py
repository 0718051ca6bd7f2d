"""The layer with all positions open or all closed: one or two convolutions, biases and paddings folded in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ..reapply import Aggregate, Dilate, Resize, Slide
from .placed import Widths, bordered, convolve, padded, to_core

if TYPE_CHECKING:
    from ..layer import InertialConv2d

#: MACs per position and filter that a depthwise pass over a map costs in time; measured on CPUs, notebook 08.
PASS = 40


def has_open_form(layer: InertialConv2d) -> bool:
    """Whether :func:`open_response` knows the layer's re-application and merge."""
    return type(layer.reapply) is Slide or (type(layer.reapply) in OPEN and not layer.merge.stacks)


def open_response(layer: InertialConv2d, x: Tensor) -> Tensor:
    """The output where every position is open, (N, C, H, W) → (N, out_channels, H_out, W_out); differentiable."""
    return OPEN[type(layer.reapply)](layer, x)


def closed_response(layer: InertialConv2d, x: Tensor, bias: Tensor | None) -> Tensor:
    """The first O channels of the output where every position is closed: one r×r convolution."""
    x, widths = bordered(layer, x)
    return convolve(x, closed_weight(layer), bias, to_core(layer, widths), layer.stride, layer.geometry.groups)


def closed_weight(layer: InertialConv2d) -> Tensor:
    """Each filter's cores as one: Σ_m γ_m·W_m or Σ_m W_m, (O, C/groups, r, r)."""
    cores = each_core(layer)
    return (cores * layer.gamma[..., None, None, None]).sum(1) if layer.merge.scales_core else cores.sum(1)


def each_core(layer: InertialConv2d) -> Tensor:
    """The core weights, (O, m, C/groups, r, r)."""
    return layer.weight.unflatten(0, (layer.geometry.filters, layer.geometry.cores))


def slide_weights(layer: InertialConv2d) -> Tensor:
    """a, with the core's own share of ``merge="add"`` at its centre: (O, m, k+1, k+1)."""
    if not layer.merge.core_share:
        return layer.periphery
    return layer.periphery + layer.merge.core_share * layer.reapply.identity(layer.geometry).to(layer.periphery)


def shared_out(layer: InertialConv2d, x: Tensor) -> tuple[Tensor, Widths, Widths]:
    """The input, and the zeros around it: those that the core's convolution adds, those left to the depthwise pass.

    Further out than r − 1 pixels from the image a core sees only zeros.
    """
    x, widths = bordered(layer, x)
    reach = layer.geometry.core_size - 1
    inner = tuple(min(width, reach) for width in widths)
    return x, inner, tuple(width - done for width, done in zip(widths, inner, strict=True))


def response_maps(layer: InertialConv2d, x: Tensor, inner: Widths, bias: Tensor | None = None) -> list[Tensor]:
    """φ of every core, each (N, O, …), with ``inner`` zeros around the input; ``bias`` is added to the first one."""
    weights = [layer.weight] if layer.geometry.cores == 1 else each_core(layer).unbind(1)
    biases = [bias, *[None] * (len(weights) - 1)]
    return [
        convolve(x, weight, added, inner, groups=layer.geometry.groups)
        for weight, added in zip(weights, biases, strict=True)
    ]


def depthwise(layer: InertialConv2d, maps: list[Tensor], weights: Tensor, bias: Tensor | None, rest: Widths) -> Tensor:
    """Σ_m of the depthwise convolutions of φ_m with ``weights`` (O, m, k+1, k+1)."""
    total = None
    for responses, weight in zip(maps, weights.unbind(1), strict=True):
        moved = convolve(
            responses,
            weight.unsqueeze(1),
            bias if total is None else None,
            rest,
            layer.stride,
            groups=layer.geometry.filters,
        )
        total = moved if total is None else total + moved
    return total


def outputs(layer: InertialConv2d) -> int:
    """Output channels per filter: 1, or 2 where the merge stacks."""
    return layer.out_channels // layer.geometry.filters


def saved_macs(layer: InertialConv2d) -> int:
    """MACs per position and filter that an open ``slide`` saves against its dense convolution, but for its passes."""
    geometry = layer.geometry
    taps = outputs(layer) * geometry.kernel_size**2 - geometry.cores * geometry.core_size**2
    return geometry.in_channels // geometry.groups * taps


def dense_is_cheaper(layer: InertialConv2d) -> bool:
    """One dense convolution with few input channels takes less time than further passes over the core's maps."""
    return saved_macs(layer) <= outputs(layer) * PASS


def is_one_convolution(layer: InertialConv2d) -> bool:
    """The open layer is fastest as its dense convolution."""
    return type(layer.reapply) is Resize or (type(layer.reapply) is Slide and dense_is_cheaper(layer))


def slide_kernel(layer: InertialConv2d, weights: Tensor) -> Tensor:
    """K_o = Σ_m a_{o,m} ∗ W_{o,m} as a full 2-D convolution with ``weights`` a: (O, C/groups, d, d)."""
    taps, weights = layer.weight.transpose(0, 1), weights.flatten(0, 1).unsqueeze(1)
    moved = F.conv_transpose2d(taps, weights, groups=len(weights))
    return moved.unflatten(1, (layer.geometry.filters, -1)).sum(2).transpose(0, 1)


def stacked_weights(layer: InertialConv2d) -> Tensor:
    """The weights of what is stacked: a, for δ with γ taken off the central placement, (O, m, k+1, k+1)."""
    if not layer.merge.matched_share:
        return layer.periphery
    centre = layer.reapply.identity(layer.geometry).to(layer.periphery)
    return layer.periphery - layer.merge.matched_share * layer.gamma[..., None, None] * centre


def blend_weights(layer: InertialConv2d) -> tuple[Tensor, Tensor]:
    """The kernels of T (+ the core of ``add``) for the blends: in the centre and stretched, m summed."""
    cores, blend = each_core(layer), layer.periphery[..., None, None, None]
    return ((1 + layer.merge.core_share - blend) * cores).sum(1), (blend * cores).sum(1)


def _open_slide(layer: InertialConv2d, x: Tensor) -> Tensor:
    if layer.merge.stacks:
        return _open_stack(layer, x)
    if dense_is_cheaper(layer):
        return _dense(layer, x, slide_kernel(layer, slide_weights(layer)))
    x, inner, rest = shared_out(layer, x)
    maps = response_maps(layer, x, inner)
    return depthwise(layer, maps, slide_weights(layer), layer.bias, rest)


def _open_stack(layer: InertialConv2d, x: Tensor) -> Tensor:
    """[c + b, δ] or [c + b, T]."""
    weights = stacked_weights(layer)
    if dense_is_cheaper(layer):
        core = in_centre(layer, each_core(layer).sum(1))
        return _dense(layer, x, torch.cat([core, slide_kernel(layer, weights)]))
    x, inner, rest = shared_out(layer, x)
    # The weights of δ sum to zero, so that it does not see a constant, unless zeros are still to be put around it.
    early = None if any(rest) or not layer.merge.matched_share else layer.bias
    maps = response_maps(layer, x, inner, early)
    (down, across), total = layer.stride, sum(maps[1:], maps[0])
    core = padded(total, to_core(layer, rest))[..., ::down, ::across]
    if layer.bias is not None and early is None:
        core = core + layer.bias.to(core.dtype).view(-1, 1, 1)
    return torch.cat([core, depthwise(layer, maps, weights, None, rest)], 1)


def _open_dilate(layer: InertialConv2d, x: Tensor) -> Tensor:
    central, spread = blend_weights(layer)
    x, widths = bordered(layer, x)
    spacing = (layer.geometry.kernel_size - 1) // (layer.geometry.core_size - 1)
    options = {"stride": layer.stride, "groups": layer.geometry.groups}
    wide = convolve(x, spread, None, widths, dilation=spacing, **options)
    return wide + convolve(x, central, layer.bias, to_core(layer, widths), **options)


def _open_resize(layer: InertialConv2d, x: Tensor) -> Tensor:
    central, spread = blend_weights(layer)
    geometry = layer.geometry
    matrix = layer.reapply.stretched(geometry.kernel_size, geometry.core_size).to(spread)
    stretched = (spread.flatten(2) @ matrix.T).unflatten(2, (geometry.kernel_size, geometry.kernel_size))
    return _dense(layer, x, stretched + in_centre(layer, central))


def _open_aggregate(layer: InertialConv2d, x: Tensor) -> Tensor:
    x, widths = bordered(layer, x)
    blended = blend_input(layer, x, widths, layer.merge.core_share)
    return convolve(blended, each_core(layer).sum(1), layer.bias, (0, 0, 0, 0), layer.stride, layer.geometry.groups)


def blend_input(
    layer: InertialConv2d, x: Tensor, widths: Widths, core_share: int, stride: tuple[int, int] = (1, 1)
) -> Tensor:
    """p ⊛ x, every channel alike, with ``core_share`` added to the central weight."""
    geometry = layer.geometry
    side, centre = geometry.margin + 1, geometry.offset * (geometry.margin + 2)
    fixed = layer.periphery.new_full((1,), 1.0 + core_share)
    shared = torch.cat([layer.periphery[:centre], fixed, layer.periphery[centre:]]).view(1, 1, side, side)
    return convolve(x, shared.expand(x.shape[1], -1, -1, -1), None, widths, stride, groups=x.shape[1])


def in_centre(layer: InertialConv2d, core: Tensor) -> Tensor:
    """A kernel of the core's size with zeros around it: (O, C/groups, r, r) → (O, C/groups, d, d)."""
    before, after = layer.geometry.offset, layer.geometry.margin - layer.geometry.offset
    return F.pad(core, (before, after, before, after))


def _dense(layer: InertialConv2d, x: Tensor, kernel: Tensor) -> Tensor:
    x, widths = bordered(layer, x)
    return convolve(x, kernel, layer.output_bias, widths, layer.stride, layer.geometry.groups)


OPEN = {Slide: _open_slide, Dilate: _open_dilate, Resize: _open_resize, Aggregate: _open_aggregate}
