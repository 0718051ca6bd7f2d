"""Committed benchmark records as data frames, for the notebook: it renders them and times nothing."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from .. import paths
from ..execute.break_even import break_even
from ..looks import LAYERS
from .gate import used_up
from .model import timed_arms

#: What breaks even, as the record calls it → its form, where that has another name.
_FORMS = {"core": "skip core"}


def load(name: str) -> dict[str, Any] | None:
    """The committed record of that name, such as ``layer`` or ``layer-cuda``; None where there is none."""
    path = paths.RESULTS / "bench" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def frame(record: dict[str, Any]) -> pd.DataFrame:
    """One row per table and arm of a layer or model record; times in milliseconds."""
    rows = []
    for part in record["tables"]:
        place = {key: value for key, value in part.items() if key != "arms"}
        rows += [place | {"arm": name} | _milliseconds(row) for name, row in part["arms"].items()]
    return pd.DataFrame(rows)


def layer_times(record: dict[str, Any]) -> pd.DataFrame:
    """One row per shape, batch and arm of a layer record, as :func:`frame` has it, and the arm's form.

    Forms are those of :data:`~inertia_utils.looks.LAYERS`; an arm of another one is its own.
    """
    times = frame(record)
    return times.assign(form=[next((form for form in LAYERS if arm.startswith(form)), arm) for arm in times["arm"]])


def network_ratios(record: dict[str, Any], against: str) -> pd.DataFrame:
    """How many times as fast as one of them every FashionNet's forward pass is: a row per arm, a column per batch.

    Args:
        record: of the benchmark of whole networks.
        against: the arm that the others are held against; arms have the names of the results.
    """
    times = _forward(frame(record)).pivot_table(index="arm", columns="batch", values="ms", sort=False)
    times = times.rename(index={name: arm.name for name, arm in timed_arms().items()})
    return times.loc[against] / times


def _forward(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["network"] == "fashionnet") & (table["what"] == "forward")]


def network_times(record: dict[str, Any], batch: int) -> dict[str, float]:
    """Name of an arm, as results have it → milliseconds of its FashionNet's forward pass at one batch size.

    Args:
        record: of the benchmark of whole networks.
        batch: images per forward pass.
    """
    table, arms = _forward(frame(record)), timed_arms()
    rows = table[table["batch"] == batch]
    return {arms[row.arm].name: row.ms for row in rows.itertuples() if row.arm in arms}


def speed_ups(table: pd.DataFrame) -> pd.DataFrame:
    """One row per arm and one column per batch: how many times faster than the dense arm, with two decimals.

    Args:
        table: rows of one shape or network, from :func:`frame`.
    """
    wide = table.pivot_table(index="arm", columns="batch", values="speed_up", sort=False)
    wide.columns = [f"batch {batch}" for batch in wide.columns]
    return wide.map("{:.2f}".format)


def _milliseconds(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row["quartiles"]
    times = {"ms": row["median"], "low": low, "high": high, "tail": row.get("percentile95")}
    scaled = {name: None if value is None else 1e3 * value for name, value in times.items()}
    kept = ("speed_up", "mac_ratio", "macs", "open_fraction", "peak_memory", "operators")
    return scaled | {name: row.get(name) for name in kept}


def break_even_frame(record: dict[str, Any]) -> pd.DataFrame:
    """One row per point and open fraction of a gate record: both ways in milliseconds, and what the layer takes.

    The layer decides by the installed table, whatever this record found.  Forms are as in :func:`layer_times`.
    """
    rows = []
    for point in record["map"]:
        limit = break_even(point["kind"], "cpu", point["channels"], point["batch"] * point["size"] ** 2)
        for fraction, chosen, everywhere in zip(record["fractions"], point["chosen"], point["everywhere"], strict=True):
            taken = chosen if fraction < limit else everywhere
            rows.append(
                {name: point[name] for name in ("channels", "size", "batch", "break_even")}
                | {"form": _FORMS.get(point["kind"], point["kind"])}
                | {"fraction": fraction, "chosen": 1e3 * chosen, "everywhere": 1e3 * everywhere, "taken": 1e3 * taken}
            )
    return pd.DataFrame(rows)


def partly_open(curve: pd.DataFrame) -> pd.DataFrame:
    """The rows of :func:`break_even_frame` but none open and all open, for which a layer takes another form."""
    return curve[curve["fraction"].between(0.01, 0.99)]


def returns_up_to(curve: pd.DataFrame, open_ms: float) -> float:
    """Open fraction up to which a gated layer takes less time than the same layer without a gate; 0 if at none.

    Linear between the fractions that were measured, but for none open and all open.

    Args:
        curve: columns ``fraction`` and ``chosen``, from :func:`break_even_frame`, of one layer.
        open_ms: milliseconds of the layer that is always open.
    """
    between = partly_open(curve).sort_values("fraction")
    fractions, gains = between["fraction"].tolist(), (open_ms - between["chosen"]).tolist()
    meets = used_up(fractions, gains)
    return fractions[-1] if meets is None else meets
