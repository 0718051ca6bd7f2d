"""An open layer with frozen weights, which keeps its dense convolution for inputs that are too small for two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from .constant import outputs, saved_macs

if TYPE_CHECKING:
    from ..layer import InertialConv2d

#: MACs in whose time one further step is called and its weights are laid out, whatever its size: a core and a
#: depthwise pass that save fewer take longer than the dense convolution.  Measured on CPUs.
CALL = 12 * 10**6


class FoldedConv2d(nn.Module):
    """The layer in two steps where that saves time, its dense convolution otherwise.

    Args:
        layer: a layer whose gate is always open, with weights that do not change any more.

    Shape:
        as of the layer
    """

    def __init__(self, layer: InertialConv2d) -> None:
        super().__init__()
        self.layer, self.dense = layer, layer.to_conv()
        down, across = layer.stride
        saved = layer.geometry.filters * saved_macs(layer)
        #: Pixels of a batch up to which the dense convolution takes less time.
        self.few = outputs(layer) * CALL * down * across // saved

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, by whichever form takes less time for as many pixels."""
        pixels = x.numel() // max(1, x.shape[-3])
        return self.dense(x) if pixels <= self.few else self.layer(x)
