"""A control of gates: as many open positions in every image as friction opens there, at random places."""

from __future__ import annotations

import torch
from torch import Tensor

from .gate import Threshold


class Shuffled(Threshold):
    """Open as many positions of an image as exceed τ, anywhere in it.

    It keeps what friction says of whole images and forgets what it says within one, as
    :class:`~inertia_utils.gate.PerImage` does the other way round.
    """

    def forward(self, friction: Tensor) -> Tensor:
        """The decisions of the threshold, each image's in a random order drawn from torch's generator."""
        decided = super().forward(friction).flatten(1)
        order = torch.rand(decided.shape, device=decided.device).argsort(1)
        return decided.gather(1, order).view_as(friction)
