"""The 2×2 blocks of positions that share one core response under ``skip="core"`` (design, section 2)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .window import Window

#: Side of a block.
BLOCK = 2


def block_windows(window: Window) -> Window:
    """One (r+1)×(r+1) window per 2×2 block of the response map: the union of its four cores' windows.

    The first of the four is the window's core, so every friction measure applies as it is.
    """
    rows, columns = (size - window.core_size + 1 for size in window.x.shape[-2:])
    # Repeating the last pixels completes half blocks at the border without adding a value to their windows.
    missing = (0, columns % BLOCK, 0, rows % BLOCK)
    padded = F.pad(window.x, missing, mode="replicate") if any(missing) else window.x
    return Window(padded, window.core_size + BLOCK - 1, BLOCK - 1, (BLOCK, BLOCK))


def first_of_blocks(responses: Tensor) -> Tensor:
    """The first position of every block: (N, C, H, W) → (N, C, ⌈H/2⌉, ⌈W/2⌉)."""
    return responses[..., ::BLOCK, ::BLOCK]


def block_loss(exact: Tensor, kept: Tensor) -> Tensor:
    """The largest error of each block that keeps its first response, shape (N, C, ⌈H/2⌉, ⌈W/2⌉)."""
    return F.max_pool2d((exact - kept).abs(), BLOCK, ceil_mode=True)


def blocks_reached(is_open: Tensor) -> float:
    """Fraction of blocks with at least one open position; ``is_open`` (N, 1, H, W) holds 0 and 1."""
    return F.max_pool2d(is_open, BLOCK).mean().item()


def spread_blocks(blocks: Tensor, like: Tensor) -> Tensor:
    """Repeat one value per block over its positions: (N, C, ⌈H/2⌉, ⌈W/2⌉) → (N, C, H, W)."""
    height, width = like.shape[-2:]
    return F.interpolate(blocks, scale_factor=BLOCK, mode="nearest")[..., :height, :width]
