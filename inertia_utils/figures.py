"""One look for all figures, and one way to save them: PDF, PNG and an entry in the manifest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from . import paths
from .files import write_atomically
from .result_file import Result
from .runs import run_id

#: Text width of a report column pair, in inches.
WIDTH = 6.3
#: Okabe and Ito's palette (2008), whose colours stay apart for colour-blind readers.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: Arms whose look is the same in every notebook; others get theirs from their name.
FIXED = (
    "dense 5×5",
    "dense 3×3",
    "dense 1×1",
    "inertial (5, 2)",
    "inertial (3, 2)",
    "separable 3×3",
    "inertial (3, 2), cores 2",
    "inertial (3, 2), cores 2, dense first layer",
)


def use_style() -> None:
    """Set matplotlib up for figures at report width whose bytes repeat."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    plt.rcParams.update(
        {
            "figure.figsize": (WIDTH, WIDTH * 0.45),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "savefig.dpi": 300,
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.labelsize": 9,
            "legend.fontsize": 8,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "legend.frameon": False,
            "text.usetex": False,
            "pdf.fonttype": 42,
            "svg.hashsalt": "inertia",
        }
    )


def look(arm: str) -> dict[str, str]:
    """Colour, line style and marker of an arm, the same wherever it appears."""
    if arm in FIXED:
        number = FIXED.index(arm)
    else:
        number = int.from_bytes(hashlib.sha256(arm.encode()).digest()[:4], "big")
    return {
        "color": PALETTE[number % len(PALETTE)],
        "linestyle": LINES[number % len(LINES)],
        "marker": MARKERS[number % len(MARKERS)],
    }


def folder() -> Path:
    """Where figures go: ``$INERTIA_FIGURES``, or ``executed/figures`` in the checkout."""
    return Path(os.environ.get("INERTIA_FIGURES") or paths.EXECUTED / "figures")


def save_figure(figure: Figure, name: str, caption: str, notebook: str, results: Iterable[Result] = ()) -> Figure:
    """Write ``name``.pdf and ``name``.png and note both in ``manifest.json``.

    Args:
        figure: what to save.
        name: file name without ending.
        caption: a caption that stands alone.
        notebook: stem of the notebook that produces it.
        results: the results that it shows.

    Returns:
        The figure.
    """
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    figure.savefig(target / f"{name}.pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    figure.savefig(target / f"{name}.png", metadata={"Software": None})
    shown = list(results)
    _note(
        target / "manifest.json",
        name,
        {
            "files": [f"{name}.pdf", f"{name}.png"],
            "caption": caption,
            "notebook": notebook,
            "runs": sorted({run_id(result.run) for result in shown}),
            "hardware": sorted({str(result.provenance.get("device")) for result in shown}),
        },
    )
    return figure


def _note(path: Path, name: str, entry: dict[str, object]) -> None:
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    manifest[name] = entry
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())
