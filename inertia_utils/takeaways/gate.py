"""What notebook 05 concludes about gates, set after training or trained with (design, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from math import ceil

import pandas as pd

from ..compared import STRIDED
from ..gate_gaps import (
    changes_of_lead,
    gap_between_rows,
    gaps_at_equal_macs,
    gaps_by_rate,
    gaps_of_kinds,
    lowest_rate_within,
    share_of_macs,
)
from ..standing import POINTS, Standing, listed, stands_by_rate, tally, told_apart
from ..stats import MARGIN, Interval
from . import bulleted


def earns_its_keep(after: pd.DataFrame, trained: pd.DataFrame, ungated: pd.DataFrame, opened: pd.DataFrame) -> str:
    """How many gates by friction are worse than a network without one that takes no more MACs.

    Before every gate has three seeds beside the networks that it is held against, there is no answer.

    Args:
        after: of one network gated after training, from :func:`~inertia_utils.frames.gates`.
        trained: the same network trained with its gate or fine-tuned to it, from
            :func:`~inertia_utils.frames.trained_gates`.
        ungated: one row per run of smaller networks, from :func:`~inertia_utils.frames.frame`.
        opened: the network with open gates, as ``trained``.
    """
    after, trained = (rows[rows["friction"] == "range"] for rows in (after, trained))
    forms = {
        "set after training (a setting is a rate and what is skipped)": [
            rows for (_, asked), rows in after.groupby(["skip", "rate"]) if 0 < asked < 1
        ],
        "trained with or fine-tuned to": [rows for _, rows in trained.groupby(["skip", "rate", "gate"])],
    }
    smaller = [rows for _, rows in ungated.groupby("arm", sort=False)]
    stands = {way: [_beside_smaller(rows, smaller) for rows in found] for way, found in forms.items()}
    every = list(chain.from_iterable(stands.values()))
    lost = every.count(Standing.LOSES)
    answer = "Mostly not" if lost > len(every) / 2 else "Not ruled out"
    spared = [
        1 - share_of_macs(rows, opened)
        for way, found in forms.items()
        for rows, standing in zip(found, stands[way], strict=True)
        if standing == Standing.NOT_TOLD
    ]
    counted = " and ".join(
        f"{found.count(Standing.LOSES)} of {len(found)} gates of (5, 2) {way}" for way, found in stands.items()
    )
    most = (
        f" The gates that no such network is shown to beat save at most {max(spared):.0%} of the open network's MACs."
        if spared
        else ""
    )
    beside = [
        f"{rows['arm'].iloc[0]} ({share_of_macs(rows, opened):.0%} of its MACs, {gap_between_rows(rows, opened):+.2f})"
        for rows in smaller
    ]
    return (
        "**Does a gate by friction earn its keep? "
        f"{'It cannot be said yet' if Standing.TOO_FEW_SEEDS in every else answer}.** A smaller network "
        "without a gate, with no more MACs, is better, by an interval that leaves out 0 and is not adjusted, than "
        f"{counted}.{most} Those networks, in points from the open one: {', '.join(beside)}."
    )


def set_after_training(after: pd.DataFrame, opened: pd.DataFrame) -> str:
    """How friction stands to a random gate of equal MACs by rate, and from which rate on the margin is kept.

    Args:
        after: as in :func:`earns_its_keep`.
        opened: likewise; it measures nothing, where a gate that opens everything takes more.
    """
    found = []
    for skip, rows in after.groupby("skip", sort=False):
        lowest = lowest_rate_within(rows, "range")
        at_lowest = rows[(rows["friction"] == "range") & (rows["rate"] == lowest)]
        found.append(
            f"Skipping the {skip}, friction {stands_by_rate(gaps_at_equal_macs(rows, 'range'), 'random')} asked; no "
            f"more than {POINTS} are lost to the open network from {lowest:.0%} asked on, a rate read off the test "
            f"set, at {share_of_macs(at_lowest, opened):.0%} of its MACs"
        )
    return f"**Set after training**, (5, 2), at equal MACs. {'. '.join(found)}."


def strided_core(attempts: pd.DataFrame, ungated: pd.DataFrame, opened: pd.DataFrame, rate: float) -> str:
    """How a strided second core, without any friction, stands; empty where it was not trained.

    Args:
        attempts: all ways to train with a gate, from :func:`~inertia_utils.frames.trained_gates`.
        ungated: one row per run of smaller networks, from :func:`~inertia_utils.frames.frame`.
        opened: the network with open gates, as ``attempts``.
        rate: that of the friction gates beside it.
    """
    strided = attempts[(attempts["skip"] == "core") & (attempts["gate"] == "never, first layer open")]
    if strided.empty:
        return ""
    gated = attempts[(attempts["friction"] == "range") & (attempts["rate"] == rate)]
    skip, gate = gated.groupby(["skip", "gate"])["accuracy"].mean().idxmax()
    controls = {
        "the best of the friction gates at this rate": gated[(gated["skip"] == skip) & (gated["gate"] == gate)],
        **{arm: rows for arm, rows in ungated.groupby("arm") if arm in ("inertial (3, 1)", STRIDED.name)},
    }
    beside = [
        f"{told_apart(gap)} {called} ({gap:+.2f}, at {share_of_macs(rows, opened):.0%})"
        for called, rows in controls.items()
        for gap in [gap_between_rows(strided, rows)]
    ]
    return (
        "**The plainest control, without any friction**: a (5, 2) network whose second core is strided and whose first "
        f"is computed everywhere. It is {gap_between_rows(strided, opened):+.2f} points from the open network with "
        f"{share_of_macs(strided, opened):.0%} of its MACs, and {', '.join(beside)}. It was planned as a control and "
        "is picked here after a look at the test set; the dense network with a strided second layer was planned after "
        "that look."
    )


def trained_with(standing: pd.DataFrame) -> str:
    """How gates by friction that were trained with stand to their random gate and to one that never opens.

    Args:
        standing: from :func:`~inertia_utils.gate_tables.standings`, of all networks.
    """
    random = tally(standing["against random"], "the random gate of their rate")
    never = tally(standing["against never"], "a network trained with a gate that never opens, which takes fewer MACs")
    return (
        f"**Trained with the gate, or fine-tuned to it**: of {len(standing)} gates by friction, {random}; {never}. "
        "These are intervals of three seeds or more, not adjusted for their number (notebook 09 adjusts those that are "
        "claims); the forms of (3, 2) with pooling share one random control, whose seeds after the third were added "
        "after a look. An *unequal* row opens another fraction than chance does."
    )


def beside_fewer_channels(ways: Mapping[str, pd.DataFrame], narrow: pd.DataFrame, fewer: str) -> str:
    """How gates by friction of (3, 2), whose core is too small by itself, stand to fewer channels without a gate.

    Args:
        ways: as in :func:`small_core`; the random gate is left out.
        narrow: likewise.
        fewer: likewise.
    """
    gaps = [gap_between_rows(rows, narrow) for way, rows in ways.items() if way != "random gate"]
    means = sorted(gap.mean for gap in gaps)
    return (
        f"**Where the core is too small by itself**, (3, 2) with a quarter of the positions open, {len(gaps)} gates by "
        f"friction of the mean were trained with: {tally(map(told_apart, gaps), f'{fewer} without a gate')}, "
        f"{means[0]:+.2f} to {means[-1]:+.2f} points, for as many MACs."
    )


def small_core(ways: Mapping[str, pd.DataFrame], narrow: pd.DataFrame, fewer: str, tiny: pd.DataFrame) -> str:
    """How ways to choose a quarter of the positions of (3, 2) stand to fewer channels and to chance.

    Args:
        ways: ``"threshold"``, ``"image"``, ``"random gate"`` and a name that begins with ``"sampled"`` for every way
            to draw positions in training → their rows, from :func:`~inertia_utils.frames.trained_gates`.
        narrow: the same of the network with fewer channels.
        fewer: how many channels, in words.
        tiny: the same of gates by friction of every channel, and of their controls.
    """
    draws = [way for way in ways if way.startswith("sampled")]
    best = max(draws, key=lambda way: ways[way]["holdout_accuracy"].mean())
    chosen = ("threshold", "image", best)
    to_fewer, to_chance = (
        [f"{gap_between_rows(ways[way], rows):+.2f}" for way in chosen] for rows in (narrow, ways["random gate"])
    )
    to_image, at_random = (gap_between_rows(ways[way], ways["image"]) for way in (best, draws[-1]))
    reached = tiny.groupby(["gate", "friction"])["accuracy"].mean()
    never, always = reached["never", ""], reached["always", ""]
    added = {name: (reached["rate", name] - never) / (always - never) for name in ("range", "random")}
    return (
        f"**(3, 2) with {tiny['rate'].min():.0%} open**, by friction of the mean: beside {fewer} without a gate, which "
        f"take as many MACs, one threshold is {to_fewer[0]} points, a quarter of every image {to_fewer[1]}, and places "
        f"drawn in training ({best}, the best of {len(draws)} on the hold-out) {to_fewer[2]}. Beside the random gate "
        f"they are {to_chance[0]}, {to_chance[1]} and {to_chance[2]}; drawing {told_apart(to_image)} the strict choice "
        f"({to_image:+.2f}). Drawn with the highest T, which is nearly at random, and opened by friction afterwards, "
        f"it {told_apart(at_random)} the strict choice ({at_random:+.2f}). Of what the detail of all positions adds to "
        f"the core, that of a quarter gives {added['range']:.0%} if friction (of every channel) chooses, and "
        f"{added['random']:.0%} if chance does."
    )


def mending(attempts: pd.DataFrame, opened: pd.DataFrame, rate: float, profile: str) -> str:
    """How many ways to train with friction keep the margin.

    Args:
        attempts: as in :func:`strided_core`.
        opened: likewise.
        rate: the one at which the margin is asked about.
        profile: of the trainings.
    """
    within = {
        (skip, gate): gap.low > -100 * MARGIN
        for (skip, asked), gaps in _ways(attempts, opened).items()
        if asked == rate
        for gate, gap in gaps["open"].items()
    }
    temperatures = sum(gate.startswith("learned, temperature") for _, gate in within)
    return (
        f"**Does any way of training with friction mend it?** (5, 2), profile {profile}. Of {len(within)} ways with "
        f"{rate:.0%} open ({temperatures} of them `learned` at other temperatures) "
        f"{sum(within.values()) or 'none'} {'is' if sum(within.values()) < 2 else 'are'} shown to be within {POINTS} "
        "of open gates."
    )


def ways_beside_controls(attempts: pd.DataFrame, opened: pd.DataFrame, rate: float) -> str:
    """How the ways to train with friction stand to their controls, by what is skipped and the rate asked for.

    Args:
        attempts: as in :func:`strided_core`.
        opened: likewise.
        rate: the one at which the best on the hold-out is told.
    """
    found = []
    for (skip, asked), gaps in _ways(attempts, opened).items():
        found.append(f"skipping the {skip}, {asked:.0%} asked: {_tallied(gaps)}")
        if asked == rate and len(gaps["open"]) > 1:
            found[-1] += _best_on_holdout(attempts[attempts["skip"] == skip], rate, gaps)
    listing = bulleted(f"{text}." for text in found)
    return (
        "Gates by friction beside their controls, by intervals of three seeds or more that are not adjusted:"
        f"\n\n{listing}\n\n"
        "A gate that never opens takes fewer MACs; the table says where a gate opens another share than its random one."
    )


def pooling_in_training(pooled: pd.DataFrame, bare: pd.DataFrame) -> str:
    """By how much friction leads a random gate that was trained with, with max-pooling and without.

    Empty where one of them was not trained.

    Args:
        pooled: networks that were trained with a gate of one kind and rate that skips the detail, by friction and at
            random, from :func:`~inertia_utils.frames.trained_gates`.
        bare: the same without pooling.
    """
    changed = changes_of_lead(bare, pooled, "range", "random")
    if not changed:
        return ""
    ((rate, larger),) = changed.items()
    told = told_apart(larger) in (Standing.BEATS, Standing.LOSES)
    led, led_bare = (f"{gaps_by_rate(table, 'range', 'random')[rate]:+.2f} points" for table in (pooled, bare))
    return (
        f"Skipping the detail, friction leads the random gate by {led} with and by {led_bare} without pooling; without "
        f"it the lead is {larger:+.2f} larger, which {'is' if told else 'is not'} told from 0."
    )


def gate_or_channels(gated: pd.DataFrame, narrow: pd.DataFrame, fewer: str, opened: pd.DataFrame) -> str:
    """How one gate by friction stands to fewer channels without a gate, and what both take of the open network's MACs.

    Args:
        gated: networks that were trained with it, from :func:`~inertia_utils.frames.trained_gates`.
        narrow: the same of the network with fewer channels.
        fewer: how many channels, in words.
        opened: the same of the network with all channels and open gates.
    """
    (kind,), (skip,) = gated["gate"].unique(), gated["skip"].unique()
    gap = gap_between_rows(gated, narrow)
    return (
        f"With {fewer} and no gate the network takes {share_of_macs(narrow, opened):.0%} of the open network's MACs "
        f"and is {gap_between_rows(narrow, opened):+.2f} points from it. The gate `{kind}` that skips the {skip} takes "
        f"{share_of_macs(gated, opened):.0%} and {told_apart(gap)} it ({gap:+.2f})."
    )


def _ways(attempts: pd.DataFrame, opened: pd.DataFrame) -> dict[tuple[str, float], dict[str, dict[str, Interval]]]:
    """What is skipped and the rate asked for → differences by control, where there is a gate that never opens."""
    found = {
        (skip, asked): gaps_of_kinds(rows, asked, opened)
        for skip, rows in attempts.groupby("skip")
        for asked in sorted(rows.loc[rows["friction"] == "range", "rate"].dropna().unique())
    }
    return {key: gaps for key, gaps in found.items() if gaps["never"]}


def fit_or_generalise(fitted: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Training loss and test accuracy by gate, and what they suggest.

    Args:
        fitted: window → what the gate goes by, friction first and the control that goes by nothing last →
            ``training loss`` and ``test accuracy (%)``.
    """
    found = [
        f"{window}: "
        + ", ".join(
            f"{what} {row['training loss']:.3f} and {row['test accuracy (%)']:.2f} %" for what, row in rows.items()
        )
        for window, rows in fitted.items()
    ]
    suggests = (
        " This suggests that a gate by friction hardly keeps a network from fitting its training images, and that what "
        "it fits carries over less. (Losses are with gates as in training; a random gate draws anew at every step, so "
        "part of its higher loss is noise.)"
    )
    return (
        "**Fit or generalisation**, training loss and test accuracy by the gate that a network was trained with: "
        f"{'; '.join(found)}.{suggests if all(map(_carries_over_less, fitted.values())) else ''}"
    )


def learned_thresholds(moved: pd.DataFrame) -> str:
    """How far learned thresholds move in training.

    Args:
        moved: per gate and layer, in per cent.
    """
    return (
        f"A learned threshold moves by at most {_bound(moved.abs().max().max())} % from the end of the first epoch on "
        "(what it did before is not recorded)."
    )


def carried_over(deviation: pd.DataFrame) -> str:
    """How well thresholds that were set on held-out training images carry over to test images.

    Args:
        deviation: per rate, the ``max`` over seeds for ``conv1`` and ``conv2``, in points of open positions.
    """
    off = deviation.max()
    return (
        "Thresholds set on held-out training images open within "
        f"{_bound(off['conv2', 'max'])} points of what they are asked on test images in the second layer, for every "
        f"seed; in the first, where many frictions are equal, within {_bound(off['conv1', 'max'])}."
    )


def _beside_smaller(rows: pd.DataFrame, smaller: Sequence[pd.DataFrame]) -> Standing:
    """Loses if a network without a gate, with no more MACs, is better; not told from all of them otherwise."""
    cheaper = [other for other in smaller if other["conv_macs"].mean() <= rows["conv_macs"].mean()]
    found = {told_apart(gap_between_rows(rows, other)) for other in cheaper}
    decided = (Standing.LOSES, Standing.TOO_FEW_SEEDS)
    return next((standing for standing in decided if standing in found), Standing.NOT_TOLD)


_CALLED = {"never": "a gate that never opens", "random": "the random gate of the same kind", "open": "open gates"}


def _tallied(gaps: Mapping[str, Mapping[str, Interval]]) -> str:
    """How all ways stand to each control that they have; a single way by how much, too."""
    if len(gaps["open"]) == 1:
        (gate,) = gaps["open"]
        return f"`{gate}` " + listed(
            f"{told_apart(gaps[control][gate])} {called} ({gaps[control][gate]:+.2f})"
            for control, called in _CALLED.items()
            if gate in gaps[control]
        )
    return "; ".join(
        _of_all([told_apart(gap) for gap in gaps[control].values()], called)
        for control, called in _CALLED.items()
        if gaps[control]
    )


def _of_all(standings: Sequence[Standing], control: str) -> str:
    """How many stand how to a control, and whether all of them stand alike."""
    if len(set(standings)) > 1:
        return f"of {len(standings)} ways {tally(standings, control)}"
    if len(standings) == 1:
        return f"one way {standings[0]} {control}"
    every = "both" if len(standings) == 2 else f"all {len(standings)}"
    return f"{every} ways {standings[0].several} {control}"


def _best_on_holdout(rows: pd.DataFrame, rate: float, gaps: Mapping[str, Mapping[str, Interval]]) -> str:
    candidates = rows[(rows["rate"] == rate) & (rows["friction"] == "range")]
    best = candidates.groupby("gate")["holdout_accuracy"].mean().idxmax()
    beside = [
        f"{gaps[control][best]:+.2f} from {called}"
        for control, called in (("random", "its random gate"), ("never", "its gate that never opens"))
        if best in gaps[control]
    ]
    return f"; the best on the hold-out is `{best}`, {' and '.join(beside)}"


def _carries_over_less(rows: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether friction fits nearly as well as the last control, and is well below it on the test set."""
    first, *_, last = rows.values()
    fits = first["training loss"] < 1.2 * last["training loss"]
    return fits and first["test accuracy (%)"] < last["test accuracy (%)"] - 0.3


def _bound(value: float) -> str:
    """A limit to one decimal, which rounding does not take below the value."""
    return f"{ceil(10 * value) / 10:.1f}"
