"""Convolutions that pad as they go, so that no padded copy of the input is written first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from ..layer import InertialConv2d

#: Zeros around a map, as ``F.pad`` takes them: left, right, top, bottom.
Widths = tuple[int, int, int, int]


def bordered(layer: InertialConv2d, x: Tensor) -> tuple[Tensor, Widths]:
    """An input (N, C, H, W) and the zeros that are still missing around it; other padding modes pad at once."""
    if layer.padding.mode == "zeros" and 0 not in x.shape[-2:]:
        return x, layer.padding.widths
    return layer.padding(x), (0, 0, 0, 0)


def padded(x: Tensor, widths: Widths) -> Tensor:
    """``x`` with ``widths`` zeros around it; negative widths cut pixels off, and cuts alone copy nothing."""
    left, right, top, bottom = widths
    if max(widths) > 0:
        return F.pad(x, widths)
    return x[..., -top : x.shape[-2] + bottom, -left : x.shape[-1] + right]


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    widths: Widths,
    stride: tuple[int, int] = (1, 1),
    groups: int = 1,
    dilation: int = 1,
) -> Tensor:
    """``F.conv2d`` on ``x`` with ``widths`` zeros around it; negative widths cut pixels off."""
    left, right, top, bottom = widths
    if left == right >= 0 and top == bottom >= 0:
        return F.conv2d(x, weight, bias, stride, (top, left), dilation, groups)
    return F.conv2d(F.pad(x, widths), weight, bias, stride, 0, dilation, groups)


def to_core(layer: InertialConv2d, widths: Widths) -> Widths:
    """The zeros that a core of its own needs, where the whole window needs ``widths``."""
    geometry = layer.geometry
    before, after = geometry.offset, geometry.margin - geometry.offset
    left, right, top, bottom = widths
    return left - before, right - after, top - before, bottom - after
