"""Layers and images that hypothesis generates: every size, stride, padding and mode in one description."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from reference import Sizes, pad

from inertia_utils import InertialConv2d

REAPPLICATIONS = ("slide", "dilate", "resize", "aggregate")
MERGES = ("matched", "replace", "add", "stack", "stack_whole")
#: Those that give two channels per filter.
STACKING = ("stack", "stack_whole")
FRICTIONS = (
    "range",
    "variance",
    "absolute",
    "squared",
    "squared_sum",
    "gradient",
    "laplacian",
    "cosine",
    "jsd",
    "entropy",
)
JOINT = ("cosine", "jsd", "squared_sum")
SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Case:
    """One layer and one input."""

    kernel_size: int
    margin: int
    in_channels: int
    filters: int
    stride: tuple[int, int]
    padding: int | tuple[int, int] | str
    padding_mode: str
    groups: int
    bias: bool
    reapply: str
    merge: str
    cores: int
    images: int
    height: int
    width: int
    seed: int

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.kernel_size, self.margin, self.stride, self.cores, self.groups)

    def layer(self, **options: object) -> InertialConv2d:
        """The layer in float64, its parameters drawn from the seed and clearly different from their start."""
        torch.manual_seed(self.seed)
        layer = InertialConv2d(
            self.in_channels,
            self.filters * (2 if self.merge in STACKING else 1),
            self.kernel_size,
            self.margin,
            self.stride,
            self.padding,
            groups=self.groups,
            bias=self.bias,
            padding_mode=self.padding_mode,
            dtype=torch.float64,
            reapply=self.reapply,
            merge=self.merge,
            cores=self.cores,
            **options,
        )
        with torch.no_grad():
            for parameter in (layer.weight, layer.periphery):
                parameter.normal_()
        return layer

    def image(self) -> torch.Tensor:
        """(N, C, H, W): noise on flat grounds, so that friction differs from place to place."""
        generator = np.random.default_rng(self.seed)
        shape = (self.images, self.in_channels, self.height, self.width)
        noise = generator.normal(size=shape) * generator.choice([0.02, 0.3, 1.0], size=(1, 1, *shape[2:]))
        return torch.from_numpy(noise + generator.normal(size=(*shape[:2], 1, 1)))

    def padded(self) -> np.ndarray:
        return pad(self.image().numpy(), self.padding, self.padding_mode, self.kernel_size)


def arrays(layer: InertialConv2d) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Weight, periphery and bias of a layer."""
    bias = None if layer.bias is None else layer.bias.detach().numpy()
    return layer.weight.detach().numpy(), layer.periphery.detach().numpy(), bias


def reaches_edge(kernel_size: int, margin: int) -> bool:
    """Whether ``dilate`` is defined."""
    core = kernel_size - margin
    return core >= 2 and (kernel_size - 1) % (core - 1) == 0


@st.composite
def cases(
    draw: st.DrawFn,
    reapplications: tuple[str, ...] = REAPPLICATIONS,
    merges: tuple[str, ...] = MERGES,
    largest: int = 6,
) -> Case:
    """Any legal layer with windows of 2 to ``largest`` and an image that it takes."""
    kernel_size = draw(st.integers(2, largest))
    margin = draw(st.integers(1, kernel_size - 1))
    legal = [name for name in reapplications if name != "dilate" or reaches_edge(kernel_size, margin)]
    reapply = draw(st.sampled_from(legal))
    merge = draw(st.sampled_from(merges))
    groups = 1 if merge in STACKING else draw(st.integers(1, 2))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)) | st.just((1, 1)))
    named = st.sampled_from(["same", "valid"] if stride == (1, 1) else ["valid"])
    width = st.integers(0, 3)
    padding = draw(width | st.tuples(width, width) | named)
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    # reflect needs more pixels than it pads, and the padded image at least one window
    widest = {"same": kernel_size // 2, "valid": 0}.get(padding, padding) if isinstance(padding, str) else padding
    rows, columns = widest if isinstance(widest, tuple) else (widest, widest)
    certain = 0 if isinstance(padding, str) else 2
    smallest = [max(kernel_size - certain * wide, wide + 1) for wide in (rows, columns)]
    return Case(
        kernel_size=kernel_size,
        margin=margin,
        in_channels=groups * draw(st.integers(1, 2)),
        filters=groups * draw(st.integers(1, 2)),
        stride=stride,
        padding=padding,
        padding_mode=mode,
        groups=groups,
        bias=draw(st.booleans()),
        reapply=reapply,
        merge=merge,
        cores=draw(st.integers(1, 3)),
        images=draw(st.integers(1, 2)),
        height=smallest[0] + draw(st.integers(0, 4)),
        width=smallest[1] + draw(st.integers(0, 4)),
        seed=draw(SEEDS),
    )
