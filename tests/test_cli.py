import sys
from types import ModuleType

import pytest
from toy_runs import Broken, Nap

from inertia_utils import data, notebooks, plans
from inertia_utils.__main__ import main
from inertia_utils.launch import Summary
from inertia_utils.store import Store


@pytest.fixture
def results(tmp_path, monkeypatch):
    for name in list(plans.PLANS):
        monkeypatch.delitem(plans.PLANS, name)
    monkeypatch.setitem(plans.PLANS, "01_naps", lambda profile: {"naps": [Nap(seed) for seed in range(4)]})
    monkeypatch.setitem(plans.PLANS, "02_broken", lambda profile: {"broken": [Broken()]})
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return tmp_path / "results"


def call(*arguments):
    return main([str(argument) for argument in arguments])


def run(results, *arguments):
    return call("run", "--results", results, "--jobs", 1, "--device", "cpu", *arguments)


def test_run_and_status(results, capsys):
    assert run(results, "--notebook", "01_naps", "--shard", "1/2") == 0
    assert "2 executed, 0 already there, 0 failed" in capsys.readouterr().out
    assert run(results) == 1
    captured = capsys.readouterr()
    assert "2 executed, 2 already there, 1 failed" in captured.out
    assert "failed: toy-broken" in captured.err and "no cure yet" in captured.err

    store = Store(results, "quick")
    store.path(Nap(0)).write_text("{")
    store.path(Nap(1)).unlink()
    assert call("status", "--results", results) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["01_naps", "4", "2", "2", "0"]
    assert lines[3].split() == ["02_broken", "1", "0", "0", "1"]
    assert "no cure yet" in lines[4]
    assert lines[5].startswith("damaged result, will be redone") and str(store.path(Nap(0))) in lines[5]


def test_the_results_folder_may_come_from_the_environment(results, monkeypatch):
    monkeypatch.setenv("INERTIA_RESULTS", str(results))
    assert call("run", "--notebook", "01_naps", "--jobs", 1, "--profile", "smoke") == 0
    assert len(list((results / "smoke").glob("*.json"))) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--notebook", "09_none"], "notebook: unknown notebook '09_none'; known: 01_naps, 02_broken"),
        (["run", "--shard", "5/2"], "shard: '5/2' is not i/n"),
        (["run", "--backend", "slurm"], "backend: unknown backend 'slurm'"),
        (["run", "--jobs", "0"], "jobs: 0 is not a number of workers"),
        (["status", "--notebook", "09_none"], "notebook: unknown notebook '09_none'"),
        (["notebooks", "--parameter", "rate"], "parameter: 'rate' is not of the form name=value"),
        (["notebooks", "--publish"], "publish: only the report"),
    ],
)
def test_mistakes_give_one_sentence(results, capsys, arguments, message):
    assert call(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {message}") and "Traceback" not in captured.err


def test_an_unusable_results_folder(results, capsys):
    results.write_text("a file")
    assert run(results) == 2
    assert capsys.readouterr().err.startswith(f"error: results folder {results}")


@pytest.mark.parametrize("arguments", [["run", "--profile", "huge"], [], ["nothing"]])
def test_argparse_names_the_choices(results, capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        call(*arguments)
    assert stop.value.code == 2
    assert "usage: python -m inertia_utils" in capsys.readouterr().err


BENCHMARKS = [f"bench {name}" for name in ("", "layer", "model", "gate", "friction", "masks", "train")]


@pytest.mark.parametrize("command", ["", "run", "status", "notebooks", "data", *BENCHMARKS])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as stop:
        call(*command.split(), "--help")
    assert stop.value.code == 0
    assert "usage: python -m inertia_utils" in capsys.readouterr().out


def test_an_interrupt_says_how_to_go_on(results, monkeypatch, capsys):
    def interrupted(self, context):
        raise KeyboardInterrupt

    monkeypatch.setattr(Nap, "execute", interrupted)
    assert run(results) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


@pytest.mark.parametrize("passed", [True, False])
def test_notebooks_passes_its_options_on(results, monkeypatch, passed):
    calls = []

    def run_notebooks(*arguments, **options):
        calls.append((arguments, options))
        return notebooks.Outcome([], Summary(failed=[] if passed else [None]))

    monkeypatch.setattr(notebooks, "run_notebooks", run_notebooks)
    assert call("notebooks", "--profile", "smoke", "--only", "01_naps", "--parameter", "rate=0.5") == (not passed)
    assert calls[0][0] == ("smoke", ["01_naps"], False)
    assert calls[0][1]["parameters"] == {"rate": 0.5} and calls[0][1]["timeout"] == notebooks.TIMEOUT


def test_data_says_what_is_where(monkeypatch, capsys):
    monkeypatch.setattr(data, "prepare", lambda names, profile: {name: f"for {profile}" for name in names})
    assert call("data", "mnist") == 0
    assert capsys.readouterr().out == "mnist: for quick\n"


def test_data_that_cannot_be_had(monkeypatch, capsys):
    def nothing(names, profile):
        raise data.DataNotFoundError("mnist was not found")

    monkeypatch.setattr(data, "prepare", nothing)
    assert call("data") == 2
    assert capsys.readouterr().err == "error: mnist was not found\n"


def test_bench_comes_from_its_package(monkeypatch):
    bench = ModuleType("inertia_utils.bench")
    bench.__spec__ = sys.__spec__
    bench.add_arguments = lambda parser: parser.add_argument("name")
    bench.main = lambda options: 7 if options.name == "train" else 1
    monkeypatch.setitem(sys.modules, "inertia_utils.bench", bench)
    assert call("bench", "train") == 7
