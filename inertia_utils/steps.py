"""How long the steps of factorised kernels must be to move as far as those of dense ones (derived in notebook 02).

AdamW moves every weight by about the learning rate η, however large the weight or its gradient is.  The weights of a
dense kernel, of root mean square σ_K, then change by η/σ_K of their size in a step.  An inertial kernel is a product of
core and periphery and changes by η·(1/σ_W + 1/σ_a), which is less: its factors are larger than their products.  Steps
of f·η make up for it, with

    f = (1/σ_K) / (1/σ_W + 1/σ_a).

The same holds for a depthwise-separable pair.  σ_W and σ_a are those of the layer at hand, σ_K that of a dense
convolution of its sizes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor, nn

from .initialise import DENSE_ENERGY
from .layer import InertialConv2d


class Group(NamedTuple):
    """Parameters whose steps are ``factor`` times as long as the learning rate says."""

    parameters: list[nn.Parameter]
    factor: float


def parameter_groups(model: nn.Module, factor: float = 0.0) -> list[Group]:
    """All parameters of ``model``, kernels of convolutions in groups with their own step length.

    Args:
        model: any network.
        factor: of every convolution's kernels; 0 for what :func:`step_factor` derives for factorised ones, and 1 for
            dense ones.
    """
    kernels: list[Group] = []
    own: set[nn.Parameter] = set()
    for module in model.modules():
        group = _kernels(module, factor)
        if group and own.isdisjoint(group.parameters):  # the parts of a pair come after it
            kernels.append(group)
            own.update(group.parameters)
    rest = [parameter for parameter in model.parameters() if parameter not in own]
    return [Group(rest, 1.0), *kernels]


def step_factor(layer: InertialConv2d) -> float:
    """f for the core and the periphery of ``layer`` as they are."""
    geometry = layer.geometry
    taps = geometry.in_channels // geometry.groups * geometry.kernel_size**2
    return _factor(taps, layer.weight, layer.periphery)


def _kernels(module: nn.Module, factor: float) -> Group | None:
    if isinstance(module, InertialConv2d):
        return Group([module.weight, module.periphery], factor or step_factor(module))
    if _is_separable(module):
        depthwise, pointwise = module
        taps = depthwise.in_channels * depthwise.weight[0, 0].numel()
        return Group([depthwise.weight, pointwise.weight], factor or _factor(taps, depthwise.weight, pointwise.weight))
    if factor and isinstance(module, nn.Conv2d):
        return Group([module.weight], factor)
    return None


def _is_separable(module: nn.Module) -> bool:
    if not isinstance(module, nn.Sequential) or [type(part) for part in module] != [nn.Conv2d, nn.Conv2d]:
        return False
    return module[0].groups == module[0].in_channels == module[0].out_channels and module[1].kernel_size == (1, 1)


def _factor(taps: int, *factors: Tensor) -> float:
    sizes = [part.detach().float().square().mean().sqrt().item() for part in factors]
    return math.sqrt(taps / DENSE_ENERGY) / sum(1 / size for size in sizes) if all(sizes) else 1.0
