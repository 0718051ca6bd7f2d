"""Re-application T(x): the core's weights, over the whole window (design, section 2).

Every way of re-applying is linear in the core and affine in the periphery weights θ.  It is therefore given by d²×r²
matrices M_0 … M_J, its *basis*: K = (M_0 + Σ_j θ_j M_j)·W is its equivalent d×d kernel.  The equivalent kernel, the
least-squares fit to a dense kernel and the response γ to a flat window all follow from the basis; only the fast way to
evaluate T differs between them.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from .geometry import Geometry
from .registry import Registry
from .window import Window


class Reapply(Protocol):
    """What the layer needs of a re-application."""

    def check(self, geometry: Geometry) -> None:
        """Raise ValueError where the re-application is not defined for this window and margin."""

    def basis(self, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """M_0 of shape (d², r²) and M_1 … M_J of shape (J, d², r²), in float64."""

    def periphery_shape(self, geometry: Geometry) -> tuple[int, ...]:
        """Shape of the periphery weights θ."""

    def coefficients(self, periphery: Tensor, geometry: Geometry) -> Tensor:
        """θ for each filter and core, shape (O, m, J)."""

    def prior(self, geometry: Geometry) -> tuple[float, float]:
        """Mean and standard deviation from which θ is drawn at the start."""

    def identity(self, geometry: Geometry) -> Tensor:
        """The θ for which T is the core response itself."""

    def forward(self, window: Window, weight: Tensor, periphery: Tensor, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """Core responses (N, O·m, H_out, W_out) and re-applied responses T (N, O, H_out, W_out)."""

    def macs(self, geometry: Geometry) -> int:
        """MACs per position of the detailed pass."""


REAPPLICATIONS: Registry[type[Reapply]] = Registry("reapply")
#: Those whose γ is 1 by construction, so that the merges ``replace`` and ``matched`` are one network.
UNIT_GAMMA = ("dilate", "resize")


def core_response(window: Window, weight: Tensor, groups: int) -> Tensor:
    """c(p): the core at its central placement, shape (N, O·m, H_out, W_out)."""
    return F.conv2d(window.core(), weight, stride=window.stride, groups=groups)


def sum_cores(responses: Tensor, cores: int) -> Tensor:
    """Sum each filter's m cores: (N, O·m, H, W) → (N, O, H, W)."""
    # Adding slices keeps the memory format, which a sum over a split dimension does not.
    first, *others = responses.unflatten(1, (-1, cores)).unbind(2)
    return sum(others, first)


def placements(kernel_size: int, core_size: int) -> Tensor:
    """For each placement of an r×r core in a d×d window, the matrix that puts it there: ((k+1)², d², r²)."""
    return torch.stack(
        [
            _embedding(kernel_size, core_size, row, column, 1)
            for row in range(kernel_size - core_size + 1)
            for column in range(kernel_size - core_size + 1)
        ]
    )


def _embedding(kernel_size: int, core_size: int, row: int, column: int, dilation: int) -> Tensor:
    taps = torch.eye(core_size**2, dtype=torch.float64).unflatten(1, (core_size, core_size))
    canvas = torch.zeros(core_size**2, kernel_size, kernel_size, dtype=torch.float64)
    span = dilation * (core_size - 1) + 1
    canvas[:, row : row + span : dilation, column : column + span : dilation] = taps
    return canvas.flatten(1).T


def central(geometry: Geometry) -> Tensor:
    """The matrix that puts an r×r core at its central placement in a d×d window: (d², r²)."""
    return _embedding(geometry.kernel_size, geometry.core_size, geometry.offset, geometry.offset, 1)


@REAPPLICATIONS.register("slide")
class Slide:
    """The core at all (k+1)² placements, weighed per filter: K_o = Σ_m a_{o,m} ∗ W_{o,m}.

    The placements inside a window are the neighbours' own core responses, so T is a depthwise convolution of the core's
    response map.  With r = 1 this is BSConv-U (Haase & Amthor, CVPR 2020).
    """

    def check(self, geometry: Geometry) -> None:
        """Defined for every window and margin."""

    def basis(self, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """M_0 = 0 and one M_j per placement."""
        moves = placements(geometry.kernel_size, geometry.core_size)
        return torch.zeros_like(moves[0]), moves

    def periphery_shape(self, geometry: Geometry) -> tuple[int, ...]:
        """(O, m, k+1, k+1)."""
        return geometry.filters, geometry.cores, geometry.margin + 1, geometry.margin + 1

    def coefficients(self, periphery: Tensor, geometry: Geometry) -> Tensor:
        """The weights a, one row per filter and core."""
        return periphery.flatten(2)

    def prior(self, geometry: Geometry) -> tuple[float, float]:
        """Mean 0 and variance 1/(m·(k+1)²), which keeps the variance of the core's response."""
        return 0.0, (geometry.cores * (geometry.margin + 1) ** 2) ** -0.5

    def identity(self, geometry: Geometry) -> Tensor:
        """One at the central placement."""
        weights = torch.zeros(self.periphery_shape(geometry))
        weights[..., geometry.offset, geometry.offset] = 1
        return weights

    def forward(self, window: Window, weight: Tensor, periphery: Tensor, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """The response map once, then its central placement and its depthwise convolution."""
        return self.from_map(F.conv2d(window.x, weight, groups=geometry.groups), window, periphery)

    def from_map(self, responses: Tensor, window: Window, periphery: Tensor) -> tuple[Tensor, Tensor]:
        """Core and T from the response map φ, shape (N, O·m, H − r + 1, W − r + 1)."""
        at_placements = Window(responses, window.margin + 1, window.margin, window.stride)
        core = at_placements.pixel(window.offset, window.offset)
        # Depthwise and then summed: torch has fast kernels for one channel per group, not for m.
        weights = periphery.flatten(0, 1).unsqueeze(1)
        moved = F.conv2d(responses, weights, stride=window.stride, groups=len(weights))
        return core, sum_cores(moved, periphery.shape[1])

    def macs(self, geometry: Geometry) -> int:
        """O·m·(k+1)²."""
        return geometry.filters * geometry.cores * (geometry.margin + 1) ** 2


class _Blend:
    """T = (1 − β)·core + β·(the core stretched to the window), one β per filter and core."""

    def check(self, geometry: Geometry) -> None:
        """Defined for every window and margin."""

    def stretched(self, kernel_size: int, core_size: int) -> Tensor:
        """The matrix that stretches a core to the window, shape (d², r²)."""
        raise NotImplementedError

    def basis(self, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """M_0 places the core in the centre; M_1 moves it from there to its stretched form."""
        in_centre = central(geometry)
        return in_centre, (self.stretched(geometry.kernel_size, geometry.core_size) - in_centre)[None]

    def periphery_shape(self, geometry: Geometry) -> tuple[int, ...]:
        """(O, m)."""
        return geometry.filters, geometry.cores

    def coefficients(self, periphery: Tensor, geometry: Geometry) -> Tensor:
        """β for each filter and core."""
        return periphery[..., None]

    def prior(self, geometry: Geometry) -> tuple[float, float]:
        """Half core and half stretched core, a quarter more or less from filter to filter."""
        return 0.5, 0.25

    def identity(self, geometry: Geometry) -> Tensor:
        """β = 0."""
        return torch.zeros(self.periphery_shape(geometry))

    def forward(self, window: Window, weight: Tensor, periphery: Tensor, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """Two convolutions, blended."""
        core = core_response(window, weight, geometry.groups)
        wide = self.wide_response(window, weight, geometry.groups)
        blend = periphery.reshape(-1, 1, 1).to(core.dtype)
        return core, sum_cores(core + blend * (wide - core), geometry.cores)

    def wide_response(self, window: Window, weight: Tensor, groups: int) -> Tensor:
        """The stretched core's response, shape (N, O·m, H_out, W_out)."""
        matrix = self.stretched(window.kernel_size, window.core_size).to(weight)
        kernel = (weight.flatten(2) @ matrix.T).unflatten(2, (window.kernel_size, window.kernel_size))
        return F.conv2d(window.x, kernel, stride=window.stride, groups=groups)


@REAPPLICATIONS.register("dilate")
class Dilate(_Blend):
    """The core's taps spread to the window's edge: K = (1 − β)·W in the centre + β·W on a dilated grid."""

    def check(self, geometry: Geometry) -> None:
        """r ≥ 2 taps whose spacing (d − 1)/(r − 1) is whole.

        Raises:
            ValueError: the dilated core would not reach the window's edge.
        """
        kernel_size, core_size = geometry.kernel_size, geometry.core_size
        if core_size < 2 or (kernel_size - 1) % (core_size - 1):
            raise ValueError(
                f"reapply: 'dilate' cannot spread a core of {core_size} to the edge of a window of {kernel_size} "
                f"(kernel_size={kernel_size}, margin={geometry.margin}); it needs kernel_size - margin >= 2 and "
                "kernel_size - 1 divisible by kernel_size - margin - 1"
            )

    def stretched(self, kernel_size: int, core_size: int) -> Tensor:
        """Taps at distance (d − 1)/(r − 1)."""
        return _embedding(kernel_size, core_size, 0, 0, (kernel_size - 1) // (core_size - 1))

    def wide_response(self, window: Window, weight: Tensor, groups: int) -> Tensor:
        """A dilated convolution."""
        spacing = (window.kernel_size - 1) // (window.core_size - 1)
        return F.conv2d(window.x, weight, stride=window.stride, dilation=spacing, groups=groups)

    def macs(self, geometry: Geometry) -> int:
        """r²·C·O·m."""
        return geometry.core_macs


@REAPPLICATIONS.register("resize")
class Resize(_Blend):
    """The core resized bilinearly to d×d: K = (1 − β)·W + β·resized W.

    Each tap's bilinear footprint is scaled to sum to one, so a constant input gives the same response before and after.
    """

    def stretched(self, kernel_size: int, core_size: int) -> Tensor:
        """Bilinear interpolation with every column scaled to sum one."""
        taps = torch.eye(core_size, dtype=torch.float64)[None]
        line = F.interpolate(taps, size=kernel_size, mode="linear", align_corners=False)[0]
        line = line / line.sum(1, keepdim=True)
        return torch.einsum("iu,jv->uvij", line, line).reshape(kernel_size**2, core_size**2)

    def macs(self, geometry: Geometry) -> int:
        """d²·C·O·m."""
        return geometry.core_macs * geometry.kernel_size**2 // geometry.core_size**2


@REAPPLICATIONS.register("aggregate")
class Aggregate:
    """The window is aggregated to the core's size by weights p that all channels and filters share: K = p ∗ W.

    p has (k+1)² entries, one per placement, and its central entry is fixed at one: (k+1)² − 1 periphery weights, which
    are d² − r² for r = 1, the form published earlier.
    """

    def check(self, geometry: Geometry) -> None:
        """Defined for every window and margin."""

    def basis(self, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """M_0 is the central placement, M_j the others."""
        moves = placements(geometry.kernel_size, geometry.core_size)
        index = self._central_index(geometry)
        return moves[index], torch.cat([moves[:index], moves[index + 1 :]])

    def periphery_shape(self, geometry: Geometry) -> tuple[int, ...]:
        """((k+1)² − 1,)."""
        return ((geometry.margin + 1) ** 2 - 1,)

    def coefficients(self, periphery: Tensor, geometry: Geometry) -> Tensor:
        """The shared weights, repeated for each filter and core."""
        return periphery.expand(geometry.filters, geometry.cores, -1)

    def prior(self, geometry: Geometry) -> tuple[float, float]:
        """Mean 0 and variance 1/(k+1)²."""
        return 0.0, 1 / (geometry.margin + 1)

    def identity(self, geometry: Geometry) -> Tensor:
        """p = 0 off the centre."""
        return torch.zeros(self.periphery_shape(geometry))

    def forward(self, window: Window, weight: Tensor, periphery: Tensor, geometry: Geometry) -> tuple[Tensor, Tensor]:
        """Blend the input with its shifts, then apply the core to the blend."""
        index, side = self._central_index(geometry), geometry.margin + 1
        shared = torch.cat([periphery[:index], periphery.new_ones(1), periphery[index:]]).view(side, side)
        blended = Window(window.x, side, geometry.margin).filtered(shared)
        reapplied = F.conv2d(blended, weight, stride=window.stride, groups=geometry.groups)
        return core_response(window, weight, geometry.groups), sum_cores(reapplied, geometry.cores)

    def macs(self, geometry: Geometry) -> int:
        """((k+1)² − 1)·C for the blend and r²·C·O·m for the core on it."""
        return ((geometry.margin + 1) ** 2 - 1) * geometry.in_channels + geometry.core_macs

    @staticmethod
    def _central_index(geometry: Geometry) -> int:
        return geometry.offset * (geometry.margin + 2)
