"""Multiply-accumulates of one inertial layer, in the columns of the study (design, section 6, rule 4)."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from .friction import friction_macs

if TYPE_CHECKING:
    from .layer import InertialConv2d


@dataclass(frozen=True)
class MacCount:
    """MACs by purpose: 1 multiply + 1 add, or one operation of the friction's arithmetic.

    Attributes:
        core: the core at the placements that are computed.
        periphery: the re-application where it is computed, and γ where it scales a closed position.
        friction: the measure and its channel reduction.
        gate: comparisons; one per decision, and more for a gate that compares positions with each other.
    """

    core: float = 0.0
    periphery: float = 0.0
    friction: float = 0.0
    gate: float = 0.0

    @property
    def total(self) -> float:
        """Sum of all columns."""
        return sum(astuple(self))

    def __add__(self, other: MacCount) -> MacCount:
        return MacCount(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, images: float) -> MacCount:
        return MacCount(*(column * images for column in astuple(self)))


def layer_macs(layer: InertialConv2d, input_shape: tuple[int, ...], open_fraction: float) -> MacCount:
    """MACs of ``layer`` when the fraction ``open_fraction`` of its positions is open.

    For ``skip="detail"`` with P positions and fraction ρ: core r²·C·O·m·P, periphery ρ·P times the detailed pass.
    ``slide`` needs the core at every placement inside any window, borders included, which is a few more than P; where
    no window is open it needs only P.  For ``skip="core"`` with Q placements in B blocks the core costs
    r²·C·O·m·(B + ρ·(Q − B)).

    Args:
        layer: the layer.
        input_shape: (C, H, W), or (N, C, H, W) for N images.
        open_fraction: ρ.

    Raises:
        ValueError: the shape does not fit the layer, or the fraction is outside [0, 1].
    """
    if len(input_shape) not in (3, 4) or input_shape[-3] != layer.in_channels:
        raise ValueError(f"input_shape: expected (C, H, W) with C = {layer.in_channels}, got {tuple(input_shape)}")
    if not 0 <= open_fraction <= 1:
        raise ValueError(f"open_fraction: {open_fraction!r} is not a fraction; give a number from 0 to 1")
    layer.padding.check(input_shape[-2:])
    images = input_shape[0] if len(input_shape) == 4 else 1
    count = _skip_core if layer.skip == "core" else _skip_detail
    return count(layer, input_shape, open_fraction) * images


def _skip_detail(layer: InertialConv2d, input_shape: tuple[int, ...], rho: float) -> MacCount:
    geometry = layer.geometry
    positions = _positions(layer, input_shape, geometry.kernel_size, layer.stride)
    placements = positions
    if hasattr(layer.reapply, "from_map") and rho > 0:
        placements = _positions(layer, input_shape, geometry.core_size, (1, 1))
    scales = layer.merge.scales_core and layer.gate.constant is None
    scaled = (1 - rho) * geometry.filters * geometry.cores if scales else 0.0
    return MacCount(
        core=geometry.core_macs * placements,
        periphery=(rho * layer.reapply.macs(geometry) + scaled) * positions,
        **_decisions(layer, positions, geometry.kernel_size, geometry.core_size),
    )


def _skip_core(layer: InertialConv2d, input_shape: tuple[int, ...], rho: float) -> MacCount:
    geometry = layer.geometry
    positions = _positions(layer, input_shape, geometry.kernel_size, layer.stride)
    placements = _positions(layer, input_shape, geometry.core_size, (1, 1))
    blocks = _positions(layer, input_shape, geometry.core_size, (2, 2))
    return MacCount(
        core=geometry.core_macs * (blocks + rho * (placements - blocks)),
        periphery=layer.reapply.macs(geometry) * positions,
        **_decisions(layer, blocks, geometry.core_size + 1, geometry.core_size),
    )


def _decisions(layer: InertialConv2d, count: int, window_size: int, core_size: int) -> dict[str, float]:
    if layer.gate.constant is not None:
        return {}
    per_window = friction_macs(layer.friction, window_size, core_size, layer.in_channels, layer.reduction)
    return {"friction": per_window * count, "gate": layer.gate.comparisons * count}


def _positions(layer: InertialConv2d, input_shape: tuple[int, ...], size: int, stride: tuple[int, int]) -> int:
    """How many windows of ``size`` fit into the padded input."""
    left, right, top, bottom = layer.padding.widths
    rows = (input_shape[-2] + top + bottom - size) // stride[0] + 1
    columns = (input_shape[-1] + left + right - size) // stride[1] + 1
    return rows * columns
