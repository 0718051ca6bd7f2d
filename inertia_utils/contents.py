"""What the README and the notebooks say of each other, written from one source: ``python -m inertia_utils.contents``.

Between marks in the README: the badges, the results (the main figure, the comparisons that decide, all in short), and
the table of notebooks. In every notebook: the set-up cell, which does nothing where the package is installed. The
repository's address has one place, ``project.urls`` in ``pyproject.toml``.
"""

from __future__ import annotations

import re
import tomllib

import nbformat
import pandas as pd
from nbformat import NotebookNode

from . import manifest, paths
from .files import write_atomically
from .hygiene import cell_id
from .in_short import in_short
from .tables import to_markdown
from .takeaways import bulleted

README = paths.CHECKOUT / "README.md"
#: Figure and table that the README shows, and the tables that it speaks of.
FIGURE, PRIMARY, OTHERS = "09_primary", "09_primary_comparisons", "09_other_comparisons"
CLAIMS, POOLED = "09_claims", "03_pooled_comparisons"
SETUP_TAG = "setup"
SETUP = """\
import importlib.util

if importlib.util.find_spec("inertia_utils") is None:  # on Colab: fetch the repository, keep the torch that is there
    !git clone --quiet --depth 1 {repository} study
    %cd -q study"""


def repository() -> str:
    """The address of the repository."""
    project = tomllib.loads((paths.CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"]


def badges() -> str:
    """Links that open the notebooks in Colab and in Binder; the pictures are local, so that they show offline."""
    owner = repository().removeprefix("https://github.com/")
    first = f"notebooks/{paths.notebooks()[0].name}"
    return (
        f"[![Open in Colab](docs/colab.svg)](https://colab.research.google.com/github/{owner}/blob/HEAD/{first})\n"
        f"[![Open in Binder](docs/binder.svg)](https://mybinder.org/v2/gh/{owner}/HEAD?labpath={first})"
    )


def results() -> str:
    """The main figure, the comparisons that decide and the outcome in short, as published; a note before that."""
    if not (paths.FIGURES / f"{CLAIMS}.csv").exists():
        return "*Not yet published; `make report` does that.*"
    entries = manifest.read(paths.FIGURES)
    decided, others, claims, pooled = (
        pd.read_csv(paths.FIGURES / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in (PRIMARY, OTHERS, CLAIMS, POOLED)
    )
    compared = pd.concat([decided, others]).fillna("")
    shown = decided.drop(columns=[name for name in decided if name.startswith("p ")])
    return "\n\n".join(
        [
            f"![Accuracy against cost](figures/{FIGURE}.png)",
            f"*{entries[FIGURE]['caption']}*",
            "**The comparisons that decide.** Weights, MACs and time are shares of the control's; the difference is in "
            "test accuracy, paired by seed, with a 95 % t interval over seeds and, in the last column, over seeds and "
            "images. Caption, p values and the other comparisons are in "
            "[notebook 09](notebooks/09_final_figures.ipynb).",
            to_markdown(shown).rstrip("\n"),
            _folded(
                f"In short: all {len(compared)} comparisons, and the claims about gates, in sentences",
                "Every sentence is made from the tables of comparisons and of claims in "
                "[notebook 09](notebooks/09_final_figures.ipynb), or from that without the large head in "
                "[notebook 03](notebooks/03_window_and_margin.ipynb), which say under which conditions.\n\n"
                + bulleted(in_short(compared, claims, pooled)),
            ),
        ]
    )


def _folded(summary: str, text: str) -> str:
    """A text that is shown when its summary is clicked."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n\n</details>"


def table() -> str:
    """A Markdown table of all notebooks: title and question.

    Raises:
        ValueError: a notebook does not begin with a title and a question.
    """
    lines = ["| notebook | question |", "| --- | --- |"]
    for path in paths.notebooks():
        first = nbformat.read(path, as_version=4).cells[0].source
        match = re.match(r"# (?P<title>[^\n]+)\n+\*\*Question\.\*\* (?P<question>.+?)(\n\n|$)", first, re.DOTALL)
        if match is None:
            raise ValueError(f"{path.name}: the first cell must be '# NN Title' and a paragraph '**Question.** …'")
        question = " ".join(match["question"].split())
        lines.append(f"| [{match['title']}](notebooks/{path.name}) | {question} |")
    return "\n".join(lines)


def fresh(readme: str) -> str:
    """The README's text with everything between its marks written anew.

    Raises:
        ValueError: a pair of marks is missing.
    """
    for name, part in {"badges": badges, "results": results, "notebooks": table}.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if readme.count(begin) != 1 or readme.count(end) != 1:
            raise ValueError(f"README.md: expected one line {begin} and one line {end}")
        before, rest = readme.split(begin)
        readme = f"{before}{begin}\n{part()}\n{end}{rest.split(end)[1]}"
    return readme


def setup_source() -> str:
    """The source of the set-up cell."""
    return SETUP.format(repository=repository())


def with_setup(notebook: NotebookNode) -> NotebookNode:
    """The notebook with a fresh set-up cell after its title; changed in place where it had none or another.

    A new cell has not run, so that the notebook must be executed before it is committed.
    """
    cells = [cell for cell in notebook.cells if SETUP_TAG in cell.metadata.get("tags", [])]
    if not cells:
        cells = [nbformat.v4.new_code_cell(metadata={"tags": [SETUP_TAG]})]
        notebook.cells.insert(1, cells[0])
        for number, cell in enumerate(notebook.cells, start=1):
            cell.id = cell_id(number)
    cells[0].source = setup_source()
    return notebook


if __name__ == "__main__":
    write_atomically(README, fresh(README.read_text(encoding="utf-8")).encode())
    for path in paths.notebooks():
        write_atomically(path, nbformat.writes(with_setup(nbformat.read(path, as_version=4))).encode())
