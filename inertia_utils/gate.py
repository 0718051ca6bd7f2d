"""Gates: which positions are opened, one decision per position, shared by all filters (design, section 2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import BLOCK, spread_blocks
from .registry import Registry

GATES: Registry[Callable[..., Gate]] = Registry("gate")
#: What NaN and infinite frictions count as in a soft decision, in units of the mean friction.
UNJUDGED = 1e4
#: The temperature that a learned gate starts at, in units of the mean friction, and that a sampled gate draws at.
TEMPERATURE = 0.1


class Gate(nn.Module):
    """Base class: a module from a friction map to g ∈ {0, 1} of the same shape and dtype.

    Attributes:
        constant: 1 or 0 for a gate that never looks at friction, else None.
        comparisons: that one decision takes, on average.
        differentiable: whether decisions have a gradient in friction, which is computed without one where they do not.
    """

    constant: float | None = None
    comparisons: float = 1.0
    differentiable: bool = True

    def forward(self, friction: Tensor) -> Tensor:
        """g for every position, shape as ``friction`` (N, 1, H, W)."""
        raise NotImplementedError

    def budget_loss(self) -> Tensor | None:
        """What to add to the training loss so that the gate keeps to its rate; None for a gate that needs nothing."""
        return None

    def advance(self, progress: float) -> None:
        """Told before every training step which part of the training is done, from 0 to 1."""

    def level(self) -> float:
        """τ in units of friction; NaN for a gate that has none."""
        return math.nan


def exceeds(friction: Tensor, threshold: Tensor | float) -> Tensor:
    """Boolean map of friction > τ in which NaN and infinity count as high: what cannot be judged is computed."""
    return ~((friction <= threshold) & torch.isfinite(friction))


@GATES.register("always")
class Always(Gate):
    """Every position is open; friction is not computed."""

    constant = 1.0

    def __init__(self, rate: float, threshold: float) -> None:
        super().__init__()

    def forward(self, friction: Tensor) -> Tensor:
        """All ones."""
        return torch.ones_like(friction)


@GATES.register("never")
class Never(Gate):
    """Every position is closed; friction is not computed."""

    constant = 0.0

    def __init__(self, rate: float, threshold: float) -> None:
        super().__init__()

    def forward(self, friction: Tensor) -> Tensor:
        """All zeros."""
        return torch.zeros_like(friction)


@GATES.register("threshold")
class Threshold(Gate):
    """Open where friction > τ, with τ given.

    Raises:
        ValueError: τ is not a number.
    """

    differentiable = False

    def __init__(self, rate: float, threshold: float) -> None:
        super().__init__()
        self.register_buffer("threshold", torch.tensor(checked_threshold(threshold)))

    def forward(self, friction: Tensor) -> Tensor:
        """1 where friction > τ."""
        return exceeds(friction, self.threshold).to(friction.dtype)

    def level(self) -> float:
        """The threshold that was given."""
        return self.threshold.item()

    def extra_repr(self) -> str:
        """The threshold."""
        return f"threshold={self.level():g}"


@GATES.register("rate")
class Rate(Gate):
    """Open the fraction ρ of positions with the highest friction.

    In training each batch opens its own top ρ, and the buffer τ follows their threshold by an average of all batches at
    first and of the latest ones later.  In evaluation τ is frozen, so an image's result does not depend on its batch.
    Among equal frictions all stay closed, so that never more than ρ is opened where they tie.

    Raises:
        ValueError: ρ is outside [0, 1].
    """

    differentiable = False
    momentum = 0.05

    def __init__(self, rate: float, threshold: float) -> None:
        super().__init__()
        self.rate = checked_rate(rate)
        self.register_buffer("threshold", torch.tensor(math.inf if self.rate == 0 else -math.inf))
        self.register_buffer("batches", torch.tensor(0))

    def forward(self, friction: Tensor) -> Tensor:
        """1 for the top ρ of the batch in training, 1 where friction > τ in evaluation."""
        if not self.training or friction.numel() == 0:
            return exceeds(friction, self.threshold).to(friction.dtype)
        threshold = quantile(friction.detach(), 1 - self.opening)
        self._follow(threshold)
        return exceeds(friction, threshold).to(friction.dtype)

    @property
    def opening(self) -> float:
        """The fraction that a training batch opens."""
        return self.rate

    def _follow(self, threshold: Tensor) -> None:
        # NaN and infinite quantiles (a broken batch; a rate of 0 or 1) must not poison the average for good.
        if 0 < self.opening < 1 and torch.isfinite(threshold):
            self.batches += 1
            step = torch.clamp(1 / self.batches, min=self.momentum)
            start = torch.where(torch.isfinite(self.threshold), self.threshold, threshold)
            self.threshold.copy_(start + step * (threshold - start))

    def level(self) -> float:
        """The threshold that evaluation uses, as far as it is found."""
        return self.threshold.item()

    def extra_repr(self) -> str:
        """The rate and the threshold it has found."""
        return f"rate={self.rate:g}, threshold={self.level():g}"


@GATES.register("anneal")
class Anneal(Rate):
    """As :class:`Rate`, but a training starts with every position open: the fraction falls linearly from 1 to ρ.

    ρ is reached when half of the training is done; a gate that is never told of progress opens ρ from the start.

    Raises:
        ValueError: ρ is outside [0, 1].
    """

    #: Part of the training in which the fraction falls.
    duration = 0.5

    def __init__(self, rate: float, threshold: float) -> None:
        super().__init__(rate, threshold)
        self._progress = 1.0

    @property
    def opening(self) -> float:
        """1 at the start, ρ from half of the training on."""
        return 1 - (1 - self.rate) * min(self._progress / self.duration, 1.0)

    def advance(self, progress: float) -> None:
        """Follow the training."""
        self._progress = progress


@GATES.register("cell")
class Cell(Rate):
    """As :class:`Rate`, with one decision per 2×2 cell of positions, by its highest friction.

    The cells are those of a max-pooling that follows the layer, so that all it chooses from is open, or none.

    Raises:
        ValueError: ρ is outside [0, 1].
    """

    def forward(self, friction: Tensor) -> Tensor:
        """1 at all positions of the open cells."""
        cells = F.max_pool2d(friction, BLOCK, ceil_mode=True)
        return spread_blocks(super().forward(cells), friction)


@GATES.register("image")
class PerImage(Gate):
    """Open the fraction ρ of the positions of every image, those with the highest friction.

    g = 1 at the round(ρ·P) of an image's P positions where friction is highest; of equal ones the first in reading
    order.  So every image takes the same MACs, in training as in evaluation, and there is no threshold to find.

    Raises:
        ValueError: ρ is outside [0, 1].
    """

    differentiable = False
    #: To select a median takes about 3.4 comparisons per value (Hoare's Find; Knuth, Mathematical Analysis of
    #: Algorithms, 1971), other ranks fewer; one more compares the value with what was selected.
    comparisons = 4.4

    def __init__(self, rate: float, threshold: float) -> None:
        super().__init__()
        self.rate = checked_rate(rate)

    def forward(self, friction: Tensor) -> Tensor:
        """1 at the top ρ of every image; NaN and infinity count as high."""
        values = torch.nan_to_num(friction.detach(), nan=math.inf).flatten(1)
        count = round(self.rate * values.shape[1])
        highest = values.sort(dim=1, descending=True, stable=True).indices[:, :count]
        return torch.zeros_like(values).scatter_(1, highest, 1.0).view_as(friction)

    def extra_repr(self) -> str:
        """The rate."""
        return f"rate={self.rate:g}"


@GATES.register("sampled")
class Sampled(PerImage):
    """As :class:`PerImage`, but in training the open positions are drawn: high friction makes open likely, not certain.

    The round(ρ·P) positions of an image are drawn without replacement, with odds f^(1/T): those where log f − T·log e
    is highest, with e exponentially distributed for every position (Gumbel-top-k; Kool et al., Stochastic Beams and
    Where to Find Them, ICML 2019).  T → 0 is :class:`PerImage`; with T → ∞ all that have any friction are drawn alike.
    In evaluation nothing is drawn.

    Raises:
        ValueError: ρ is outside [0, 1], or T is not positive.
    """

    def __init__(self, rate: float, threshold: float, temperature: float = TEMPERATURE) -> None:
        super().__init__(rate, threshold)
        self.temperature = checked_temperature(temperature)

    def forward(self, friction: Tensor) -> Tensor:
        """1 at the drawn positions in training, at the top ρ of every image in evaluation."""
        if self.training:
            noise = torch.empty_like(friction).exponential_().log()
            friction = friction.detach().log() - self.temperature * noise
        return super().forward(friction)

    def extra_repr(self) -> str:
        """The rate and the temperature of the draws."""
        return f"rate={self.rate:g}, temperature={self.temperature:g}"


@GATES.register("learned")
class Learned(Gate):
    """τ and a temperature learned by gradient: hard forward, sigmoid backward, and a budget loss toward ρ.

    g = 1[f/s > τ], and in the backward pass g = σ((f/s − τ)/t), where s is the mean friction of the first training
    batch, so that τ and t have no unit.  τ starts where that batch opens ρ, and t at ``temperature``.

    Raises:
        ValueError: ρ is outside [0, 1], or the temperature is not positive.
    """

    def __init__(self, rate: float, threshold: float, temperature: float = TEMPERATURE) -> None:
        super().__init__()
        self.rate = checked_rate(rate)
        self.threshold = nn.Parameter(torch.tensor(0.0))
        self.log_temperature = nn.Parameter(torch.tensor(math.log(checked_temperature(temperature))))
        self.register_buffer("scale", torch.tensor(0.0))
        self._fraction: Tensor | None = None

    def forward(self, friction: Tensor) -> Tensor:
        """Hard decisions whose gradient is that of the sigmoid."""
        if self.training and friction.numel() and self.scale == 0:
            self._start(friction.detach())
        normalised = friction / torch.where(self.scale > 0, self.scale, torch.ones_like(self.scale))
        hard = exceeds(normalised, self.threshold).to(friction.dtype)
        if not (self.training and torch.is_grad_enabled()):
            return hard
        judged = torch.nan_to_num(normalised, nan=UNJUDGED, posinf=UNJUDGED)
        soft = torch.sigmoid((judged - self.threshold) / self.log_temperature.exp())
        gate = hard + (soft - soft.detach())
        self._fraction = gate.mean() if gate.numel() else None
        return gate

    def budget_loss(self) -> Tensor | None:
        """(Open fraction of the latest training batch − ρ)², hard forward, soft backward; None before any."""
        return None if self._fraction is None else (self._fraction - self.rate).square()

    def _start(self, friction: Tensor) -> None:
        mean = friction.mean()
        if torch.isfinite(mean) and mean > 0:
            self.scale.copy_(mean)
            middle = quantile(friction, min(max(1 - self.rate, 0.01), 0.99)) / mean
            with torch.no_grad():
                self.threshold.copy_(middle)

    def __getstate__(self) -> dict:
        """Leave the graph of the latest batch out of copies and pickles."""
        return {**super().__getstate__(), "_fraction": None}

    def level(self) -> float:
        """The learned threshold, times the friction that it is counted in."""
        return (self.threshold * self.scale).item()

    def extra_repr(self) -> str:
        """The rate asked for and the threshold in units of friction."""
        return f"rate={self.rate:g}, threshold={self.level():g}"


def checked_rate(rate: float) -> float:
    """The rate, if it lies in [0, 1].

    Raises:
        ValueError: it does not.
    """
    if not (_is_number(rate) and 0 <= rate <= 1):
        raise ValueError(f"rate: {rate!r} is not a fraction of positions; give a number from 0 to 1")
    return float(rate)


def checked_temperature(temperature: float) -> float:
    """The temperature, if it is positive and finite.

    Raises:
        ValueError: it is not.
    """
    if not (_is_number(temperature) and 0 < temperature < math.inf):
        raise ValueError(f"temperature: {temperature!r} is not a positive number")
    return float(temperature)


def checked_threshold(threshold: float) -> float:
    """The threshold, if it is a number.

    Raises:
        ValueError: it is NaN, or no number at all.
    """
    if not _is_number(threshold) or math.isnan(threshold):
        raise ValueError(
            f"threshold: {threshold!r} is not a threshold; give a number (inf closes, -inf opens every position)"
        )
    return float(threshold)


def _is_number(value: object) -> bool:
    """Whether it is one; True and False pass for 1 and 0 in Python, but are no fraction that anybody meant."""
    return isinstance(value, Real) and not isinstance(value, bool)


def quantile(friction: Tensor, fraction: float) -> Tensor:
    """The value that ``fraction`` of the friction values do not exceed; −inf for 0 and +inf for 1."""
    values = friction.flatten()
    closed = round(fraction * values.numel())
    if closed == 0:
        return values.new_tensor(-math.inf)
    if fraction == 1:
        return values.new_tensor(math.inf)
    return values.kthvalue(closed).values
