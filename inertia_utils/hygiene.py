"""Clean notebooks: what may be committed, and how an executed notebook becomes that.

Committed notebooks carry their outputs, because people read them online, but nothing that changes from run to run.

    python -m inertia_utils.hygiene notebooks/*.ipynb            # say what is wrong
    python -m inertia_utils.hygiene --clean notebooks/*.ipynb    # and put right what can be
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import nbstripout
from nbformat import NotebookNode

MAX_BYTES = 1_000_000
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"}
#: Metadata that papermill, nbclient or an editor adds, and that differs between runs or people.
NOTEBOOK_KEYS = ("papermill", "widgets", "signature", "toc")
CELL_KEYS = ("papermill", "execution", "ExecuteTime", "collapsed", "scrolled", "heading_collapsed", "hidden", "jupyter")
INJECTED_TAG = "injected-parameters"
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
#: Folders of one machine. The look-behind spares addresses and relative paths such as `docs/home/`.
MACHINE_PATH = re.compile(r"(?<![\w./~-])/(?:home|root|tmp|work|Users)/[\w.-]*")


def clean(notebook: NotebookNode) -> NotebookNode:
    """Remove from an executed notebook what papermill, the kernel or an editor left in it; keep outputs.

    Cell ids become ``cell-01``, ``cell-02``, …, execution counts 1 to n. Errors, warnings and
    paths of this machine in outputs stay: they are for `problems` to report.

    Args:
        notebook: The notebook; changed in place.

    Returns:
        The same notebook.
    """
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip() and not _is_injected(cell)]
    extra_keys = [f"metadata.{key}" for key in NOTEBOOK_KEYS] + [f"cell.metadata.{key}" for key in CELL_KEYS]
    nbstripout.strip_output(notebook, keep_output=True, keep_count=True, keep_id=True, extra_keys=extra_keys)
    notebook.metadata.kernelspec = nbformat.from_dict(KERNELSPEC)
    notebook.metadata.language_info = nbformat.from_dict(LANGUAGE_INFO)
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # the first version whose cells have ids
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = cell_id(number)
    for count, cell in enumerate(_code_cells(notebook), start=1):
        cell.outputs = [output for output in cell.outputs if WIDGET_MIME not in output.get("data", {})]
        if cell.execution_count is not None:  # a cell that never ran must not look as if it had
            _set_count(cell, count)
    return notebook


def problems(path: Path | str) -> list[str]:
    """Say what keeps the notebook in ``path`` from being committed.

    Args:
        path: An ``.ipynb`` file.

    Returns:
        One sentence per problem; empty for a clean notebook.
    """
    path = Path(path)
    found = []
    if path.stat().st_size >= MAX_BYTES:
        found.append(f"{path.stat().st_size:,} bytes, allowed are fewer than {MAX_BYTES:,}")
    try:
        notebook = nbformat.from_dict(nbformat.reader.reads(path.read_text(encoding="utf-8")))
        nbformat.validate(notebook, relax_add_props=False)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError) as error:
        return [*found, f"not a valid notebook: {str(error).splitlines()[0]}"]
    found += _metadata_problems(notebook)
    found += _count_problems(notebook)
    for number, cell in enumerate(notebook.cells, start=1):
        found += [f"cell {number}: {problem}" for problem in _cell_problems(cell, number)]
    return found


def _metadata_problems(notebook: NotebookNode) -> Iterator[str]:
    for key in NOTEBOOK_KEYS:
        if key in notebook.metadata:
            yield f"metadata {key!r}"
    if notebook.metadata.get("kernelspec") != KERNELSPEC:
        yield f"kernelspec is not that of the kernel {KERNELSPEC['name']!r}"
    if notebook.metadata.get("language_info") != LANGUAGE_INFO:
        yield "language_info names more than the language (such as the exact Python version)"


def _count_problems(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in _code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts} instead of 1 to {len(counts)}"


def _cell_problems(cell: NotebookNode, number: int) -> Iterator[str]:
    if cell.get("id") != cell_id(number):
        yield f"id {cell.get('id')!r} instead of {cell_id(number)!r}"
    if _is_injected(cell):
        yield "parameters injected by papermill"
    if not cell.source.strip():
        yield "empty"
    for key in CELL_KEYS:
        if key in cell.metadata:
            yield f"metadata {key!r}"
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            yield f"error output: {output.ename}: {output.evalue}"
        if output.get("name") == "stderr":
            yield f"output on stderr: {output.text.partition(chr(10))[0]}"
        if WIDGET_MIME in output.get("data", {}):
            yield "widget output"
    for match in sorted({match for text in _texts(cell) for match in MACHINE_PATH.findall(text)}):
        yield f"path of one machine: {match}"


def cell_id(number: int) -> str:
    """The id of a notebook's cell, by its place from 1 on."""
    return f"cell-{number:02d}"


def _is_injected(cell: NotebookNode) -> bool:
    return INJECTED_TAG in cell.metadata.get("tags", [])


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _set_count(cell: NotebookNode, count: int) -> None:
    cell.execution_count = count
    for output in cell.outputs:
        if output.output_type == "execute_result":
            output.execution_count = count


def _texts(value: Any, kind: str = "") -> Iterator[str]:
    """Every text in a cell but images and PDF, whose base64 may hold any sequence of letters."""
    if isinstance(value, str) and (not kind.startswith(("image/", "application/pdf")) or kind == "image/svg+xml"):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, kind)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check or clean the notebooks named on the command line; return 1 if a problem remains, else 0."""
    parser = argparse.ArgumentParser(prog="python -m inertia_utils.hygiene", description="Check notebooks for dirt.")
    parser.add_argument("--clean", action="store_true", help="remove what can be removed, in place")
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="notebook")
    options = parser.parse_args(arguments)
    dirty = 0
    for path in options.notebooks:
        if options.clean:
            nbformat.write(clean(nbformat.read(path, as_version=4)), path)
        found = problems(path)
        dirty += bool(found)
        for problem in found:
            print(f"{path}: {problem}")
    print(f"{len(options.notebooks)} notebooks checked, {dirty} with problems")
    return 1 if dirty else 0


if __name__ == "__main__":
    sys.exit(main())
