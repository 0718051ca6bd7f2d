"""Seeds: the same seed gives every arm the same data order, and the same initial values where shapes agree."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def derive(seed: int, purpose: str) -> int:
    """A seed for one purpose, so that no random stream depends on how much another one has drawn."""
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def initialise_paired(model: nn.Module, seed: int) -> None:
    """Reset every layer from a seed of its own name, so that layers that two arms share start from the same values."""
    for name, module in model.named_modules():
        if hasattr(module, "reset_parameters"):
            torch.manual_seed(derive(seed, f"initial values of {name}"))
            module.reset_parameters()


def generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator for one purpose."""
    return torch.Generator().manual_seed(derive(seed, purpose))
