"""The memory layout of one-channel images, which their strides leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ..layout import channels_last

if TYPE_CHECKING:
    from ..layer import InertialConv2d


def settled(layer: InertialConv2d, x: Tensor) -> Tensor:
    """``x`` (N, C, H, W), channels last where its strides fit that and the layer's parameters are so.

    ``nn.Conv2d`` lets its weight decide likewise.
    """
    ambiguous = x.shape[1] == 1 and x.is_contiguous()
    return channels_last(x) if ambiguous and _is_channels_last(layer) else x


def _is_channels_last(layer: InertialConv2d) -> bool:
    parameters = (layer.weight, layer.periphery)
    return any(part.dim() == 4 and part.shape[-1] > 1 and part.stride(1) == 1 for part in parameters)
