"""Fine-tuning a trained network after its gates were closed in part."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .arms import Arm
from .gate_run import check_open, gated_model
from .runs import Context, Outcome, Run
from .train import train
from .train_run import TrainRun


@dataclass(frozen=True)
class FineTuneRun(Run, kind="finetune"):
    """Go on training a network, whose gates were open so far, with gates that skip.

    Attributes:
        parent: the training, its gates open.
        arm: its arm with the gate to train with.
        epochs: passes over the parent's training images.
        lr: peak learning rate; by default a quarter of the converged recipe's.

    Raises:
        ValueError: the parent was trained with a gate, or the arm's convolution is another one.
    """

    parent: TrainRun
    arm: Arm
    epochs: int = 1
    lr: float = 5e-4

    def __post_init__(self) -> None:
        check_open(self.parent)
        options = ("friction", "reduction", "gate", "rate", "threshold", "skip", "merge")
        if replace(self.arm, **{name: getattr(self.parent.arm, name) for name in options}) != self.parent.arm:
            raise ValueError(f"arm: {self.arm.name!r} is not {self.parent.arm.name!r} with another gate")

    @property
    def seed(self) -> int:
        """Of the parent, for data order and dropout."""
        return self.parent.seed

    @property
    def network(self) -> str:
        """Of the parent."""
        return self.parent.network

    @property
    def dataset(self) -> str:
        """Of the parent."""
        return self.parent.dataset

    @property
    def recipe(self) -> str:
        """Of the parent."""
        return self.parent.recipe

    @property
    def cost(self) -> float:
        """Relative duration, in the unit of trainings."""
        return replace(self.parent, arm=self.arm, epochs=self.epochs).cost

    def parents(self) -> tuple[Run, ...]:
        """The training."""
        return (self.parent,)

    def label(self) -> str:
        """Arm and parent."""
        return f"fine-tune {self.arm.name} · {self.parent.label()}"

    def execute(self, context: Context) -> Outcome:
        """Train on, then read the test set once."""
        model = gated_model(self.parent, self.arm, context)
        training = replace(self.parent.training(context), epochs=self.epochs, lr=self.lr)
        history = train(model, training)
        return replace(self.parent, arm=self.arm).outcome(model, history, training, context)
