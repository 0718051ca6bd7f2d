"""What notebook 06 concludes about re-applications and merges (design, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ..arms import dense
from ..comparisons import gap_between
from ..form_tables import Form, against_default, by_form, kept, leads, macs_kept, share_of_window
from ..frames import by_arm, cost_share
from ..standing import tally, told_apart
from ..stats import interval


def few_seeds(opened: pd.DataFrame, controls: pd.DataFrame, profile: str) -> str:
    """How little fewer than three seeds say; empty with three or more.

    Args:
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        controls: the same of dense networks, with all seeds that there are.
        profile: of the runs.
    """
    count = opened["seed"].nunique()
    if count > 2:
        return ""
    spread = 100 * controls.groupby("arm")["accuracy"].agg(lambda values: values.max() - values.min()).max()
    noise = (
        f"Seeds of one and the same dense network differ by up to {spread:.1f} points here, so smaller differences say "
        "nothing. "
    )
    return (
        f"**{count} seed{'' if count == 1 else 's'}**{'' if profile == 'full' else ', of short trainings'}, in all but "
        f"the last bullet. {noise if spread else ''}The random gate is one draw per seed."
    )


def gate_open(opened: pd.DataFrame, controls: pd.DataFrame) -> list[str]:
    """For each window how the default form stands to its dense networks, and the other forms to it.

    Args:
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        controls: the same of dense networks, with the same seeds.
    """
    forms = by_form(opened)
    apart = {form: interval(gaps) for form, gaps in against_default(opened).items()}
    reached = {arm: f"{100 * mean.mean:.2f} %" for arm, mean in by_arm(controls).items()}
    sentences = []
    for default in (form for form in forms if form == form.default):
        others = [form for form in apart if form.default == default]
        by_rule = [f"`{form.reapply}` {apart[form]:+.2f}" for form in others if form.merge == default.merge]
        by_merge = [f"`{form.merge}` {apart[form]:+.2f}" for form in others if form.reapply == default.reapply]
        wide, core = (dense(size).name for size in (default.kernel_size, default.kernel_size - default.margin))
        sentences.append(
            f"**{default.window}, gate open**: `slide`/`matched` has {100 * forms[default]['accuracy'].mean():.2f} % "
            f"with {share_of_window(forms[default], controls):.0%} of the MACs of {wide}, which has {reached[wide]}; "
            f"{core}, the core alone, has {reached[core]}. Minus `slide`/`matched`, in points, by re-application: "
            f"{', '.join(by_rule)}{'; by merge: ' if by_merge else ''}{', '.join(by_merge)}. Of all {len(others)} "
            f"other forms {tally((told_apart(apart[form]) for form in others), '`slide`/`matched`')}."
        )
    return sentences


def gated_after(gated: pd.DataFrame, opened: pd.DataFrame, rate: float) -> str:
    """What the default form and the worst ones lose when they are gated after training, and what is saved.

    Args:
        gated: from :func:`~inertia_utils.form_tables.different_forms`.
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        rate: the fraction of positions asked for.
    """
    lost = {form: -interval(gaps).mean for form, gaps in kept(gated, "range", rate).items()}
    macs = macs_kept(gated, opened, "range", rate)
    defaults = [
        f"{lost[form]:.1f} points at {form.window} for {macs[form]:.0%} of the MACs of the network without a gate"
        for form in lost
        if form == form.default
    ]
    most, least = (sorted(lost, key=lambda form: sign * lost[form])[:2] for sign in (-1, 1))
    return (
        f"**{rate:.0%} open after training**, by range, `slide`/`matched` loses {' and '.join(defaults)}; most is lost "
        f"by {_with(most, lost)}, least by {_with(least, lost)}. The {len(lost)} different forms keep "
        f"{min(macs.values()):.0%} to {max(macs.values()):.0%} of the MACs."
    )


def against_chance(gated: pd.DataFrame, rate: float) -> str:
    """How gating by range stands to gating at random, at the same rate, by window.

    Args:
        gated: from :func:`~inertia_utils.form_tables.different_forms`.
        rate: the fraction of positions asked for.
    """
    by_window: dict[str, list[str]] = {}
    for form, gaps in leads(gated, "range", "random", rate).items():
        by_window.setdefault(form.window, []).append(told_apart(interval(gaps)))
    found = [
        f"of {len(standings)} forms at {window} {tally(standings, 'their random gate')}"
        for window, standings in by_window.items()
    ]
    return f"**Friction against chance**, {rate:.0%} open: {'; '.join(found)}."


def worst_case(opened: pd.DataFrame, controls: pd.DataFrame) -> str:
    """Which forms take more MACs than the dense network of their window when all is open.

    Args:
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        controls: the same of dense networks.
    """
    shares = {form: share_of_window(rows, controls) for form, rows in by_form(opened).items()}
    dearer = [f"{form} ({share:.0%})" for form, share in shares.items() if share > 1]
    if not dearer:
        return "With all positions open no form takes more MACs than the dense network of its window."
    return (
        "**“At worst d² MACs” does not hold for every re-application**: the core's own pass comes on top of a whole "
        f"one with {', '.join(dearer)} of the MACs of dense d×d."
    )


def literal_form(table: pd.DataFrame, arm: str, controls: Sequence[str], profile: str) -> str:
    """How the literal form, half open, stands to its controls.

    Args:
        table: one row per run of all of them, from :func:`~inertia_utils.frames.frame`.
        arm: name of the literal form; controls of the same form are told by what follows its last comma.
        controls: names of the others.
        profile: of the runs.
    """
    form, _, opens = arm.rpartition(", ")
    stands = [
        f"{told_apart(gap)} {control.removeprefix(f'{form}, ')} ({gap:+.2f} points, at "
        f"{cost_share(table, control, 'dense 3×3', 'conv_macs'):.0%})"
        for control in controls
        for gap in [gap_between(table, arm, control)]
    ]
    count = table[table["arm"] == arm]["seed"].nunique()
    return (
        f"**The {form}, {opens}**, profile {profile}, takes {cost_share(table, arm, 'dense 3×3', 'conv_macs'):.0%} of "
        f"the MACs of dense 3×3 and {', '.join(stands)}. Where it is not told from a control the interval says what "
        f"{count} seeds can show; it is no proof of being level."
    )


def _with(forms: Sequence[Form], lost: Mapping[Form, float]) -> str:
    return " and ".join(f"{form} ({lost[form]:.1f})" for form in forms)
