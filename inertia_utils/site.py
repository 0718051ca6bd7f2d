"""A static site of the published notebooks: ``python -m inertia_utils.site`` (``make site``).

The README becomes the first page. Nothing is executed, and nothing that a page needs lies outside the site: it can be
read without a network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from . import paths
from .contents import SETUP_TAG

FOLDER = paths.EXECUTED / "site"
#: What the pages are made of, or link to, beside the notebooks.
FILES = ("CONTRIBUTING.md", "LICENSE", "CITATION.cff", "data/README.md", "docs/design.md")
PICTURES = ("figures/*.png", "figures/*.csv", "docs/*.svg")
#: Lines of code from which a cell is folded.
LONG = 8
CONFIGURATION = paths.CHECKOUT / "docs"


def build() -> Path:
    """Build the site and return its first page.

    Raises:
        RuntimeError: Sphinx is not installed, or it found something wrong with a page.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    source, target = FOLDER / "source", FOLDER / "html"
    gather(source)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    command += ["-b", "html", "-c", str(CONFIGURATION), str(source), str(target)]
    if subprocess.run(command).returncode:
        raise RuntimeError("site: Sphinx failed, see above; `make env` installs what it needs")
    return target / "index.html"


def gather(source: Path) -> None:
    """Copy what the site is made of to the folder ``source``, laid out as in the checkout."""
    names = [Path(name) for name in FILES]
    names += [path.relative_to(paths.CHECKOUT) for pattern in PICTURES for path in paths.CHECKOUT.glob(pattern)]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.CHECKOUT / name, source / name)
    (source / "notebooks").mkdir()
    for path in paths.notebooks():
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(_for_reading(notebook), source / "notebooks" / path.name)
    readme = (paths.CHECKOUT / "README.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(readme + toctree(), encoding="utf-8")


def _for_reading(notebook: NotebookNode) -> NotebookNode:
    """Without the set-up cell, and with long code folded away: figures and words first."""
    notebook.cells = [cell for cell in notebook.cells if SETUP_TAG not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.count("\n") >= LONG:
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
    return notebook


def toctree() -> str:
    """The site's menu."""
    pages = {"Notebooks": [f"notebooks/{path.stem}" for path in paths.notebooks()]}
    pages["More"] = [name.removesuffix(".md") for name in FILES if name.endswith(".md")]
    menu = (
        f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{chr(10).join(names)}\n```\n"
        for title, names in pages.items()
    )
    return "".join(menu)


if __name__ == "__main__":
    try:
        print(build())
    except RuntimeError as error:
        sys.exit(f"error: {error}")
