import errno
import json
import os
import sys
import threading
from functools import partial
from pathlib import Path

import nbformat
import psutil
import pytest
from toy_runs import Broken, Nap

from inertia_utils import hygiene, notebook_process, notebooks, paths, plans
from inertia_utils.launch import Summary
from inertia_utils.notebook_process import Record
from inertia_utils.notebooks import discover, parse_parameter, run_notebooks
from inertia_utils.process import run_limited as run_until
from inertia_utils.publish import publish
from inertia_utils.store import Store
from inertia_utils.study import StudyError

PARAMETERS = 'profile = "report"  # type: str\nrate = 0.5  # type: float'
FIGURE = """
import os
import sys
from pathlib import Path
_ = Path(os.environ["INERTIA_FIGURES"], f"{profile}.txt").write_text(str(rate))
"""


NEVER = threading.Event()
run_limited = partial(run_until, stop=NEVER)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    for name in ("NOTEBOOKS", "FIGURES", "RESULTS", "EXECUTED"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    for folder in (paths.NOTEBOOKS, paths.FIGURES):
        folder.mkdir()
    for name in list(plans.PLANS):
        monkeypatch.delitem(plans.PLANS, name)
    monkeypatch.setenv("INERTIA_RESULTS", str(tmp_path / "working"))
    monkeypatch.setenv("PYTHONPATH", str(Path(notebooks.__file__).parents[1]))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return tmp_path


def write_notebook(name, *cells, parameters=PARAMETERS):
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": hygiene.KERNELSPEC, "language_info": {"name": "python"}}
    )
    tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    notebook.cells = [nbformat.v4.new_markdown_cell(f"# {name}"), tagged, *map(nbformat.v4.new_code_cell, cells)]
    path = paths.NOTEBOOKS / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def texts(path):
    outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
    return [output.get("text", "") for output in outputs]


def test_every_notebook_runs_whatever_fails_before(checkout, monkeypatch, capsys):
    monkeypatch.setitem(plans.PLANS, "02_passes", lambda profile: {"naps": [Nap(1), Nap(2)]})
    before = write_notebook("01_fails", "print(profile)", "assert rate > 1, 'the rate is too low'").read_bytes()
    write_notebook("02_passes", FIGURE, "print(profile, rate)", "import matplotlib.pyplot as plt; plt.plot([1, 2]);")
    outcome = run_notebooks("smoke", parameters={"rate": 0.25}, jobs=1)

    folder = paths.EXECUTED / "smoke"
    fails, passes = outcome.records
    assert not outcome.passed and not passes.error
    assert fails.error == "FAILED in cell [4]: AssertionError: the rate is too low"
    assert texts(folder / "01_fails.ipynb")[0] == "smoke\n"  # the output up to the failure is kept
    assert (paths.NOTEBOOKS / "01_fails.ipynb").read_bytes() == before
    assert texts(folder / "02_passes.ipynb")[0] == "smoke 0.25\n"
    assert (folder / "figures" / "smoke.txt").read_text() == "0.25"
    assert hygiene.problems(folder / "02_passes.ipynb") == []
    assert "image/png" in (folder / "02_passes.ipynb").read_text()
    assert passes.seconds > 0.5 and passes.peak > 30 * 2**20
    assert len(Store(checkout / "working", "smoke").status([Nap(1), Nap(2)]).done) == 2
    printed = capsys.readouterr().out
    assert "1 of 2 notebooks passed; runs: 2 executed, 0 already there, 0 failed" in printed
    assert f"figures:   {folder / 'figures'}" in printed and "the rate is too low" in printed


def test_the_time_limit_of_a_notebook(checkout):
    write_notebook("01_sleeps", "import time\ntime.sleep(60)")
    outcome = run_notebooks("smoke", timeout=1.0)
    assert outcome.records[0].error == "FAILED: not finished after 1 s"
    assert outcome.records[0].seconds < 10


def test_the_time_limit_ends_all_processes(tmp_path):
    script = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True); child.wait()"
    )
    finished = run_limited([sys.executable, "-c", script], tmp_path / "log", dict(os.environ), timeout=2.0)
    assert finished.code is None and 2.0 <= finished.seconds < 10
    assert not psutil.pid_exists(int(finished.output)) or psutil.Process(int(finished.output)).status() == "zombie"


def test_the_peak_counts_children(tmp_path):
    child = "import time; block = bytearray(200 * 2**20); time.sleep(1)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    finished = run_limited([sys.executable, "-c", script], tmp_path / "log", dict(os.environ), timeout=60.0)
    assert finished.code == 0 and 200 * 2**20 < finished.peak < 400 * 2**20


def fake_execution(failing=()):
    """In place of a kernel: copies the source with its cells counted, and writes one figure."""

    def execute_notebook(source, output, values, variables, timeout, stop):
        notebook = nbformat.read(source, 4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.execution_count = 1
        notebook = hygiene.clean(notebook)
        notebook.cells[0].source += f"\nexecuted with {values}"
        nbformat.write(notebook, output)
        Path(variables["INERTIA_FIGURES"], f"{source.stem}.png").write_bytes(b"new")
        return Record(source.stem, 1.0, 2**20, "FAILED" if source.stem in failing else "", output)

    return execute_notebook


def test_notebooks_run_side_by_side_and_are_listed_in_order(checkout, monkeypatch):
    both = threading.Barrier(2, timeout=20)

    def execute_notebook(source, *arguments):
        both.wait()  # passes only where two run at once
        record = fake_execution()(source, *arguments)
        if source.stem == "01_one":
            both.wait()
        else:
            threading.Timer(0.1, both.wait).start()
        return record

    monkeypatch.setattr(notebooks, "execute_notebook", execute_notebook)
    for name in ("01_one", "02_two"):
        write_notebook(name)
    outcome = run_notebooks("report", jobs=2)
    assert [record.name for record in outcome.records] == ["01_one", "02_two"]


def test_an_error_ends_the_notebooks_that_still_run(checkout, monkeypatch):
    started, ended = threading.Event(), threading.Event()

    def execute_notebook(source, output, values, variables, timeout, stop):
        if source.stem == "01_one":
            started.wait(20)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        started.set()
        if stop.wait(20):
            ended.set()

    monkeypatch.setattr(notebooks, "execute_notebook", execute_notebook)
    for name in ("01_one", "02_two"):
        write_notebook(name)
    with pytest.raises(OSError, match="No space left"):
        run_notebooks("report", jobs=2)
    assert ended.is_set()


def test_the_end_of_all_notebooks_ends_a_process(tmp_path):
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    finished = run_until(["sleep", "60"], tmp_path / "log", dict(os.environ), 60.0, stop)
    assert finished.code is None and finished.seconds < 10


def published():
    return {path.name: path.read_bytes() for folder in (paths.NOTEBOOKS, paths.FIGURES) for path in folder.iterdir()}


def test_publishing_replaces_all(checkout, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "execute_notebook", fake_execution())
    monkeypatch.setattr(notebooks, "execute", lambda *_, **__: pytest.fail("the report must not train"))
    for name in ("01_one", "02_two"):
        write_notebook(name)
    (paths.FIGURES / "stale.png").write_bytes(b"old")
    (paths.FIGURES / "README.md").write_text("kept")
    outcome = run_notebooks("report", publish=True)
    assert outcome.published and "published:" in capsys.readouterr().out
    assert set(published()) == {"01_one.ipynb", "02_two.ipynb", "01_one.png", "02_two.png", "README.md"}
    assert b"executed with {}" in published()["01_one.ipynb"]  # no injected parameters: the notebook's own
    assert published()["02_two.png"] == b"new"


def test_one_failure_publishes_nothing(checkout, monkeypatch):
    for name in ("01_one", "02_two"):
        write_notebook(name)
    (paths.FIGURES / "01_one.png").write_bytes(b"old")
    before = published()
    monkeypatch.setattr(notebooks, "execute_notebook", fake_execution(failing=["02_two"]))
    outcome = run_notebooks("report", publish=True)
    assert not outcome.passed and not outcome.published
    assert published() == before


def test_a_notebook_that_is_not_clean_is_not_published(checkout, monkeypatch):
    write_notebook("01_one", "print('/home/someone/secret')")
    before = published()
    monkeypatch.setattr(notebooks, "execute_notebook", fake_execution())
    with pytest.raises(StudyError, match=r"not published: 01_one is not clean: .*path of one machine"):
        run_notebooks("report", publish=True)
    assert published() == before


@pytest.mark.parametrize("failing_at", range(1, 9))
def test_a_disk_that_fills_up_publishes_nothing(checkout, monkeypatch, failing_at):
    staged = checkout / "staged"
    (staged / "figures").mkdir(parents=True)
    for name in ("01_one.ipynb", "02_two.ipynb"):
        (staged / name).write_bytes(b"new")
    (paths.NOTEBOOKS / "01_one.ipynb").write_bytes(b"old")
    for name in ("a.png", "b.png"):
        (staged / "figures" / name).write_bytes(b"new")
        (paths.FIGURES / name).write_bytes(b"old")
    before = published()
    calls = []

    def failing(original):
        def call(*arguments):
            calls.append(arguments)
            if len(calls) == failing_at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*arguments)

        return call

    monkeypatch.setattr(os, "fsync", failing(os.fsync))
    monkeypatch.setattr(os, "replace", failing(os.replace))
    with pytest.raises(OSError, match="No space left"):
        publish(sorted(staged.glob("*.ipynb")), staged / "figures")
    assert published() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"profile": "huge"}, "profile: unknown profile 'huge'; known: smoke, quick, full, report"),
        ({"only": ["09_none"]}, "notebook: unknown notebook 09_none; known: 01_one"),
        ({"parameters": {"ratio": 1}}, "parameter: 01_one has no parameter ratio; known: profile, rate"),
        ({"parameters": {"profile": "quick"}}, "parameter: profile is set by the profile argument"),
        ({"publish": True}, "publish: only the report of all notebooks"),
        ({"profile": "report", "publish": True, "only": ["01_one"]}, "publish: only the report of all notebooks"),
        ({"profile": "report", "results": Path("elsewhere")}, "results: the report reads the published results"),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(checkout, arguments, message):
    write_notebook("01_one")
    with pytest.raises(ValueError, match=message):
        run_notebooks(**({"profile": "smoke"} | arguments))
    assert not paths.EXECUTED.exists()


def test_a_notebook_without_profile_is_refused(checkout):
    write_notebook("01_one", parameters="rate = 1")
    with pytest.raises(ValueError, match="parameter: 01_one has no parameter profile; known: rate"):
        run_notebooks("smoke")


def test_no_notebooks_is_an_error(checkout, monkeypatch):
    with pytest.raises(ValueError, match=r"notebooks: no NN_name\.ipynb in"):
        run_notebooks("smoke")
    write_notebook("01_one")
    monkeypatch.setitem(plans.PLANS, "02_renamed", lambda profile: {})
    with pytest.raises(ValueError, match="02_renamed has a plan but no notebook"):
        discover()


def test_the_number_of_notebooks_run_is_checked(checkout, monkeypatch):
    write_notebook("01_one")
    monkeypatch.setattr(notebooks, "_execute_all", lambda *_: [])
    with pytest.raises(StudyError, match="0 notebooks were run where 1 were expected"):
        run_notebooks("smoke")


def test_only_the_named_ones_run_and_others_keep_their_output(checkout, monkeypatch):
    monkeypatch.setattr(notebooks, "execute_notebook", fake_execution())
    for name in ("01_one", "02_two"):
        write_notebook(name)
    run_notebooks("smoke")
    outcome = run_notebooks("smoke", only=["02_two.ipynb"])
    assert [record.name for record in outcome.records] == ["02_two"]
    assert (paths.EXECUTED / "smoke" / "01_one.ipynb").exists()


def test_a_failed_run_fails_the_whole(checkout, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "execute_notebook", fake_execution())
    monkeypatch.setitem(plans.PLANS, "01_one", lambda profile: {"broken": [Broken()]})
    write_notebook("01_one")
    outcome = run_notebooks("smoke", jobs=1)
    assert not outcome.passed and not outcome.records[0].error
    assert "failed run: toy-broken" in capsys.readouterr().out


def test_an_unwritable_folder_for_the_outputs(checkout, monkeypatch):
    write_notebook("01_one")
    paths.EXECUTED.write_text("a file")
    monkeypatch.setattr(notebooks, "execute", lambda *_, **__: Summary())
    with pytest.raises(StudyError, match=r"folder .*smoke cannot be written"):
        run_notebooks("smoke")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=3", ("a", 3)),
        ("a=0.5", ("a", 0.5)),
        ("a=[1, 2]", ("a", [1, 2])),
        ("a=b=c", ("a", "b=c")),
        ("a=", ("a", None)),
    ],
)
def test_parameters_are_literals(text, expected):
    assert parse_parameter(text) == expected


@pytest.mark.parametrize("text", ["a", "=3", "1a=3", "a=[1"])
def test_malformed_parameters_are_refused(text):
    with pytest.raises(ValueError, match="parameter: "):
        parse_parameter(text)


def test_a_job_that_dies_is_reported_by_its_last_words(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook_process.sys, "executable", "false")
    record = notebook_process.execute_notebook(Path("01_one.ipynb"), tmp_path / "01_one.ipynb", {}, {}, 10.0, NEVER)
    assert record.error == "FAILED with exit status 1: no output"


def test_the_environment_of_a_notebook(checkout):
    variables = notebook_process.environment(paths.FIGURES, None)
    assert variables["INERTIA_FIGURES"] == str(paths.FIGURES) and variables["TQDM_DISABLE"] == "1"
    assert "MPLBACKEND" not in variables
    json.dumps(variables)
