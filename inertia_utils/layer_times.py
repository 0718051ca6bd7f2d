"""The times that ``bench layer`` measured, as a data frame."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from .bench.read import frame
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
    times = frame(record).rename(columns={"open_fraction": "open"})
    return times.assign(
        form=[next((form for form in LAYERS if arm.startswith(form)), arm) for arm in times["arm"]],
        conditions=f"{machine['device']}, {machine['threads']} threads, {record['dtype']}, {record['layout']}",
        device=machine["device"],
    )
