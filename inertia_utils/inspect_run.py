"""A look inside a trained inertial network: is the skip certificate kept, and how tight is it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .certificate import detail_bound
from .friction import MEASURES, friction_map
from .layer import InertialConv2d
from .runs import Context, Outcome, Run
from .train import Images
from .train_run import TrainRun

#: Positions kept for drawing, per layer and state of training.
SAMPLES = 400


@dataclass(frozen=True)
class InspectRun(Run, kind="inspect"):
    """Detail against its bound in every inertial layer of a network, before and after training.

    Attributes:
        parent: the training.
        images: held-out images to look at.
    """

    parent: TrainRun
    images: int = 100

    def parents(self) -> tuple[Run, ...]:
        """The training."""
        return (self.parent,)

    def label(self) -> str:
        """What is inspected."""
        return f"inspect {self.parent.label()}"

    def execute(self, context: Context) -> Outcome:
        """Compare detail and bound at all positions, and keep a sample of them."""
        model = self.parent.model().to(context.device).eval()
        images = self.parent.training(context).holdout.first(self.images)
        before = _inspect(model, images, "before")
        model.load_state_dict(context.store.load_weights(self.parent))
        records = before + _inspect(model, images, "after")
        metrics = {
            "positions": sum(record["positions"] for record in records),
            "violations": sum(record["violations"] for record in records),
        }
        return Outcome(metrics, records)


@torch.no_grad()
def _inspect(model: nn.Module, images: Images, training: str) -> list[dict[str, Any]]:
    """One record per inertial layer."""
    records = []

    def look(name: str):
        def hook(layer: InertialConv2d, inputs: tuple[Tensor, ...]) -> None:
            records.append({"layer": name, "training": training} | _detail_and_bound(layer, inputs[0]))

        return hook

    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, InertialConv2d)]
    handles = [layer.register_forward_pre_hook(look(name)) for name, layer in layers]
    batch, _ = images.batch(slice(None))
    try:
        model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return records


def _detail_and_bound(layer: InertialConv2d, x: Tensor) -> dict[str, Any]:
    detail = layer.responses(x).detail.abs()
    bound = detail_bound(layer, x)
    friction = friction_map(MEASURES["range"], layer.windows(x), "after").expand_as(detail)
    slack = 1e-5 * (1 + bound)
    picked = torch.randperm(detail.numel(), generator=torch.Generator().manual_seed(0))[:SAMPLES]
    positive = bound > 0
    return {
        "positions": detail.numel(),
        "violations": int((detail > bound + slack).sum()),
        "median_share": float((detail[positive] / bound[positive]).median()),
        "largest_share": float((detail[positive] / bound[positive]).max()),
        "flat": float((~positive).float().mean()),
        "detail": _plain(detail.flatten()[picked]),
        "bound": _plain(bound.flatten()[picked]),
        "friction": _plain(friction.flatten()[picked]),
    }


def _plain(values: Tensor) -> list:
    return (values.detach().double().cpu() * 1e6).round().div(1e6).tolist()
