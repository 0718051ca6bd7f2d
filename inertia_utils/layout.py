"""Channels-last memory layout, also where a single channel leaves it open."""

from __future__ import annotations

import torch
from torch import Tensor


def channels_last(x: Tensor) -> Tensor:
    """``x`` (N, C, H, W) in channels-last layout, with strides that say so.

    The strides of one-channel images fit both layouts, and torch then takes them for channel by channel: what a first
    layer with a 1×1 kernel makes of them would come out so, and the max-pooling behind it take several times as long.
    """
    if x.shape[1] != 1 or not x.is_contiguous():
        return x.contiguous(memory_format=torch.channels_last)
    return x.reshape(len(x), *x.shape[2:], 1).permute(0, 3, 1, 2)
