"""``skip="core"``: the core on a coarse grid, and at the other positions of open blocks only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ..blocks import BLOCK, block_windows, first_of_blocks
from ..merge import Responses
from ..reapply import Slide
from ..window import Window
from .break_even import sparse_pays
from .constant import depthwise, slide_weights
from .rows import Runs, choose, convolve_rows, pixels, tap_matrix

if TYPE_CHECKING:
    from ..layer import InertialConv2d


def coarse_response(layer: InertialConv2d, x: Tensor, window: Window, is_open: Tensor) -> Tensor:
    """The output for a gate: x (N, C, H, W), ``is_open`` bool (N, 1, blocks down, blocks across) → (N, O, …).

    ``window`` holds the windows of the padded x.
    """
    # Completed to whole blocks, so that every block has four positions; what they add is cut off below.
    source = block_windows(window).x.contiguous(memory_format=torch.channels_last)
    responses = _response_map(layer, source, is_open)
    rows, columns = (size - layer.geometry.core_size + 1 for size in window.x.shape[-2:])
    responses = responses[..., :rows, :columns]
    if type(layer.reapply) is Slide and layer.geometry.cores == 1 and not layer.merge.stacks:
        return depthwise(layer, [responses], slide_weights(layer), layer.bias, (0, 0, 0, 0))
    core, reapplied = layer.reapply.from_map(responses, window, layer.periphery)
    return layer.with_bias(layer.merge.open(Responses(core, layer.gamma, reapplied)))


def _response_map(layer: InertialConv2d, source: Tensor, is_open: Tensor) -> Tensor:
    """φ in whole blocks, those that are closed filled with their first response: (N, O·m, 2·blocks, 2·blocks)."""
    groups = layer.geometry.groups
    opened = is_open.flatten().nonzero()[:, 0]
    if len(opened) and not (groups == 1 and sparse_pays("core", layer, source, len(opened) / is_open.numel())):
        exact = F.conv2d(source, layer.weight, groups=groups)
        everywhere = is_open.repeat_interleave(BLOCK, 2).repeat_interleave(BLOCK, 3)
        return choose(everywhere, exact, _spread(first_of_blocks(exact)))
    spread = _spread(F.conv2d(source, layer.weight, stride=BLOCK, groups=groups))
    if len(opened):
        _fill_blocks(layer, spread, source, opened)
    return spread


def _spread(coarse: Tensor) -> Tensor:
    """Every value at the four positions of its block, in channels_last."""
    images, channels, rows, columns = coarse.shape
    blocks = coarse.permute(0, 2, 3, 1)[:, :, None, :, None]
    spread = blocks.expand(images, rows, BLOCK, columns, BLOCK, channels)
    return spread.reshape(images, BLOCK * rows, BLOCK * columns, channels).permute(0, 3, 1, 2)


def _fill_blocks(layer: InertialConv2d, spread: Tensor, source: Tensor, opened: Tensor) -> None:
    """Compute the three other positions of open blocks in place."""
    rows, columns = (size // BLOCK for size in spread.shape[-2:])
    image, place = opened // (rows * columns), opened % (rows * columns)
    others = torch.tensor([(0, 1), (1, 0), (1, 1)], device=opened.device)
    down = (place // columns * BLOCK)[:, None] + others[:, 0]
    right = (place % columns * BLOCK)[:, None] + others[:, 1]
    chosen, starts = (
        ((image[:, None] * height + down) * width + right).flatten()
        for height, width in (spread.shape[-2:], source.shape[-2:])
    )
    runs = Runs(source, layer.geometry.core_size)
    convolve_rows(pixels(spread), chosen, runs, starts, tap_matrix(layer.weight))
