"""How far the machine drifts while arms are timed: the dense 5×5 arm opens every round and closes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .timing import Timing

#: The arm that opens a round, and its name where it closes one.
FIRST, LAST = "dense 5×5", "dense 5×5, again"


def bracketed(arms: Mapping[str, Callable[[], object]]) -> dict[str, Callable[[], object]]:
    """``arms``, of which :data:`FIRST` comes again at the end."""
    return {**arms, LAST: arms[FIRST]}


def drift(timings: Mapping[str, Timing]) -> float:
    """What the last arm of a round takes beyond the same arm at its start, as a share of that."""
    return timings[LAST].median / timings[FIRST].median - 1
