"""Milliseconds of every friction measure, channels reduced before and after it, beside the layer that it serves.

The layers are (5, 2) and (3, 2) with 64 filters and their gates open; each measure sees the layer's own input and
padding.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .. import paths
from ..friction import MEASURES, REDUCTIONS, friction_macs, friction_map
from ..layer import InertialConv2d
from .record import write
from .timing import interleave, machine, ratio

LAYER = "layer, gate open"
#: Shapes of the input: the second layer of FashionNet, and a layer of 64 channels.
SHAPES = {"32 channels, 14×14": (64, 32, 14, 14), "64 channels, 28×28": (64, 64, 28, 28)}
#: Windows and margins of the layers.
LAYERS = ((5, 2), (3, 2))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of the benchmark."""
    parser.add_argument("--rounds", type=int, default=15, help="counted rounds (default: 15)")
    parser.add_argument("--output", type=Path, default=paths.EXECUTED / "bench" / "friction.json", help="JSON to write")


def main(options: argparse.Namespace) -> int:
    """Measure and write JSON."""
    write(options.output, measure(options.rounds), None)
    return 0


@torch.no_grad()
def measure(rounds: int, shapes: dict[str, tuple[int, ...]] | None = None) -> dict[str, Any]:
    """Time every measure at every shape; returns a record of plain values.

    Args:
        rounds: counted rounds.
        shapes: name → input shape (N, C, H, W); by default :data:`SHAPES`.
    """
    places = [(name, shape, d, k) for name, shape in (shapes or SHAPES).items() for d, k in LAYERS]
    rows = [row for place in places for row in _at(*place, rounds)]
    return {"layers": "64 filters, float32, channels last", "rounds": rounds, "machine": machine(), "rows": rows}


def _at(name: str, shape: tuple[int, ...], d: int, k: int, rounds: int) -> list[dict[str, Any]]:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last)
    layer = InertialConv2d(shape[1], 64, d, k, padding="same").eval().to(memory_format=torch.channels_last)
    arms: dict[str, Callable[[], object]] = {LAYER: lambda: layer(x)}
    for friction, reduction in timed():
        arms[f"{friction}/{reduction}"] = lambda f=friction, r=reduction: friction_map(MEASURES[f], layer.windows(x), r)
    timings = interleave(arms, rounds)
    layer_macs = layer.macs(shape).total
    rows = []
    for friction, reduction in timed():
        timing = timings[f"{friction}/{reduction}"]
        macs = friction_macs(MEASURES[friction], d, d - k, shape[1], reduction) * shape[0] * shape[2] * shape[3]
        rows.append(
            {
                "shape": name,
                "layer": f"({d}, {k})",
                "friction": friction,
                "reduction": reduction,
                "milliseconds": 1000 * timing.median,
                "quartiles": [1000 * quartile for quartile in timing.quartiles],
                "share_of_layer_time": ratio(timing, timings[LAYER]).median,
                "share_of_layer_macs": macs / layer_macs,
            }
        )
    return rows


def timed() -> list[tuple[str, str]]:
    """Measure and reduction of every row; the oracle has no time of its own, since it reads what it decides about."""
    return [
        (name, reduction)
        for name in MEASURES
        for reduction in REDUCTIONS
        if not MEASURES[name].needs_detail and not (MEASURES[name].joint and reduction == "before")
    ]
