"""Images per second of the original training loop against this one, on the same network.

The original loop: torchvision's DataLoader with ToTensor and Normalize, float32, NCHW, batch 400, SGD.  Ours: bytes in
memory, normalised a batch at a time, channels last, fused SGD of the same rate and batch; in one process with all
cores, and as a study runs it, one single-threaded run per core; in bfloat16 too, where the processor computes in it.
The ceiling is the network's float32 convolutions and matrix products alone, forward and backward: no float32 training
loop that computes them can be faster.  Arms are interleaved and all use all cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from .. import data, paths
from ..models import FashionNet
from ..recipes import recipe
from ..train import Images, Training, train
from ..worker import threads
from .record import write
from .timing import Timing, interleave, machine, ratio

ORIGINAL = "original loop"
ORIGINAL_WORKERS = "original loop, loader workers"
OURS = "ours, one process"
OURS_PER_CORE = "ours, one run per core"
OURS_BFLOAT16 = "ours, one run per core, bfloat16"
CEILING = "float32 ceiling: convolutions and products alone"
#: Images per step of the original recipe.
BATCH = 400
#: Arms that do their images once per core.
PER_CORE = (OURS_PER_CORE, OURS_BFLOAT16, CEILING)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line of the benchmark."""
    parser.add_argument("--images", type=int, default=4000, help="images per round (default: 4000)")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (default: 5)")
    parser.add_argument(
        "--output",
        type=Path,
        default=paths.EXECUTED / "bench" / "train.json",
        help="JSON to write; a Markdown table goes beside it",
    )


def main(options: argparse.Namespace) -> int:
    """Measure, print the table, write it as JSON and as Markdown."""
    record = measure(options.images, options.rounds)
    write(options.output, record, table(record))
    return 0


def measure(images: int, rounds: int) -> dict[str, Any]:
    """Time all arms; returns a record of plain values.

    Args:
        images: per arm and round.
        rounds: counted rounds.

    Raises:
        ValueError: fewer than two batches of images.
    """
    if images < 2 * BATCH:
        raise ValueError(f"images: expected at least {2 * BATCH}, two batches, got {images}")
    dataset = data.load("fashion-mnist")
    pixels, labels = dataset.train_images[:images], dataset.train_labels[:images]
    cores = machine()["cores"]
    with Parallel(n_jobs=cores) as workers:
        arms: dict[str, Callable[[], object]] = {
            ORIGINAL: _original(pixels, labels, 0),
            ORIGINAL_WORKERS: _original(pixels, labels, cores),
            OURS: lambda: _train_once(pixels, labels, torch.get_num_threads()),
            OURS_PER_CORE: lambda: workers(delayed(_train_once)(pixels, labels, 1) for _ in range(cores)),
            CEILING: lambda: workers(delayed(_arithmetic)(images) for _ in range(cores)),
        }
        if has_bfloat16():
            arms[OURS_BFLOAT16] = lambda: workers(
                delayed(_train_once)(pixels, labels, 1, torch.bfloat16) for _ in range(cores)
            )
        timings = interleave(arms, rounds)
    done = {name: images * (cores if name in PER_CORE else 1) for name in arms}
    return {
        "network": f"FashionNet 5×5, batch {BATCH}, SGD, float32",
        "images_per_round": images,
        "rounds": rounds,
        "machine": machine(),
        "arms": {name: _row(timing, done[name], timings, images) for name, timing in timings.items()},
    }


def table(record: dict[str, Any]) -> str:
    """The record as a Markdown table."""
    lines = [
        f"{record['network']}; {record['machine']['device']}, {record['machine']['cores']} cores, torch "
        f"{record['machine']['torch']}; {record['rounds']} interleaved rounds of {record['images_per_round']} images",
        "",
        "| arm | images/s, median (quartiles) | times the original loop (min – max) |",
        "| --- | --- | --- |",
    ]
    for name, row in record["arms"].items():
        low, high = row["quartiles"]
        smallest, largest = row["ratio_range"]
        lines.append(
            f"| {name} | {row['median']:.0f} ({low:.0f} – {high:.0f}) "
            f"| {row['ratio']:.2f} ({smallest:.2f} – {largest:.2f}) |"
        )
    return "\n".join(lines)


def _row(timing: Timing, done: int, timings: dict[str, Timing], images: int) -> dict[str, Any]:
    ratios = [value * done / images for value in ratio(timings[ORIGINAL], timing).seconds]
    slow, fast = (done / seconds for seconds in reversed(timing.quartiles))
    return {
        "median": done / timing.median,
        "quartiles": [slow, fast],
        "ratio": Timing(ratios).median,
        "ratio_range": [min(ratios), max(ratios)],
    }


class _PilImages(Dataset):
    """What torchvision's dataset does for every image: make it a PIL image, then apply the transform."""

    def __init__(self, pixels: torch.Tensor, labels: torch.Tensor) -> None:
        self.pixels, self.labels = pixels[:, 0], labels.tolist()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[index].numpy())), self.labels[index]


def _original(pixels: torch.Tensor, labels: torch.Tensor, workers: int) -> Callable[[], None]:
    model = _rectify_first()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loader = DataLoader(
        _PilImages(pixels, labels), batch_size=BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )

    def epoch() -> None:
        model.train()
        for images, targets in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(images), targets).backward()
            optimizer.step()

    return epoch


def _rectify_first() -> nn.Module:
    """The 5×5 network in the order of the original code: rectify, then pool."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Dropout(0.4), nn.Linear(1024, 10)),
    )


def _train_once(pixels: torch.Tensor, labels: torch.Tensor, cores: int, dtype: torch.dtype = torch.float32) -> None:
    plan = recipe("original", "fashionnet")
    images = Images(pixels, labels, (0.5,), (0.5,))
    with threads(cores):
        train(FashionNet(5), Training(images, images.first(1), plan, epochs=1, seed=0, lr=plan.lr, dtype=dtype))


def _arithmetic(images: int) -> None:
    """Forward and backward passes of the two convolutions and the two linear layers, on data that is there already.

    Each in the layout in which it was measured faster: the first convolution channels last, the second not.
    """
    first, second = (torch.nn.Conv2d(*sizes, 5, padding=2) for sizes in ((1, 32), (32, 64)))
    layers = {
        first.to(memory_format=torch.channels_last): torch.zeros(BATCH, 1, 28, 28),
        second: torch.zeros(BATCH, 32, 14, 14, requires_grad=True),
        nn.Linear(3136, 1024): torch.zeros(BATCH, 3136, requires_grad=True),
        nn.Linear(1024, 10): torch.zeros(BATCH, 1024, requires_grad=True),
    }
    with threads(1):
        passes = [(layer, x, torch.zeros_like(layer(x))) for layer, x in layers.items()]
        for _ in range(images // BATCH):
            for layer, x, gradient in passes:
                wanted = [layer.weight, *([x] if x.requires_grad else [])]
                torch.autograd.grad(layer(x), wanted, gradient)


def has_bfloat16() -> bool:
    """The processor multiplies bfloat16 matrices itself; elsewhere autocast is many times slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
