"""What a gate costs and what it returns: friction against the layer's time, and where computing all becomes cheaper.

The first table splits a gated layer's time into friction, and the response with nothing, the recorded 30 % and all
positions open.  The map gives the open fraction up to which the open positions alone take less time than all of them,
over channels, sizes and batches, from random masks; ``--install`` writes it where the layer looks it up.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from .. import paths
from ..arms import Arm, inertial
from ..blocks import block_windows
from ..execute import break_even, coarse, detail
from ..execute.decisions import friction
from ..files import write_atomically
from ..gate import Gate
from ..layer import InertialConv2d
from .device import devices, finisher
from .record import conditions, place, write
from .timing import interleave, machine

#: Name in the break-even table → the arm that is timed for it.
KINDS: dict[str, Arm] = {
    "dilate": inertial(5, 2, reapply="dilate", gate="threshold"),
    "resize": inertial(5, 2, reapply="resize", gate="threshold"),
    "aggregate": inertial(5, 2, reapply="aggregate", gate="threshold"),
    "core": inertial(5, 2, skip="core", gate="threshold"),
}
FRACTIONS = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
#: (channels, size, batch) of the map.
POINTS = ((16, 28, 8), (64, 14, 64), (64, 28, 1), (64, 28, 8), (64, 28, 64), (64, 56, 8), (128, 28, 8), (256, 14, 8))


class Fraction(Gate):
    """Opens a random fraction, whatever the friction."""

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction

    def forward(self, friction: Tensor) -> Tensor:
        """Ones at random places, the same in every call."""
        draws = torch.rand(friction.shape, generator=torch.Generator().manual_seed(0)).to(friction.device)
        return (draws < self.fraction).to(friction.dtype)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of the benchmark."""
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (default: 5)")
    parser.add_argument("--calls", type=int, default=1, help="timed calls per arm and round (default: 1)")
    parser.add_argument("--compile", action="store_true", help="pass friction and dense forms through torch.compile")
    parser.add_argument("--install", action="store_true", help="write the break-even table that the layer reads")
    parser.add_argument("--quick", action="store_true", help="two rounds on one small point, to see that it runs")
    parser.add_argument("--output", type=Path, default=paths.EXECUTED / "bench" / "gate.json", help="JSON to write")


def main(options: argparse.Namespace) -> int:
    """Measure on the processor, and on the GPU if there is one, and write JSON and Markdown."""
    points, fractions, batch = POINTS, FRACTIONS, 64
    if options.quick:
        points, fractions, batch, options.rounds, options.calls = ((16, 14, 1),), (0.0, 1.0), 1, 2, 1
    for device in devices():
        record = {
            "costs": [_cost(name, arm, batch, options, device) for name, arm in KINDS.items()],
            "map": [_point(name, *point, fractions, options, device) for name in KINDS for point in points],
            "fractions": list(fractions),
            **{"dtype": "float32", "layout": "channels_last", "compiled": options.compile},
            **{"rounds": options.rounds, "calls": options.calls, "machine": machine(device)},
        }
        output = place(options.output, device)
        write(output, record, table(record))
        if options.install:
            _install(record["map"], device)
    return 0


def _layer(arm: Arm, channels: int, fraction: float, device: str) -> InertialConv2d:
    layer = arm.layer(channels, channels, "same")
    layer.gate, layer.reduction = Fraction(fraction), "before"
    return layer.eval().to(device, memory_format=torch.channels_last)


def _input(batch: int, channels: int, size: int, device: str) -> Tensor:
    x = torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(0))
    return x.to(device, memory_format=torch.channels_last)


@torch.no_grad()
def _cost(name: str, arm: Arm, batch: int, options: argparse.Namespace, device: str) -> dict[str, Any]:
    """Friction by either reduction, and the whole layer at three open fractions, at 64 channels."""
    x = _input(batch, 64, 28, device)
    layers = {fraction: _layer(arm, 64, fraction, device) for fraction in (0.0, 0.3, 1.0)}
    arms = {f"layer, {fraction:.0%} open": (lambda layer=layer: layer(x)) for fraction, layer in layers.items()}
    for reduction in ("before", "after"):
        measured = _layer(arm, 64, 0.3, device)
        measured.reduction = reduction
        arms[f"friction, reduction {reduction}"] = _friction(measured, x, options.compile)
    dense = nn.Conv2d(64, 64, 5, padding=2).to(device, memory_format=torch.channels_last)
    arms["dense 5×5"] = lambda: dense(x)
    timings = interleave(arms, options.rounds, max(options.calls, 2), finisher(device))
    return {"kind": name, "batch": batch, "seconds": {key: timing.median for key, timing in timings.items()}}


def _friction(layer: InertialConv2d, x: Tensor, compiled: bool) -> Any:
    def measure() -> Tensor:
        window = layer.windows(x)
        return friction(layer, block_windows(window) if layer.skip == "core" else window)

    return torch.compile(measure) if compiled else measure


@torch.no_grad()
def _point(
    name: str,
    channels: int,
    size: int,
    batch: int,
    fractions: tuple[float, ...],
    options: argparse.Namespace,
    device: str,
) -> dict[str, Any]:
    """Both ways at every fraction."""
    x = _input(batch, channels, size, device)
    arms = {}
    for fraction in fractions:
        layer = _layer(KINDS[name], channels, fraction, device)
        for sparse in (True, False):
            arms[f"{fraction:g} {sparse}"] = _forced(layer, x, sparse)
    timings = interleave(arms, options.rounds, options.calls, finisher(device))
    chosen, everywhere = (
        [timings[f"{fraction:g} {sparse}"].median for fraction in fractions] for sparse in (True, False)
    )
    return {
        **{"kind": name, "channels": channels, "size": size, "batch": batch},
        **{"chosen": chosen, "everywhere": everywhere, "break_even": crossing(fractions, chosen, everywhere)},
    }


def _forced(layer: InertialConv2d, x: Tensor, sparse: bool) -> Any:
    def call() -> Tensor:
        with mock.patch.multiple(detail, sparse_pays=lambda *_: sparse):
            with mock.patch.multiple(coarse, sparse_pays=lambda *_: sparse):
                return layer(x)

    return call


def crossing(fractions: tuple[float, ...], chosen: list[float], everywhere: list[float]) -> float:
    """The open fraction at which the first series meets the second, by straight lines; 1 where it stays below.

    With nothing open both ways are the same, so the first fraction says nothing; 0 where the next gains nothing.
    """
    gains = [dense - sparse for sparse, dense in zip(chosen, everywhere, strict=True)]
    meets = used_up(fractions[1:], gains[1:])
    return 1.0 if meets is None else round(meets, 3)


def used_up(fractions: Sequence[float], gains: Sequence[float]) -> float | None:
    """The open fraction at which gains are used up, by straight lines; 0 if the first is none, None if they last."""
    if gains[0] <= 0:
        return 0.0
    for (start, before), (end, after) in pairwise(zip(fractions, gains, strict=True)):
        if after <= 0:
            return start + before / (before - after) * (end - start)
    return None


def _install(points: list[dict[str, Any]], device: str) -> None:
    table = json.loads(break_even.TABLE.read_text(encoding="utf-8"))
    found: dict[str, list[dict[str, float]]] = {}
    for point in points:
        pixels = point["batch"] * point["size"] ** 2
        entry = {"channels": point["channels"], "pixels": pixels, "fraction": point["break_even"]}
        found.setdefault(point["kind"], []).append(entry)
    table["devices"][device] = found
    table["machines"][device] = machine(device)
    write_atomically(break_even.TABLE, (json.dumps(table, indent=1, sort_keys=True) + "\n").encode())


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    names = list(record["costs"][0]["seconds"])
    lines = [conditions(record), "", "64×64 at 28×28, ms", "", f"| kind | {' | '.join(names)} |"]
    lines += ["| --- " * (len(names) + 1) + "|"]
    for cost in record["costs"]:
        values = " | ".join(f"{1e3 * cost['seconds'][name]:.3g}" for name in names)
        lines.append(f"| {cost['kind']} | {values} |")
    lines += ["", "| kind | channels | size | batch | break-even open fraction |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {point['kind']} | {point['channels']} | {point['size']} | {point['batch']} | {point['break_even']:.2f} |"
        for point in record["map"]
    ]
    return "\n".join(lines)
