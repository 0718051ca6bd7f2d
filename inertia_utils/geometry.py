"""The sizes of one inertial convolution, in the letters of the derivation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """d, k, r, C, O and m of a layer.

    Attributes:
        kernel_size: d, the side of the window.
        margin: k, how much smaller the core is.
        in_channels: C.
        filters: O, the number of core filters' sums (the output channels before any stacking).
        cores: m, core filters per output filter.
        groups: channel groups, as in ``nn.Conv2d``.
    """

    kernel_size: int
    margin: int
    in_channels: int = 1
    filters: int = 1
    cores: int = 1
    groups: int = 1

    @property
    def core_size(self) -> int:
        """r = d − k."""
        return self.kernel_size - self.margin

    @property
    def offset(self) -> int:
        """⌊k/2⌋: row and column of the core's first pixel inside the window."""
        return self.margin // 2

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the core weights, (O·m, C/groups, r, r)."""
        return self.filters * self.cores, self.in_channels // self.groups, self.core_size, self.core_size

    @property
    def core_macs(self) -> int:
        """MACs of the core at one placement, r²·C·O·m/groups."""
        rows, channels, height, width = self.weight_shape
        return rows * channels * height * width
