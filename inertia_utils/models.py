"""The two networks of the study (design, section 4).

Max-pooling and ReLU commute, since both are monotone; the networks pool first and rectify a quarter of the values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .arms import Arm, as_arm, dense, separable
from .cost import measure

HEADS = ("fc", "gap")


class FashionNet(nn.Module):
    """conv(1→32)–ReLU–pool–conv(32→64)–ReLU–pool–fc(→1024)–ReLU–dropout 0.4–fc(→10), padded to keep the size.

    Args:
        kernel: a kernel size for dense convolutions, or an :class:`~inertia_utils.arms.Arm`.
        head: ``"fc"`` as above, or ``"gap"``: global average pooling and one linear layer, so that what the
            convolutions save is saved by the whole network.
        pool: max-pool after each convolution. Without it nothing hides what a gate skips: both convolutions keep the
            size of the image, and the maps are averaged to the size that the head expects.
        in_channels: of the images.
        image_size: height and width of the images.

    Shape:
        images (N, in_channels, image_size, image_size) → logits (N, 10)

    Raises:
        ValueError: the head is unknown.
    """

    def __init__(
        self,
        kernel: int | Arm = 5,
        head: str = "fc",
        in_channels: int = 1,
        image_size: int = 28,
        pool: bool = True,
    ) -> None:
        super().__init__()
        if head not in HEADS:
            raise ValueError(f"head: unknown name {head!r}; known: {', '.join(HEADS)}")
        arm = as_arm(kernel)
        self.conv1 = arm.layer(in_channels, arm.hidden, "same", first=True)
        self.conv2 = arm.layer(arm.hidden, arm.channels, "same", stride=2 if arm.strided else 1)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.last_pool = nn.Identity() if arm.strided else self.pool
        if head == "gap":
            self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(arm.channels, 10))
        else:
            side = image_size // 4
            average = [] if pool else [nn.AdaptiveAvgPool2d(side)]
            self.head = nn.Sequential(
                *average,
                nn.Flatten(),
                nn.Linear(arm.channels * side**2, 1024),
                nn.ReLU(),
                nn.Dropout(0.4),
                nn.Linear(1024, 10),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch of images."""
        x = F.relu(self.pool(self.conv1(x)))
        return self.head(F.relu(self.last_pool(self.conv2(x))))


class LeNet(nn.Module):
    """conv(1→32)–ReLU–conv(32→64)–ReLU–pool–dropout 0.25–fc(→128)–ReLU–dropout 0.5–fc(→10), without padding.

    Args:
        kernel: a kernel size for dense convolutions, or an :class:`~inertia_utils.arms.Arm`.
        padded: pad the convolutions to keep the size, so that the head is the same for all arms.
        in_channels: of the images.
        image_size: height and width of the images.

    Shape:
        images (N, in_channels, image_size, image_size) → logits (N, 10)

    Raises:
        ValueError: the arm has a strided layer.
    """

    def __init__(self, kernel: int | Arm = 3, padded: bool = False, in_channels: int = 1, image_size: int = 28) -> None:
        super().__init__()
        arm = as_arm(kernel)
        if arm.strided:
            raise ValueError(f"kernel: {arm.name!r} does not go with LeNet; only FashionNet has a strided second layer")
        padding = "same" if padded else 0
        self.conv1 = arm.layer(in_channels, arm.hidden, padding, first=True)
        self.conv2 = arm.layer(arm.hidden, arm.channels, padding)
        side = (image_size if padded else image_size - 2 * (arm.kernel_size - 1)) // 2
        self.head = nn.Sequential(
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(arm.channels * side**2, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a batch of images."""
        return self.head(F.relu(F.max_pool2d(self.conv2(F.relu(self.conv1(x))), 2)))


NETWORKS: dict[str, Callable[..., nn.Module]] = {"fashionnet": FashionNet, "lenet": LeNet}


def of_equal_macs(arm: Arm, rival: Arm, network: str = "fashionnet") -> Arm:
    """``rival`` with as many channels as give its network the convolution MACs of that of ``arm``.

    Only the first convolution's output is widened or narrowed, so that the head stays the same.
    """
    single = _conv_macs(replace(rival, hidden=1), network)
    return replace(rival, hidden=round(_conv_macs(arm, network) / single))


def widened(arm: Arm, network: str = "fashionnet") -> Arm:
    """The dense arm of the core's size with as many MACs as ``arm``: more channels in place of the periphery."""
    return of_equal_macs(arm, dense(arm.kernel_size - arm.margin), network)


def narrowed(arm: Arm, network: str = "fashionnet") -> Arm:
    """The dense arm of the window's size with as many MACs as ``arm``: fewer channels in place of smaller kernels."""
    return of_equal_macs(arm, dense(arm.kernel_size), network)


def narrowed_evenly(arm: Arm, network: str = "fashionnet") -> Arm:
    """The dense arm of the window's size with as many MACs as ``arm``, both layers narrowed by about the same share.

    With h and c output channels the convolutions take h·(α + β·c) MACs.  The head has fewer inputs than that of
    ``arm``, and so fewer weights.
    """
    rival, target = dense(arm.kernel_size), _conv_macs(arm, network)
    one, two = (_conv_macs(replace(rival, hidden=1, channels=count), network) for count in (1, 2))
    beta, alpha = two - one, 2 * one - two
    # α·w·32 + β·w²·32·64 = MACs, for the share w of both layers.
    linear, square = alpha * rival.hidden, beta * rival.hidden * rival.channels
    share = (math.sqrt(linear**2 + 4 * square * target) - linear) / (2 * square)
    hidden = max(1, round(share * rival.hidden))
    return replace(rival, hidden=hidden, channels=max(1, round((target / hidden - alpha) / beta)))


def separated(arm: Arm, network: str = "fashionnet") -> Arm:
    """The separable arm of the window's size, behind a dense first layer, with as many MACs as ``arm``."""
    return of_equal_macs(arm, separable(arm.kernel_size, dense_first=True), network)


@cache
def _conv_macs(arm: Arm, network: str) -> float:
    return measure(NETWORKS[network](arm), [torch.zeros(1, 1, 28, 28)]).metrics()["conv_macs"]
