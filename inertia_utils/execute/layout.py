"""The memory layout of one-channel images, which their strides leave open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from ..layer import InertialConv2d


def settled(layer: InertialConv2d, x: Tensor) -> Tensor:
    """``x`` (N, C, H, W), as channels last where it could be read either way and the layer's parameters are so.

    ``nn.Conv2d`` lets its weight decide likewise.  Without it the responses of a network's first layer would come out
    channel by channel, which makes the max-pooling behind it several times slower.
    """
    if x.shape[1] != 1 or not x.is_contiguous() or not _is_channels_last(layer):
        return x
    return x.reshape(len(x), *x.shape[2:], 1).permute(0, 3, 1, 2)


def _is_channels_last(layer: InertialConv2d) -> bool:
    parameters = (layer.weight, layer.periphery)
    return any(part.dim() == 4 and part.shape[-1] > 1 and part.stride(1) == 1 for part in parameters)
