"""Training recipes (design, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR

from .steps import Group


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        batch_size: images per step.
        epochs: passes over the training set, unless a profile shortens them.
        mean: what is subtracted from a pixel in [0, 1]; None for the dataset's own mean.
        std: what it is divided by; None for the dataset's own.
        build: parameters in groups, learning rate, steps per epoch and epochs → optimizer, scheduler and how often the
            scheduler steps (``"batch"``, ``"epoch"`` or ``"never"``).
        absolute_steps: a step's length does not depend on the gradient's, so that the groups' factors apply.
        lr: learning rate, or its peak.
    """

    batch_size: int
    epochs: int
    lr: float
    build: Callable[[Sequence[Group], float, int, int], tuple[Optimizer, LRScheduler | None, str]]
    mean: float | None = None
    std: float | None = None
    absolute_steps: bool = False


def _sgd(groups: Sequence[Group], lr: float, steps: int, epochs: int) -> tuple:
    return torch.optim.SGD(_all(groups), lr=lr, fused=True), None, "never"


def _adadelta(groups: Sequence[Group], lr: float, steps: int, epochs: int) -> tuple:
    optimizer = torch.optim.Adadelta(_all(groups), lr=lr)
    return optimizer, StepLR(optimizer, step_size=1, gamma=0.7), "epoch"


def _one_cycle(groups: Sequence[Group], lr: float, steps: int, epochs: int) -> tuple:
    optimizer = torch.optim.AdamW([{"params": group.parameters} for group in groups], lr=lr, fused=True)
    peaks = [lr * group.factor for group in groups]
    # Cycling momentum with AdamW would have to wrap a fused optimizer's betas at every step for no measured gain.
    return optimizer, OneCycleLR(optimizer, peaks, total_steps=steps * epochs, cycle_momentum=False), "batch"


def _all(groups: Sequence[Group]) -> list[nn.Parameter]:
    return [parameter for group in groups for parameter in group.parameters]


#: The original study's recipes are per network; the converged one is the same for all.
RECIPES: dict[tuple[str, str], Recipe] = {
    ("original", "fashionnet"): Recipe(400, 100, 1e-3, _sgd, 0.5, 0.5),
    ("original", "lenet"): Recipe(64, 14, 1.0, _adadelta, 0.1307, 0.3081),
    ("converged", "fashionnet"): Recipe(200, 10, 2e-3, _one_cycle, absolute_steps=True),
    ("converged", "lenet"): Recipe(200, 10, 2e-3, _one_cycle, absolute_steps=True),
}


def recipe(name: str, network: str) -> Recipe:
    """The recipe of a network.

    Raises:
        ValueError: no such recipe.
    """
    if (name, network) not in RECIPES:
        known = ", ".join(sorted({known for known, its_network in RECIPES if its_network == network}))
        raise ValueError(f"recipe: unknown name {name!r} for network {network!r}; known: {known or 'none'}")
    return RECIPES[name, network]
