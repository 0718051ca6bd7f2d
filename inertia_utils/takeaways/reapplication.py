"""What notebook 06 concludes about re-applications and merges (design, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ..arms import dense
from ..comparisons import gap_between
from ..form_tables import Form, against_default, by_form, change_from_open, leads, macs_kept, share_of_window
from ..frames import by_arm, cost_share
from ..standing import seeds_text, tally, told_apart
from ..stats import interval


def few_seeds(opened: pd.DataFrame, profile: str) -> str:
    """That fewer than three seeds show no interval; empty with three or more of every form.

    Args:
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        profile: of the runs.
    """
    count = min(rows["seed"].nunique() for rows in by_form(opened).values())
    if count > 2:
        return ""
    return (
        f"**{seeds_text(count)}** of every re-application{'' if profile == 'full' else ', of short trainings'}: no "
        "difference has an interval before there are three, and none is called one before."
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
        told = {form: f"{apart[form]:+.2f}, at {share_of_window(forms[form], controls):.0%}" for form in others}
        by_rule = [f"`{form.reapply}` {told[form]}" for form in others if form.merge == default.merge]
        by_merge = [f"`{form.merge}` {told[form]}" for form in others if form.reapply == default.reapply]
        wide, core = (dense(size).name for size in (default.kernel_size, default.kernel_size - default.margin))
        sentences.append(
            f"**{default.window}, gate open**: `slide`/`matched` has {100 * forms[default]['accuracy'].mean():.2f} % "
            f"with {share_of_window(forms[default], controls):.0%} of the MACs of {wide}, which has {reached[wide]}; "
            f"{core}, the core alone, has {reached[core]}. Minus `slide`/`matched`, in points, at a share of "
            f"{wide}'s MACs, by re-application: "
            f"{', '.join(by_rule)}{'; by merge: ' if by_merge else ''}{', '.join(by_merge)}. Of all {len(others)} "
            f"other forms {tally((told_apart(apart[form]) for form in others), '`slide`/`matched`')}."
        )
    return sentences


def gated_after(gated: pd.DataFrame, opened: pd.DataFrame, rate: float) -> str:
    """How the default form and the extreme ones stand to themselves open, and what is saved.

    Args:
        gated: from :func:`~inertia_utils.form_tables.different_forms`.
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        rate: the fraction of positions asked for.
    """
    changes = {form: interval(gaps) for form, gaps in change_from_open(gated, "range", rate).items()}
    macs = macs_kept(gated, opened, "range", rate)
    defaults = [
        f"{changes[form]:+.2f} points at {form.window} for {macs[form]:.0%} of the MACs of the network without a gate"
        for form in changes
        if form == form.default
    ]
    best, *_, worst = sorted(changes, key=lambda form: -changes[form].mean)
    return (
        f"**{rate:.0%} open after training**, by range, beside the same network open: `slide`/`matched` "
        f"{' and '.join(defaults)}; best kept is {best} ({changes[best]:+.2f}), worst {worst} "
        f"({changes[worst]:+.2f}). The {len(changes)} different forms keep {min(macs.values()):.0%} to "
        f"{max(macs.values()):.0%} of the MACs."
    )


def which_form(gated: pd.DataFrame, opened: pd.DataFrame, controls: pd.DataFrame, rate: float) -> str:
    """For each window the most accurate form, open and gated, and the cheapest open form that is as accurate as gated.

    Means are compared, without a test.

    Args:
        gated: from :func:`~inertia_utils.form_tables.different_forms`.
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        controls: the same of dense networks.
        rate: the fraction of positions asked for.
    """
    by_range = by_form(gated[(gated["friction"] == "range") & (gated["rate"] == rate)])
    every = by_form(opened)
    sentences = []
    for window in dict.fromkeys(form.window for form in every):
        open_forms, gated_forms = (
            {form: rows for form, rows in forms.items() if form.window == window} for forms in (every, by_range)
        )
        best = max(open_forms, key=lambda form: open_forms[form]["accuracy"].mean())
        gate = max(gated_forms, key=lambda form: gated_forms[form]["accuracy"].mean())
        reached = gated_forms[gate]["accuracy"].mean()
        as_good = [form for form, rows in open_forms.items() if rows["accuracy"].mean() >= reached]
        cheapest = min(as_good, key=lambda form: open_forms[form]["conv_macs"].mean(), default=None)
        sentences.append(
            f"At {window} the most accurate form is {_reached(best, open_forms, controls)} with its gate open, and "
            f"{_reached(gate, gated_forms, controls)} with {rate:.0%} open; "
            + (
                f"the cheapest form that is as accurate as the latter without a gate is "
                f"{_reached(cheapest, open_forms, controls)}."
                if cheapest
                else "no form without a gate is as accurate as the latter."
            )
        )
    return f"**Which form, then?** By the means, and so picked on the test set. {' '.join(sentences)}"


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
        f"of {len(standings)} forms at {window} {tally(standings, 'the random gate')}"
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
    proof = (
        f" Where it is not told from a control the interval says what {count} seeds can show; it is no proof of being "
        "level."
    )
    return (
        f"**The {form}, {opens}**, profile {profile}, takes {cost_share(table, arm, 'dense 3×3', 'conv_macs'):.0%} of "
        f"the MACs of dense 3×3 and {', '.join(stands)}.{proof if count > 2 else ''}"
    )


def _reached(form: Form, forms: Mapping[Form, pd.DataFrame], controls: pd.DataFrame) -> str:
    rows, wide = forms[form], dense(form.kernel_size).name
    return (
        f"`{form.reapply}`/`{form.merge}` ({100 * rows['accuracy'].mean():.2f} %, for "
        f"{share_of_window(rows, controls):.0%} of the MACs of {wide})"
    )
