"""What notebook 03 concludes about windows and margins (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ..compared import GIVEN_UP, PRIMARY, SLIMMER, STRIDED
from ..comparisons import Pair, compare_arms, gap_between, in_points, p_text
from ..frames import cost_share
from ..looks import kind
from ..models import widened
from ..standing import Standing, by_the_margin, listed, tally, told_apart
from ..stats import ALPHA, MARGIN, Comparison, Interval
from ..window_tables import SHARES

#: Convolution weights and MACs, of both of which the goal allows this share of dense 3×3's.
COSTS = tuple(SHARES)
ALLOWED = 0.3
#: The network that the goal is about.
DENSE = "dense 3×3"
#: Kinds of controls that have as many MACs, and how they are named.
RIVALS = {
    "separable": "separable networks",
    "dense, equal MACs": "dense 3×3 with a narrower first layer",
    "dense, both layers narrower": "dense 3×3 with both layers narrower",
}


@dataclass(frozen=True)
class Compared:
    """The networks of the comparison and what has been found of each pair.

    Attributes:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        comparisons: from :func:`~inertia_utils.comparisons.compare_arms`.
    """

    table: pd.DataFrame
    comparisons: Mapping[Pair, Comparison]

    def share(self, arm: str, control: str, cost: str) -> str:
        """Mean of a cost as a percentage of the control's."""
        return f"{cost_share(self.table, arm, control, cost):.0%}"

    def beside(self, control: str) -> dict[str, Comparison]:
        """Arm → its comparison with a control."""
        return {arm: found for (arm, theirs), found in self.comparisons.items() if theirs == control}


@dataclass(frozen=True)
class Tests:
    """What the planned tests say.

    Attributes:
        family: the pairs that were planned to be tested together.
        p_values: of non-inferiority, adjusted for the family.
        strict: the same, with the forms that were given up as tests that failed.
        crossed: differences with intervals for other images as well, from
            :func:`~inertia_utils.comparisons.over_images`.
    """

    family: Sequence[Pair]
    p_values: Mapping[Pair, float]
    strict: Mapping[Pair, float]
    crossed: Mapping[Pair, Interval]


def cheap_enough(table: pd.DataFrame, family: Iterable[Pair]) -> list[str]:
    """The arms of a family whose costs are within what the goal allows.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        family: arms and the control that their costs are relative to.
    """
    return [arm for arm, control in family if max(cost_share(table, arm, control, cost) for cost in COSTS) <= ALLOWED]


def answer(
    compared: Compared,
    of_window: Mapping[Pair, Comparison],
    earned: Mapping[str, Interval],
    pooled: Mapping[Pair, Interval],
    crossed: Mapping[Pair, Interval],
) -> list[str]:
    """Where the arms stand: in their window, beside dense 3×3, at equal MACs, and without the large head.

    Args:
        compared: the networks and their comparisons.
        of_window: from :func:`~inertia_utils.window_tables.against_window`.
        earned: from :func:`~inertia_utils.window_tables.earned_by_periphery`.
        pooled: arm and control → difference in points, of networks that end in global average pooling.
        crossed: differences with intervals for other images as well, from
            :func:`~inertia_utils.comparisons.over_images`.
    """
    in_window = {_short(arm): found for (arm, _), found in of_window.items()}
    beside = {
        f"{_short(arm)} at {compared.share(arm, DENSE, 'conv_macs')} of its MACs": found
        for arm, found in compared.beside(DENSE).items()
        if arm.startswith("inertial")
    }
    unsure = [
        _short(arm)
        for arm, found in compared.beside(DENSE).items()
        if found.verdict == "superior" and (arm, DENSE) in crossed and crossed[arm, DENSE].low <= 0
    ]
    other_images = f" That {listed(unsure)} is better is not shown for other test images." if unsure else ""
    rivals = [tally(stands, RIVALS[name]) for name, stands in _at_equal_macs(compared).items()]
    return [
        f"**Which margins are free?** Beside the dense network of the same window {_grouped(in_window)}."
        if in_window
        else "",
        f"**Beside dense 3×3** {_grouped(beside)}.{other_images}",
        *_plainer_savings(compared),
        _worth_more(earned),
        f"**At equal MACs**, counted by arm, {'; '.join(rivals)}." if rivals else "",
        _small_head(pooled),
    ]


def _short(arm: str) -> str:
    return arm.removeprefix("inertial ")


def _plainer_savings(compared: Compared) -> list[str]:
    """How dense networks that save MACs or time in the plainest ways stand to dense 3×3, and the arms beside them."""
    told = []
    for control, how in {STRIDED.name: "which strides in place of pooling", SLIMMER.name: "merely slimmer"}.items():
        arms, itself = compared.beside(control), compared.comparisons.get((control, DENSE))
        stands = f" It is {_verdict(itself)}, beside dense 3×3." if itself else ""
        if arms:
            macs = compared.share(control, DENSE, "conv_macs")
            by_arm = {_short(arm): found for arm, found in arms.items()}
            told.append(
                f"**{control.capitalize()}**, {how}, takes {macs} of the MACs.{stands} Beside it {_grouped(by_arm)}."
            )
    return told


def _grouped(by_arm: Mapping[str, Comparison]) -> str:
    """Arms by what is said of them."""
    by_words: dict[str, list[str]] = {}
    for arm, found in by_arm.items():
        by_words.setdefault(_verdict(found), []).append(arm)
    return "; ".join(f"{listed(arms)} {'are' if len(arms) > 1 else 'is'} {words}" for words, arms in by_words.items())


def _worth_more(earned: Mapping[str, Interval]) -> str:
    """For which arms the periphery beats the same core on more channels; empty where none was compared."""
    if not earned:
        return ""
    shown = [_short(arm) for arm, gap in earned.items() if gap.count > 2 and gap.low > 0]
    others = [_short(arm) for arm in earned if _short(arm) not in shown]
    unshown = f", and is not shown to be for {listed(others)}" if others else ""
    return (
        "**The periphery** is worth more than as many MACs spent on channels of the core for "
        f"{listed(shown) or 'none'}{unshown}."
    )


def _small_head(pooled: Mapping[Pair, Interval]) -> str:
    """How many networks with a small head stand how to dense 3×3 and to rivals of equal MACs; empty without any."""
    by_control: dict[str, list[Standing]] = {}
    for (arm, control), gap in pooled.items():
        called = DENSE if control == DENSE else RIVALS.get(kind(control), "")
        if "inertial" in arm and called and control != SLIMMER.name:
            by_control.setdefault(called, []).append(told_apart(gap))
    found = [tally(stands, called) for called, stands in by_control.items()]
    return f"**Without the large head** behind them, counted by arm, {'; '.join(found)}." if found else ""


def goal(compared: Compared, tests: Tests) -> list[str]:
    """For each arm that meets the goal by the letter of the rule what speaks against it; else that none meets it.

    Args:
        compared: the networks and their comparisons.
        tests: what the planned tests say.
    """
    cheap = cheap_enough(compared.table, tests.family)
    met = [arm for arm in cheap if tests.p_values.get((arm, DENSE), 1) < ALPHA]
    return [_met(compared, tests, arm) for arm in met] or ["**The goal is not met** by any arm that was tested for it."]


def _met(compared: Compared, tests: Tests, arm: str) -> str:
    pair = (arm, DENSE)
    found, images = compared.comparisons[pair], tests.crossed.get(pair)
    first = _without(compared.table, pair, 0)
    weak = [
        seed
        for seed in found.hangs_on
        for rest in _without(compared.table, pair, seed)
        if rest.difference.low <= -MARGIN
    ]
    beyond = tests.strict[pair] < ALPHA and not weak and images and images.low > -MARGIN
    provisos = [
        f"By the letter of the rule, p among the {len(tests.family)} planned tests is {p_text(tests.p_values[pair])}, "
        f"at the level of {ALPHA:g}",
        f"If the {len(GIVEN_UP)} forms given up count as tests that failed, p is {p_text(tests.strict[pair])}",
        *(
            f"Without seed 0, by which the form was chosen, the difference is {in_points(it.difference)}"
            for it in first
        ),
        f"For {len(weak)} of the {found.difference.count} seeds, leaving out that one lets the interval "
        "reach below the margin"
        if weak
        else "Without any one seed the interval lies above the margin, too",
    ]
    if images:
        provisos.append(f"With an interval for other images as well it is {in_points(images)}")
    return (
        f"**{'The goal is met' if beyond else 'Whether the goal is met is open'}.** Beside dense 3×3, over these seeds "
        f"and test images, {arm} is {_verdict(found)}: {in_points(found.difference)}. {'. '.join(provisos)}."
    )


def _without(table: pd.DataFrame, pair: Pair, seed: int) -> list[Comparison]:
    """The comparison of a pair without one seed; none where fewer than two are left."""
    return list(compare_arms(table[table["seed"] != seed], [pair]).values())


def _at_equal_macs(compared: Compared) -> dict[str, list[Standing]]:
    """Kind of control → how the arms stand to those of that kind that take as many MACs."""
    apart = {SLIMMER.name, *(widened(arm).name for arm in PRIMARY)}
    by_kind: dict[str, list[Standing]] = {name: [] for name in RIVALS}
    for (arm, control), found in compared.comparisons.items():
        equal = 0.9 < cost_share(compared.table, arm, control, "conv_macs") < 1.1
        if kind(control) in by_kind and control not in apart and equal:
            by_kind[kind(control)].append(told_apart(found.difference))
    return {name: stands for name, stands in by_kind.items() if stands}


def margins(table: pd.DataFrame, of_window: Mapping[Pair, Comparison]) -> str:
    """Which margins keep the accuracy of the dense network of their window, and how those stand to dense 3×3.

    Args:
        table: of all windows and margins, one row per run.
        of_window: from :func:`~inertia_utils.window_tables.against_window`.
    """
    larger = [
        f"{window} {told_apart(gap)} dense 3×3 ({gap:+.2f})"
        for window in sorted({window for _, window in of_window} - {DENSE})
        for gap in [gap_between(table, window, DENSE)]
    ] or ["of windows only 3×3 was trained"]
    by_words: dict[str, list[str]] = {}
    for (arm, _), found in of_window.items():
        text = f"{arm.removeprefix('inertial ')} {100 * found.difference.mean:+.2f} (n={found.difference.count})"
        by_words.setdefault(_verdict(found), []).append(text)
    found_so = [f"{words}: {', '.join(arms)}" for words, arms in by_words.items()]
    return (
        f"**Margins**, in points over the dense network of the same window, {'; '.join(found_so)}. "
        f"Each by its own interval, not adjusted; {' and '.join(larger)}."
    )


def more_cores(gained: Mapping[str, Interval]) -> str:
    """What several cores give over one; empty where no arm has three seeds.

    Args:
        gained: from :func:`~inertia_utils.window_tables.gained_by_cores`.
    """
    gained = {arm: gap for arm, gap in gained.items() if gap.count > 2}
    if not gained:
        return ""
    means = [gap.mean for gap in gained.values()]
    sure = [f"{arm} ({gap:+.2f})" for arm, gap in gained.items() if not gap.low <= 0 <= gap.high]
    told = (
        f"only {', '.join(sure)} by an interval that leaves out 0" if sure else "none has an interval that leaves out 0"
    )
    return (
        f"**More cores**, for two and three times the MACs, give {min(means):+.2f} to {max(means):+.2f} points over "
        f"one; of {len(means)} arms {told}."
    )


def without_head(table: pd.DataFrame, gaps: Mapping[Pair, Interval], profile: str) -> str:
    """How networks that end in global average pooling stand beside dense 3×3, and beside rivals of equal MACs.

    Args:
        table: one row per run, with all weights, all MACs and ``ms``.
        gaps: arm and control → difference in points.
        profile: which they are of.
    """
    beside = [
        f"{arm} {told_apart(gap)} it ({gap:+.2f} points, with {cost_share(table, arm, control, 'weights'):.0%} of all "
        f"its weights, in {cost_share(table, arm, control, 'ms'):.0%} of its time)"
        for (arm, control), gap in gaps.items()
        if control == DENSE
    ]
    equal = [
        f"{arm} {told_apart(gap)} {control} ({gap:+.2f})"
        for (arm, control), gap in gaps.items()
        if control not in (DENSE, "dense 1×1") and 0.9 < cost_share(table, arm, control, "macs") < 1.1
    ]
    return f"**Without the large head** (profile {profile}), beside dense 3×3: {'; '.join(beside)}." + (
        f" At equal MACs {'; '.join(equal)}." if equal else ""
    )


def better_rates(forgone: Mapping[str, float]) -> str:
    """What the best learning rate of each arm would give on the hold-out, or that the common one is the best of all.

    Args:
        forgone: arm → held-out accuracy at its best rate minus that at the common one.
    """
    costly = [f"{arm} {100 * gain:.2f}" for arm, gain in forgone.items() if gain > 0]
    if not costly:
        tried = listed(forgone.keys())
        return f"The learning rate is the best of those tried for {tried}; for no other arm was one chosen."
    return (
        "With the best of the rates tried for each, held-out accuracy without the large head would be higher, "
        f"in points: {', '.join(costly)}."
    )


def kernel_rates(gained: Mapping[Pair, Interval]) -> str:
    """What a larger learning rate of the kernels gives.

    Args:
        gained: arm and control → difference in points.
    """
    return f"**The kernels' learning rate**: {'; '.join(_told(gained, ' points'))}."


def original_recipe(gaps: Mapping[Pair, Interval]) -> str:
    """How arms stand when trained by the original recipe; empty before all have three seeds.

    Args:
        gaps: arm and control → difference in points.
    """
    if min(gap.count for gap in gaps.values()) < 3:
        return ""
    return f"**By the original recipe**, far below convergence: {'; '.join(_told(gaps))}."


def short_map(early: Mapping[Pair, Comparison], compared: Compared, profile: str, decisive: str) -> str:
    """What the map, if it is of a shorter profile than the comparison, says of the tests; empty where it is not.

    Args:
        early: the tested pairs by the trainings of the map.
        compared: the comparison that decides.
        profile: of the map.
        decisive: of the comparison.
    """
    if profile == decisive:
        return ""
    moved = [
        f"{pair[0]} {in_points(found.difference)}, where profile {decisive} says "
        f"{in_points(compared.comparisons[pair].difference)}"
        for pair, found in early.items()
    ]
    return (
        f"The map is of profile {profile}, whose short trainings show how fast networks learn, not how good they "
        f"become. There the points from dense 3×3 are: {'; '.join(moved)}."
    )


def _verdict(found: Comparison) -> str:
    return by_the_margin(found.verdict, found.difference.high)


def _told(gaps: Mapping[Pair, Interval], unit: str = "") -> list[str]:
    return [f"{arm} {told_apart(gap)} {control} ({gap:+.2f}{unit})" for (arm, control), gap in gaps.items()]
