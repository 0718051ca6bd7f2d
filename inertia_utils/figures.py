"""One look for all figures, and one way to save them: PDF, PNG and an entry in the manifest."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib import font_manager, get_data_path
from matplotlib.figure import Figure

from .looks import ARMS, KINDS, LINES, MARKERS, MEASURES, PALETTE, kind, look, symbol
from .manifest import folder, note
from .result_file import Result

__all__ = [
    "ARMS",
    "KINDS",
    "LINES",
    "MARKERS",
    "MEASURES",
    "PALETTE",
    "WIDTH",
    "folder",
    "kind",
    "look",
    "save_figure",
    "symbol",
    "use_style",
]

#: Text width of a report column pair, in inches.
WIDTH = 6.3


def use_style() -> None:
    """Set matplotlib up for figures at report width whose bytes repeat, in fonts that come with it."""
    _own_fonts_first()
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


def _own_fonts_first() -> None:
    """Look for fonts among matplotlib's own files first.

    The system may have others of the same names, with other glyphs, and what matplotlib remembers of fonts may be of
    another installation.
    """
    own = Path(get_data_path(), "fonts", "ttf")
    fonts = font_manager.fontManager
    others = [font for font in fonts.ttflist if Path(font.fname).parent != own]
    fonts.ttflist.clear()
    for path in sorted(own.glob("*.ttf")):
        fonts.addfont(path)
    fonts.ttflist.extend(others)


def save_figure(
    figure: Figure,
    name: str,
    caption: str,
    notebook: str,
    results: Iterable[Result] = (),
    hardware: Iterable[str] = (),
) -> Figure:
    """Write ``name``.pdf and ``name``.png and note both in ``manifest.json``.

    Args:
        figure: what to save.
        name: file name without ending.
        caption: a caption that stands alone.
        notebook: stem of the notebook that produces it.
        results: the results that it shows.
        hardware: devices of measurements that it shows and that are not results.

    Returns:
        The figure.
    """
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    figure.savefig(target / f"{name}.pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    figure.savefig(target / f"{name}.png", metadata={"Software": None})
    note(target, name, (".pdf", ".png"), caption, notebook, results, hardware)
    return figure
