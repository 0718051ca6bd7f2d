"""The run that most of the study consists of: one network, one arm, one recipe, one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from . import data
from .arms import Arm
from .cost import Meter
from .models import NETWORKS
from .recipes import recipe
from .runs import Context, Outcome, Run
from .seed import initialise_paired
from .train import Images, Training, accuracy, train

#: Training images that are never trained on: thresholds, rates and epochs are chosen on them (design, section 6).
HOLDOUT = 5000


@dataclass(frozen=True)
class TrainRun(Run, kind="train"):
    """Train one network from scratch.

    Attributes:
        arm: its convolutions.
        network: ``"fashionnet"`` or ``"lenet"``.
        dataset: name of the dataset.
        recipe: ``"converged"`` or ``"original"``.
        epochs: passes over the training images; 0 for the recipe's own.
        images: training images, a stratified subset, watched on a quarter as many held-out ones; 0, or more than there
            are, for all but the hold-out.
        seed: of initial values, data order, dropout and subset.
        head: of FashionNet.
        padded: for LeNet, pad the convolutions.
        lr: learning rate; 0 for the recipe's own.
        tuning: evaluate on the hold-out alone and leave the test set unread.
        test_images: read only the first of the test set; 0 for all of it.
        pool: for FashionNet, max-pool after each convolution.

    Raises:
        ValueError: the network or the recipe is unknown.
    """

    arm: Arm = field(default_factory=Arm)
    network: str = "fashionnet"
    dataset: str = "fashion-mnist"
    recipe: str = "converged"
    epochs: int = 0
    images: int = 0
    seed: int = 0
    head: str = "fc"
    padded: bool = False
    lr: float = 0.0
    tuning: bool = False
    test_images: int = 0
    pool: bool = True

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ValueError(f"network: unknown name {self.network!r}; known: {', '.join(NETWORKS)}")
        recipe(self.recipe, self.network)

    @property
    def cost(self) -> float:
        """Relative duration: images times the network's arithmetic, with a floor for what is not convolution."""
        images = (self.images or 60_000) * (self.epochs or recipe(self.recipe, self.network).epochs)
        return images * (10 + 25 * (self.arm.kernel_size - self.arm.margin) ** 2 / 9)

    def settings(self) -> dict[str, Any]:
        """What the recipe says, where the run does not say otherwise."""
        plan = recipe(self.recipe, self.network)
        derived = plan.absolute_steps and self.arm.conv != "dense" and not self.arm.step_factor
        return {
            **({"steps": "derived"} if derived else {}),
            "batch_size": plan.batch_size,
            "epochs": self.epochs or plan.epochs,
            "lr": self.lr or plan.lr,
            "normalisation": [plan.mean, plan.std],
        }

    def label(self) -> str:
        """Network, arm, dataset, recipe, seed."""
        return f"{self.network} {self.arm.name} · {self.dataset} · {self.recipe} · seed {self.seed}"

    def model(self) -> nn.Module:
        """The network as it starts."""
        options = {"padded": self.padded} if self.network == "lenet" else {"head": self.head, "pool": self.pool}
        images = data.load(self.dataset).train_images
        model = NETWORKS[self.network](self.arm, in_channels=images.shape[1], image_size=images.shape[2], **options)
        initialise_paired(model, self.seed)
        return model

    def execute(self, context: Context) -> Outcome:
        """Train, then read the test set once."""
        model = self.model()
        training = self.training(context)
        history = train(model, training, context.store.checkpoint(self, context))
        return self.outcome(model, history, training, context)

    def outcome(self, model: nn.Module, history: list[dict[str, Any]], training: Training, context: Context) -> Outcome:
        """Accuracy and cost of a trained network on the test set, or on the hold-out while tuning."""
        evaluated = training.holdout if self.tuning else self.test_set(context.device)
        with Meter(model) as meter:
            share = accuracy(model, evaluated, context.dtype)
        metrics = {
            "accuracy": share,
            "evaluated_on": "holdout" if self.tuning else "test",
            "train_images": len(training.images),
            "test_images": len(evaluated),
            **meter.cost().metrics(),
        }
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        return Outcome(metrics, history, weights)

    def training(self, context: Context) -> Training:
        """What the run trains on, and how."""
        plan = recipe(self.recipe, self.network)
        dataset = data.load(self.dataset)
        holdout = min(HOLDOUT, len(dataset.train_labels) // 10)
        kept, held = data.split(dataset, holdout)
        if 0 < self.images < len(kept):
            kept = kept[data.stratified(dataset.train_labels[kept], self.images, self.seed)[1]]
        return Training(
            self._images(dataset.train_images[kept], dataset.train_labels[kept], context.device),
            self._images(dataset.train_images[held], dataset.train_labels[held], context.device).first(
                self.images // 4
            ),
            plan,
            self.epochs or plan.epochs,
            self.seed,
            self.lr or plan.lr,
            context.dtype,
            self.arm.step_factor,
        )

    def test_set(self, device: torch.device) -> Images:
        """The test set."""
        dataset = data.load(self.dataset)
        return self._images(dataset.test_images, dataset.test_labels, device).first(self.test_images)

    def _images(self, pixels: torch.Tensor, labels: torch.Tensor, device: torch.device) -> Images:
        plan, dataset = recipe(self.recipe, self.network), data.load(self.dataset)
        mean = dataset.mean if plan.mean is None else (plan.mean,) * pixels.shape[1]
        std = dataset.std if plan.std is None else (plan.std,) * pixels.shape[1]
        return Images(pixels.to(device), labels.to(device), mean, std)
