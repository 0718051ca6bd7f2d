"""Arms: which convolution a network is built from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from .gate import TEMPERATURE, Gate, Learned, Sampled
from .layer import InertialConv2d

CONVOLUTIONS = ("dense", "inertial", "separable")
#: Gates that are told which fraction to open.
RATED = ("rate", "anneal", "cell", "image", "sampled", "learned")
#: Gates that have a temperature.
TEMPERED = {"learned": Learned, "sampled": Sampled}


@dataclass(frozen=True)
class Arm:
    """One convolution with all its options; the sizes of a layer are the network's business.

    Attributes:
        conv: ``"dense"``, ``"inertial"`` or ``"separable"`` (depthwise d×d, then 1×1).
        kernel_size: d.
        margin: k; 0 for what is not inertial.
        hidden: output channels of the first convolution; other than 32 for arms widened to a given number of MACs.
        channels: output channels of the second; other than 64 for arms whose layers are both narrowed.
        dense_first: keep the network's first convolution dense, whatever the arm.
        open_first: keep the gate of the network's first convolution open, whatever the arm's gate.
        temperature: where that of a learned gate starts, or that of a sampled gate's draws.
        step_factor: how much longer the steps of kernels are than the recipe says; 0 for what
            :mod:`~inertia_utils.steps` derives for factorised kernels, and 1 for dense ones.
        strided: a dense network's second convolution steps by two, in place of the max-pooling behind it.
        reapply: and all that follows: as in :class:`~inertia_utils.layer.InertialConv2d`.

    Raises:
        ValueError: the convolution is unknown, or margin or stride do not go with it.
    """

    conv: str = "dense"
    kernel_size: int = 5
    margin: int = 0
    hidden: int = 32
    channels: int = 64
    dense_first: bool = False
    open_first: bool = False
    temperature: float = TEMPERATURE
    step_factor: float = 0.0
    strided: bool = False
    reapply: str = "slide"
    merge: str = "matched"
    cores: int = 1
    friction: str = "range"
    reduction: str = "after"
    gate: str = "always"
    rate: float = 0.5
    threshold: float = 0.0
    skip: str = "detail"
    init: str = "normal"
    bias: bool = True

    def __post_init__(self) -> None:
        if self.conv not in CONVOLUTIONS:
            raise ValueError(f"conv: unknown name {self.conv!r}; known: {', '.join(CONVOLUTIONS)}")
        if (self.margin > 0) != (self.conv == "inertial"):
            raise ValueError(f"margin: {self.margin} does not go with conv={self.conv!r}; only 'inertial' has a margin")
        if self.strided and self.conv != "dense":
            raise ValueError(f"strided: True does not go with conv={self.conv!r}; only 'dense' has a strided layer")

    @property
    def name(self) -> str:
        """What tables and figures call the arm."""
        size = f"{self.kernel_size}×{self.kernel_size}"
        if self.conv == "inertial":
            return ", ".join([f"inertial ({self.kernel_size}, {self.margin})", *self._changed_options()])
        parts = [f"{self.conv} {size}"]
        parts += self._channels()
        if self.step_factor:
            parts.append(f"kernel rate ×{self.step_factor:g}")
        return ", ".join(parts + self._first_layer() + self.strided * ["strided second layer"])

    def _changed_options(self) -> list[str]:
        options = ["reapply", "merge", "cores", "gate", "friction", "reduction", "skip", "init"]
        changed = {name: getattr(self, name) for name in options if getattr(self, name) != getattr(Arm, name)}
        if self.gate in RATED:
            changed["gate"] = f"{self.gate} {self.rate:g}"
        elif self.gate == "threshold":
            changed["gate"] = f"threshold {self.threshold:g}"
        if self.temperature != Arm.temperature:
            changed["temperature"] = f"{self.temperature:g}"
        if self.step_factor:
            changed["kernel rate"] = f"×{self.step_factor:g}"
        return self._channels() + [f"{name} {value}" for name, value in changed.items()] + self._first_layer()

    def _channels(self) -> list[str]:
        if self.channels != Arm.channels:
            return [f"{self.hidden} and {self.channels} channels"]
        return [f"{self.hidden} channels"] if self.hidden != Arm.hidden else []

    def _first_layer(self) -> list[str]:
        return self.dense_first * ["dense first layer"] + self.open_first * ["open first layer"]

    def layer(
        self, in_channels: int, out_channels: int, padding: int | str, *, stride: int = 1, first: bool = False
    ) -> nn.Module:
        """A convolution of this arm.

        Args:
            in_channels: of the input.
            out_channels: of the output.
            padding: as in ``nn.Conv2d``.
            stride: of a dense convolution; others have none.
            first: it is the network's first convolution.
        """
        if self.conv == "dense" or (first and self.dense_first):
            return _dense_layer(in_channels, out_channels, self.kernel_size, padding, stride, self.bias)
        if self.conv == "separable":
            options = {"padding": padding, "groups": in_channels, "bias": self.bias}
            depthwise = nn.Conv2d(in_channels, in_channels, self.kernel_size, **options)
            return nn.Sequential(depthwise, nn.Conv2d(in_channels, out_channels, 1, bias=self.bias))
        return InertialConv2d(
            in_channels,
            out_channels,
            self.kernel_size,
            self.margin,
            padding=padding,
            bias=self.bias,
            reapply=self.reapply,
            merge=self.merge,
            cores=self.cores,
            friction=self.friction,
            reduction=self.reduction,
            gate=self._gate(first),
            rate=self.rate,
            threshold=self.threshold,
            skip=self.skip,
            init=self.init,
        )

    def _gate(self, first: bool) -> str | Gate:
        if first and self.open_first:
            return "always"
        if self.gate in TEMPERED:
            return TEMPERED[self.gate](self.rate, self.threshold, temperature=self.temperature)
        return self.gate


def _dense_layer(
    in_channels: int, out_channels: int, kernel_size: int, padding: int | str, stride: int, bias: bool
) -> nn.Module:
    before, after = (kernel_size - 1) // 2, kernel_size // 2
    if padding == "same" and before != after:
        # nn.Conv2d pads an even kernel likewise, with a warning that it copies the input.
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, bias=bias)
        return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), conv)
    # nn.Conv2d knows "same" for a stride of 1 alone.
    padding = before if padding == "same" and stride > 1 else padding
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=bias)


def dense(kernel_size: int, hidden: int = Arm.hidden, channels: int = Arm.channels) -> Arm:
    """The dense d×d arm."""
    return Arm("dense", kernel_size, hidden=hidden, channels=channels)


def inertial(kernel_size: int, margin: int, **options: object) -> Arm:
    """The inertial (d, k) arm."""
    return replace(Arm("inertial", kernel_size, margin), **options)


def separable(kernel_size: int, dense_first: bool = False) -> Arm:
    """The depthwise-separable d×d arm.

    On an image of one channel a separable first layer has a single spatial filter, of which all its outputs are
    multiples; ``dense_first`` spares the network that, as is usual with separable networks.
    """
    return Arm("separable", kernel_size, dense_first=dense_first)


def as_arm(kernel: int | Arm) -> Arm:
    """An arm, or the dense arm of a kernel size."""
    return dense(kernel) if isinstance(kernel, int) else kernel
