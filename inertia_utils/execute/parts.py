"""A batch in parts of a few images, so that what lies between two steps stays in the cache."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Bytes of one map of a part.  A part whose maps are larger leaves the cache, and beyond about 30 MB of them the C
#: library hands memory back to the system after every call and gets it page by page in the next one; a part that is
#: much smaller keeps convolutions from running at full speed.
PART = 8 * 2**20
#: The same for friction, which takes a dozen passes.
PASSES = 2 * 2**20


def parts(x: Tensor, channels: int, limit: int) -> list[slice]:
    """Equal slices of the batch (N, C, H, W) whose maps of ``channels`` channels take at most ``limit`` bytes.

    One slice holds everything where there is no cache to keep to: off the CPU, and while torch traces.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return [slice(None)]
    images = x.shape[0]
    number = max(1, -(-images * max(channels, x.shape[1]) * x.shape[2] * x.shape[3] * x.element_size() // limit))
    size = max(1, -(-images // number))
    return [slice(first, first + size) for first in range(0, max(images, 1), size)]


def in_parts(function: Callable[..., Tensor], tensors: tuple[Tensor, ...], channels: int, limit: int) -> Tensor:
    """``function(*tensors)``, a part of the batch at a time where its maps are larger than ``limit`` bytes.

    Args:
        function: of tensors (N, …) with one output (N, …).
        tensors: its arguments, the first of shape (N, C, H, W).
        channels: of the largest map.
        limit: bytes of one map of a part.
    """
    x = tensors[0]
    slices = parts(x, channels, limit)
    if len(slices) == 1:
        return function(*tensors)
    done = function(*(tensor[slices[0]] for tensor in tensors))
    layout = torch.channels_last if is_channels_last(done) else torch.contiguous_format
    output = torch.empty((x.shape[0], *done.shape[1:]), dtype=done.dtype, device=x.device, memory_format=layout)
    output[slices[0]] = done
    for images in slices[1:]:
        output[images] = function(*(tensor[images] for tensor in tensors))
    return output


def is_channels_last(x: Tensor) -> bool:
    """The channels of a pixel lie side by side; also where a map of one channel could be read either way."""
    return x.is_contiguous(memory_format=torch.channels_last)
