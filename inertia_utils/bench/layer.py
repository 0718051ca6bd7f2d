"""Time of one layer: dense, separable and inertial arms on the same inputs, gates fed with a trained network's masks.

Arms are interleaved; the dense 5×5 arm opens and closes every round, and how far the two differ is the drift.  A
speed-up is the dense arm's time over an arm's, the MAC ratio the same ratio of multiply-accumulates.  Gates compute
their friction and then open recorded masks, real or random ones of the same density.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import paths
from ..layer import InertialConv2d
from .cases import ARMS, SHAPES, Shape, dense_of, macs
from .device import ceilings, devices, finisher, operators, peak_memory
from .drift import FIRST, bracketed, drift
from .record import conditions, milliseconds, place, write
from .timing import Timing, interleave, machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of the benchmark."""
    parser.add_argument("--shapes", nargs="+", default=["64x64@28"], help=f"of {', '.join(SHAPES)}, or 'all'")
    parser.add_argument("--batches", nargs="+", type=int, default=[64], help="images per call (default: 64)")
    parser.add_argument(
        "--arms", nargs="+", default=["all"], help=f"of {', '.join(ARMS).replace('%', '%%')}; default: all"
    )
    parser.add_argument("--rounds", type=int, default=9, help="counted rounds (default: 9)")
    parser.add_argument("--calls", type=int, default=3, help="timed calls per arm and round (default: 3)")
    parser.add_argument("--compile", action="store_true", help="pass every arm through torch.compile")
    parser.add_argument("--quick", action="store_true", help="two rounds of one call on one image, to see that it runs")
    parser.add_argument(
        "--return-memory",
        action="store_true",
        help="leave freed memory to the C library, as other programs do; the other timings are taken with it kept",
    )
    parser.add_argument(
        "--append",
        action="store_true",
        help="keep the tables of other shapes and batches in --output; each then starts in a process of its own",
    )
    parser.add_argument("--output", type=Path, default=paths.EXECUTED / "bench" / "layer.json", help="JSON to write")


def main(options: argparse.Namespace) -> int:
    """Measure on the processor, and on the GPU if there is one, and write JSON and Markdown."""
    if options.quick:
        options.batches, options.rounds, options.calls = [1], 2, 1
    shapes = list(SHAPES) if options.shapes == ["all"] else options.shapes
    arms = list(ARMS) if options.arms == ["all"] else options.arms
    for device in devices():
        record = measure(shapes, options.batches, arms, options.rounds, options.calls, options.compile, device)
        output = place(options.output, device)
        if options.append and output.exists():
            record["tables"] = merged(json.loads(output.read_text(encoding="utf-8"))["tables"], record["tables"])
        write(output, record, table(record))
    return 0


def merged(earlier: list[dict[str, Any]], later: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All tables, in the order of shapes and batches; of two of the same the later one."""
    tables = {(part["shape"], part["batch"]): part for part in [*earlier, *later]}
    return [tables[key] for key in sorted(tables, key=lambda key: (list(SHAPES).index(key[0]), key[1]))]


def measure(
    shapes: list[str], batches: list[int], arms: list[str], rounds: int, calls: int, compiled: bool, device: str = "cpu"
) -> dict[str, Any]:
    """Time all arms on all shapes and batches; returns a record of plain values.

    Raises:
        ValueError: a shape or an arm is unknown, or a batch is empty.
    """
    if unknown := [name for name in shapes if name not in SHAPES]:
        raise ValueError(f"shape: unknown name {unknown[0]!r}; known: {', '.join(SHAPES)}")
    builders = {name: ARMS[name] for name in arms}
    if smaller := [batch for batch in batches if batch < 1]:
        raise ValueError(f"batches: expected at least 1 image, got {smaller[0]}")
    tables = [
        {"shape": shape, "batch": batch, "rounds": rounds, "calls": calls}
        | _measure(SHAPES[shape], batch, builders, rounds, calls, compiled, device)
        for shape in shapes
        for batch in batches
    ]
    return {
        "compiled": compiled,
        "dtype": "float32",
        "layout": "channels_last",
        "machine": machine(device),
        "ceilings": ceilings(device),
        "tables": tables,
    }


def _measure(
    shape: Shape, batch: int, builders: dict[str, Any], rounds: int, calls: int, compiled: bool, device: str
) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, shape.in_channels, shape.size, shape.size, generator=generator)
    x = x.to(device, memory_format=torch.channels_last)
    built = {name: _placed(build(shape), device) for name, build in {FIRST: ARMS[FIRST], **builders}.items()}
    called = {name: torch.compile(arm) if compiled else arm for name, arm in built.items()}
    with torch.no_grad():
        calls_of = {name: _bind(arm, x) for name, arm in called.items()}
        for call in calls_of.values():
            call()
        timings = interleave(bracketed(calls_of), rounds, calls, finisher(device))
        rows = {name: _row(built[name], timings[name], x, calls_of[name], device) for name in built}
    for name, row in rows.items():
        against = rows.get(dense_of(name), rows[FIRST])
        row["speed_up"] = against["median"] / row["median"]
        row["mac_ratio"] = against["macs"] / row["macs"] if row["macs"] else None
    return {"drift": drift(timings), "arms": rows}


def _placed(arm: Callable[[Tensor], Tensor], device: str) -> Callable[[Tensor], Tensor]:
    return arm.to(device) if isinstance(arm, torch.nn.Module) else arm


def _bind(arm: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], Tensor]:
    return lambda: arm(x)


def _row(
    arm: Callable[[Tensor], Tensor], timing: Timing, x: Tensor, call: Callable[[], Tensor], device: str
) -> dict[str, Any]:
    gated = isinstance(arm, InertialConv2d) and arm.gate.constant is None
    return {
        "median": timing.median,
        "quartiles": list(timing.quartiles),
        "fastest": min(timing.seconds),
        "percentile95": timing.percentile95 if gated else None,
        "peak_memory": peak_memory(call, device),
        "open_fraction": arm.open_fraction.item() if gated else None,
        "macs": macs(arm, x),
        "operators": operators(call, device),
    }


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    lines = [conditions(record)]
    for part in record["tables"]:
        lines += [
            "",
            f"{part['shape']}, batch {part['batch']}, {part['rounds']} rounds of {part['calls']} calls, "
            f"drift {part['drift']:+.1%}",
            "",
            "| arm | ms, median (quartiles) | 95 % | open | peak MB | speed-up | MAC ratio |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [_line(name, row) for name, row in part["arms"].items()]
    return "\n".join(lines)


def _line(name: str, row: dict[str, Any]) -> str:
    tail = "" if row["percentile95"] is None else f"{1e3 * row['percentile95']:.3g}"
    opened = "" if row["open_fraction"] is None else f"{row['open_fraction']:.0%}"
    promised = "" if row["mac_ratio"] is None else f"{row['mac_ratio']:.2f}"
    return (
        f"| {name} | {milliseconds(row)} | {tail} | {opened} "
        f"| {row['peak_memory'] / 2**20:.1f} | {row['speed_up']:.2f} | {promised} |"
    )
