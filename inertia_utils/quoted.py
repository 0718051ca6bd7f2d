"""The numbers that the report's text quotes, by the names of their macros."""

from __future__ import annotations

import pandas as pd

from .arms import dense, inertial
from .claims import FAILS, HOLDS, NOT_YET_RUN, OPEN
from .compared import STACKED
from .comparisons import compare_arms, in_points
from .frames import by_arm, cost_share, frame, unique
from .result_file import Result
from .study import Study

_FIVE, _THREE = inertial(5, 2), inertial(3, 2)
#: Macro → arm whose test accuracy it quotes.
ACCURACIES = {
    "DenseFive": dense(5).name,
    "DenseThree": dense(3).name,
    "DenseOne": dense(1).name,
    "InertialFive": _FIVE.name,
    "InertialThree": _THREE.name,
    "InertialStacked": STACKED.name,
}
#: End of a macro → arm and the control that its accuracy and its cost are held against.
CONTROLS = {
    "Five": (_FIVE.name, dense(5).name),
    "Three": (_THREE.name, dense(3).name),
    "Stacked": (STACKED.name, dense(3).name),
}
MISSING = f"({NOT_YET_RUN})"


def quoted(decisive: Study, study: Study, verdicts: pd.DataFrame) -> dict[str, str]:
    """Every number of the report's text; one whose runs are missing says so.

    Args:
        decisive: of the notebook of final figures, the part whose primary comparisons the text speaks of.
        study: of the same notebook, the part behind the map and the frontier of all arms.
        verdicts: the summary table of claims.
    """
    counts = verdicts["verdict"].value_counts()
    verdict_numbers = {"Hold": HOLDS, "Fail": FAILS, "Open": OPEN, "Missing": NOT_YET_RUN}
    primary = decisive.results.get("03 primary", [])
    return {
        "PrimaryProfile": decisive.profile,
        "PrimaryRuns": str(len(unique(primary))),
        "Profile": study.profile,
        "Runs": str(len(unique(*study.results.values()))),
        "Missing": str(len(study.missing)),
        **_training(primary),
        **_arms(primary),
        "Claims": str(len(verdicts)),
        **{f"Claims{name}": str(counts.get(verdict, 0)) for name, verdict in verdict_numbers.items()},
    }


def _training(primary: list[Result]) -> dict[str, str]:
    """How the networks of the main comparison are trained."""
    if not primary:
        return dict.fromkeys(("Epochs", "Images", "Seeds", "Dataset"), MISSING)
    first = primary[0]
    return {
        "Epochs": str(len(first.history)),
        "Images": f"{first.run.images:,} training images"
        if first.run.images
        else "all training images but the hold-out",
        "Seeds": str(len({result.run.seed for result in primary})),
        "Dataset": first.run.dataset,
    }


def _arms(primary: list[Result]) -> dict[str, str]:
    """Accuracies with their intervals, and differences from a control and costs relative to it."""
    table = frame(primary)
    accuracy = by_arm(table.assign(accuracy=100 * table["accuracy"])) if primary else {}
    comparisons = compare_arms(table, CONTROLS.values()) if primary else {}
    numbers = {
        name: f"{accuracy[arm]:.2f}".replace(" (n", " % (n") if arm in accuracy else MISSING
        for name, arm in ACCURACIES.items()
    }
    for name, pair in CONTROLS.items():
        compared = pair in comparisons
        numbers[f"Difference{name}"] = in_points(comparisons[pair].difference) if compared else MISSING
        for kind, column in (("Weight", "conv_weights"), ("Mac", "conv_macs")):
            known = accuracy.keys() >= set(pair)
            numbers[f"{kind}Share{name}"] = f"{cost_share(table, *pair, column):.0%}" if known else MISSING
    return numbers
