"""Gating a trained network: how accuracy falls as fewer positions are opened.

A network trained with its gates open gets a friction measure and a threshold per layer.  The thresholds open a given
fraction of the held-out positions, layer by layer, each calibrated behind the layers that are gated already; they are
then frozen for the test set (design, section 6, rule 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from .arms import Arm
from .cost import Meter
from .friction import MEASURES
from .gate import Always, Gate, PerImage, Threshold, quantile
from .layer import InertialConv2d
from .registry import Registry
from .runs import Context, Outcome, Run
from .shuffled import Shuffled
from .train import Images, accuracy, thresholds
from .train_run import TrainRun

#: Held-out images that thresholds are calibrated on.
CALIBRATION_IMAGES = 500
#: How positions are chosen at a rate: by one threshold for all images; by rank within each image; or as many of each
#: image as the threshold opens, at random.
CHOICES: Registry[type[Gate]] = Registry("choice")
for _name, _gate in (("threshold", Threshold), ("image", PerImage), ("shuffled", Shuffled)):
    CHOICES.register(_name)(_gate)
#: Held-out images on which friction is compared with the detail.
AGREEMENT_IMAGES = 100


@dataclass(frozen=True)
class GateRun(Run, kind="gate"):
    """Gate a trained network by one friction measure, at several rates.

    Attributes:
        parent: the training, its gates open.
        friction: name of the measure.
        rates: fractions of positions to open.
        reduction: of channels, ``"after"`` or ``"before"`` the window pass.
        skip: what closed positions save, ``"detail"`` or ``"core"``.
        merge: what closed positions give, if other than in training; empty for the parent's.
        layers: names of the layers to gate; empty for all.
        choice: how positions are chosen, ``"threshold"``, ``"image"`` or ``"shuffled"`` (:data:`CHOICES`).
        test_images: read only the first of the test set; 0 for as many as the parent reads.

    Raises:
        ValueError: the parent was trained with a gate, the measure or the choice is unknown, or a rate is not a
            fraction.
    """

    parent: TrainRun
    friction: str = "range"
    rates: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    reduction: str = "after"
    skip: str = "detail"
    merge: str = ""
    layers: tuple[str, ...] = ()
    choice: str = "threshold"
    test_images: int = 0

    def __post_init__(self) -> None:
        check_open(self.parent)
        MEASURES[self.friction]
        CHOICES[self.choice]
        if not all(0 <= rate <= 1 for rate in self.rates):
            raise ValueError(f"rates: expected fractions from 0 to 1, got {self.rates}")

    @property
    def seed(self) -> int:
        """Of the parent."""
        return self.parent.seed

    @property
    def cost(self) -> float:
        """Relative duration: the test set once per rate, forward only."""
        return (self.test_images or 10_000) * len(self.rates) * 12.0

    def parents(self) -> tuple[Run, ...]:
        """The training."""
        return (self.parent,)

    def label(self) -> str:
        """What is gated, and how."""
        options = [self.friction, self.reduction, f"skip {self.skip}", self.merge, *self.layers]
        options += [self.choice] if self.choice != GateRun.choice else []
        return f"gate {', '.join(filter(None, options))} · {self.parent.label()}"

    def execute(self, context: Context) -> Outcome:
        """One record per rate: accuracy and MACs on the test set, thresholds, measured open fractions.

        Random frictions and choices are drawn from torch's generator as :func:`~inertia_utils.seed.initialise_paired`
        leaves it when the network is built, so that they depend on the parent's seed and on nothing before this run.
        """
        model = self._model(context)
        training = self.parent.training(context)
        test = self.parent.test_set(context.device).first(self.test_images)
        records = []
        for rate in self.rates:
            self._set(model, rate, training.holdout)
            with Meter(model) as meter:
                result = {"rate": rate, "accuracy": accuracy(model, test, context.dtype)}
            records.append(result | thresholds(model) | meter.cost().metrics())
        return Outcome(
            {"evaluated_on": "test", "test_images": len(test), **self._agreement(model, training.holdout)}, records
        )

    def _model(self, context: Context) -> nn.Module:
        """The trained network with threshold gates of this measure."""
        options = {"friction": self.friction, "reduction": self.reduction, "skip": self.skip}
        options |= {"merge": self.merge} if self.merge else {}
        model = gated_model(self.parent, replace(self.parent.arm, gate="threshold", **options), context)
        unknown = set(self.layers) - {name for name, _ in gated_layers(model)}
        if unknown:
            raise ValueError(f"layers: {', '.join(sorted(unknown))} is no inertial layer of {self.parent.network}")
        for name, layer in gated_layers(model):
            if self.layers and name not in self.layers:
                layer.gate = Always(rate=1.0, threshold=0.0)
        return model.eval()

    def _set(self, model: nn.Module, rate: float, holdout: Images) -> None:
        """Have every gated layer open ``rate`` of the positions, chosen as this run does."""
        for _, layer in gated_layers(model):
            layer.gate = CHOICES[self.choice](rate, math.inf).to(layer.weight.device)
        calibrate(model, holdout.first(CALIBRATION_IMAGES), rate)

    @torch.no_grad()
    def _agreement(self, model: nn.Module, images: Images) -> dict[str, float]:
        """Spearman's rank correlation of friction with the detail, per layer, on held-out images.

        The detail is the mean |δ| of all filters whatever the merge, or the loss of the core's own responses for
        ``skip="core"``.
        """
        self._set(model, 1.0, images)
        batch, _ = images.batch(slice(0, AGREEMENT_IMAGES))
        correlations = {}
        for name, layer in gated_layers(model):
            friction, loss = layer.friction_and_loss(_input_of(layer, model, batch))
            ranks = spearmanr(friction.flatten().cpu(), loss.mean(1).flatten().cpu())
            # Where one of them is constant, there is nothing to agree on.
            correlations[f"rank_correlation/{name}"] = 0.0 if math.isnan(ranks.statistic) else float(ranks.statistic)
        return correlations


def check_open(parent: TrainRun) -> None:
    """Refuse a training whose gate was not open.

    Raises:
        ValueError: it had another gate.
    """
    if parent.arm.gate != "always":
        raise ValueError(f"parent: expected a training with the gate open, got gate={parent.arm.gate!r}")


def gated_model(parent: TrainRun, arm: Arm, context: Context) -> nn.Module:
    """The trained network of ``parent`` with the gates of ``arm``, whose own state is fresh.

    Args:
        parent: a training whose weights the store holds.
        arm: its arm with other options of friction, gate, merge and skipping.
        context: store and device.

    Raises:
        ValueError: the weights do not fit the arm.
    """
    model = replace(parent, arm=arm).model()
    gates = {name for name in model.state_dict() if ".gate." in name}
    missing, unexpected = model.load_state_dict(context.store.load_weights(parent), strict=False)
    if set(missing) != gates or unexpected:
        raise ValueError(f"arm: weights of {parent.label()} do not fit: {missing} missing, {unexpected} unexpected")
    return model.to(context.device, memory_format=torch.channels_last)


def gated_layers(model: nn.Module) -> list[tuple[str, InertialConv2d]]:
    """Inertial layers whose gate is set after training, by name, in the order of the model."""
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, InertialConv2d) and isinstance(module.gate, Threshold | PerImage)
    ]


@torch.no_grad()
def calibrate(model: nn.Module, images: Images, rate: float) -> None:
    """Set the threshold of every gated layer that has one, so that it opens ``rate`` of the positions of ``images``.

    Layers are calibrated in the order of the model, so that each sees inputs from layers that are gated already.

    Args:
        model: a network whose layers run in the order in which they are defined; left in evaluation mode.
        images: held-out images, taken as one batch.
        rate: fraction of positions to open.
    """
    model.eval()
    batch, _ = images.batch(slice(None))
    for _, layer in gated_layers(model):
        if isinstance(layer.gate, Threshold):
            friction, _ = layer.friction_and_loss(_input_of(layer, model, batch))
            layer.gate.threshold.copy_(quantile(friction, 1 - rate))


def _input_of(layer: nn.Module, model: nn.Module, batch: Tensor) -> Tensor:
    """What ``layer`` is given when ``model`` sees ``batch``."""
    seen = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        model(batch)
    finally:
        handle.remove()
    return seen[0]
