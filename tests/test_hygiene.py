"""Notebooks: the committed ones are clean, and the check finds every kind of dirt."""

import copy
import re
import subprocess
import sys

import nbformat
import pytest
from nbformat import v4

from inertia_utils import hygiene
from inertia_utils.paths import NOTEBOOKS
from inertia_utils.plans import PLANS

COMMITTED = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_committed_notebook(path):
    assert hygiene.problems(path) == []
    assert re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem)


def test_every_planned_notebook_is_there():
    assert set(PLANS) <= {path.stem for path in COMMITTED}


def executed_notebook() -> nbformat.NotebookNode:
    """What papermill leaves behind: an injected cell, timestamps, counts that go on from it, a widget."""
    notebook = v4.new_notebook()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "my-kernel", "display_name": "mine", "language": "python"},
            "language_info": {"name": "python", "version": "3.11.7", "file_extension": ".py"},
            "papermill": {"duration": 1.5, "input_path": "a.ipynb"},
            "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}},
        }
    )
    result = v4.new_output("execute_result", data={"text/plain": "2"}, execution_count=9)
    widget = v4.new_output("display_data", data={hygiene.WIDGET_MIME: {"model_id": "1"}, "text/plain": "HBox()"})
    png = v4.new_output("display_data", data={"image/png": "iVBOR/tmp/x+/home/"})
    stamps = {"execution": {"iopub.execute_input": "2020-01-01T00:00:00Z"}, "papermill": {"duration": 0.1}}
    notebook.cells = [
        v4.new_markdown_cell("# 01 A title"),
        v4.new_code_cell("profile = 'quick'", metadata={"tags": ["parameters"]}, execution_count=3),
        v4.new_code_cell("profile = 'full'", metadata={"tags": [hygiene.INJECTED_TAG]}, execution_count=4),
        v4.new_code_cell("", execution_count=None),
        v4.new_code_cell("1 + 1", outputs=[widget, result, png], execution_count=9, metadata=stamps),
    ]
    return nbformat.from_dict(notebook)


@pytest.fixture
def tidy() -> nbformat.NotebookNode:
    return hygiene.clean(executed_notebook())


def problems_of(notebook: nbformat.NotebookNode, folder) -> list[str]:
    path = folder / "notebook.ipynb"
    nbformat.write(notebook, path)
    return hygiene.problems(path)


def test_clean(tidy, tmp_path):
    assert problems_of(tidy, tmp_path) == []
    assert [cell.id for cell in tidy.cells] == ["cell-01", "cell-02", "cell-03"]
    assert [cell.source for cell in tidy.cells] == ["# 01 A title", "profile = 'quick'", "1 + 1"]
    assert tidy.cells[1].metadata == {"tags": ["parameters"]} and tidy.cells[2].metadata == {}
    assert [cell.execution_count for cell in tidy.cells[1:]] == [1, 2]
    result, png = tidy.cells[2].outputs
    assert result.data["text/plain"] == "2" and result.execution_count == 2
    assert png.data["image/png"] == "iVBOR/tmp/x+/home/"
    assert hygiene.clean(copy.deepcopy(tidy)) == tidy


def test_clean_does_not_hide_that_a_cell_never_ran(tmp_path):
    notebook = executed_notebook()
    notebook.cells[-1].execution_count = None
    assert problems_of(hygiene.clean(notebook), tmp_path) == ["execution counts are [1, None] instead of 1 to 2"]


def test_executed_notebook_is_dirty(tmp_path):
    found = "\n".join(problems_of(executed_notebook(), tmp_path))
    for expected in (
        "metadata 'papermill'",
        "metadata 'widgets'",
        "kernelspec",
        "language_info",
        "execution counts are [3, 4, None, 9] instead of 1 to 4",
        "cell 3: parameters injected by papermill",
        "cell 4: empty",
        "cell 5: metadata 'execution'",
        "cell 5: metadata 'papermill'",
        "cell 5: widget output",
        "cell 1: id ",
    ):
        assert expected in found


def add_error(notebook):
    notebook.cells[2].outputs.append(v4.new_output("error", ename="ValueError", evalue="no", traceback=[]))


def add_path(text):
    return lambda notebook: notebook.cells[2].outputs.append(v4.new_output("stream", name="stdout", text=text))


DIRT = {
    "warning": (
        lambda notebook: notebook.cells[2].outputs.append(v4.new_output("stream", name="stderr", text="a: warning\n")),
        "cell 3: output on stderr: a: warning",
    ),
    "error": (add_error, "cell 3: error output: ValueError: no"),
    "path in output": (add_path("saved to /home/me/x.png"), "cell 3: path of one machine: /home/me"),
    "path at start": (add_path("/tmp/x"), "cell 3: path of one machine: /tmp/x"),
    "path in source": (lambda notebook: notebook.cells[1].update(source="x = '/tmp/a'"), "/tmp/a"),
    "count": (lambda notebook: notebook.cells[2].update(execution_count=1), "execution counts are [1, 1]"),
    "not run": (lambda notebook: notebook.cells[2].update(execution_count=None), "execution counts are [1, None]"),
    "id": (lambda notebook: notebook.cells[0].update(id="a1b2"), "cell 1: id 'a1b2' instead of 'cell-01'"),
    "size": (lambda notebook: notebook.cells[0].update(source="x" * 1_000_000), "allowed are fewer than 1,000,000"),
    "version": (lambda notebook: notebook.metadata.language_info.update(version="3.11.7"), "language_info"),
}


@pytest.mark.parametrize(("spoil", "expected"), DIRT.values(), ids=DIRT)
def test_each_dirt_is_found(tidy, tmp_path, spoil, expected):
    spoil(tidy)
    (problem,) = problems_of(tidy, tmp_path)
    assert expected in problem


@pytest.mark.parametrize("text", ["https://example.org/home/me", "docs/home/index.html", "in /home or /tmp", "~/tmp/x"])
def test_no_machine_path(tidy, tmp_path, text):
    add_path(text)(tidy)
    assert problems_of(tidy, tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff", b'{"nbformat": 4, "nbformat_minor": 5, "cells": []}'])
def test_not_a_notebook(tmp_path, content):
    path = tmp_path / "notebook.ipynb"
    path.write_bytes(content)
    (problem,) = hygiene.problems(path)
    assert problem.startswith("not a valid notebook: ")


def test_command_line(tmp_path, capsys):
    path = tmp_path / "notebook.ipynb"
    nbformat.write(executed_notebook(), path)
    assert hygiene.main([str(path)]) == 1
    assert f"{path}: cell 4: empty\n" in capsys.readouterr().out
    assert hygiene.main(["--clean", str(path)]) == 0
    assert capsys.readouterr().out == "1 notebooks checked, 0 with problems\n"
    once = path.read_bytes()
    assert hygiene.main(["--clean", str(path)]) == 0
    assert path.read_bytes() == once


def test_module_runs():
    result = subprocess.run([sys.executable, "-m", "inertia_utils.hygiene", "--help"], capture_output=True, text=True)
    assert result.returncode == 0 and "--clean" in result.stdout
