"""Forms of the inertial layer, each a re-application and a merge in a window, open and gated (design, section 2)."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from .arms import dense
from .comparisons import seed_by_seed
from .frames import by_seed, seeds_of
from .gate_gaps import share_of_macs
from .reapply import UNIT_GAMMA
from .stats import interval


class Form(NamedTuple):
    """A re-application and a merge, and the window in which the core is re-applied."""

    kernel_size: int
    margin: int
    reapply: str
    merge: str

    @property
    def window(self) -> str:
        """``(d, k)``."""
        return f"({self.kernel_size}, {self.margin})"

    @property
    def default(self) -> Form:
        """The form that the layer has where nothing else is asked for, in the same window."""
        return self._replace(reapply="slide", merge="matched")

    @property
    def row(self) -> tuple[str, str, str]:
        """Window, re-application and merge, which name a row of a table."""
        return (self.window, self.reapply, self.merge)

    def __str__(self) -> str:
        return f"`{self.reapply}`/`{self.merge}` at {self.window}"


#: Names of what :attr:`Form.row` holds.
ROW = ["window", "reapply", "merge"]


def by_form(table: pd.DataFrame) -> dict[Form, pd.DataFrame]:
    """Form → its rows, in order of appearance.

    Args:
        table: from :func:`~inertia_utils.frames.frame` or :func:`~inertia_utils.frames.gates`.
    """
    return {Form(*key): rows for key, rows in table.groupby(list(Form._fields), sort=False)}


def against_default(opened: pd.DataFrame) -> dict[Form, list[float]]:
    """Each form but the default one → what it has over that of its window, in points, seed by seed.

    Args:
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
    """
    seeds = {form: seeds_of(rows) for form, rows in by_form(opened).items()}
    gaps = {form: seed_by_seed(values, seeds.get(form.default, {})) for form, values in seeds.items()}
    return {form: found for form, found in gaps.items() if found and form != form.default}


def open_table(opened: pd.DataFrame, controls: pd.DataFrame) -> pd.DataFrame:
    """One row per form with its gate open, the best of each window first: accuracy, costs, and differences in points.

    Those are from the default form of the same window, and from the dense networks of the window and of the core, which
    is what the form would be without any re-application.

    Args:
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        controls: the same of the dense networks.
    """
    apart = against_default(opened)
    forms = by_form(opened)
    best_first = sorted(forms, key=lambda form: (form.kernel_size, forms[form]["accuracy"].mean()), reverse=True)
    rows = {}
    for form in best_first:
        ours = forms[form]
        window, core = dense(form.kernel_size).name, dense(form.kernel_size - form.margin).name
        rows[form.row] = {
            "accuracy (%)": f"{interval(list(100 * ours['accuracy'])):.2f}",
            "conv weights": f"{ours['conv_weights'].mean():,.0f}",
            "conv MACs": f"{ours['conv_macs'].mean():,.0f}",
            "MACs of dense d×d": f"{share_of_window(ours, controls):.0%}",
            "minus slide, matched": _signed(apart.get(form)),
            "minus dense d×d": _signed(seed_by_seed(seeds_of(ours), by_seed(controls, window))),
            "minus dense core": _signed(seed_by_seed(seeds_of(ours), by_seed(controls, core))),
        }
    return _named(rows)


def share_of_window(rows: pd.DataFrame, controls: pd.DataFrame) -> float:
    """Mean convolution MACs of a form's runs, as a share of those of the dense network of its window.

    Args:
        rows: of one form, from :func:`by_form`.
        controls: one row per run of the dense networks, from :func:`~inertia_utils.frames.frame`.
    """
    window = controls[controls["arm"] == dense(rows["kernel_size"].iloc[0]).name]
    return share_of_macs(rows, window)


def different_forms(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of gated networks that differ: where γ is 1 by construction, ``replace`` is ``matched`` and left out.

    Args:
        table: from :func:`~inertia_utils.frames.gates`.
    """
    return table[(table["merge"] != "replace") | ~table["reapply"].isin(UNIT_GAMMA)]


def change_from_open(gated: pd.DataFrame, measure: str, rate: float) -> dict[Form, list[float]]:
    """Form → accuracy at a rate minus that of the same network with all gates open, in points, seed by seed.

    The open one has the weights that were gated, which may have been trained again.

    Args:
        gated: from :func:`~inertia_utils.frames.gates`.
        measure: the measure by which the gate decides.
        rate: the fraction of positions asked for.
    """
    by_measure = gated[gated["friction"] == measure]
    gaps = {
        form: seed_by_seed(*(seeds_of(rows[rows["rate"] == asked]) for asked in (rate, 1.0)))
        for form, rows in by_form(by_measure).items()
    }
    return {form: found for form, found in gaps.items() if found}


def leads(gated: pd.DataFrame, measure: str, control: str, rate: float) -> dict[Form, list[float]]:
    """Form → accuracy when one measure decides minus that when another does, at the same rate, in points, seed by seed.

    Forms that lack one of them are left out.

    Args:
        gated: from :func:`~inertia_utils.frames.gates`.
        measure: the one.
        control: the other.
        rate: the fraction of positions asked for.
    """
    at_rate = gated[gated["rate"] == rate]
    gaps = {
        form: seed_by_seed(*(seeds_of(rows[rows["friction"] == name]) for name in (measure, control)))
        for form, rows in by_form(at_rate).items()
    }
    return {form: found for form, found in gaps.items() if found}


def macs_kept(gated: pd.DataFrame, opened: pd.DataFrame, measure: str, rate: float) -> dict[Form, float]:
    """Form → convolution MACs with friction and gate, as a share of those of the network without a gate.

    Args:
        gated: from :func:`~inertia_utils.frames.gates`.
        opened: one row per run with the gate open, which measures nothing, from :func:`~inertia_utils.frames.frame`.
        measure: the measure by which the gate decides.
        rate: the fraction of positions asked for.
    """
    ungated = opened.groupby("arm")["conv_macs"].mean()
    at_rate = gated[(gated["friction"] == measure) & (gated["rate"] == rate)]
    return {form: rows["conv_macs"].mean() / ungated[rows["arm"].iloc[0]] for form, rows in by_form(at_rate).items()}


def gated_table(gated: pd.DataFrame, opened: pd.DataFrame, controls: pd.DataFrame, rate: float) -> pd.DataFrame:
    """One row per form gated by range, the most accurate of each window first: accuracy, MACs, differences in points.

    Differences are from the same network with all gates open, by range and at random, and between these two; MACs are
    shares of the dense network of the window, and of the form without a gate.

    Args:
        gated: from :func:`~inertia_utils.frames.gates`; what is not there stays empty.
        opened: one row per run with the gate open, from :func:`~inertia_utils.frames.frame`.
        controls: the same of the dense networks.
        rate: the fraction of positions asked for.
    """
    at_rate = by_form(gated[(gated["friction"] == "range") & (gated["rate"] == rate)])
    by_range, at_random = (change_from_open(gated, measure, rate) for measure in ("range", "random"))
    lead = leads(gated, "range", "random", rate)
    macs = macs_kept(gated, opened, "range", rate)
    best_first = sorted(at_rate, key=lambda form: (form.kernel_size, at_rate[form]["accuracy"].mean()), reverse=True)
    return _named(
        {
            form.row: {
                "accuracy (%)": f"{interval(list(100 * at_rate[form]['accuracy'])):.2f}",
                "MACs of dense d×d": f"{share_of_window(at_rate[form], controls):.0%}",
                "MACs of ungated": f"{macs[form]:.0%}",
                "range − open": _signed(by_range.get(form)),
                "random − open": _signed(at_random.get(form)),
                "range − random": _signed(lead.get(form)),
            }
            for form in best_first
        }
    )


def _signed(gaps: list[float] | None) -> str:
    return f"{interval(gaps):+.2f}" if gaps else ""


def _named(rows: dict[tuple[str, str, str], dict[str, str]]) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=ROW)
    return table
