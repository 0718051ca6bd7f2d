"""A convolution at chosen positions only: gathered rows of pixels, one matrix product, scattered results."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: Positions gathered at a time; their rows fit into the cache, and the product runs at full speed.
CHUNK = 2048


@dataclass(frozen=True)
class Grid:
    """Where windows start in a map.

    Attributes:
        shape: (H_out, W_out), windows down and across.
        stride: step between windows.
        size: (H, W) of the map that they lie in.
    """

    shape: tuple[int, int]
    stride: tuple[int, int]
    size: tuple[int, int]

    def starts(self, chosen: Tensor) -> Tensor:
        """Index of the first pixel of the chosen windows among all N·H·W pixels; ``chosen`` counts windows."""
        (rows, columns), (down, right), (height, width) = self.shape, self.stride, self.size
        image, place = chosen // (rows * columns), chosen % (rows * columns)
        return (image * height + place // columns * down) * width + place % columns * right


def pixels(x: Tensor) -> Tensor:
    """(N, C, H, W) → (N·H·W, C), a view where the memory format is channels_last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def choose(is_open: Tensor, opened: Tensor, closed: Tensor) -> Tensor:
    """``opened`` where open, else ``closed``; in place in ``opened`` where its pixels are rows in memory."""
    if not opened.is_contiguous(memory_format=torch.channels_last):
        return torch.where(is_open, opened, closed)
    # Copying whole pixels is faster than a selection that repeats the mask for every channel.
    rows = (~is_open).flatten().nonzero()[:, 0]
    pixels(opened).index_copy_(0, rows, pixels(closed).index_select(0, rows))
    return opened


def tap_matrix(kernel: Tensor) -> Tensor:
    """(O, C, rows, columns) → (rows·columns·C, O), in the order of gathered pixels."""
    return kernel.permute(2, 3, 1, 0).reshape(-1, kernel.shape[0])


def tap_offsets(side: int, dilation: int, width: int, device: torch.device) -> Tensor:
    """Distance of every tap of a side×side kernel from its first one, in pixels of a map of this width."""
    steps = torch.arange(side, device=device) * dilation
    return (steps[:, None] * width + steps).flatten()


def convolve_rows(
    target: Tensor,
    chosen: Tensor,
    source: Tensor,
    starts: Tensor,
    offsets: Tensor,
    matrix: Tensor,
    shift: Tensor | None = None,
    scale: Tensor | None = None,
    base: Tensor | None = None,
) -> None:
    """In place: target[chosen] = window·matrix + shift + scale·base[chosen].

    Args:
        target: (positions, O).
        chosen: which positions, (n,).
        source: pixels of the map, (N·H·W, C).
        starts: index of each chosen window's first pixel, (n,).
        offsets: of the taps, (taps,).
        matrix: (taps·C, O).
        shift: (O,).
        scale: (O,).
        base: (positions, O), needed with a scale.
    """
    for rows, first in zip(chosen.split(CHUNK), starts.split(CHUNK), strict=True):
        windows = source.index_select(0, (first[:, None] + offsets).flatten()).view(len(first), -1)
        values = windows @ matrix if shift is None else torch.addmm(shift, windows, matrix)
        if scale is not None:
            values.addcmul_(base.index_select(0, rows), scale)
        target.index_copy_(0, rows, values)
