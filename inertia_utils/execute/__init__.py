"""How a layer is evaluated: the fast form of its configuration, equal to the reference up to rounding.

A layer with all positions open is its core's convolution followed by a depthwise one, in training as in evaluation.
In evaluation without gradients, one with a gate computes its friction, and the dear part of its work only where the
gate opens.  What has no fast form (friction ``"oracle"``, and a gated layer under autocast or while it is traced) is
computed by :meth:`~inertia_utils.layer.InertialConv2d.reference`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..reapply import Slide
from .coarse import coarse_response
from .constant import closed_response, has_open_form, is_one_convolution, open_response
from .decisions import decide, draws
from .gated import gated_response
from .layout import settled
from .parts import PART, in_parts, is_channels_last

if TYPE_CHECKING:
    from ..layer import InertialConv2d


def respond(layer: InertialConv2d, x: Tensor) -> Tensor:
    """The output of ``layer``, bias included, by its fastest form: (N, C, H, W) → (N, out_channels, H_out, W_out)."""
    x = settled(layer, x)
    evaluating = not (layer.training or _needs_gradient(layer, x))
    if layer.gate.constant == 1 and has_open_form(layer) and (evaluating or type(layer.reapply) is Slide):
        if evaluating and not is_one_convolution(layer):
            channels = layer.geometry.filters * layer.geometry.cores
            return in_parts(partial(open_response, layer), (x,), channels, PART)
        return open_response(layer, x)
    if evaluating and layer.gate.constant == 0 and layer.skip == "detail":
        return _closed(layer, x)
    if evaluating and layer.gate.constant != 1 and _can_look(layer, x):
        return _gated(layer, x)
    return layer.reference(x)


def _needs_gradient(layer: InertialConv2d, x: Tensor) -> bool:
    return torch.is_grad_enabled() and (x.requires_grad or any(part.requires_grad for part in layer.parameters()))


def _closed(layer: InertialConv2d, x: Tensor) -> Tensor:
    core = closed_response(layer, x, layer.bias)
    return torch.cat([core, torch.zeros_like(core)], 1) if layer.merge.stacks else core


def _can_look(layer: InertialConv2d, x: Tensor) -> bool:
    """The gate's decisions can be read while the layer is evaluated, and are worth it."""
    tracing = torch.compiler.is_compiling() or x.device.type == "meta" or torch.is_autocast_enabled(x.device.type)
    return not (tracing or layer.friction.needs_detail or 0 in x.shape)


def _gated(layer: InertialConv2d, x: Tensor) -> Tensor:
    compute = coarse_response if layer.skip == "core" else gated_response
    opened = []

    def respond_to(x: Tensor, *known: Tensor) -> Tensor:
        window = layer.windows(x)
        is_open = known[0] if known else decide(layer, window)
        opened.append((is_open.sum(), is_open.numel()))
        if has_open_form(layer) and is_open.all():
            return open_response(layer, x)
        if layer.skip == "detail" and not is_open.any():
            return _closed(layer, x)
        return compute(layer, x, window, is_open)

    known = (decide(layer, layer.windows(x)),) if draws(layer) else ()
    output = in_parts(respond_to, (x, *known), layer.out_channels, PART)
    if layer.gate.constant is None:
        layer.open_fraction.copy_(sum(count for count, _ in opened) / sum(number for _, number in opened))
    return output if is_channels_last(x) else output.contiguous()
