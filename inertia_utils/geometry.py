"""The sizes of one inertial convolution, in the letters of the derivation."""

from __future__ import annotations

from dataclasses import dataclass

from .padding import pair


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


def checked_geometry(
    in_channels: int,
    out_channels: int,
    kernel_size: int | tuple[int, int],
    margin: int,
    cores: int,
    groups: int,
    stacks: bool,
) -> Geometry:
    """Check the sizes of a layer and gather them.

    Raises:
        ValueError: a size is out of range, or groups or stacking do not divide the channels.
    """
    rows, columns = pair("kernel_size", kernel_size, smallest=2)
    if rows != columns:
        raise ValueError(f"kernel_size: the window must be square, got {kernel_size!r}")
    counts = {"in_channels": in_channels, "out_channels": out_channels, "margin": margin, "cores": cores}
    for argument, value in {**counts, "groups": groups}.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{argument}: expected a whole number of at least 1, got {value!r}")
    if margin >= rows:
        raise ValueError(f"margin: {margin} leaves no core in a window of kernel_size={rows}; it must be below {rows}")
    if stacks and out_channels % 2:
        raise ValueError(
            f"out_channels: a merge that stacks gives two channels per filter, so {out_channels} must be even"
        )
    filters = out_channels // 2 if stacks else out_channels
    if in_channels % groups or filters % groups:
        raise ValueError(f"groups: {groups} must divide in_channels={in_channels} and the number of filters {filters}")
    if stacks and groups > 1:
        raise ValueError(
            f"groups: a merge that stacks orders its channels by cores and what is stacked, not by {groups} groups"
        )
    return Geometry(rows, margin, in_channels, filters, cores, groups)
