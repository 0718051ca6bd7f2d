"""The README's table of notebooks, written from their first cells: ``python -m inertia_utils.contents``."""

from __future__ import annotations

import re

import nbformat

from . import paths
from .files import write_atomically

BEGIN, END = "<!-- notebooks: begin -->", "<!-- notebooks: end -->"


def table() -> str:
    """A Markdown table of all notebooks: title and question.

    Raises:
        ValueError: a notebook does not begin with a title and a question.
    """
    lines = ["| notebook | question |", "| --- | --- |"]
    for path in sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        first = nbformat.read(path, as_version=4).cells[0].source
        match = re.match(r"# (?P<title>[^\n]+)\n+\*\*Question\.\*\* (?P<question>.+?)(\n\n|$)", first, re.DOTALL)
        if match is None:
            raise ValueError(f"{path.name}: the first cell must be '# NN Title' and a paragraph '**Question.** …'")
        question = " ".join(match["question"].split())
        lines.append(f"| [{match['title']}](notebooks/{path.name}) | {question} |")
    return "\n".join(lines)


def with_table(readme: str) -> str:
    """The README's text with a fresh table between its two marks."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    target = paths.CHECKOUT / "README.md"
    write_atomically(target, with_table(target.read_text(encoding="utf-8")).encode())
