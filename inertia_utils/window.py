"""The d×d windows of a padded input, seen all at once.

Every window has a central r×r core at offset ⌊k/2⌋ and a periphery around it (design, section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Window:
    """All windows of size ``kernel_size`` that slide over ``x`` with ``stride``.

    Attributes:
        x: padded input, shape (N, C, H, W).
        kernel_size: d, the side of the window.
        margin: k, so that the core's side is r = d − k.
        stride: vertical and horizontal step between windows.
        detail: |δ| of every window, shape (N, O, H_out, W_out); only controls may look at it.
    """

    x: Tensor
    kernel_size: int
    margin: int
    stride: tuple[int, int] = (1, 1)
    detail: Tensor | None = None

    @property
    def core_size(self) -> int:
        """r = d − k."""
        return self.kernel_size - self.margin

    @property
    def offset(self) -> int:
        """⌊k/2⌋: row and column of the core's first pixel inside the window."""
        return self.margin // 2

    @property
    def shape(self) -> tuple[int, int]:
        """(H_out, W_out): how many windows there are."""
        rows, columns = ((size - self.kernel_size) for size in self.x.shape[-2:])
        return rows // self.stride[0] + 1, columns // self.stride[1] + 1

    def pixel(self, row: int, column: int) -> Tensor:
        """The pixel at (row, column) of every window, shape (N, C, H_out, W_out)."""
        (height, width), (down, right) = self.shape, self.stride
        return self.x[
            ..., row : row + down * (height - 1) + 1 : down, column : column + right * (width - 1) + 1 : right
        ]

    def periphery(self) -> Iterator[Tensor]:
        """The d² − r² periphery pixels of every window, one tensor after another."""
        core = range(self.offset, self.offset + self.core_size)
        for row in range(self.kernel_size):
            for column in range(self.kernel_size):
                if row not in core or column not in core:
                    yield self.pixel(row, column)

    def core(self) -> Tensor:
        """The padded input without the pixels that no core reaches; its r×r windows are the cores."""
        before, after = self.offset, self.margin - self.offset
        height, width = self.x.shape[-2:]
        return self.x[..., before : height - after, before : width - after]

    def mean(self) -> Tensor:
        """Mean of every window."""
        return F.avg_pool2d(self.x, self.kernel_size, self.stride)

    def core_mean(self) -> Tensor:
        """Mean of every core."""
        return F.avg_pool2d(self.core(), self.core_size, self.stride)

    def periphery_mean(self) -> Tensor:
        """Mean of every periphery."""
        # The difference of the sums over window and core would leave rounding noise where the periphery is zero.
        return sum(self.periphery()) / (self.kernel_size**2 - self.core_size**2)

    def max(self) -> Tensor:
        """Maximum of every window."""
        return F.max_pool2d(self.x, self.kernel_size, self.stride)

    def extreme(self, larger: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Maximum or minimum of every window, by rows and then by columns: log₂ d steps each, not d²."""
        rows = _running(self.x, self.kernel_size, self.stride[0], 2, larger)
        return _running(rows, self.kernel_size, self.stride[1], 3, larger)

    def reduced(self) -> Window:
        """The same windows over the channel mean of the input: the cheap channel reduction."""
        return replace(self, x=self.x.mean(1, keepdim=True))

    def filtered(self, kernel: Tensor) -> Tensor:
        """Every channel's windows weighed by one d×d kernel and summed."""
        channels = self.x.shape[1]
        weight = kernel.to(self.x).expand(channels, 1, *kernel.shape)
        return F.conv2d(self.x, weight, stride=self.stride, groups=channels)

    def empty_map(self) -> Tensor:
        """An uninitialised map with one value per window, shape (N, 1, H_out, W_out)."""
        return torch.empty(self.x.shape[0], 1, *self.shape, device=self.x.device, dtype=self.x.dtype)


def _running(x: Tensor, length: int, stride: int, dim: int, larger: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The extreme of every ``stride``-th run of ``length`` entries along ``dim``."""
    if stride == 2 and length % 2 == 0:
        # Pairs first: all that follows has half the size.
        pairs = x.shape[dim] // 2
        x = larger(_every_second(x, 0, pairs, dim), _every_second(x, 1, pairs, dim))
        length, stride = length // 2, 1
    covered = 1
    while covered < length:
        step = min(covered, length - covered)
        rest = x.shape[dim] - step
        x = larger(x.narrow(dim, 0, rest), x.narrow(dim, step, rest))
        covered += step
    return x if stride == 1 else x.index_select(dim, torch.arange(0, x.shape[dim], stride, device=x.device))


def _every_second(x: Tensor, first: int, count: int, dim: int) -> Tensor:
    chosen = [slice(None)] * 4
    chosen[dim] = slice(first, first + 2 * count, 2)
    return x[tuple(chosen)]
