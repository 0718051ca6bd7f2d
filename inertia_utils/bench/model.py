"""Time of whole networks: a forward pass in evaluation mode, and a training step.

For the forward pass every arm goes through ``inertia_utils.optimize``, the dense ones too; all run in channels_last.
Gated arms open recorded masks of a trained gate in the second layer and keep the first one dense.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .. import paths
from ..arms import Arm, dense, inertial, separable
from ..compared import STACKED, compared_pairs
from ..cost import measure as count
from ..layout import channels_last
from ..models import HEADS, NETWORKS
from ..optimize import optimize
from .cases import GivenMasks
from .device import devices, finisher, peak_memory
from .drift import FIRST, bracketed, drift
from .masks import Masks
from .record import conditions, milliseconds, place, write
from .timing import Timing, interleave, machine

GATED = {
    "dilate (5, 2), 30% real": inertial(5, 2, reapply="dilate", gate="threshold", dense_first=True),
    "skip core (5, 2), 30% real": inertial(5, 2, skip="core", gate="threshold", dense_first=True),
}
NAMED: dict[str, Arm] = {
    **{f"dense {size}×{size}": dense(size) for size in (5, 3, 1)},
    "separable 3×3": separable(3),
    **{f"slide ({d}, {k})": inertial(d, k) for d, k in ((5, 2), (5, 4), (3, 2))},
    "slide (3, 1), stacked": STACKED,
    **GATED,
}
#: Timed calls per arm and round, however many images they take.
FEWEST = 2


@cache
def timed_arms() -> dict[str, Arm]:
    """The arms by the names of the record: with all that the study compares, so that times can stand by accuracies.

    Finding the widened and narrowed ones counts the MACs of whole networks, which an import should not do.
    """
    compared = (arm for pair in compared_pairs() for arm in pair)
    return NAMED | {arm.name: arm for arm in compared if arm not in NAMED.values()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of the benchmark."""
    parser.add_argument("--networks", nargs="+", default=["fashionnet"], help=f"of {', '.join(NETWORKS)}")
    parser.add_argument("--head", default="fc", choices=HEADS, help="of FashionNet (default: fc)")
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 64, 256], help="images per forward pass")
    parser.add_argument("--training-batch", type=int, default=256, help="images per training step (default: 256)")
    parser.add_argument("--rounds", type=int, default=7, help="counted rounds (default: 7)")
    parser.add_argument("--images", type=int, default=64, help="images per arm and round at least (default: 64)")
    parser.add_argument("--compile", action="store_true", help="pass every network through torch.compile")
    parser.add_argument("--quick", action="store_true", help="two rounds on two images, to see that it runs")
    parser.add_argument("--output", type=Path, default=paths.EXECUTED / "bench" / "model.json", help="JSON to write")


def main(options: argparse.Namespace) -> int:
    """Measure on the processor, and on the GPU if there is one, and write JSON and Markdown."""
    if options.quick:
        options.batches, options.training_batch, options.rounds, options.images = [2], 2, 2, 2
    if unknown := [name for name in options.networks if name not in NETWORKS]:
        raise ValueError(f"network: unknown name {unknown[0]!r}; known: {', '.join(NETWORKS)}")
    for device in devices():
        tables = []
        for network in options.networks:
            tables += [_forward(network, batch, options, device) for batch in options.batches]
            tables.append(_training(network, options.training_batch, options, device))
        record = {"dtype": "float32", "layout": "channels_last", "compiled": options.compile, "tables": tables}
        record |= {name: getattr(options, name) for name in ("head", "rounds", "images")} | {"machine": machine(device)}
        output = place(options.output, device)
        write(output, record, table(record))
    return 0


def _forward(network: str, batch: int, options: argparse.Namespace, device: str) -> dict[str, Any]:
    x = _images(batch, device)
    networks = {name: _network(network, name, options.head).to(device) for name in timed_arms()}
    ready = {name: optimize(model, compiled=options.compile) for name, model in networks.items()}
    with torch.no_grad():
        arms = {name: (lambda model=model: model(x)) for name, model in ready.items()}
        timed = _timed(arms, batch, options, device)
        rows = timed["arms"]
        for name, model in networks.items():
            rows[name]["macs"] = count(model, [x]).metrics()["macs"]
    for row in rows.values():
        row["mac_ratio"] = rows[FIRST]["macs"] / row["macs"]
    return {"network": network, "what": "forward", "batch": batch, **timed}


def _training(network: str, batch: int, options: argparse.Namespace, device: str) -> dict[str, Any]:
    x, labels = _images(batch, device), torch.zeros(batch, dtype=torch.long, device=device)
    arms = {}
    for name in timed_arms():
        if name not in GATED:
            model = _network(network, name, options.head).to(device, memory_format=torch.channels_last).train()
            arms[name] = _step(torch.compile(model) if options.compile else model, x, labels)
    return {"network": network, "what": "training step", "batch": batch, **_timed(arms, batch, options, device)}


def _step(model: nn.Module, x: torch.Tensor, labels: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()

    return step


def _images(batch: int, device: str) -> torch.Tensor:
    images = torch.randn(batch, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return channels_last(images.to(device))


def _network(network: str, name: str, head: str) -> nn.Module:
    torch.manual_seed(0)
    model = NETWORKS[network](timed_arms()[name], **({"head": head} if network == "fashionnet" else {}))
    if name in GATED:
        model.conv2.gate = GivenMasks(Masks.load(0.3, blocks=model.conv2.skip == "core"), real=True)
        model.conv2.reduction = "before"
    return model


def _timed(
    arms: dict[str, Callable[[], object]], batch: int, options: argparse.Namespace, device: str
) -> dict[str, Any]:
    for call in arms.values():
        call()
    # A call on few images is short, and one short call says little.
    calls = max(FEWEST, options.images // batch)
    timings = interleave(bracketed(arms), options.rounds, calls, finisher(device))
    rows = {name: _row(timings[name], name) for name in arms}
    for name, call in arms.items():
        rows[name]["peak_memory"] = peak_memory(call, device)
        rows[name]["speed_up"] = rows[FIRST]["median"] / rows[name]["median"]
    return {"drift": drift(timings), "arms": rows}


def _row(timing: Timing, name: str) -> dict[str, Any]:
    return {
        "median": timing.median,
        "quartiles": list(timing.quartiles),
        "percentile95": timing.percentile95 if name in GATED else None,
    }


def table(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    lines = [conditions(record)]
    for part in record["tables"]:
        lines += [
            "",
            f"{part['network']}, {part['what']}, batch {part['batch']}, drift {part['drift']:+.1%}",
            "",
            "| arm | ms, median (quartiles) | peak MB | speed-up | MAC ratio |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [_line(name, row) for name, row in part["arms"].items()]
    return "\n".join(lines)


def _line(name: str, row: dict[str, Any]) -> str:
    promised = f"{row['mac_ratio']:.2f}" if "mac_ratio" in row else ""
    return f"| {name} | {milliseconds(row)} | {row['peak_memory'] / 2**20:.1f} | {row['speed_up']:.2f} | {promised} |"
