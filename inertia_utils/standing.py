"""How an arm stands to its control, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from .stats import MARGIN, Interval


class Standing(StrEnum):
    """Where the interval of a difference lies, in words that go before the control's name."""

    BEATS = "beats"
    LOSES = "loses to"
    NOT_TOLD = "is not told from"
    TOO_FEW_SEEDS = "cannot yet be told from"

    @property
    def several(self) -> str:
        """The same words, said of more than one."""
        return _SEVERAL[self]


_SEVERAL = {
    Standing.BEATS: "beat",
    Standing.LOSES: "lose to",
    Standing.NOT_TOLD: "are not told from",
    Standing.TOO_FEW_SEEDS: "cannot yet be told from",
}

#: The margin of non-inferiority, in points.
POINTS = f"{100 * MARGIN:.1f} points"
#: Verdict → words, where the interval does not lie below 0.
_UNLESS_WORSE = {
    "superior": "better",
    "non-inferior": f"at most {POINTS} worse, if at all",
    "inconclusive": "not told apart",
    "too few seeds": "not yet told apart",
}


def told_apart(difference: Interval) -> Standing:
    """How something stands to a control, by the interval of its difference from it, which needs three seeds."""
    if difference.count < 3:
        return Standing.TOO_FEW_SEEDS
    return Standing.LOSES if difference.high < 0 else Standing.BEATS if difference.low > 0 else Standing.NOT_TOLD


def tally(standings: Iterable[str], control: str) -> str:
    """How many beat a control, lose to it or are not told from it, in words.

    Args:
        standings: sentences that begin as those of :func:`told_apart`.
        control: its name, as the text has it.
    """
    standings = list(standings)
    counts = {standing: sum(text.startswith(standing) for text in standings) for standing in Standing}
    found = [f"{n} {standing if n == 1 else standing.several} {{}}" for standing, n in counts.items() if n]
    return listed([text.format(control if not place else "it") for place, text in enumerate(found)])


def by_the_margin(verdict: str, high: float) -> str:
    """How an accuracy compares with its control's, and whether it is worse by more than the margin, in words.

    Args:
        verdict: of the :class:`~inertia_utils.stats.Comparison`.
        high: upper limit of its difference.
    """
    if verdict == "inferior":
        return f"worse, by more than {POINTS}" if high < -MARGIN else "worse, by how much is open"
    if verdict == "non-inferior" and high < 0:
        return f"worse, by at most {POINTS}"
    return _UNLESS_WORSE[verdict]


def stands_by_rate(gaps: Mapping[float, Interval], control: str) -> str:
    """At which rates something beats a control, loses to it or is not told from it, in words.

    Args:
        gaps: rate → difference.
        control: its name, as the text has it.
    """
    rates: dict[str, list[str]] = {}
    for rate, gap in gaps.items():
        rates.setdefault(told_apart(gap), []).append(f"{100 * rate:.0f}")
    if len(rates) == 1 and len(gaps) > 2:
        return f"{next(iter(rates))} {control} at all {len(gaps)} rates"
    return "; ".join(f"{words} {control} at {listed(found)} %" for words, found in sorted(rates.items()))


def seeds_text(count: int) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{count} seed{'' if count == 1 else 's'}"


def seeds_named(seeds: Iterable[int]) -> str:
    """``seed 1``, ``seeds 1 and 2``."""
    names = [str(seed) for seed in seeds]
    return f"seed{'' if len(names) == 1 else 's'} {listed(names)}"


def listed(words: Iterable[str]) -> str:
    """``a, b and c``."""
    *first, last = list(words) or [""]
    return " and ".join(filter(None, [", ".join(first), last]))
