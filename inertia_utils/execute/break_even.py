"""From which open fraction on a pass over all positions takes less time than one over the open ones."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from ..layer import InertialConv2d

#: Written by ``python -m inertia_utils bench gate --install``.
TABLE = Path(__file__).with_name("break_even.json")


def sparse_pays(kind: str, layer: InertialConv2d, x: Tensor, fraction: float) -> bool:
    """Whether computing the open positions alone takes less time.

    Args:
        kind: name in the table, of what is skipped.
        layer: the layer.
        x: its input, (N, C, H, W).
        fraction: share of open positions or blocks.
    """
    pixels = x.shape[0] * x.shape[2] * x.shape[3]
    return fraction < break_even(kind, x.device.type, layer.geometry.in_channels, pixels)


@cache
def break_even(kind: str, device: str, channels: int, pixels: int) -> float:
    """The fraction measured for the most similar number of channels and pixels; 0 on a device without measurements."""
    measured = json.loads(TABLE.read_text(encoding="utf-8"))["devices"].get(device, {}).get(kind, [])

    def distance(point: dict[str, float]) -> float:
        return abs(math.log(point["channels"] / channels)) + abs(math.log(point["pixels"] / pixels))

    return min(measured, key=distance)["fraction"] if measured else 0.0
