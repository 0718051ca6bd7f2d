"""Which positions the gate of a trained network opens, recorded once for the benchmarks.

``python -m inertia_utils bench masks`` trains FashionNet (5, 2) twice for a short while, with ``reapply="dilate"`` and
with ``skip="core"``, sets the thresholds of its second layer to each rate on 500 of the training images and records
what opens on test images.  Benchmarks of other sizes repeat these masks at their size by nearest pixels.
"""

from __future__ import annotations

import argparse
import base64
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .. import data, paths
from ..arms import Arm, inertial
from ..gate import Threshold, quantile
from ..models import FashionNet
from ..recipes import recipe
from ..train import Images, Training, train
from .record import write
from .timing import machine

RATES = (0.1, 0.3, 0.6)
RECORD = paths.RESULTS / "bench" / "masks.json"


@dataclass(frozen=True)
class Masks:
    """Open positions of many images: (images, 1, H, W), 0 or 1 in float32."""

    values: Tensor

    @classmethod
    def load(cls, rate: float, blocks: bool) -> Masks:
        """The recorded masks of one rate, of positions or of the blocks of ``skip="core"``.

        Raises:
            ValueError: no such masks were recorded.
        """
        record = json.loads(RECORD.read_text(encoding="utf-8"))["masks"]
        key = _key(rate, blocks)
        if key not in record:
            raise ValueError(f"masks: none were recorded for {key!r}; recorded: {', '.join(record)}")
        shape = record[key]["shape"]
        bits = np.unpackbits(np.frombuffer(base64.b64decode(record[key]["bits"]), dtype=np.uint8))
        return cls(torch.from_numpy(bits[: np.prod(shape)].reshape(shape).astype(np.float32)))

    def at(self, size: tuple[int, int]) -> Tensor:
        """The masks at another size, by nearest pixels."""
        return F.interpolate(self.values, size=size, mode="nearest")

    def shuffled(self, size: tuple[int, int]) -> Tensor:
        """As many open positions per image, in random places."""
        masks = self.at(size).flatten(1)
        places = torch.rand(masks.shape, generator=torch.Generator().manual_seed(0)).argsort(1)
        return masks.gather(1, places).view(-1, 1, *size)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line."""
    parser.add_argument("--images", type=int, default=6000, help="training images (default: 6000)")
    parser.add_argument("--epochs", type=int, default=2, help="passes over them (default: 2)")
    parser.add_argument("--recorded", type=int, default=256, help="test images whose masks are kept (default: 256)")
    parser.add_argument("--output", type=Path, default=RECORD, help="JSON to write")


def main(options: argparse.Namespace) -> int:
    """Train, record, write."""
    dataset = data.load("fashion-mnist")
    masks = {}
    for blocks in (False, True):
        arm = inertial(5, 2, gate="rate", rate=0.5, **({"skip": "core"} if blocks else {"reapply": "dilate"}))
        masks |= _record(arm, dataset, options, blocks)
    record = {"network": "FashionNet (5, 2), second layer, Fashion-MNIST", "images": options.images}
    write(options.output, record | {"epochs": options.epochs, "machine": machine(), "masks": masks}, None)
    return 0


def _record(arm: Arm, dataset: data.Dataset, options: argparse.Namespace, blocks: bool) -> dict[str, object]:
    plan = recipe("converged", "fashionnet")
    count = options.images
    images = Images(dataset.train_images[:count], dataset.train_labels[:count], (0.5,), (0.5,))
    torch.manual_seed(0)
    model = FashionNet(arm)
    train(model, Training(images, images.first(100), plan, epochs=options.epochs, seed=0, lr=plan.lr))
    inputs = []
    model.conv2.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    tests = Images(dataset.test_images, dataset.test_labels, (0.5,), (0.5,)).first(options.recorded)
    model.eval()
    recorded = {}
    with torch.no_grad():
        model(images.first(500).batch(torch.arange(500))[0])
        model(tests.batch(torch.arange(options.recorded))[0])
        held, seen = (model.conv2.friction_and_loss(x)[0] for x in inputs)
        for rate in RATES:
            opened = Threshold(rate, quantile(held, 1 - rate).item())(seen)
            bits = base64.b64encode(np.packbits(opened.numpy().astype(bool))).decode()
            recorded[_key(rate, blocks)] = {
                "shape": list(opened.shape),
                "density": round(opened.mean().item(), 4),
                "bits": bits,
            }
    return recorded


def _key(rate: float, blocks: bool) -> str:
    return f"{'blocks' if blocks else 'positions'} {rate:g}"
