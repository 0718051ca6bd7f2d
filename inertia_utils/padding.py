"""Padding with the arguments and the meaning of ``nn.Conv2d``."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor
from torch.nn import functional as F

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def pair(argument: str, value: int | tuple[int, int], smallest: int) -> tuple[int, int]:
    """One whole number for both directions, or two.

    Raises:
        ValueError: not one or two whole numbers of at least ``smallest``.
    """
    values = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(values) != 2 or any(not isinstance(v, int) or isinstance(v, bool) or v < smallest for v in values):
        raise ValueError(f"{argument}: expected one or two whole numbers of at least {smallest}, got {value!r}")
    return values


@dataclass(frozen=True)
class Padding:
    """How a layer pads its input.

    Attributes:
        argument: what the layer was given: a number, two numbers, ``"same"`` or ``"valid"``.
        mode: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        kernel_size: d.
        stride: of the layer; ``"same"`` needs 1.
        widths: (left, right, top, bottom), as ``F.pad`` takes it.

    Raises:
        ValueError: unknown mode or argument, or ``"same"`` with a stride.
    """

    argument: int | tuple[int, int] | str
    mode: str
    kernel_size: int
    stride: tuple[int, int]
    widths: tuple[int, int, int, int] = field(init=False)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"padding_mode: unknown name {self.mode!r}; known: {', '.join(MODES)}")
        if self.argument == "same" and self.stride != (1, 1):
            raise ValueError(f"padding: 'same' needs stride 1, got stride={self.stride}")
        object.__setattr__(self, "widths", self._widths())

    def __call__(self, x: Tensor) -> Tensor:
        """Pad (N, C, H, W)."""
        return F.pad(x, self.widths, mode=MODES[self.mode]) if any(self.widths) else x

    def check(self, size: tuple[int, int]) -> None:
        """Raise ValueError if an input of (H, W) gives no output or is too small for the padding mode."""
        left, right, top, bottom = self.widths
        height, width = size[0] + top + bottom, size[1] + left + right
        if min(height, width) < self.kernel_size:
            raise ValueError(
                f"input: a padded size of {height}×{width} is smaller than the window of {self.kernel_size}; "
                f"expected at least {self.kernel_size} in both directions, got an input of {size[0]}×{size[1]}"
            )
        for pixels, width in zip(size, (max(top, bottom), max(left, right)), strict=True):
            needed = {"zeros": 0, "replicate": 1, "circular": width, "reflect": width + 1}[self.mode]
            if pixels < needed:
                raise ValueError(
                    f"input: padding_mode={self.mode!r} with a padding of {width} takes its values from at least "
                    f"{needed} pixels, got an input of {size[0]}×{size[1]}"
                )

    def _widths(self) -> tuple[int, int, int, int]:
        if self.argument == "valid":
            return 0, 0, 0, 0
        if self.argument == "same":
            before, after = (self.kernel_size - 1) // 2, self.kernel_size // 2
            return before, after, before, after
        if isinstance(self.argument, str):
            raise ValueError(f"padding: unknown name {self.argument!r}; known: same, valid")
        vertical, horizontal = pair("padding", self.argument, smallest=0)
        return horizontal, horizontal, vertical, vertical
