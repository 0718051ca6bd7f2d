"""Where things lie in the checkout, worked out from this file so that no caller depends on its working folder."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
NOTEBOOKS = CHECKOUT / "notebooks"
FIGURES = CHECKOUT / "figures"
#: The published results, under version control; ``report`` reads them.
RESULTS = CHECKOUT / "results"
#: Executed notebooks, figures and results of the user's own runs; ignored by git.
EXECUTED = CHECKOUT / "executed"


def notebooks() -> list[Path]:
    """The study's notebooks in their order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def working_results() -> Path:
    """The results folder that training writes to: ``$INERTIA_RESULTS``, or ``executed/results`` in the checkout."""
    return Path(os.environ.get("INERTIA_RESULTS") or EXECUTED / "results").absolute()
