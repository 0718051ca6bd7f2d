"""What the layer benchmark compares: shapes, and arms that build a layer for a shape.

To add an arm, register a function from a shape to any callable of a batch::

    @ARMS.register("mine")
    def mine(shape):
        return torch.nn.Conv2d(shape.in_channels, shape.out_channels, 5, padding=2)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..arms import Arm, dense, inertial, separable
from ..gate import Gate
from ..layer import InertialConv2d
from ..registry import Registry
from .masks import Masks


@dataclass(frozen=True)
class Shape:
    """The sizes of one layer.

    Attributes:
        in_channels: C.
        out_channels: O.
        size: height and width of its input.
        padded: zero padding keeps the size; otherwise there is none.
    """

    in_channels: int
    out_channels: int
    size: int
    padded: bool = True


SHAPES: dict[str, Shape] = {
    "fashionnet-1": Shape(1, 32, 28),
    "fashionnet-2": Shape(32, 64, 14),
    "lenet-1": Shape(1, 32, 28, padded=False),
    "lenet-2": Shape(32, 64, 26, padded=False),
    **{f"{c}x{c}@{size}": Shape(c, c, size) for c in (64, 128, 256) for size in (56, 28, 14)},
}

#: Name → a function that builds the arm for a shape.
ARMS: Registry[Callable[[Shape], Callable[[Tensor], Tensor]]] = Registry("arm")


class GivenMasks(Gate):
    """Opens what it is told to, whatever the friction, which is computed all the same; another mask in every call."""

    def __init__(self, masks: Masks, real: bool) -> None:
        super().__init__()
        self.masks, self.real = masks, real
        self._drawn: dict[tuple[int, ...], Tensor] = {}
        # A tensor: a compiled layer is compiled anew for every value of a number.
        self.register_buffer("_first", torch.zeros((), dtype=torch.long), persistent=False)

    def forward(self, friction: Tensor) -> Tensor:
        """The next masks of as many images as ``friction`` (N, 1, H, W) has."""
        size = tuple(friction.shape[-2:])
        if size not in self._drawn:
            masks = self.masks.at(size) if self.real else self.masks.shuffled(size)
            self._drawn[size] = masks.to(friction)
        drawn = self._drawn[size]
        chosen = (self._first + torch.arange(len(friction), device=friction.device)) % len(drawn)
        self._first += 7
        return drawn[chosen]


@dataclass(frozen=True)
class Options:
    """Options of a gated layer's arm beside those of its :class:`~inertia_utils.arms.Arm`.

    Attributes:
        masks: rate of the masks; None for an arm without a gate.
        real: those of a trained gate, or random ones of the same density.
        reduction: of the friction.
    """

    masks: float | None = None
    real: bool = True
    reduction: str = "before"


def build(arm: Arm, options: Options, shape: Shape) -> nn.Module:
    """The layer of an arm for a shape, in evaluation mode and in channels_last."""
    padding = "same" if shape.padded else 0
    layer = arm.layer(shape.in_channels, shape.out_channels, padding)
    if options.masks is not None:
        layer.gate = GivenMasks(Masks.load(options.masks, blocks=arm.skip == "core"), options.real)
        layer.reduction = options.reduction
    return layer.eval().to(memory_format=torch.channels_last)


def macs(call: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """MACs per image of an arm, at the open fraction of its latest call; a foreign arm's are those of its operators.

    Args:
        call: the arm.
        x: an input, (N, C, H, W).
    """
    if isinstance(call, InertialConv2d):
        return call.macs(tuple(x.shape[1:])).total
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        call(x[:1])
    return counter.get_total_flops() / 2


def _register(name: str, arm: Arm, **options: object) -> None:
    ARMS.register(name)(lambda shape: build(arm, Options(**options), shape))


for _size in (5, 3, 1):
    _register(f"dense {_size}×{_size}", dense(_size))
for _size in (5, 3):
    _register(f"separable {_size}×{_size}", separable(_size))
for _d, _k in ((5, 2), (5, 4), (3, 2), (3, 1)):
    _register(f"slide ({_d}, {_k})", inertial(_d, _k))
_register("slide (3, 2), 2 cores", inertial(3, 2, cores=2))
_register("core alone (5, 2)", inertial(5, 2, gate="never"))
for _reapply, _d, _k in (("dilate", 5, 2), ("resize", 5, 2), ("aggregate", 5, 2), ("aggregate", 3, 2)):
    _register(f"{_reapply} ({_d}, {_k}), open", inertial(_d, _k, reapply=_reapply))
for _rate in (0.1, 0.3, 0.6):
    for _real in (True, False):
        _kind = "real" if _real else "random"
        _register(
            f"dilate (5, 2), {_rate:.0%} {_kind}",
            inertial(5, 2, reapply="dilate", gate="threshold"),
            masks=_rate,
            real=_real,
        )
        _register(
            f"skip core (5, 2), {_rate:.0%} {_kind}",
            inertial(5, 2, skip="core", gate="threshold"),
            masks=_rate,
            real=_real,
        )
_register(
    "dilate (5, 2), 30% real, full friction",
    inertial(5, 2, reapply="dilate", gate="threshold"),
    masks=0.3,
    reduction="after",
)
_register(
    "skip core (5, 2), 30% real, full friction",
    inertial(5, 2, skip="core", gate="threshold"),
    masks=0.3,
    reduction="after",
)
_register("stack dilate (5, 2), 30% real", inertial(5, 2, reapply="dilate", merge="stack", gate="threshold"), masks=0.3)
_register("resize (5, 2), 30% real", inertial(5, 2, reapply="resize", gate="threshold"), masks=0.3)
_register("slide (5, 2), 30% real", inertial(5, 2, gate="threshold"), masks=0.3)
_register("aggregate (3, 2), 30% real", inertial(3, 2, reapply="aggregate", gate="threshold"), masks=0.3)


def dense_of(name: str) -> str:
    """The dense arm that an arm stands for: that of its window, or 5×5 where its name has none."""
    return "dense 3×3" if "(3," in name or "3×3" in name else "dense 5×5"
