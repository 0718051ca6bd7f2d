"""What notebook 07 concludes about LeNet on MNIST (design, section 6)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..comparisons import gap_between, gap_closed
from ..frames import cost_share
from ..standing import told_apart

#: The arm that the goals are about, and the networks between which it stands.
OURS, WIDE, NARROW = "inertial (3, 2)", "dense 3×3", "dense 1×1"
#: The goals: how far it may be below the one, in points, and how much of the gap to the other it is to close.
GOAL, CLOSED = 0.2, 0.9


def goals(table: pd.DataFrame, same_heads: pd.DataFrame) -> str:
    """Whether the goals are shown to be met, and the same differences where all networks have the same head.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        same_heads: the same of networks whose convolutions keep the size.
    """
    gap, closed = gap_between(table, OURS, WIDE), gap_closed(table, OURS, NARROW, WIDE)
    within, enough = gap.low > -GOAL, closed.low >= CLOSED
    within_told, enough_told = ("shown" if met and gap.count > 2 else "**not shown**" for met in (within, enough))
    below = " The difference is within the goal and still below 0." if within and gap.high < 0 else ""
    return (
        f"**Inertial (3, 2), gate open**, is {gap:+.2f} points from dense 3×3 and closes {closed:.0%} of the gap "
        f"between dense 1×1 and dense 3×3. By their intervals it is {within_told} that it is at most {GOAL:.1f} points "
        f"worse, and {enough_told} that it closes {CLOSED:.0%} of the gap.{below} With the same heads it is "
        f"{gap_between(same_heads, OURS, WIDE):+.2f} points and {gap_closed(same_heads, OURS, NARROW, WIDE):.0%}."
    )


def same_macs(table: pd.DataFrame, rivals: Sequence[str]) -> str:
    """How the open network stands to others of its MACs.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        rivals: their names.
    """
    stands = [
        f"{told_apart(gap)} {rival} ({gap:+.2f} points)"
        for rival in rivals
        for gap in [gap_between(table, OURS, rival)]
    ]
    return (
        f"**For the same MACs** it {', '.join(stands)}. So closing the gap is no evidence for a periphery where one of "
        "these closes it as well."
    )


def earlier_form(table: pd.DataFrame, earlier: str) -> str:
    """How the form that was published earlier stands to the open network.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        earlier: its name.
    """
    return f"**The {earlier}** is {gap_between(table, earlier, OURS):+.2f} points from inertial (3, 2), all open."


def with_gate(table: pd.DataFrame, friction: str, random: str, earlier: str, rivals: Sequence[str] = ()) -> str:
    """How a network that was trained with its gate stands to a random gate, to open ones and to those without a gate.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        friction: name of the arm whose gate goes by friction.
        random: of that whose gate is random.
        earlier: of the earlier published form.
        rivals: of networks of about as many MACs without a gate, if they were trained alike.
    """
    gaps = {control: f"{gap_between(table, friction, control):+.2f}" for control in (random, OURS, WIDE, earlier)}
    ours, chance = (f"{cost_share(table, arm, OURS, 'conv_macs'):.0%}" for arm in (friction, random))
    text = (
        f"**Trained with about a quarter of the positions open**, friction is {gaps[random]} points from a random "
        f"gate, for {ours} of the open network's MACs in place of {chance}; {gaps[OURS]} from the open network, "
        f"{gaps[WIDE]} from dense 3×3 and {gaps[earlier]} from the {earlier}, at "
        f"{cost_share(table, friction, earlier, 'conv_macs'):.0%} of its MACs."
    )
    beside = [
        f"{gap_between(table, friction, rival):+.2f} from {rival} (which takes "
        f"{cost_share(table, rival, friction, 'conv_macs'):.0%} of its MACs)"
        for rival in rivals
    ]
    return f"{text} Beside networks without a gate it is {', '.join(beside)}." if beside else text


def by_mean(table: pd.DataFrame, mean: str, friction: str, random: str) -> str:
    """How a gate by friction of the mean of the channels stands to that of every channel, and to a random one.

    Args:
        table: one row per run, from :func:`~inertia_utils.frames.frame`.
        mean: name of the arm whose friction is measured on the mean.
        friction: of that whose friction is measured on every channel.
        random: of that whose gate is random.
    """
    return (
        f"**The same by friction of the mean of the channels**: {gap_between(table, mean, random):+.2f} points from a "
        f"random gate, {gap_between(table, mean, friction):+.2f} from friction of every channel, with "
        f"{cost_share(table, mean, OURS, 'conv_macs'):.0%} of the open network's MACs."
    )
