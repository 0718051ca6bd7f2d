"""A small training for the tests of the loop, its recipes and its checkpoints."""

from __future__ import annotations

from dataclasses import replace

import torch

from inertia_utils.recipes import recipe
from inertia_utils.train import Images, Training


def toy_training(name: str = "converged", network: str = "fashionnet", **changes) -> Training:
    """240 striped images whose class is the direction and width of the stripes."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.arange(240) % 4
    rows = torch.arange(28)
    stripes = torch.stack([(rows // width % 2).float() for width in (2, 5)])
    down = stripes[labels % 2][:, None, :, None].expand(-1, 1, 28, 28)
    pictures = torch.where((labels < 2)[:, None, None, None], down, down.mT)
    pixels = (200 * pictures + 55 * torch.rand(pictures.shape, generator=generator)).to(torch.uint8)
    images = Images(pixels, labels, (0.5,), (0.5,))
    plan = recipe(name, network)
    return replace(Training(images, images.first(60), plan, epochs=2, seed=5, lr=plan.lr), **changes)
