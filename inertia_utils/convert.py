"""Swap the convolutions of any model for inertial ones."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from .layer import InertialConv2d


@dataclass
class Conversion:
    """What :func:`convert` did.

    Attributes:
        model: the converted copy.
        replaced: names of the convolutions that are inertial now.
        kept: name of every convolution left alone → why.
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
        options: keyword arguments of :class:`~inertia_utils.layer.InertialConv2d`, such as ``gate`` or ``reapply``.

    Raises:
        ValueError: a configuration that no layer accepts, whatever the model: the margin or an option is not valid.
    """
    conversion = Conversion(copy.deepcopy(model))
    # A layer of a size that suits every option tells bad options from convolutions that merely do not fit.
    InertialConv2d(2, 2, 2 * margin + 1 if isinstance(margin, int) and margin > 0 else 3, margin, **options)
    names = [name for name, module in conversion.model.named_modules() if isinstance(module, nn.Conv2d)]
    for position, name in enumerate(names):
        conv = conversion.model.get_submodule(name)
        reason = "the first convolution" if skip_first and position == 0 else _unfit(conv, margin)
        if reason is None:
            try:
                layer = _inertial(conv, margin, keep_weights, options)
            except ValueError as error:
                reason = str(error)
        if reason is not None:
            conversion.kept[name] = reason
        elif name:
            conversion.model.set_submodule(name, layer)
            conversion.replaced.append(name)
        else:
            conversion.model = layer
            conversion.replaced.append(name)
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
