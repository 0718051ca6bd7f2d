"""Which test images a trained network gets right, so that differences can be judged over images as well as over seeds.

Accuracies of several seeds say how much training varies, not how much depends on the images that happened to be in the
test set, which all seeds share.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .result_file import Result
from .runs import Context, Outcome, Run
from .train import correct
from .train_run import TrainRun

#: Arm → seed → whether each test image is classified correctly.
Correct = dict[str, dict[int, np.ndarray]]


@dataclass(frozen=True)
class PredictRun(Run, kind="predict"):
    """Classify the test set with a trained network and keep what is right of it, image by image.

    Attributes:
        parent: the training.

    Raises:
        ValueError: the parent is evaluated on its hold-out.
    """

    parent: TrainRun

    def __post_init__(self) -> None:
        if self.parent.tuning:
            raise ValueError("parent: expected a training that reads the test set, got one with tuning=True")

    @property
    def seed(self) -> int:
        """Of the parent."""
        return self.parent.seed

    @property
    def cost(self) -> float:
        """Relative duration: the test set once, forward only."""
        return (self.parent.test_images or 10_000) * 12.0

    def parents(self) -> tuple[Run, ...]:
        """The training."""
        return (self.parent,)

    def label(self) -> str:
        """What predicts."""
        return f"predict {self.parent.label()}"

    def execute(self, context: Context) -> Outcome:
        """Accuracy, and one bit per image, eight to a byte, as base 64."""
        model = self.parent.model().to(context.device)
        model.load_state_dict(context.store.load_weights(self.parent))
        right = correct(model, self.parent.test_set(context.device), context.dtype).cpu().numpy()
        bits = base64.b64encode(np.packbits(right).tobytes()).decode("ascii")
        images = len(right)
        return Outcome(
            {"accuracy": int(right.sum()) / images, "evaluated_on": "test", "test_images": images, "correct": bits}
        )


def correct_images(results: Iterable[Result]) -> Correct:
    """The images that each network gets right, from results of :class:`PredictRun`."""
    found: Correct = {}
    for result in results:
        parent, metrics = result.run.parent, result.metrics
        packed = np.frombuffer(base64.b64decode(metrics["correct"]), dtype=np.uint8)
        right = np.unpackbits(packed, count=metrics["test_images"]).astype(bool)
        found.setdefault(parent.arm.name, {})[parent.seed] = right
    return found
