"""Initialisation of the core and the periphery (derived in notebook 02).

Every initialisation draws a core as ``nn.Conv2d`` would draw an r×r kernel and a periphery of its own, then scales the
core so that the equivalent kernels have the mean squared norm of a default d×d ``nn.Conv2d``, which is 1/3.  A layer
therefore starts with the output variance of the dense convolution it replaces.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from .fit import fit_kernel
from .registry import Registry

if TYPE_CHECKING:
    from .layer import InertialConv2d

INITIALISATIONS: Registry[Callable[[InertialConv2d], None]] = Registry("init")

#: Sum of squares of a d×d×C kernel drawn by nn.Conv2d: C·d² weights of variance 1/(3·C·d²).
DENSE_ENERGY = 1 / 3


@torch.no_grad()
def initialise(layer: InertialConv2d, name: str) -> None:
    """Draw all parameters of ``layer`` and give its open state the variance of a dense convolution.

    Args:
        layer: the layer; its parameters are overwritten.
        name: a registered initialisation.
    """
    INITIALISATIONS[name](layer)
    energy = layer.equivalent_kernel().square().flatten(1).sum(1).mean()
    layer.weight.mul_((DENSE_ENERGY / energy).sqrt())
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -_dense_bound(layer), _dense_bound(layer))


@INITIALISATIONS.register("normal")
def normal(layer: InertialConv2d) -> None:
    """Periphery from its re-application's prior; for ``slide`` N(0, 1/(m·(k+1)²)) with a free sum."""
    _default_core(layer)
    mean, std = layer.reapply.prior(layer.geometry)
    nn.init.normal_(layer.periphery, mean, std)


@INITIALISATIONS.register("identity")
def identity(layer: InertialConv2d) -> None:
    """Periphery near the identity, so that T starts as the core's own response and grows from there."""
    _default_core(layer)
    _, std = layer.reapply.prior(layer.geometry)
    nn.init.normal_(layer.periphery, 0, 0.1 * std)
    layer.periphery.add_(layer.reapply.identity(layer.geometry).to(layer.periphery))


@INITIALISATIONS.register("fit")
def fit(layer: InertialConv2d) -> None:
    """Core and periphery fitted by least squares to a kernel that nn.Conv2d would have drawn."""
    geometry = layer.geometry
    shape = (geometry.filters, geometry.in_channels // geometry.groups, geometry.kernel_size, geometry.kernel_size)
    dense = torch.empty(shape, dtype=layer.weight.dtype, device=layer.weight.device)
    nn.init.uniform_(dense, -_dense_bound(layer), _dense_bound(layer))
    weight, periphery = fit_kernel(dense, layer.reapply, geometry, layer.merge.core_share, steps=0)
    layer.weight.copy_(weight)
    layer.periphery.copy_(periphery)


def _default_core(layer: InertialConv2d) -> None:
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5))


def _dense_bound(layer: InertialConv2d) -> float:
    geometry = layer.geometry
    return (geometry.in_channels // geometry.groups * geometry.kernel_size**2) ** -0.5
