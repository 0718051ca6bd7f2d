"""Swap the convolutions of any model for inertial ones."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from .layer import InertialConv2d
from .swap import swap


@dataclass
class Conversion:
    """What :func:`convert` did.

    Attributes:
        model: the converted copy.
        replaced: names of the convolutions that are inertial now; of one with several names, the first.
        kept: name of every convolution left alone, likewise → why.
    """

    model: nn.Module
    replaced: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{len(self.replaced)} convolutions replaced, {len(self.kept)} left alone"]
        return "\n".join(lines + [f"  {name}: {reason}" for name, reason in self.kept.items()])


def convert(
    model: nn.Module, margin: int, skip_first: bool = False, keep_weights: bool = True, **options: Any
) -> Conversion:
    """A copy of ``model`` whose square convolutions larger than ``margin`` are inertial.

    Args:
        model: any model; it is not changed.
        margin: k of every inertial layer; their windows are the sizes of the convolutions they replace.
        skip_first: leave the first convolution alone.
        keep_weights: fit each layer to the convolution by least squares, rather than start afresh.
        options: keyword arguments of :class:`~inertia_utils.layer.InertialConv2d`, such as ``gate`` or ``reapply``;
            of an object every layer gets a copy of its own, since a gate keeps what it found in its layer.

    Raises:
        ValueError: a configuration that no layer accepts, whatever the model: the margin or an option is not valid.
    """
    conversion = Conversion(copy.deepcopy(model))
    # A layer of a size that suits every option tells bad options from convolutions that merely do not fit.
    probe = 2 * margin + 1 if isinstance(margin, int) and margin > 0 else 3
    InertialConv2d(2, 2, probe, margin, **copy.deepcopy(options))
    layers: dict[nn.Module, nn.Module] = {}
    convolutions = [
        (name, module) for name, module in conversion.model.named_modules() if isinstance(module, nn.Conv2d)
    ]
    for position, (name, conv) in enumerate(convolutions):
        reason = "the first convolution" if skip_first and position == 0 else _unfit(conv, margin)
        if reason is None:
            try:
                layers[conv] = _inertial(conv, margin, keep_weights, copy.deepcopy(options))
            except ValueError as error:
                reason = str(error)
        if reason is None:
            conversion.replaced.append(name)
        else:
            conversion.kept[name] = reason
    conversion.model = swap(conversion.model, layers)
    return conversion


def _unfit(conv: nn.Conv2d, margin: int) -> str | None:
    rows, columns = conv.kernel_size
    if type(conv) is not nn.Conv2d:
        return f"a {type(conv).__name__}, not a plain Conv2d"
    if rows != columns:
        return f"its kernel of {rows}×{columns} is not square"
    if rows <= margin:
        return f"its kernel of {rows}×{rows} leaves no core for margin {margin}"
    if conv.dilation != (1, 1):
        return f"its dilation is {conv.dilation}"
    return None


def _inertial(conv: nn.Conv2d, margin: int, keep_weights: bool, options: dict[str, Any]) -> InertialConv2d:
    if keep_weights:
        return InertialConv2d.from_conv(conv, margin, **options)
    return InertialConv2d.like(conv, margin, **options)
