"""One training: data in memory, normalised a batch at a time where the model lives, channels last."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .checkpoint import Checkpoint
from .data import normalise
from .gate import Gate
from .layer import InertialConv2d
from .layout import channels_last
from .recipes import Recipe
from .seed import generator
from .steps import parameter_groups

#: Images per step where nothing is learned.
EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Images:
    """Images and labels on one device, with the numbers that normalise them.

    Attributes:
        pixels: uint8, shape (N, C, H, W).
        labels: int64, shape (N,).
        mean: per channel, of pixels in [0, 1].
        std: per channel.
    """

    pixels: Tensor
    labels: Tensor
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Normalised images, channels last, and their labels."""
        return normalise(channels_last(self.pixels[index]), self.mean, self.std), self.labels[index]

    def first(self, number: int) -> Images:
        """The first images; all of them for 0."""
        return replace(self, pixels=self.pixels[:number], labels=self.labels[:number]) if number else self

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All images in order, :data:`EVALUATION_BATCH` at a time."""
        for start in range(0, len(self), EVALUATION_BATCH):
            yield self.batch(slice(start, start + EVALUATION_BATCH))


@dataclass(frozen=True)
class Training:
    """What to train on, and how.

    Attributes:
        images: the training set.
        holdout: held-out images whose accuracy the history shows, epoch by epoch.
        recipe: optimizer, schedule, batch size.
        epochs: passes over the training set.
        seed: decides data order and dropout.
        lr: the recipe's learning rate, or another while tuning.
        dtype: float32, or bfloat16 for autocast.
        step_factor: of the convolutions' kernels, as :func:`~inertia_utils.steps.parameter_groups` takes it.
    """

    images: Images
    holdout: Images
    recipe: Recipe
    epochs: int
    seed: int
    lr: float
    dtype: torch.dtype = torch.float32
    step_factor: float = 0.0


def train(model: nn.Module, training: Training, checkpoint: Checkpoint | None = None) -> list[dict[str, Any]]:
    """Train ``model`` in place.

    Args:
        model: what to train.
        training: on what, and how.
        checkpoint: where the state is kept between epochs; if one is there, training goes on from it, to the same bits.

    Returns:
        One dict per epoch: epoch, loss (mean over its batches), holdout accuracy, seconds, open fraction and threshold
        of every gated layer.
    """
    device = training.images.pixels.device
    model.to(device, memory_format=torch.channels_last)
    size = training.recipe.batch_size
    steps = -(-len(training.images) // size)
    groups = parameter_groups(model, training.step_factor)
    optimizer, scheduler, pace = training.recipe.build(groups, training.lr, steps, training.epochs)
    order = generator(training.seed, "data order")
    torch.manual_seed(training.seed)
    gates = [module for module in model.modules() if isinstance(module, Gate)]
    holders = {"model": model, "optimizer": optimizer} | ({"scheduler": scheduler} if scheduler else {})
    saved = checkpoint.load() if checkpoint else None
    history = _restore(saved, holders, order) if saved else []
    for epoch in range(len(history) + 1, training.epochs + 1):
        start = time.perf_counter()
        model.train()
        shuffled = torch.randperm(len(training.images), generator=order).to(device)
        losses = torch.zeros((), device=device)
        for step, index in enumerate(shuffled.split(size)):
            for gate in gates:
                gate.advance((epoch - 1 + step / steps) / training.epochs)
            losses += _step(model, gates, training, optimizer, index)
            if pace == "batch":
                scheduler.step()
        if pace == "epoch":
            scheduler.step()
        record = {"epoch": epoch, "loss": losses.item() / steps, "seconds": round(time.perf_counter() - start, 2)}
        record["holdout_accuracy"] = accuracy(model, training.holdout, training.dtype)
        history.append(record | open_fractions(model) | thresholds(model))
        if checkpoint and epoch < training.epochs:
            checkpoint.save(lambda: _state(history, holders, order))
    return history


def _state(history: list[dict[str, Any]], holders: dict[str, Any], order: torch.Generator) -> dict[str, Any]:
    """All that the epochs to come depend on."""
    streams = {"order": order.get_state(), "cpu": torch.get_rng_state()}
    if torch.cuda.is_initialized():
        streams["cuda"] = torch.cuda.get_rng_state()
    return {"history": history, "streams": streams} | {name: held.state_dict() for name, held in holders.items()}


def _restore(saved: dict[str, Any], holders: dict[str, Any], order: torch.Generator) -> list[dict[str, Any]]:
    for name, holder in holders.items():
        holder.load_state_dict(saved[name])
    streams = saved["streams"]
    order.set_state(streams["order"])
    torch.set_rng_state(streams["cpu"])
    if "cuda" in streams:
        torch.cuda.set_rng_state(streams["cuda"])
    return saved["history"]


def _step(
    model: nn.Module, gates: list[Gate], training: Training, optimizer: torch.optim.Optimizer, index: Tensor
) -> Tensor:
    images, labels = training.images.batch(index)
    with _autocast(images.device, training.dtype):
        loss = F.cross_entropy(model(images), labels)
        for gate in gates:
            budget = gate.budget_loss()
            loss = loss if budget is None else loss + budget
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


@torch.no_grad()
def accuracy(model: nn.Module, images: Images, dtype: torch.dtype = torch.float32) -> float:
    """Fraction of images that the model classifies correctly, in evaluation mode."""
    return correct(model, images, dtype).sum().item() / len(images)


@torch.no_grad()
def correct(model: nn.Module, images: Images, dtype: torch.dtype = torch.float32) -> Tensor:
    """Whether each image is classified correctly, shape (N,), bool; the model is left in evaluation mode."""
    model.eval()
    results = []
    for batch, labels in images.batches():
        with _autocast(batch.device, dtype):
            results.append(model(batch).argmax(1) == labels)
    return torch.cat(results)


def open_fractions(model: nn.Module) -> dict[str, float]:
    """``open_fraction/<layer>`` of every gated inertial layer, as its latest call measured it."""
    return {f"open_fraction/{name}": round(layer.open_fraction.item(), 6) for name, layer in _gated(model)}


def thresholds(model: nn.Module) -> dict[str, float]:
    """``threshold/<layer>`` of every gated inertial layer; what is not finite, which JSON lacks, is left out."""
    levels = {f"threshold/{name}": layer.gate.level() for name, layer in _gated(model)}
    return {name: level for name, level in levels.items() if math.isfinite(level)}


def _gated(model: nn.Module) -> list[tuple[str, InertialConv2d]]:
    """The inertial layers whose gate looks at friction, by name."""
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, InertialConv2d) and module.gate.constant is None
    ]


def _autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)
