"""The times that ``bench layer`` measured, as a data frame."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from .looks import LAYERS


def layer_times(path: Path) -> pd.DataFrame:
    """One row per shape, batch and arm: its form, MACs per image, milliseconds (median, quartiles), conditions.

    It is empty where nothing was measured; ``open`` is the fraction that a gated arm opened, NaN for the others.

    Args:
        path: what ``python -m inertia_utils bench layer`` wrote.
    """
    if not path.exists():
        return pd.DataFrame()
    record = json.loads(path.read_text(encoding="utf-8"))
    machine = record["machine"]
    conditions = f"{machine['device']}, {machine['threads']} threads, {record['dtype']}, {record['layout']}"
    rows = []
    for part in record["tables"]:
        for arm, row in part["arms"].items():
            low, high = row["quartiles"]
            milliseconds = {"ms": 1e3 * row["median"], "low": 1e3 * low, "high": 1e3 * high}
            place = {"shape": part["shape"], "batch": part["batch"], "arm": arm, "macs": row["macs"]}
            kind = {"form": next((form for form in LAYERS if arm.startswith(form)), arm), "open": row["open_fraction"]}
            rows.append(place | kind | milliseconds | {"conditions": conditions, "device": machine["device"]})
    return pd.DataFrame(rows)
