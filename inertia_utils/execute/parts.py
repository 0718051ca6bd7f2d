"""A batch in parts of a few images, so that what lies between two steps stays in the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

#: Bytes of a part: large enough for one convolution to run at full speed, small enough for the last-level cache.
PART = 16 * 2**20
#: Maps beyond this size are allocated afresh by the system, page by page, in every call.
LARGE = 16 * 2**20


def parts(x: Tensor, channels: int, limit: int) -> Iterator[slice]:
    """Slices of the batch (N, C, H, W) whose maps of ``channels`` channels take about ``limit`` bytes.

    One slice holds everything where there is no cache to keep to: off the CPU, and while torch traces.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        yield slice(None)
        return
    images = x.shape[0]
    size = max(1, limit // max(_bytes(x, channels), 1))
    for first in range(0, max(images, 1), size):
        yield slice(first, first + size)


def in_parts(function: Callable[..., Tensor], tensors: tuple[Tensor, ...], channels: int, *, large: int) -> Tensor:
    """``function(*tensors)``, a part of the batch at a time where its maps are larger than ``large`` bytes.

    Args:
        function: of tensors (N, …) with one output (N, …).
        tensors: its arguments, the first of shape (N, C, H, W).
        channels: of the largest map.
        large: maps up to this many bytes are left whole.
    """
    x = tensors[0]
    slices = [slice(None)] if _bytes(x, channels) * x.shape[0] <= large else list(parts(x, channels, PART))
    if len(slices) == 1:
        return function(*tensors)
    done = function(*(tensor[slices[0]] for tensor in tensors))
    layout = torch.channels_last if is_channels_last(done) else torch.contiguous_format
    output = torch.empty((x.shape[0], *done.shape[1:]), dtype=done.dtype, device=x.device, memory_format=layout)
    output[slices[0]] = done
    for part in slices[1:]:
        output[part] = function(*(tensor[part] for tensor in tensors))
    return output


def _bytes(x: Tensor, channels: int) -> int:
    """Of one image's map with as many channels."""
    return max(channels, x.shape[1]) * x.shape[2] * x.shape[3] * x.element_size()


def is_channels_last(x: Tensor) -> bool:
    """The channels of a pixel lie side by side; also where a map of one channel could be read either way."""
    return x.is_contiguous(memory_format=torch.channels_last)
