"""Weights and MACs of any model on given inputs, layer by layer (design, section 6, rule 4).

MACs are counted from shapes: 1 multiply + 1 add each.  A gated layer's depend on the images, so its open fraction is
measured on them.  A MAC ratio is not a speed-up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .layer import InertialConv2d
from .macs import MacCount

#: Folded into a neighbouring convolution or element by element: weights, but no MACs of their own.
FREE = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.PReLU, nn.Embedding)


@dataclass
class LayerCost:
    """Weights and MACs per image of one layer.

    Attributes:
        name: of the module in its model.
        kind: class of the module.
        weights: number of parameters, biases included.
        is_convolution: it is a convolution, dense or inertial.
        macs: per image, averaged over the images seen.
        best: MACs per image if every gate stayed closed, friction and gate included.
        worst: if every gate were open.
        open_fraction: measured; None for a layer without a gate.
    """

    name: str
    kind: str
    weights: int
    is_convolution: bool
    macs: MacCount = field(default_factory=MacCount)
    best: float = 0.0
    worst: float = 0.0
    open_fraction: float | None = None


@dataclass(frozen=True)
class Cost:
    """All layers of a model that have weights."""

    layers: list[LayerCost]

    @property
    def convolutions(self) -> list[LayerCost]:
        """The convolutions, dense and inertial."""
        return [layer for layer in self.layers if layer.is_convolution]

    def metrics(self) -> dict[str, float]:
        """Sums for a run's result, convolutions apart from totals, and the open fraction of every gated layer."""
        convolutions = sum((layer.macs for layer in self.convolutions), MacCount())
        return {
            "weights": sum(layer.weights for layer in self.layers),
            "macs": sum(layer.macs.total for layer in self.layers),
            "conv_weights": sum(layer.weights for layer in self.convolutions),
            "conv_macs": convolutions.total,
            "conv_macs_core": convolutions.core,
            "conv_macs_periphery": convolutions.periphery,
            "conv_macs_friction": convolutions.friction,
            "conv_macs_gate": convolutions.gate,
            "conv_macs_best": sum(layer.best for layer in self.convolutions),
            "conv_macs_worst": sum(layer.worst for layer in self.convolutions),
            **{
                f"open_fraction/{layer.name}": layer.open_fraction
                for layer in self.layers
                if layer.open_fraction is not None
            },
        }


@torch.no_grad()
def measure(model: nn.Module, batches: Iterable[Tensor]) -> Cost:
    """Count weights and MACs of every layer of ``model`` in evaluation mode.

    Args:
        model: any model; layers other than convolutions and linear ones are counted by ``FlopCounterMode``.
        batches: inputs of shape (N, …); the average over all of them is returned.  Without a gate the cost does not
            depend on them, and only the first is used.

    Raises:
        ValueError: there is no batch.
    """
    training = model.training
    model.eval()
    try:
        with Meter(model) as meter:
            for batch in batches:
                model(batch)
                if not meter.gated:
                    break
        flops = _flops(model, batch) if meter.unknown else None
    finally:
        model.train(training)
    return meter.cost(flops)


class Meter:
    """Counts what a model computes while the context is open, through forward hooks.

    Args:
        model: the model, called with batches of shape (N, …).
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.images = model, 0
        self.layers = {name: module for name, module in model.named_modules() if list(module.parameters(recurse=False))}
        self.costs = {
            name: LayerCost(
                name,
                type(module).__name__,
                sum(p.numel() for p in module.parameters(recurse=False)),
                isinstance(module, (nn.Conv2d, InertialConv2d)),
            )
            for name, module in self.layers.items()
        }
        for name, module in self.layers.items():
            if isinstance(module, InertialConv2d):
                self.costs[name].weights += sum(p.numel() for p in module.gate.parameters())
        # Per layer, since a model may call one of them several times or not for every image.
        self.opened: dict[str, float] = {}
        self.seen: dict[str, int] = {}
        self.gated = any(isinstance(m, InertialConv2d) and m.gate.constant is None for m in self.layers.values())
        #: Names of layers whose MACs no formula here tells.
        self.unknown = [
            name for name, module in self.layers.items() if not _is_known(module) and not _is_gate(name, self.layers)
        ]

    def __enter__(self) -> Meter:
        self._handles = [module.register_forward_hook(self.hook(name)) for name, module in self.layers.items()]
        self._handles.append(self.model.register_forward_pre_hook(self._count_images))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _count_images(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.images += len(inputs[0])

    def hook(self, name: str):
        """The forward hook of one layer."""

        def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            shape = tuple(inputs[0].shape)
            macs, best, worst = _macs(module, shape, output)
            entry = self.costs[name]
            entry.macs, entry.best, entry.worst = entry.macs + macs, entry.best + best, entry.worst + worst
            if isinstance(module, InertialConv2d) and module.gate.constant is None:
                self.opened[name] = self.opened.get(name, 0.0) + module.open_fraction.item() * len(inputs[0])
                self.seen[name] = self.seen.get(name, 0) + len(inputs[0])

        return add

    def cost(self, flops: dict[str, float] | None = None) -> Cost:
        """Averages per image.

        Args:
            flops: FLOPs per image of the layers that no formula here covers, by name; a layer that is not in it has
                none.

        Raises:
            ValueError: the model was not called, or it has layers that no formula covers and no FLOPs are given.
        """
        if not self.images:
            raise ValueError("batches: expected at least one batch of inputs, got none")
        if flops is None and self.unknown:
            raise ValueError(f"flops: no formula covers {', '.join(self.unknown)}; give their FLOPs, or use measure()")
        averages = {name: self._average(name, (flops or {}).get(name, 0.0)) for name in self.costs}
        return Cost([entry for name, entry in averages.items() if not _is_gate(name, self.layers)])

    def _average(self, name: str, flops: float) -> LayerCost:
        entry, per_image = self.costs[name], 1 / self.images
        if not _is_known(self.layers[name]):
            return replace(entry, macs=MacCount(core=flops / 2), best=flops / 2, worst=flops / 2)
        return replace(
            entry,
            macs=entry.macs * per_image,
            best=entry.best * per_image,
            worst=entry.worst * per_image,
            open_fraction=self.opened[name] * (1 / self.seen[name]) if name in self.opened else None,
        )


def _macs(module: nn.Module, shape: tuple[int, ...], output: Tensor) -> tuple[MacCount, float, float]:
    """MACs of one call: as measured, with every gate closed, with every gate open."""
    if isinstance(module, InertialConv2d):
        if module.gate.constant is not None:
            count = module.macs(shape, module.gate.constant)
            return count, count.total, count.total
        return module.macs(shape), module.macs(shape, 0.0).total, module.macs(shape, 1.0).total
    per_output = 0
    if isinstance(module, nn.Conv2d):
        per_output = module.weight[0].numel()
    elif isinstance(module, nn.Linear):
        per_output = module.in_features
    count = MacCount(core=float(per_output * output.numel()))
    return count, count.total, count.total


def _is_known(module: nn.Module) -> bool:
    return isinstance(module, (InertialConv2d, nn.Conv2d, nn.Linear, *FREE))


def _is_gate(name: str, layers: dict[str, nn.Module]) -> bool:
    """A learned gate's parameters are counted with its layer."""
    owner = name.rpartition(".")[0]
    # A model that is one layer has an empty name, and is not its own gate.
    return name != owner and isinstance(layers.get(owner), InertialConv2d)


def _flops(model: nn.Module, batch: Tensor) -> dict[str, float]:
    """FLOPs per image of every module, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        model(batch)
    root = type(model).__name__
    return {
        name.removeprefix(f"{root}."): sum(counts.values()) / len(batch)
        for name, counts in counter.get_flop_counts().items()
    }
