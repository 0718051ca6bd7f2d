import pytest
import torch
from torch import nn
from torch.nn import functional as F

from inertia_utils.layout import channels_last
from inertia_utils.train import Images


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strided", [False, True])
def test_channels_last_keeps_the_values_and_says_so(channels, strided):
    x = torch.rand(4, channels, 6, 6)
    x = x[:, :, ::2] if strided else x
    result = channels_last(x)
    assert torch.equal(result, x) and result.stride(1) == 1 and result.stride(3) == channels


def test_the_batches_of_a_training_give_channels_last_maps_behind_a_1x1_kernel():
    pixels = torch.randint(0, 256, (8, 1, 6, 6), dtype=torch.uint8)
    batch, _ = Images(pixels, torch.zeros(8, dtype=torch.int64), (0.5,), (0.5,)).batch(torch.arange(4))
    maps = F.max_pool2d(nn.Conv2d(1, 4, 1)(batch), 2)
    assert maps.is_contiguous(memory_format=torch.channels_last)
