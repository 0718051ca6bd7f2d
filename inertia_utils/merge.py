"""Merge: what an open and a closed position give (design, section 2).

A merge names two states of a position, closed and open, and the gate g blends them: closed + g·(open − closed).
δ = T − γ·c is the *detail*.  It is zero wherever the window is flat, which is what makes skipping it there free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .reapply import sum_cores
from .registry import Registry


@dataclass(frozen=True)
class Responses:
    """What a merge chooses from.

    Attributes:
        core_per_filter: responses of all core filters, shape (N, O·m, H, W).
        gamma: γ, the response of T to a flat window relative to the core's, shape (O, m).
        reapplied: T, shape (N, O, H, W); None where every position is closed.
    """

    core_per_filter: Tensor
    gamma: Tensor
    reapplied: Tensor | None = None

    @property
    def core(self) -> Tensor:
        """c, the sum of each filter's cores, shape (N, O, H, W)."""
        return sum_cores(self.core_per_filter, self.gamma.shape[1])

    @property
    def matched(self) -> Tensor:
        """γ·c: the core's response, as strong as T's where the input is flat, shape (N, O, H, W)."""
        scale = self.gamma.reshape(-1, 1, 1).to(self.core_per_filter.dtype)
        return sum_cores(self.core_per_filter * scale, self.gamma.shape[1])

    @property
    def detail(self) -> Tensor:
        """δ = T − γ·c, shape (N, O, H, W)."""
        return self.reapplied - self.matched


class Merge(Protocol):
    """What the layer needs of a merge.

    Attributes:
        stacks: the output has twice as many channels as there are filters.
        core_share: how often the core itself is added to T in the open state.
        scales_core: the closed state multiplies the core by γ.
        matched_share: how often γ·c is taken off T in the second half of the channels, where it stacks.
    """

    stacks: bool
    core_share: int
    scales_core: bool
    matched_share: int

    def closed(self, responses: Responses) -> Tensor:
        """The output of a closed position."""

    def open(self, responses: Responses) -> Tensor:
        """The output of an open position."""


MERGES: Registry[type[Merge]] = Registry("merge")


def blend(merge: Merge, responses: Responses, gate: Tensor | float) -> Tensor:
    """closed + g·(open − closed), without computing a state that no position takes.

    Args:
        merge: the two states.
        responses: core and re-applied responses.
        gate: g for every position, shape (N, 1, H, W), or 0 or 1 for all of them.
    """
    if isinstance(gate, float):
        return merge.open(responses) if gate else merge.closed(responses)
    closed = merge.closed(responses)
    return torch.lerp(closed, merge.open(responses), gate.to(closed.dtype))


@MERGES.register("matched")
class Matched:
    """Closed γ·c, open T: skipping loses exactly δ."""

    stacks, core_share, scales_core, matched_share = False, 0, True, 0

    def closed(self, responses: Responses) -> Tensor:
        """γ·c."""
        return responses.matched

    def open(self, responses: Responses) -> Tensor:
        """T."""
        return responses.reapplied


@MERGES.register("replace")
class Replace:
    """Closed c, open T."""

    stacks, core_share, scales_core, matched_share = False, 0, False, 0

    def closed(self, responses: Responses) -> Tensor:
        """c."""
        return responses.core

    def open(self, responses: Responses) -> Tensor:
        """T."""
        return responses.reapplied


@MERGES.register("add")
class Add:
    """Closed c, open c + T."""

    stacks, core_share, scales_core, matched_share = False, 1, False, 0

    def closed(self, responses: Responses) -> Tensor:
        """c."""
        return responses.core

    def open(self, responses: Responses) -> Tensor:
        """c + T."""
        return responses.core + responses.reapplied


@MERGES.register("stack")
class Stack:
    """Closed [c, 0], open [c, δ], along channels: skipping loses exactly δ, on the second half of them."""

    stacks, core_share, scales_core, matched_share = True, 0, False, 1

    def closed(self, responses: Responses) -> Tensor:
        """[c, 0]."""
        return torch.cat([responses.core, torch.zeros_like(responses.core)], 1)

    def open(self, responses: Responses) -> Tensor:
        """[c, δ]."""
        return torch.cat([responses.core, responses.detail], 1)


@MERGES.register("stack_whole")
class StackWhole(Stack):
    """Closed [c, 0], open [c, T], along channels: the form that the original text names, word for word."""

    matched_share = 0

    def open(self, responses: Responses) -> Tensor:
        """[c, T]."""
        return torch.cat([responses.core, responses.reapplied], 1)
