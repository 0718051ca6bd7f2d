r"""The report: ``report.tex`` shows every figure and table, and quotes no number that was typed in.

``numbers.tex`` defines a macro for each number in its text, ``gallery.tex`` holds the figures and tables of the
manifest with their captions. All three lie beside the figures: ``pdflatex report.tex`` there makes the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from . import manifest
from .files import write_atomically
from .latex import escaped

TEMPLATE = Path(__file__).with_name("report.tex")


def write_report(numbers: Mapping[str, str], notebook: str) -> None:
    r"""Write ``report.tex``, ``numbers.tex`` and ``gallery.tex`` into the folder of figures.

    Args:
        numbers: name of a macro, without ``\val`` and of letters alone → its text.
        notebook: stem of the notebook that produces them.

    Raises:
        ValueError: a name is not made of letters.
    """
    target = manifest.folder()
    target.mkdir(parents=True, exist_ok=True)
    texts = {
        "report": TEMPLATE.read_text(encoding="utf-8"),
        "numbers": macros(numbers),
        "gallery": gallery(manifest.read(target)),
    }
    for name, text in texts.items():
        write_atomically(target / f"{name}.tex", text.encode())
        manifest.note(target, name, [".tex"], f"The report as a LaTeX document: its {name}.", notebook)


def macros(numbers: Mapping[str, str]) -> str:
    r"""One ``\newcommand`` a line.

    Raises:
        ValueError: a name is not made of letters.
    """
    if wrong := [name for name in numbers if not (name.isascii() and name.isalpha())]:
        raise ValueError(f"numbers: {wrong[0]!r} cannot name a LaTeX macro; use letters only")
    return "".join(f"\\newcommand{{\\val{name}}}{{{escaped(text)}}}\n" for name, text in sorted(numbers.items()))


def gallery(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """A section for each notebook, the last one first: its figures, then its tables, each with its caption."""
    shown = [(entry["notebook"], name, entry) for name, entry in entries.items() if _is_shown(name, entry)]
    ordered = sorted(shown, key=lambda item: (f"{item[1]}.pdf" not in item[2]["files"], item[1]))
    ordered.sort(key=lambda item: item[0], reverse=True)
    parts = []
    for notebook, group in groupby(ordered, key=lambda item: item[0]):
        parts.append(f"\\section{{Notebook {escaped(_title(notebook))}}}\n")
        parts += [_shown(name, entry) for _, name, entry in group]
        parts.append("\\clearpage\n")
    return "\n".join(parts)


def _is_shown(name: str, entry: Mapping[str, Any]) -> bool:
    return not {f"{name}.pdf", f"{name}.csv"}.isdisjoint(entry["files"])


def _title(notebook: str) -> str:
    return notebook.replace("_", " ")


def _shown(name: str, entry: Mapping[str, Any]) -> str:
    origin = f" Profile: {', '.join(entry['profile'])}; {len(entry['runs'])} runs." if entry["runs"] else ""
    caption = f"\\caption{{{escaped(entry['caption'] + origin)}}}\n"
    if f"{name}.pdf" in entry["files"]:
        return f"\\begin{{figure}}[htbp]\n\\centering\n\\showfigure{{{name}}}\n{caption}\\end{{figure}}\n"
    return f"\\begin{{table}}[htbp]\n\\centering\\footnotesize\n{caption}\\showtable{{{name}}}\n\\end{{table}}\n"
