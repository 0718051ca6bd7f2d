"""A convolution at chosen positions only: gathered rows of pixels, one matrix product, scattered results."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: Bytes gathered at a time: they stay in the cache, and the product runs at full speed.
GATHERED = 4 * 2**20


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


def copy_rows(
    target: Tensor, chosen: Tensor, sources: list[tuple[Tensor, Tensor | None]], starts: Tensor, shift: Tensor | None
) -> None:
    """In place: target[chosen] = Σ source[starts]·scale + shift.

    Args:
        target: (N, O, H, W) in channels_last.
        chosen: positions of the target, (n,).
        sources: maps (N', O, H', W') in channels_last, each with its scale, (O,) or a number; None for 1.
        starts: pixels of the sources, (n,).
        shift: (O,).
    """
    total = None
    for source, scale in sources:
        values = pixels(source).index_select(0, starts)
        values = values if scale is None else values.mul_(scale)
        total = values if total is None else total.add_(values)
    pixels(target).index_copy_(0, chosen, total if shift is None else total.add_(shift))


def tap_matrix(kernel: Tensor) -> Tensor:
    """(O, C, rows, columns) → (rows·columns·C, O), in the order of gathered pixels."""
    return kernel.permute(2, 3, 1, 0).reshape(-1, kernel.shape[0])


class Runs:
    """The side×side windows of a map as runs of pixels that lie side by side in memory.

    Args:
        source: (N, C, H, W).
        side: of the window.
        dilation: spacing of its taps; spaced taps are runs of one pixel.
    """

    def __init__(self, source: Tensor, side: int, dilation: int = 1) -> None:
        width, channels = source.shape[-1], source.shape[1]
        steps = torch.arange(side, device=source.device) * dilation
        flat = pixels(source).contiguous()
        if dilation == 1:
            # Rows overlap: the run that starts at a pixel holds the next side − 1 pixels too.
            self._runs = flat.as_strided((len(flat) - side + 1, side * channels), (channels, 1))
            self._offsets = steps * width
        else:
            self._runs, self._offsets = flat, (steps[:, None] * width + steps).flatten()
        self.taps = side * side * channels

    def gather(self, starts: Tensor) -> Tensor:
        """The windows that start at these pixels, (n,) → (n, side²·C)."""
        return self._runs.index_select(0, (starts[:, None] + self._offsets).flatten()).view(len(starts), -1)


def convolve_rows(
    target: Tensor,
    chosen: Tensor,
    source: Runs,
    starts: Tensor,
    matrix: Tensor,
    shift: Tensor | None = None,
    scale: Tensor | None = None,
    base: Tensor | None = None,
) -> None:
    """In place: target[chosen] = window·matrix + shift + scale·base[chosen].

    Args:
        target: (positions, O).
        chosen: which positions, (n,).
        source: the map's windows.
        starts: index of each chosen window's first pixel, (n,).
        matrix: (side²·C, O).
        shift: (O,).
        scale: (O,).
        base: (positions, O), needed with a scale.
    """
    size = max(1, GATHERED // (source.taps * target.element_size()))
    for rows, first in zip(chosen.split(size), starts.split(size), strict=True):
        windows = source.gather(first)
        values = windows @ matrix if shift is None else torch.addmm(shift, windows, matrix)
        if scale is not None:
            values.addcmul_(base.index_select(0, rows), scale)
        target.index_copy_(0, rows, values)
