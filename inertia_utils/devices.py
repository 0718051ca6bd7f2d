"""Whether it matters on which device a network was trained: dropout and rounding are not the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

import pandas as pd

from .result_file import Result
from .stats import interval


def first_seed_apart(results: Iterable[Result]) -> pd.DataFrame:
    """One row per set of devices: arms, and their first seed's accuracy minus the mean of the others', in points.

    A seed may be a lucky one for many arms at once.  So what two devices do is told by how two rows differ, one whose
    seeds are all of one device and one whose first seed alone is; each row has the interval over its arms.

    Args:
        results: of trainings, each arm and seed once; arms with fewer than two seeds are left out.
    """
    arms: dict[str, dict[int, Result]] = {}
    for result in results:
        arms.setdefault(result.run.arm.name, {})[result.run.seed] = result
    gaps: dict[str, list[float]] = {}
    for seeds in arms.values():
        first, *others = (seeds[seed] for seed in sorted(seeds))
        if others:
            rest = sorted({result.provenance["device"] for result in others})
            name = f"{first.provenance['device']} | {', '.join(rest)}"
            rest_mean = fmean(result.metrics["accuracy"] for result in others)
            gaps.setdefault(name, []).append(100 * (first.metrics["accuracy"] - rest_mean))
    rows = {
        name: {"arms": len(values), "first − others (points)": f"{interval(values):+.2f}"}
        for name, values in sorted(gaps.items())
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("first seed | other seeds")
