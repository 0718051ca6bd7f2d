"""What notebook 04 concludes about friction in networks that are gated after training (design, section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

import pandas as pd
from scipy.stats import spearmanr

from ..comparisons import paired_difference
from ..frames import at_rate, rates_between
from ..gate_gaps import (
    changes_of_lead,
    equally_open,
    gaps_at_equal_macs,
    gaps_by_rate,
    lowest_rate_within,
)
from ..standing import POINTS, Standing, seeds_named, seeds_text, stands_by_rate, tally, told_apart
from ..stats import ALPHA, Interval, interval

#: How far accuracies of the same weights may be apart by rounding.
SAME = 0.002


def answer(wide: pd.DataFrame, small: pd.DataFrame, usable: Sequence[str], rate: float) -> str:
    """Whether a measure stands out, before any detail.

    Args:
        wide: of (5, 2), for which measures were compared, from :func:`~inertia_utils.frames.gates`.
        small: of (3, 2), for which only range was tried.
        usable: the measures that open what they are asked for.
        rate: at which they are compared.
    """
    gaps = {name: gaps_by_rate(wide, name, "random")[rate] for name in (*usable, "oracle")}
    oracle = told_apart(gaps.pop("oracle"))
    of_small = gaps_by_rate(small, "range", "random")
    wins = sum(told_apart(gap) == Standing.BEATS for gap in of_small.values())
    useless = oracle in (Standing.NOT_TOLD, Standing.LOSES)
    return (
        f"**Answer.** In (5, 2), {rate:.0%} open, {tally((told_apart(gap) for gap in gaps.values()), 'a random order')}"
        f", of {len(gaps)} measures; the oracle itself {oracle} it"
        + (", so this network cannot tell which measure is best" if useless else "")
        + f". In (3, 2), whose core cannot do the task alone, range beats a random order at {wins} of {len(of_small)} "
        "rates; which measure is best there has not been tried."
    )


def which_layer(table: pd.DataFrame, opened: Mapping[int, float], rate: float) -> str:
    """What closing positions of one layer by chance costs, and whether ordering them by |δ| is better than chance.

    Args:
        table: from :func:`~inertia_utils.frames.gates`, of networks of which one layer is gated.
        opened: seed → accuracy with all gates open.
        rate: at which.
    """
    losses, worse = {}, []
    for layer, rows in table.groupby("layers"):
        losses[layer] = at_rate(rows, "random", rate)
        gap = gaps_by_rate(rows, "oracle", "random")[rate]
        if told_apart(gap) == Standing.LOSES:
            worse.append(f"in {layer} ({gap:+.2f})")
    changes = [f"{paired_difference(found, opened):+.2f} points in {layer}" for layer, found in losses.items()]
    first, second = losses
    apart = paired_difference(losses[first], losses[second])
    text = (
        f"**Which layer pays?** With only one gated, {rate:.0%} open at random changes accuracy by "
        f"{' and '.join(changes)}; {first} {told_apart(apart)} {second} ({apart:+.2f})."
    )
    if worse:
        text += (
            f" The order by |δ| itself loses to chance {' and '.join(worse)}: the positions that change most are not "
            "those that matter most. Why is not known."
        )
    return text


def which_measure(table: pd.DataFrame, usable: Sequence[str], middle: float) -> str:
    """How measures stand to a random order at the middle rate and at the lowest, and where the oracle stands.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`, the oracle among its measures.
        usable: the measures that open what they are asked for.
        middle: the one rate.
    """
    gaps = {name: gaps_by_rate(table, name, "random") for name in (*usable, "oracle")}
    lowest, oracle = min(gaps["oracle"]), gaps["oracle"][middle]
    ahead = max(usable, key=lambda name: gaps[name][lowest].mean)
    at_middle, at_lowest = (
        f"{rate:.0%} {tally((told_apart(gaps[name][rate]) for name in usable), 'random')}" for rate in (middle, lowest)
    )
    return (
        f"**Which measure?** (5, 2), {_seeds(table)}, of the {len(usable)} measures that open what is asked: at "
        f"{at_middle}, and the oracle itself {told_apart(oracle)} random ({oracle:+.2f}). At {at_lowest}; `{ahead}` is "
        f"ahead, picked on the test set ({gaps[ahead][lowest]:+.1f}), where "
        f"{100 * fmean(at_rate(table, ahead, lowest).values()):.0f} % accuracy is left."
    )


def finding_detail(table: pd.DataFrame, ranks: Mapping[str, float], usable: Sequence[str], names: Sequence[str]) -> str:
    """How well measures order positions, and whether those that do so better keep more accuracy.

    Args:
        table: of one network, from :func:`~inertia_utils.frames.gates`.
        ranks: measure → mean rank correlation with the detail.
        usable: the measures that open what they are asked for.
        names: all that can be deployed.
    """
    best = max(names, key=lambda name: ranks[name])
    tested = [
        spearmanr([ranks[name] for name in usable], [fmean(at_rate(table, name, rate).values()) for name in usable])
        for rate in rates_between(table)
    ]
    correlations = [test.statistic for test in tested]
    return (
        f"**Does finding the detail better keep more accuracy?** Ranks by friction and by |δ| correlate by up to "
        f"{ranks[best]:.2f} (`{best}`; `range`, which carries the certificate, {ranks['range']:.2f}). Over the same "
        f"{len(usable)} measures that correlation and the accuracy that is left have rank correlations of "
        f"{min(correlations):+.2f} to {max(correlations):+.2f} by rate, {sum(test.pvalue < ALPHA for test in tested)} "
        f"of {len(tested)} told from none; so few measures could show a strong relation only."
    )


def wide_core(table: pd.DataFrame, middle: float) -> str:
    """How range stands to random gates of the same rate and of equal MACs in (5, 2), and what there is to save.

    Args:
        table: of (5, 2), from :func:`~inertia_utils.frames.gates`.
        middle: the rate at which measuring is costed.
    """
    chance, by_range = (_macs(table, name) for name in ("random", "range"))
    lowest = min(rates_between(table))
    return (
        f"**(5, 2), range**, {_seeds(table)}: at the same rate it "
        f"{stands_by_rate(gaps_by_rate(table, 'range', 'random'), 'random')}. At equal MACs it "
        f"{stands_by_rate(gaps_at_equal_macs(table, 'range'), 'random')}: from all open to {lowest:.0%} open there are "
        f"{1 - chance[lowest] / chance[1.0]:.1%} of the MACs to save, and measuring takes "
        f"{(by_range[middle] - chance[middle]) / chance[1.0]:.1%}."
    )


def small_core(table: pd.DataFrame, called: str, middle: float) -> str:
    """How a measure stands to random gates of the same rate and of equal MACs in (3, 2), and to an oracle, if any.

    Args:
        table: of (3, 2) by one measure, named range, and at random, from :func:`~inertia_utils.frames.gates`.
        called: the measure, as the text has it.
        middle: the rate at which the difference is told.
    """
    equal_macs = gaps_at_equal_macs(table, "range")
    text = (
        f"**(3, 2), {called}**, {_seeds(table)}: at the same rate it "
        f"{stands_by_rate(gaps_by_rate(table, 'range', 'random'), 'random')}; at equal MACs it "
        f"{stands_by_rate(equal_macs, 'random')} ({equal_macs[middle]:+.2f} points at {middle:.0%})."
    )
    if to_oracle := gaps_by_rate(table, "range", "oracle"):
        text += (
            f" {_beside_oracle(to_oracle)} No measures but the range of the channels and of their mean were tried here."
        )
    return text


def what_it_saves(gated: Mapping[str, pd.DataFrame], narrow: pd.DataFrame, named: str) -> str:
    """From which rate on the margin is kept, at which MACs, and what a network without a gate gives for as many.

    Args:
        gated: name of a measure → rows of (3, 2) by it, as for :func:`small_core`.
        narrow: one row per run of the network without a gate, from :func:`~inertia_utils.frames.frame`.
        named: of those measures the one that stands beside it.
    """
    kept = [_kept(rows, name) for name, rows in gated.items()]
    rows = gated[named]
    share = narrow["conv_macs"].mean() / _macs(rows, "random")[1.0]
    by_range = rows[rows["friction"] == "range"]
    # The highest rate at which the gate takes no more MACs than the network without a gate.
    no_dearer = by_range[by_range["conv_macs"] <= narrow["conv_macs"].mean()]
    highest = no_dearer[no_dearer["rate"] == no_dearer["rate"].max()]
    without, gate = (f"{interval(list(100 * found['accuracy'])):.2f} %" for found in (narrow, highest))
    return (
        f"**What it saves** in (3, 2): that no more than {POINTS} are lost, by the whole interval, is shown "
        f"{', '.join(kept)}. At "
        f"{share:.0%} of the MACs {narrow['arm'].iloc[0].rpartition(', ')[2]} without a gate have {without}, a gate by "
        f"{named} that takes no more {gate}. What a gate after training has for it is that the network need not be "
        "trained again, and that its rate can be turned."
    )


def places_or_shares(apart: Mapping[tuple[str, str], Mapping[float, Interval]], questions: Mapping[str, str]) -> str:
    """In how many comparisons friction is better than chance at choosing places, and at sharing them out.

    Args:
        apart: network and what is compared → rate → difference in points.
        questions: what is compared → what it asks, in words; those that ask the same are counted together.
    """
    found = []
    for network in dict.fromkeys(network for network, _ in apart):
        asked: dict[str, list[Standing]] = {}
        for what, question in questions.items():
            asked.setdefault(question, []).extend(map(told_apart, apart[network, what].values()))
        counted = [
            f"{question} are better in {stands.count(Standing.BEATS)}, worse in {stands.count(Standing.LOSES)} of "
            f"{len(stands)} comparisons"
            for question, stands in asked.items()
        ]
        found.append(f"In {network}, {'; '.join(counted)}.")
    return (
        "**Where in an image, or which images?** One threshold decides which places of an image are opened, and how "
        f"many each image gets. {' '.join(found)} The others are not told apart."
    )


def at_equal_shares(gaps: Mapping[str, Mapping[float, Interval]]) -> str:
    """How measures that open the same share of every image stand to the random gate, rate by rate, and how the oracle.

    Args:
        gaps: measure → rate → difference in points, the oracle among the measures.
    """
    measures = [by_rate for name, by_rate in gaps.items() if name != "oracle"]
    found = [
        f"at {rate:.0%} {tally((told_apart(by_rate[rate]) for by_rate in measures), 'random')}"
        for rate in gaps["oracle"]
    ]
    return (
        f"With equal shares, of {len(measures)} measures {'; '.join(found)}. The oracle "
        f"{stands_by_rate(gaps['oracle'], 'random')}."
    )


def does_pooling_flatter(pooled: pd.DataFrame, bare: pd.DataFrame) -> str:
    """Whether the lead of friction over a random gate is smaller with pooling than without.

    Args:
        pooled: of the network with max-pooling, from :func:`~inertia_utils.frames.gates`.
        bare: of that without, with the same seeds.
    """
    if bare["seed"].nunique() < 3:
        return f"(3, 2): from {_seeds(bare)} nothing follows yet."
    changed = changes_of_lead(pooled, bare, "range", "random")
    flattered = _rates(rate for rate, gap in changed.items() if gap.count > 2 and gap.high < 0)
    exposed = _rates(rate for rate, gap in changed.items() if gap.count > 2 and gap.low > 0)
    unequal = _rates(rate for rate in changed if not all(_opens_equally(network, rate) for network in (pooled, bare)))
    dearer = sum(_lost_at_random(pooled, rate) > _lost_at_random(bare, rate) for rate in changed)
    answer = (
        f"yes, the lead of friction is smaller with pooling at {flattered} %"
        if flattered
        else "no sign of it, at no rate is the lead of friction smaller with pooling"
    )
    return (
        f"(3, 2), {_seeds(bare)}, in points of accuracy, by intervals that are not adjusted: {answer}"
        + (f", and at {exposed} % it is larger" if exposed else "")
        + f". A random gate loses more with pooling at {dearer} of {len(changed)} rates, by the means; the table "
        "gives the share of its loss that friction avoids, (friction − random) / (open − random)."
        + (f" At {unequal} % friction opens another fraction than the random gate." if unequal else "")
    )


def channels_first(costs: Mapping[str, Mapping[str, str]], lost: Interval, rate: float) -> str:
    """What reducing channels before measuring saves, and what it costs.

    Args:
        costs: ``"before"`` and ``"after"`` → shares of the layer's MACs and time.
        lost: accuracy of the one minus that of the other, in points.
        rate: at which.
    """
    saved = [
        f"{costs['before'][column]} of its {what} in place of {costs['after'][column]}"
        for column, what in (("MACs / layer's", "MACs"), ("time / layer's", "time"))
    ]
    return (
        f"**Channels reduced first** make measuring cheap, for a (3, 2) layer {' and '.join(saved)}; for (5, 2) at "
        f"{rate:.0%} that is {lost:+.2f} points from measuring every channel."
    )


def other_trainings(table: pd.DataFrame, other: pd.DataFrame) -> str:
    """For which seeds two ways of measuring gate different trainings of one run, in words; empty if for none.

    A network whose weights were not kept is trained anew to be gated, and comes out a little different elsewhere.

    Args:
        table: by the one, named range, from :func:`~inertia_utils.frames.gates`, with nothing and with all open.
        other: by the other.
    """
    pairs = [[at_rate(rows, "range", rate) for rows in (table, other)] for rate in (0.0, 1.0)]
    apart = sorted(
        {
            seed
            for ours, theirs in pairs
            for seed in ours.keys() & theirs.keys()
            if abs(ours[seed] - theirs[seed]) > SAME
        }
    )
    if not apart:
        return ""
    return f"With {seeds_named(apart)} the two ways of measuring gate different trainings of the same run."


def one_layer(table: pd.DataFrame, measures: Sequence[str]) -> list[str]:
    """How measures stand to the random gate when only one layer is gated, layer by layer.

    Args:
        table: from :func:`~inertia_utils.frames.gates`, of networks of which one layer is gated.
        measures: which of them.
    """
    return [
        f"Only {layer} gated, {name} {stands_by_rate(gaps_by_rate(rows, name, 'random'), 'random')}."
        for layer, rows in table.groupby("layers")
        for name in measures
    ]


def _beside_oracle(gaps: Mapping[float, Interval]) -> str:
    """How range stands to the oracle, and what an order by |δ| could keep at most where they are not told apart."""
    text = f"The oracle orders by |δ| itself, and range {stands_by_rate(gaps, 'it')}"
    level = [-gap.low for gap in gaps.values() if told_apart(gap) == Standing.NOT_TOLD]
    if level:
        text += f"; where they are not told apart, the oracle may keep up to {max(level):.1f} points more"
    return f"{text}."


def _kept(table: pd.DataFrame, called: str) -> str:
    lowest = lowest_rate_within(table, "range")
    share = _macs(table, "range")[lowest] / _macs(table, "random")[1.0]
    return f"by {called} from {lowest:.0%} asked on (a rate read off the test set), at {share:.0%} of the MACs"


def _macs(table: pd.DataFrame, friction: str) -> pd.Series:
    """Rate → mean of the convolution MACs, of gates by one measure."""
    return table[table["friction"] == friction].groupby("rate")["conv_macs"].mean()


def _lost_at_random(table: pd.DataFrame, rate: float) -> float:
    opened, closed = (fmean(at_rate(table, "random", asked).values()) for asked in (1.0, rate))
    return opened - closed


def _opens_equally(table: pd.DataFrame, rate: float) -> bool:
    at_this = table[table["rate"] == rate]
    return equally_open(*(at_this[at_this["friction"] == name] for name in ("range", "random")))


def _rates(rates: Iterable[float]) -> str:
    return ", ".join(f"{100 * rate:.0f}" for rate in rates)


def _seeds(table: pd.DataFrame) -> str:
    return seeds_text(table["seed"].nunique())
