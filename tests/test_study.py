import copy
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import toy_runs
from hypothesis import given
from hypothesis import strategies as st
from toy_runs import Base, Broken, Child, Nap, Orphan, Place, Rounding, events

from inertia_utils import launch, paths, plans
from inertia_utils.arms import Arm
from inertia_utils.provenance import provenance
from inertia_utils.result_file import Result
from inertia_utils.runs import Context, Outcome, run_id
from inertia_utils.schedule import levels, shard_of
from inertia_utils.store import Store, StoreError
from inertia_utils.study import StudyError, collect, execute, extent, open_study, results
from inertia_utils.train_run import TrainRun
from inertia_utils.worker import full_float32

STUDY = """
import sys
from pathlib import Path
from toy_runs import Nap
from inertia_utils.launch import execute
from inertia_utils.store import Store
folder, jobs, log = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
execute([Nap(seed, 0.25, log=log) for seed in range(8)], Store(folder, "smoke"), jobs=jobs, device="cpu")
"""


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results", "smoke")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def run(runs, store, **options):
    return execute(runs, store, **({"jobs": 1, "device": "cpu", "progress": False} | options))


@pytest.mark.parametrize(("jobs", "apart"), [(None, False), (1, False), (2, True)])
def test_an_accelerator_is_used_from_this_process_unless_jobs_share_it(store, jobs, apart):
    runs = [Place(seed) for seed in range(2)]
    run(runs, store, jobs=jobs, device="meta")  # the one besides the processor that every machine has
    found = [store.read(place).metrics for place in runs]
    assert {metrics["device"] for metrics in found} == {"meta"}
    assert [metrics["process"] != os.getpid() for metrics in found] == [apart, apart]


@pytest.mark.parametrize(("convolutions", "products"), [(True, "high"), (False, "highest")])
def test_nothing_is_rounded_while_a_run_executes(store, convolutions, products):
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.set_float32_matmul_precision(products)
    try:
        run([Rounding()], store)
        after = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    finally:
        torch.set_float32_matmul_precision(before[1])
        torch.backends.cudnn.allow_tf32 = before[0]
    assert after == (convolutions, products)
    assert store.read(Rounding()).metrics == {"convolutions": False, "products": "highest"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    "call", [torch.nn.Conv2d(64, 64, 5), torch.nn.Linear(4096, 64)], ids=["convolution", "product"]
)
def test_a_gpu_computes_in_full_float32(call):
    x = torch.randn(4, 64, 28, 28) if isinstance(call, torch.nn.Conv2d) else torch.randn(4, 4096)
    exact = copy.deepcopy(call).double()(x.double())
    with full_float32():
        found = copy.deepcopy(call).cuda()(x.cuda()).cpu()
    assert (found - exact).abs().max() < 1e-5 * exact.abs().max()


def test_what_is_there_is_skipped(store, log, capsys):
    runs = [Nap(seed, log=str(log)) for seed in range(3)]
    first = run(runs[:2], store)
    assert (len(first.done), first.skipped, first.failed) == (2, [], [])
    second = run([*runs, runs[0]], store)
    assert second.done == [runs[2]] and len(second.skipped) == 2
    assert sorted(events(log, "start")) == sorted(map(run_id, runs))
    assert str(second) == "1 executed, 2 already there, 0 failed"
    assert "accuracy 0.5100" in capsys.readouterr().out


def test_parents_come_first_and_lost_weights_are_trained_again(store, log):
    base = Base(log=str(log))
    children = [Child(base, factor, log=str(log)) for factor in (2.0, 3.0)]
    run(children, store)
    assert events(log, "start") == [run_id(base), *sorted(map(run_id, children))]
    stored = store.path(base).read_bytes()
    weights = store.weights_path(base).read_bytes()

    store.weights_path(base).unlink()
    assert run([base, *children], store).done == []  # nobody needs the weights
    run([Child(base, 4.0)], store)
    assert store.path(base).read_bytes() == stored
    assert store.weights_path(base).read_bytes() == weights
    assert store.load(Child(base, 4.0)).metrics["norm"] == 4.0 * store.load(base).metrics["norm"]


def test_levels_put_the_longest_first(store):
    group = levels([Nap(0, cost=1.0), Nap(1, cost=5.0), Nap(2, cost=3.0)], store)
    assert [[task.cost for task in tasks] for tasks in group] == [[5.0, 3.0, 1.0]]
    assert levels([], store) == []


def test_a_failure_is_recorded_and_the_others_run(store, tmp_path, capsys):
    cure = tmp_path / "cure"
    broken = Broken(str(cure))
    summary = run([broken, Orphan(broken), Nap()], store)
    assert summary.done == [Nap()]
    messages = {failure.run: failure.message for failure in summary.failed}
    assert messages[broken] == "ArithmeticError: no cure yet"
    assert "it builds on toy-broken" in messages[Orphan(broken)]
    assert store.failure(broken) == "ArithmeticError: no cure yet"
    assert "FAILED: ArithmeticError: no cure yet" in capsys.readouterr().out
    with pytest.raises(StudyError, match=r"1 run failed, first toy-broken .*: ArithmeticError: no cure yet"):
        collect({"group": [broken]}, store, jobs=1, progress=False)
    cure.touch()
    assert run([broken], store).done == [broken]
    assert store.failure(broken) is None


def test_a_metric_that_cannot_be_stored_is_a_failure(store, monkeypatch):
    monkeypatch.setattr(Nap, "execute", lambda self, context: Outcome({"accuracy": torch.tensor(1.0)}))
    assert "metrics.accuracy: torch.Tensor cannot be stored" in run([Nap()], store).failed[0].message


def test_a_damaged_result_is_named_and_redone(store, capsys):
    run([Nap()], store)
    store.path(Nap()).write_text("{")
    assert run([Nap()], store).done == [Nap()]
    output = capsys.readouterr().out
    assert "damaged result, will be redone" in output and str(store.path(Nap())) in output
    assert store.load(Nap()) is not None


def test_an_interrupt_stops_and_keeps_what_is_done(store, monkeypatch):
    original = Nap.execute

    def interrupted(self, context):
        if self.seed == 1:
            raise KeyboardInterrupt
        return original(self, context)

    monkeypatch.setattr(Nap, "execute", interrupted)
    runs = [Nap(0, cost=3.0), Nap(1, cost=2.0), Nap(2, cost=1.0)]
    with pytest.raises(KeyboardInterrupt):
        run(runs, store)
    assert store.status(runs).done == runs[:1] and store.status(runs).failed == []
    with store.lock(runs[1], wait=False) as held:
        assert held


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard": "0/2"}, "shard: '0/2' is not i/n"),
        ({"shard": "3/2"}, "shard: '3/2' is not i/n"),
        ({"shard": "a/b"}, "shard: 'a/b' is not i/n"),
        ({"backend": "threads"}, "backend: unknown backend 'threads'; known: loky, dask, ray"),
        ({"jobs": 0}, "jobs: 0 is not a number of workers"),
        ({"device": "gpu"}, "device: 'gpu' is not a torch device"),
    ],
)
def test_bad_arguments_are_named(store, options, message):
    with pytest.raises(ValueError, match=message):
        run([Nap()], store, **options)
    assert not store.folder.exists()


def test_a_backend_that_is_not_installed(store, monkeypatch):
    monkeypatch.setitem(launch.BACKENDS, "dask", "no_such_package")
    with pytest.raises(ValueError, match="backend: 'dask' needs the package no_such_package"):
        run([Nap()], store, backend="dask")


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device: 'cuda' was asked for, but torch sees no GPU"):
        launch.choose_device("cuda")
    assert launch.choose_device(None) == torch.device("cpu")


def test_a_folder_that_cannot_be_written_stops_the_study_before_training(tmp_path, log):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StoreError, match="results folder"):
        run([Nap(log=str(log))], Store(tmp_path / "results", "smoke"))
    assert events(log, "start") == []


@given(count=st.integers(1, 7), seeds=st.sets(st.integers(0, 40)))
def test_shards_partition_exactly(count, seeds):
    runs = [Nap(seed) for seed in seeds]
    shards = [shard_of(runs, f"{index + 1}/{count}") for index in range(count)]
    assert sorted(run.seed for shard in shards for run in shard) == sorted(seeds)
    assert [shard_of(reversed(runs), f"{index + 1}/{count}") for index in range(count)] == shards
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_main_process_and_workers_give_the_same_bits(store, tmp_path):
    runs = [Base(seed) for seed in range(2)]
    other = Store(tmp_path / "other", "smoke")
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run(runs, store, jobs=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    summary = run([*runs, Broken()], other, jobs=2)
    assert len(summary.done) == 2 and len(summary.failed) == 1
    for base in runs:
        assert store.weights_path(base).read_bytes() == other.weights_path(base).read_bytes()
        assert store.load(base).metrics == other.load(base).metrics
        assert other.load(base).provenance["threads"] == 1


def start_study(folder, log, jobs):
    search = os.pathsep.join([str(paths.CHECKOUT), str(Path(toy_runs.__file__).parent)])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", STUDY, str(folder), str(jobs), str(log)],
        env=os.environ | {"PYTHONPATH": search, "TQDM_DISABLE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.slow
def test_kill_9_and_the_same_command_again(store, log):
    runs = [Nap(seed, 0.25, log=str(log)) for seed in range(8)]
    for jobs in (1, 2, 1):
        kept = {store.path(run): store.path(run).stat().st_mtime_ns for run in runs if store.path(run).exists()}
        before = len(events(log, "start"))
        study = start_study(store.root, log, jobs)
        wait_for(lambda before=before: len(events(log, "start")) >= before + 2)
        os.kill(study.pid, signal.SIGKILL)
        study.communicate(timeout=30)  # the workers hold its output open until they end, too
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
    study = start_study(store.root, log, jobs=1)
    output, _ = study.communicate(timeout=60)
    assert study.returncode == 0, output
    status = store.status(runs)
    assert (len(status.done), status.damaged) == (8, [])
    started = events(log, "start")
    # At most the runs that a kill interrupted were started twice: one or two at a time.
    assert set(started) == set(map(run_id, runs)) and len(started) <= 8 + 1 + 2 + 1


def test_two_studies_on_one_store(store, log):
    studies = [start_study(store.root, log, jobs=1) for _ in range(2)]
    for study in studies:
        output, _ = study.communicate(timeout=60)
        assert study.returncode == 0, output
    runs = [Nap(seed, 0.25, log=str(log)) for seed in range(8)]
    assert sorted(events(log, "start")) == sorted(map(run_id, runs))
    assert len(store.status(runs).done) == 8


def test_results_need_all_runs(store):
    run([Nap(1), Nap(2)], store)
    assert [result.run.seed for result in results([Nap(2), Nap(1)], store)] == [2, 1]
    with pytest.raises(StudyError, match=r"1 result missing in .*smoke"):
        results([Nap(1), Nap(3)], store)


@pytest.fixture
def toy_plan(monkeypatch):
    sizes = {"smoke": 1, "quick": 2, "full": 4}

    def plan(profile):
        return {"naps": [Nap(seed) for seed in range(sizes[profile.name])], "again": [Nap(0)]}

    monkeypatch.setitem(plans.PLANS, "90_toy", plan)


def test_open_study_trains_what_is_missing(toy_plan, monkeypatch, tmp_path):
    monkeypatch.setenv("INERTIA_RESULTS", str(tmp_path))
    monkeypatch.setattr(launch, "cpu_count", lambda: 1)
    study = open_study("90_toy", "quick")
    assert {name: len(group) for name, group in study.results.items()} == {"naps": 2, "again": 1}
    assert len(list((tmp_path / "quick").glob("*.json"))) == 2
    banner = study.banner()
    assert banner.startswith("Profile **quick**: 2 runs with 2 seeds, computed on ")
    assert "1 thread, float32" in banner and "missing" not in banner


@pytest.mark.parametrize(
    ("images", "metrics", "sentence"),
    [
        (5000, {}, "**Shortened**: 1 epoch on 5,000 training images, tested on 2,500."),
        (5000, {"train_images": 3600}, "**Shortened**: 1 epoch on 3,600 training images, tested on 2,500."),
        (0, {}, "1 epoch on all training images but the hold-out, tested on 2,500."),
        (0, {"train_images": 55_000}, "1 epoch on all training images but the hold-out, tested on 2,500."),
    ],
)
def test_extent_says_how_much_a_training_saw(images, metrics, sentence):
    result = Result(TrainRun(Arm(), images=images), {"test_images": 2500} | metrics, [{"epoch": 1}], {})
    assert extent(result) == sentence


def test_report_reads_the_largest_profile_with_as_many_whole_seeds(toy_plan, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    quick, full = Store(tmp_path, "quick"), Store(tmp_path, "full")
    study = open_study("90_toy", "report")
    assert study.profile == "full" and len(study.missing) == 5
    assert (
        study.banner()
        == "Profile **full**: 0 runs; so far naps 0 of 4 seeds, again 0 of 1 seed; **4 of 4 runs are missing**."
    )
    run([Nap(0), Nap(1)], quick)
    run([Nap(0)], full)
    assert open_study("90_toy", "report").profile == "quick"
    run([Nap(3)], full)
    study = open_study("90_toy", "report")
    assert (study.profile, len(study.missing), study.larger) == ("full", 2, None)
    assert "2 runs with 2 seeds" in study.banner()
    assert study.banner().endswith("; so far naps 2 of 4 seeds; **2 of 4 runs are missing**.")
    run([Nap(1), Nap(2)], full)
    study = open_study("90_toy", "report")
    assert (study.profile, study.missing, study.larger) == ("full", [], None)
    assert "so far" not in study.banner() and "missing" not in study.banner()


def test_a_seed_that_lacks_a_run_is_not_shown(monkeypatch, tmp_path):
    arms = (1.0, 2.0)
    planned = {"arms": [Nap(seed, cost=cost) for seed in range(3) for cost in arms], "one": [Nap(9)]}
    monkeypatch.setitem(plans.PLANS, "91_toy", lambda profile: planned)
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    run([Nap(0, cost=2.0), Nap(1, cost=1.0), Nap(1, cost=2.0), Nap(9)], Store(tmp_path, "full"))
    study = open_study("91_toy", "report")
    assert [(result.run.seed, result.run.cost) for result in study.results["arms"]] == [(1, 1.0), (1, 2.0)]
    assert [result.run.seed for result in study.results["one"]] == [9]
    assert study.whole_seeds("arms") == {1} and len(study.missing) == 3
    assert study.banner().endswith("; so far arms 1 of 3 seeds; **3 of 7 runs are missing**.")


def test_where_no_seed_is_whole_the_more_complete_profile_is_shown(toy_plan, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    run([Nap(1)], Store(tmp_path, "quick"))
    run([Nap(1), Nap(2), Nap(3)], Store(tmp_path, "full"))
    study = open_study("90_toy", "report")  # "again" has no seed: 3 of 5 entries against 1 of 3
    assert (study.profile, [result.run.seed for result in study.found()]) == ("full", [1, 2, 3])


def test_a_part_is_of_its_own_profile(toy_plan, monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    run([Nap(0), Nap(1)], Store(tmp_path, "quick"))
    assert open_study("90_toy", "report", ("naps",)).larger is None
    run([Nap(0)], Store(tmp_path, "full"))
    again, naps = (open_study("90_toy", "report", (group,)) for group in ("again", "naps"))
    assert (again.profile, list(again.results), again.missing, again.larger) == ("full", ["again"], [], None)
    assert (naps.profile, list(naps.results), naps.missing) == ("quick", ["naps"], [])
    assert naps.larger.profile == "full"
    assert naps.banner().endswith("; of profile full, **1 of 4 runs** are there so far.")
    with pytest.raises(ValueError, match="groups: sleep not in the plan of 90_toy; known: naps, again"):
        open_study("90_toy", "report", ("naps", "sleep"))


def test_a_part_executes_its_own_runs_alone(toy_plan, monkeypatch, tmp_path):
    monkeypatch.setenv("INERTIA_RESULTS", str(tmp_path))
    monkeypatch.setattr(launch, "cpu_count", lambda: 1)
    assert [result.run.seed for result in open_study("90_toy", "quick", ("again",)).found()] == [0]
    assert len(list((tmp_path / "quick").glob("*.json"))) == 1


def test_open_study_names_what_it_does_not_know(toy_plan, tmp_path):
    with pytest.raises(ValueError, match="profile: unknown profile 'huge'; known: smoke, quick, full, report"):
        open_study("90_toy", "huge")
    for profile in ("smoke", "report"):
        with pytest.raises(ValueError, match=r"notebook: unknown notebook '99_none'; known: .*90_toy"):
            open_study("99_none", profile, results=str(tmp_path))


def test_provenance_names_no_host_and_no_path(store):
    record = provenance(Context(store), 1.23456)
    assert set(record) == {"package", "commit", "torch", "device", "threads", "dtype", "seconds", "python"}
    assert (record["seconds"], record["dtype"]) == (1.23, "float32")
    assert record["device"] and os.uname().nodename not in str(record) and str(paths.CHECKOUT) not in str(record)


def test_no_commit_outside_a_checkout(monkeypatch, tmp_path, store):
    from inertia_utils.provenance import git_commit

    monkeypatch.setattr(paths, "CHECKOUT", tmp_path)
    git_commit.cache_clear()
    assert provenance(Context(store), 1.0)["commit"] is None
    git_commit.cache_clear()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_time_limit_starts_the_first_runs_and_leaves_the_rest(tmp_path, jobs):
    store, log = Store(tmp_path, "smoke"), tmp_path / "log"
    runs = [Nap(seed, 0.5, cost=seed, log=str(log)) for seed in range(12)]
    summary = run(runs, store, jobs=jobs, minutes=1.2 / 60)
    started = events(log, "start")
    assert started[0] in {run_id(runs[0]), run_id(runs[1])} and jobs <= len(started) < 12
    assert set(started) == set(map(run_id, summary.done)) == set(map(run_id, runs[: len(started)]))
    assert len(summary.left) == 12 - len(started) and "left for want of time" in str(summary)
    assert not run(runs, store, jobs=2).left
    with pytest.raises(ValueError, match="minutes: -1 is not a duration"):
        run(runs, store, minutes=-1)
