"""One way to save a table: LaTeX (booktabs), Markdown and CSV from one frame, and an entry in the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from .files import write_atomically
from .latex import escaped
from .manifest import folder, note
from .result_file import Result


def save_table(
    table: pd.DataFrame,
    name: str,
    caption: str,
    notebook: str,
    results: Iterable[Result] = (),
    hardware: Iterable[str] = (),
    widths: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Write ``name``.tex, ``name``.md and ``name``.csv and note them in ``manifest.json``.

    Args:
        table: what to save, its cells formatted as they shall appear; a named index becomes its first columns.
        name: file name without ending.
        caption: a caption that stands alone.
        notebook: stem of the notebook that produces it.
        results: the results that it shows.
        hardware: devices of measurements that it shows and that are not results.
        widths: column → width in centimetres, for columns whose text LaTeX shall break.

    Returns:
        The table.

    Raises:
        ValueError: a cell holds a character that LaTeX does not know, or ``widths`` names no column.
    """
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    texts = {
        ".tex": to_latex(table, widths),
        ".md": to_markdown(table),
        ".csv": _flat(table).to_csv(index=False, lineterminator="\n"),
    }
    for suffix, text in texts.items():
        write_atomically(target / f"{name}{suffix}", text.encode())
    note(target, name, texts, caption, notebook, results, hardware)
    return table


def to_latex(table: pd.DataFrame, widths: Mapping[str, float] | None = None) -> str:
    """A booktabs ``tabular``; text is aligned to the left and what begins like a number to the right.

    Raises:
        ValueError: a cell holds a character that LaTeX does not know, or ``widths`` names no column.
    """
    flat, widths = _flat(table), widths or {}
    if unknown := sorted(set(widths) - set(flat.columns)):
        raise ValueError(f"widths: no column {', '.join(unknown)}; there are {', '.join(map(str, flat.columns))}")
    columns = [_column(flat[name], widths.get(name)) for name in flat.columns]
    latex = flat.map(escaped).rename(columns=escaped)
    return latex.style.hide(axis="index").to_latex(hrules=True, column_format="".join(columns))


def to_markdown(table: pd.DataFrame) -> str:
    """A Markdown table."""
    flat = _flat(table)
    rows = [list(map(str, flat.columns)), ["---"] * len(flat.columns), *flat.astype(str).to_numpy().tolist()]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its index as columns, unless that only counts the rows."""
    if isinstance(table.index, pd.RangeIndex) and table.index.name is None:
        return table
    names = ["" if name is None else name for name in table.index.names]
    return table.reset_index(names=names)


def _column(cells: pd.Series, width: float | None) -> str:
    if width is not None:
        return f">{{\\raggedright\\arraybackslash}}p{{{width:g}cm}}"
    filled = [text for text in map(str, cells) if text]
    return "r" if filled and all(text.lstrip("+-−").startswith(tuple("0123456789")) for text in filled) else "l"
