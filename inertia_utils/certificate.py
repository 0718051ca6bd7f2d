"""What skipping can cost at most, known before anything is computed (derived in notebook 02).

Skipping drops a linear response D·x whose kernel sums to zero in every channel, since it vanishes on flat windows.
Adding a constant to a channel therefore changes nothing, and with the middle of the channel's range taken off,
|D·x| ≤ Σ_c ½‖D_c‖₁·range_c.  For ``slide`` this is at most the simpler ‖a_o‖₁·Σ_c ‖W_{o,c}‖₁·range_c.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .blocks import block_windows
from .friction import value_range
from .layer import InertialConv2d
from .reapply import placements


def detail_kernel(layer: InertialConv2d) -> Tensor:
    """D = K − γ·W in its central placement: the kernel of δ, shape (O, C/groups, d, d)."""
    return layer.kernel_responses().detail.transpose(0, 1)


def detail_bound(layer: InertialConv2d, x: Tensor) -> Tensor:
    """An upper bound of |δ| at every position.

    Args:
        layer: any inertial layer.
        x: input, shape (N, C, H, W).

    Returns:
        Σ_c ½‖D_{o,c}‖₁·range_c, shape (N, O, H_out, W_out).
    """
    strength = detail_kernel(layer).abs().flatten(2).sum(2) / 2
    return F.conv2d(value_range(layer.windows(x)), strength[..., None, None], groups=layer.geometry.groups)


def block_bound(layer: InertialConv2d, x: Tensor) -> Tensor:
    """An upper bound of |φ(p) − φ(anchor)| over each block of ``skip="core"``.

    Args:
        layer: any inertial layer.
        x: input, shape (N, C, H, W).

    Returns:
        Σ_c max_s ½‖W_{o,c} at s − W_{o,c} at the anchor‖₁·range_c, shape (N, O·m, blocks down, blocks across).
    """
    core_size = layer.geometry.core_size
    moves = placements(core_size + 1, core_size).to(layer.weight)
    moved = torch.einsum("sur,ocr->socu", moves, layer.weight.flatten(2))
    strength = (moved - moved[0]).abs().sum(3).amax(0) / 2
    return F.conv2d(
        value_range(block_windows(layer.windows(x))), strength[..., None, None], groups=layer.geometry.groups
    )
