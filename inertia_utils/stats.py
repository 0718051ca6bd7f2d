"""Paired statistics over seeds (design, section 6, rule 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.multitest import multipletests

#: Non-inferiority margin, in accuracy; fixed before any run.
MARGIN = 0.003
#: Significance level of every test, and one minus the coverage of every interval.
ALPHA = 0.05


@dataclass(frozen=True)
class Interval:
    """A mean with its t interval; the interval of a single value is not defined and shown as nan.

    Attributes:
        mean: of the values.
        low: lower limit.
        high: upper limit.
        count: number of values.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def half_width(self) -> float | None:
        """Half of the interval; None for two values or one, which have no spread worth showing."""
        return self.high - self.mean if self.count > 2 else None

    def __format__(self, spec: str) -> str:
        """``mean ± half width (n)``, each number by ``spec``."""
        spread = "" if self.half_width is None else f" ± {format(self.half_width, spec.lstrip('+'))}"
        return f"{format(self.mean, spec)}{spread} (n={self.count})"


@dataclass(frozen=True)
class Comparison:
    """Accuracy of an arm against a control, seed by seed.

    Attributes:
        difference: arm − control, with its interval.
        p_different: p value of "both are equally good", two-sided.
        p_non_inferior: p value of "the arm is worse by the margin or more", one-sided; the margin is :data:`MARGIN`.
        hangs_on: seeds without which, one at a time, the verdict would be another; of four seeds or more.
    """

    difference: Interval
    p_different: float
    p_non_inferior: float
    hangs_on: tuple[int, ...] = ()

    @property
    def verdict(self) -> str:
        """By where the interval lies: superior > 0, non-inferior > −margin, inferior < 0, otherwise inconclusive.

        Two seeds have no interval worth showing, and no verdict.
        """
        return _verdict(self.difference)


def interval(values: Sequence[float]) -> Interval:
    """Mean and two-sided t interval of independent values.

    Raises:
        ValueError: there is no value.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        raise ValueError("values: expected at least one value, got none")
    mean = float(values.mean())
    if values.size == 1:
        return Interval(mean, np.nan, np.nan, 1)
    half = float(stats.sem(values) * stats.t.ppf(1 - ALPHA / 2, values.size - 1))
    return Interval(mean, mean - half, mean + half, values.size)


def unpaired_difference(values: Sequence[float], others: Sequence[float]) -> Interval:
    """Difference of the means of two groups, with a two-sided t interval for unequal variances (Welch, 1947).

    Its ``count`` is the size of the smaller group.

    Raises:
        ValueError: a group has fewer than two values.
    """
    if min(len(values), len(others)) < 2:
        raise ValueError(f"values: expected two groups of two or more, got {len(values)} and {len(others)} values")
    found = stats.ttest_ind(values, others, equal_var=False).confidence_interval(1 - ALPHA)
    low, high = float(found.low), float(found.high)
    return Interval((low + high) / 2, low, high, min(len(values), len(others)))


def crossed_interval(values: ArrayLike) -> Interval:
    r"""Mean of a table of seeds by images, with an interval for other seeds and other images than these.

    Seeds and images are both random and every seed meets every image: v_si = μ + a_s + b_i + e_si.  With the mean
    squares M_a of seeds, M_b of images and M_e of what is left, the mean of S·I values has the variance

        (M_a + max(M_b − M_e, 0)) / (S·I),

    of whose two terms the first alone is that of the interval over seeds.  The degrees of freedom are Satterthwaite's.

    Args:
        values: shape (S, I), such as differences of correctness, two seeds and two images or more.

    Returns:
        The interval, whose ``count`` is that of seeds.

    Raises:
        ValueError: the table has another shape.

    Source: the two-way random model of Searle, Casella and McCulloch, Variance Components (1992); Satterthwaite,
    Biometrics Bulletin 2 (1946).
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or min(table.shape) < 2:
        raise ValueError(f"values: expected at least 2 seeds by 2 images, got shape {table.shape}")
    seeds, images = table.shape
    mean, of_seeds, of_images = table.mean(), table.mean(1, keepdims=True), table.mean(0, keepdims=True)
    between_seeds = images * ((of_seeds - mean) ** 2).sum() / (seeds - 1)
    between_images = seeds * ((of_images - mean) ** 2).sum() / (images - 1)
    rest = ((table - of_seeds - of_images + mean) ** 2).sum() / ((seeds - 1) * (images - 1))
    terms = np.array([between_seeds, max(between_images - rest, 0)])
    if not terms.any():
        return Interval(float(mean), float(mean), float(mean), seeds)
    freedom = terms.sum() ** 2 / (terms**2 / [seeds - 1, images - 1]).sum()
    half = np.sqrt(terms.sum() / table.size) * stats.t.ppf(1 - ALPHA / 2, freedom)
    return Interval(float(mean), float(mean - half), float(mean + half), seeds)


def compare(arm: dict[int, float], control: dict[int, float]) -> Comparison:
    """Paired comparison of two arms over the seeds that both have.

    Args:
        arm: seed → accuracy.
        control: seed → accuracy.

    Raises:
        ValueError: fewer than two seeds in common.
    """
    seeds = sorted(arm.keys() & control.keys())
    if len(seeds) < 2:
        raise ValueError(f"arm, control: a paired comparison needs two seeds in common, got {len(seeds)}")
    ours, theirs = (np.array([values[seed] for seed in seeds]) for values in (arm, control))
    difference = interval(ours - theirs)
    without = {seed: interval(np.delete(ours - theirs, place)) for place, seed in enumerate(seeds)}
    hangs_on = [seed for seed, rest in without.items() if _verdict(rest) != _verdict(difference)]
    p_values = _p(ours, theirs, "two-sided"), _p(ours + MARGIN, theirs, "greater")
    return Comparison(difference, *p_values, tuple(hangs_on) if len(seeds) > 3 else ())


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for a family of tests by Holm's step-down procedure."""
    return list(map(float, multipletests(p_values, alpha=ALPHA, method="holm")[1])) if len(p_values) else []


def _verdict(difference: Interval) -> str:
    if difference.half_width is None:
        return "too few seeds"
    if difference.low > 0:
        return "superior"
    if difference.low > -MARGIN:
        return "non-inferior"
    return "inferior" if difference.high < 0 else "inconclusive"


def _p(ours: np.ndarray, theirs: np.ndarray, alternative: str) -> float:
    difference = ours - theirs
    if np.ptp(difference) == 0:
        # Without spread the t statistic is not defined; the answer is certain either way.
        return 0.0 if difference[0] > 0 or (alternative == "two-sided" and difference[0] < 0) else 1.0
    return float(stats.ttest_rel(ours, theirs, alternative=alternative).pvalue)
