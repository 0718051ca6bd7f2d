"""Friction and gate of a whole batch, computed a few images at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..blocks import block_windows
from ..friction import friction_map
from ..window import Window
from .parts import parts

if TYPE_CHECKING:
    from ..layer import InertialConv2d


def decide(layer: InertialConv2d, x: Tensor) -> Tensor:
    """Which positions (blocks for ``skip="core"``) are open, bool, (N, 1, H, W); records the open fraction."""
    if layer.gate.constant is not None:
        positions = _windows(layer, x[:1]).shape
        return torch.full((x.shape[0], 1, *positions), bool(layer.gate.constant), device=x.device)
    gate = layer.gate(friction(layer, x))
    if gate.numel():
        layer.open_fraction.copy_(gate.mean(dtype=torch.float32))
    return gate != 0


def friction(layer: InertialConv2d, x: Tensor) -> Tensor:
    """Friction of every position or block of a batch (N, C, H, W): (N, 1, H, W)."""
    # Draws of a random measure depend on how many are made at a time.
    if not layer.friction.macs_per_channel(layer.geometry.kernel_size, layer.geometry.core_size):
        return friction_map(layer.friction, _windows(layer, x), layer.reduction)
    maps = [friction_map(layer.friction, _windows(layer, x[part]), layer.reduction) for part in parts(x, x.shape[1])]
    return maps[0] if len(maps) == 1 else torch.cat(maps)


def _windows(layer: InertialConv2d, x: Tensor) -> Window:
    window = layer.windows(x)
    return block_windows(window) if layer.skip == "core" else window
