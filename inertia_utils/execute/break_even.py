"""From which open fraction on a pass over all positions takes less time than one over the open ones."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from ..layer import InertialConv2d

TABLE = Path(__file__).with_name("break_even.json")


def sparse_pays(kind: str, layer: InertialConv2d, x: Tensor, fraction: float) -> bool:
    """Whether computing the open positions alone is worth it.

    Args:
        kind: ``"detail"`` or ``"core"``, what is skipped.
        layer: the layer.
        x: its input, (N, C, H, W).
        fraction: share of open positions or blocks.
    """
    return fraction < break_even(kind, x.device.type, layer.geometry.in_channels)


@cache
def break_even(kind: str, device: str, channels: int) -> float:
    """The measured fraction of the nearest number of channels; 0 on a device without a measurement."""
    measured = json.loads(TABLE.read_text(encoding="utf-8"))["devices"].get(device, {}).get(kind, {})
    if not measured:
        return 0.0
    return measured[min(measured, key=lambda known: abs(int(known) / channels - channels / int(known)))]
