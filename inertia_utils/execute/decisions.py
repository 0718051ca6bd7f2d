"""Friction and gate of a part of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..blocks import block_windows
from ..friction import friction_map
from ..window import Window
from .parts import PASSES, parts

if TYPE_CHECKING:
    from ..layer import InertialConv2d


def decide(layer: InertialConv2d, window: Window) -> Tensor:
    """Which positions (blocks for ``skip="core"``) are open, bool, (N, 1, H_out, W_out)."""
    if layer.skip == "core":
        window = block_windows(window)
    if layer.gate.constant is not None:
        return torch.full((len(window.x), 1, *window.shape), bool(layer.gate.constant), device=window.x.device)
    return layer.gate(friction(layer, window)) != 0


def friction(layer: InertialConv2d, window: Window) -> Tensor:
    """Friction of every window, (N, 1, H_out, W_out)."""
    if draws(layer) or layer.reduction == "before":
        return friction_map(layer.friction, window, layer.reduction)
    x = window.x
    maps = [
        friction_map(layer.friction, replace(window, x=x[part]), layer.reduction)
        for part in parts(x, x.shape[1], PASSES)
    ]
    return maps[0] if len(maps) == 1 else torch.cat(maps)


def draws(layer: InertialConv2d) -> bool:
    """The measure does not look at the image; what it draws depends on how many values it draws at a time."""
    return not layer.friction.macs_per_channel(layer.geometry.kernel_size, layer.geometry.core_size)
