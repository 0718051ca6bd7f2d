"""Friction: how much a window diverges from its core, without weights (design, section 2).

A measure is a function of a :class:`~inertia_utils.window.Window`.  It returns one value ≥ 0 per window and channel, or
one per window where it compares channels with each other, and it is 0 on a flat window.  To add one::

    @MEASURES.register("spread")
    @costs(lambda d, r: d * d)
    def spread(window):
        return window.max() - window.mean()
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from .registry import Registry
from .window import Window


class Measure(Protocol):
    """What the layer needs of a friction measure; :func:`costs` declares the attributes."""

    macs_per_channel: Callable[[int, int], float]
    joint: bool
    needs_detail: bool

    def __call__(self, window: Window) -> Tensor:
        """Friction of every window, shape (N, C or 1, H_out, W_out)."""


MEASURES: Registry[Measure] = Registry("friction")
REDUCTIONS = ("after", "before")
#: What :func:`costs` declares of a measure.
DECLARED = ("macs_per_channel", "joint", "needs_detail")


def costs(
    macs_per_channel: Callable[[int, int], float], *, joint: bool = False, needs_detail: bool = False
) -> Callable[[Measure], Measure]:
    """Decorator: declare a measure's arithmetic.

    Args:
        macs_per_channel: (d, r) → operations per window and channel, a multiply, add or comparison counting one.
        joint: the measure compares channels and needs all of them, so they must not be averaged before it.
        needs_detail: the measure reads the detail δ that it decides about; for controls only.
    """

    def declare(measure: Measure) -> Measure:
        measure.macs_per_channel = macs_per_channel
        measure.joint = joint
        measure.needs_detail = needs_detail
        return measure

    return declare


def friction_map(measure: Measure, window: Window, reduction: str) -> Tensor:
    """One friction value per window: the channel mean of the measure, or the measure of the channel mean.

    Args:
        measure: a registered measure or any callable of the same protocol.
        window: the windows.
        reduction: ``"after"`` the window pass (faithful) or ``"before"`` it (C times cheaper).

    Returns:
        Friction, shape (N, 1, H_out, W_out).
    """
    if reduction == "before":
        window = window.reduced()
    return measure(window).mean(1, keepdim=True)


def friction_macs(measure: Measure, kernel_size: int, core_size: int, channels: int, reduction: str) -> float:
    """Operations per window that :func:`friction_map` spends, the channel reduction included."""
    per_channel = measure.macs_per_channel(kernel_size, core_size)
    if reduction == "before":
        return channels + per_channel
    return channels * (per_channel + (not measure.joint))


@MEASURES.register("range")
@costs(lambda d, r: 4 * (d - 1))
def value_range(window: Window) -> Tensor:
    """max − min over the window: the measure that carries the skip certificate."""
    if torch.is_grad_enabled() and window.x.requires_grad:
        # Among equal pixels pooling gives the gradient to one, where maximum would share it.
        smallest = -F.max_pool2d(-window.x, window.kernel_size, window.stride)
        return window.max() - smallest
    return window.extreme(torch.maximum) - window.extreme(torch.minimum)


@MEASURES.register("variance")
@costs(lambda d, r: 4 * d + 3)
def variance(window: Window) -> Tensor:
    """Variance over the window, E[x²] − E[x]²."""
    # Centring each map first keeps the difference of squares from cancelling on bright, flat images.
    centred = window.x - window.x.mean((-2, -1), keepdim=True)
    square = F.avg_pool2d(centred.square(), window.kernel_size, window.stride)
    return (square - F.avg_pool2d(centred, window.kernel_size, window.stride).square()).clamp_min(0)


@MEASURES.register("absolute")
@costs(lambda d, r: 2 * (d * d - r * r) + 2 * r)
def absolute(window: Window) -> Tensor:
    """Mean absolute deviation of the periphery from the core's mean."""
    core = window.core_mean()
    deviations = [(pixel - core).abs() for pixel in window.periphery()]
    return sum(deviations) / len(deviations)


@MEASURES.register("squared")
@costs(lambda d, r: 2 * (d * d - r * r) + 2 * r)
def squared(window: Window) -> Tensor:
    """Mean squared deviation of the periphery from the core's mean."""
    core = window.core_mean()
    deviations = [(pixel - core).square() for pixel in window.periphery()]
    return sum(deviations) / len(deviations)


@MEASURES.register("squared_sum")
@costs(lambda d, r: 2 * (d * d - r * r) + 2 * r + 1, joint=True)
def squared_sum(window: Window) -> Tensor:
    """Squared deviation of the periphery from the core's mean, summed over window and channels.

    It is ``squared`` on the scale of the method's earlier published form, whose fixed threshold belongs to this sum.
    """
    pixels = window.kernel_size**2 - window.core_size**2
    return pixels * squared(window).sum(1, keepdim=True)


@MEASURES.register("gradient")
@costs(lambda d, r: 4 * d + 3)
def gradient(window: Window) -> Tensor:
    """Magnitude of the Sobel gradient, its filters extended to d×d by binomial smoothing."""
    smooth, slope = _sobel(window.kernel_size)
    horizontal = window.filtered(torch.outer(smooth, slope))
    vertical = window.filtered(torch.outer(slope, smooth))
    # Unlike hypot, the norm has a gradient (0) where both are 0, which is everywhere on a flat background.
    return torch.linalg.vector_norm(torch.stack([horizontal, vertical]), dim=0)


@MEASURES.register("laplacian")
@costs(lambda d, r: 2 * d + 2 * r + 3)
def laplacian(window: Window) -> Tensor:
    """|periphery mean − core mean|."""
    return (window.periphery_mean() - window.core_mean()).abs()


@MEASURES.register("cosine")
@costs(lambda d, r: 2 * d + 2 * r + 6, joint=True)
def cosine(window: Window) -> Tensor:
    """1 − cosine between the channel vectors of periphery and core, as half the squared distance of unit vectors."""
    difference = _unit(window.periphery_mean()) - _unit(window.core_mean())
    return difference.square().sum(1, keepdim=True) / 2


@MEASURES.register("jsd")
@costs(lambda d, r: 2 * d + 2 * r + 12, joint=True)
def jsd(window: Window) -> Tensor:
    """Jensen–Shannon divergence between the softmax over channels of core and periphery.

    A reference channel fixed at zero joins the softmax, so that the measure is defined for one channel as well.
    """
    core, periphery = (_log_softmax(mean) for mean in (window.core_mean(), window.periphery_mean()))
    middle = torch.logaddexp(core, periphery) - math.log(2)
    divergence = sum(p.exp() * (p - middle) for p in (core, periphery)) / 2
    return divergence.sum(1, keepdim=True).clamp_min(0)


@MEASURES.register("entropy")
@costs(lambda d, r: 4 * d * d)
def entropy(window: Window) -> Tensor:
    """ln d² − entropy of the softmax over the window's pixels: 0 where flat, ln d² where one pixel dominates."""
    size = window.kernel_size
    pixels = torch.stack([window.pixel(row, column) for row in range(size) for column in range(size)])
    log_p = pixels.log_softmax(0)
    return (math.log(size**2) + (log_p.exp() * log_p).sum(0)).clamp_min(0)


@MEASURES.register("random")
@costs(lambda d, r: 0, joint=True)
def random(window: Window) -> Tensor:
    """Control: uniform noise on [0, 1) that knows nothing of the image."""
    return window.empty_map().uniform_()


@MEASURES.register("oracle")
@costs(lambda d, r: 0, joint=True, needs_detail=True)
def oracle(window: Window) -> Tensor:
    """Control: |δ| itself, averaged over filters; nobody can deploy it, since it needs what it decides about."""
    if window.detail is None:
        raise ValueError("friction: 'oracle' needs the detail of the layer and cannot be computed from an image alone")
    return window.detail.abs().mean(1, keepdim=True)


def _sobel(size: int) -> tuple[Tensor, Tensor]:
    """Binomial smoothing and derivative filters of one length; [1, 2, 1] and [−1, 0, 1] for 3."""
    smooth = torch.ones(1, dtype=torch.float64)
    for _ in range(size - 2):
        smooth = F.pad(smooth, (0, 1)) + F.pad(smooth, (1, 0))
    slope = F.pad(smooth, (1, 0)) - F.pad(smooth, (0, 1))
    smooth = F.pad(smooth, (0, 1)) + F.pad(smooth, (1, 0))
    return smooth / smooth.sum(), slope / slope.abs().sum()


def _unit(vectors: Tensor) -> Tensor:
    # A zero vector has no direction; left to normalize, its gradient would be of the order 1e12.
    return F.normalize(vectors, dim=1).masked_fill((vectors == 0).all(1, keepdim=True), 0)


def _log_softmax(channels: Tensor) -> Tensor:
    return F.pad(channels, (0, 0, 0, 0, 0, 1)).log_softmax(1)
