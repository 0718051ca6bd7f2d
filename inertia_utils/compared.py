"""The arms that the study compares, and which of them stand against which (design, section 6)."""

from __future__ import annotations

from dataclasses import replace

from .arms import Arm, dense, inertial, separable
from .models import narrowed, narrowed_evenly, separated, widened

#: The method as it was published earlier: 1×1 core, eight shared periphery weights, a threshold that is not trained.
EARLIER_FORM = inertial(
    3, 2, reapply="aggregate", merge="replace", friction="squared_sum", gate="threshold", threshold=0.1, bias=False
)

#: (3, 2) that takes three quarters of the MACs, as one with a quarter of its positions open does, and has no gate.
FEWER_CHANNELS = inertial(3, 2, hidden=23)
#: The same without pooling, for as many MACs as (3, 2) with a quarter of its blocks open, which skips the core.
FEWER_UNPOOLED = inertial(3, 2, hidden=16)

#: The original text read literally: the core's outputs are kept, and those of the core spread over the window are
#: stacked onto them where friction is high.
LITERAL = inertial(5, 2, reapply="dilate", merge="stack_whole", gate="rate", rate=0.5)
#: The same with the detail stacked, which is nothing where the window is flat.
DETAIL_STACKED = replace(LITERAL, merge="stack")
#: Closed for good, neither form stacks anything: one training serves both.
NEVER_STACKED = replace(DETAIL_STACKED, gate="never")

#: Half as many filters with a 2×2 core, whose responses and details are stacked.  Chosen on the hold-out, seed 0, among
#: the forms that cost at most 30 % of dense 3×3: this one, (3, 2), and (3, 2) and (5, 4) stacked.
STACKED = inertial(3, 1, merge="stack")
#: Inertial arms of the comparisons that decide, each against dense 3×3.
PRIMARY = (inertial(5, 2), inertial(3, 2), STACKED)

#: What was primary before ``STACKED`` was, each until its first seed of the full size had been trained.
GIVEN_UP = (
    inertial(3, 2, cores=2),
    inertial(3, 2, cores=2, dense_first=True),
    inertial(3, 2, merge="stack", cores=2),
)

#: Half as many filters with a core of one pixel, stacked: the form that takes the fewest MACs.  Planned after its first
#: seed had been seen among the re-applications, so its comparisons are in no family.
CHEAPEST = inertial(3, 2, merge="stack")

#: Dense 3×3 of three quarters of the width: the plainest way to save time.  On the CPU of the timings it takes a little
#: less than the cheap inertial forms do, with two to five times their MACs.
SLIMMER = dense(3, hidden=24, channels=48)
#: The inertial form that takes as many MACs as it does.
OF_SLIMMER_MACS = inertial(3, 1)

#: Dense 3×3 whose second convolution steps by two in place of the pooling behind it: the plainest way to save MACs,
#: of which it takes 29 % of dense 3×3's.  Planned last, before any of its runs, when a (5, 2) network with a strided
#: core had been seen to do best among those with gates.
STRIDED = replace(dense(3), strided=True)

#: Inertial networks whose core is too small by itself, besides the primary ones.
SMALL_CORES = (inertial(5, 4), inertial(5, 3), OF_SLIMMER_MACS)

#: What the derived step length is held against: the plain one, and longer steps for the dense network as well.
STEPS = (inertial(3, 2, step_factor=1.0), replace(dense(3), step_factor=2.3))


def planned_family() -> list[tuple[Arm, Arm]]:
    """The primary comparisons whose p values are adjusted together: every primary arm against dense 3×3."""
    return [(arm, dense(3)) for arm in PRIMARY]


def primary_pairs() -> list[tuple[Arm, Arm]]:
    """The comparisons that decide: every primary arm against dense 3×3, and against what replaces it most simply.

    Those with the separable network joined after its first seeds had been seen, and are in no family.
    """
    large, small, stacked = PRIMARY
    rival = separable(3, dense_first=True)
    own = [(large, dense(5)), (small, dense(1)), (small, narrowed(small)), (stacked, narrowed(stacked))]
    return planned_family() + own + [(small, rival), (stacked, rival)]


def cheapest_pairs() -> list[tuple[Arm, Arm]]:
    """The form of the fewest MACs against dense 3×3, and against what as many MACs buy without it.

    Dense 1×1 is among these: it takes 96 % of the form's MACs.
    """
    rivals = (dense(3), dense(1), narrowed(CHEAPEST), narrowed_evenly(CHEAPEST), separated(CHEAPEST))
    return [(CHEAPEST, rival) for rival in rivals]


def control_pairs() -> list[tuple[Arm, Arm]]:
    """Every primary arm against a widened core of equal MACs (design, section 6, rule 3), and a separable network.

    It has the MACs of the arm for the two that are to be cheap; (5, 2) would take 144 channels, and its is plain.
    These two also stand against dense 3×3 with both layers narrowed, which joined last, before any of its runs.
    """
    large, *cheap = PRIMARY
    separables = [(large, separable(5, dense_first=True)), *((arm, separated(arm)) for arm in cheap)]
    return [(arm, widened(arm)) for arm in PRIMARY] + separables + [(arm, narrowed_evenly(arm)) for arm in cheap]


def slimmer_pairs() -> list[tuple[Arm, Arm]]:
    """The cheap forms against a slimmer dense network, and (3, 1), which takes as many MACs as that; in no family.

    (3, 1) stands beside the full dense 3×3 as well.  The slimmer network was planned before any of its runs; (3, 1)
    joined when it had three seeds, with two more.
    """
    beside = [(arm, SLIMMER) for arm in (*PRIMARY[1:], CHEAPEST, OF_SLIMMER_MACS)]
    return [(OF_SLIMMER_MACS, dense(3)), *beside]


def strided_pairs() -> list[tuple[Arm, Arm]]:
    """The strided dense network against dense 3×3, and the cheap primary arms, with about its MACs, against it."""
    return [(STRIDED, dense(3)), *((arm, STRIDED) for arm in PRIMARY[1:])]


def pooled_arms() -> list[Arm]:
    """The networks that are also trained with a head of global average pooling, whose weights are the convolutions'.

    The cheap inertial forms, the dense networks that they replace, a slimmer one, and those that have the MACs of the
    two that are primary.  All were fixed before any of their runs with this head.
    """
    cheap = PRIMARY[1:]
    of_equal_macs = [*map(narrowed_evenly, cheap), *map(separated, cheap)]
    return [dense(3), *cheap, OF_SLIMMER_MACS, SLIMMER, *of_equal_macs, CHEAPEST, dense(1)]


def pooled_pairs() -> list[tuple[Arm, Arm]]:
    """The comparisons of which both sides are trained with that head, too; in no family."""
    arms = pooled_arms()
    return [pair for pair in compared_pairs() if set(pair) <= set(arms)]


def compared_pairs() -> list[tuple[Arm, Arm]]:
    """All comparisons of networks with open gates that the report's first table shows."""
    return [*primary_pairs(), *control_pairs(), *cheapest_pairs(), *slimmer_pairs(), *strided_pairs()]
