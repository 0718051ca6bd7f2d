"""Executing runs: skip what is there, parents first, in one single-threaded process or in several side by side."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from .progress import Progress, log
from .runs import Context, Run, run_id
from .schedule import Task, levels, shard_of
from .store import Store
from .worker import Report, perform, perform_in_worker, threads

#: joblib backend → the package that must be installed for it.
BACKENDS = {"loky": "joblib", "dask": "distributed", "ray": "ray"}

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Executor = Callable[[Iterable[Task], bool], Iterator[Report]]


class StudyError(RuntimeError):
    """The study cannot go on; the message says why and what to do."""


class Failure(NamedTuple):
    """A run that raised, and what it said."""

    run: Run
    message: str


@dataclass
class Summary:
    """What a call of :func:`execute` did: executed, found in place, failed, left for want of time."""

    done: list[Run] = field(default_factory=list)
    skipped: list[Run] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    left: list[Run] = field(default_factory=list)

    def __str__(self) -> str:
        left = f", {len(self.left)} left for want of time" if self.left else ""
        return f"{len(self.done)} executed, {len(self.skipped)} already there, {len(self.failed)} failed{left}"


def execute(
    runs: Iterable[Run],
    store: Store,
    *,
    backend: str = "loky",
    jobs: int | None = None,
    shard: str = "1/1",
    progress: bool = True,
    device: str | torch.device | None = None,
    dtype: str = "float32",
    minutes: float | None = None,
) -> Summary:
    """Execute every run that ``store`` does not hold yet, and the runs that these build on.

    Each result is stored as soon as it is there, so a study that was stopped goes on where it was.

    Args:
        runs: what to execute; repetitions count once.
        store: where results go and are looked for.
        backend: how joblib starts workers: "loky" (processes on this machine), "dask" or "ray" (a cluster).
        jobs: number of workers; by default one per processor, one alone on a GPU, which several can share, or as many
            as a cluster has. 1 stays in this process.
        shard: "i/n" executes part i of n, for a cluster's job array.
        progress: show a progress bar (``TQDM_DISABLE=1`` hides it too); finished runs are logged either way.
        device: "cpu", "cuda", …; by default the GPU if torch sees one.
        dtype: "float32", or "bfloat16" for autocast, which pays only where the processor computes in it.
        minutes: start no run later than this; runs then start in the order given instead of the longest first.

    Raises:
        ValueError: an argument is not valid.
        StoreError: the results folder cannot be read or written.
        StudyError: a worker process died.
    """
    context = Context(store, choose_device(device), choose_dtype(dtype))
    _check_arguments(backend, jobs, minutes)
    runs = list(runs)
    chosen = shard_of(runs, shard)
    status = store.status(chosen)
    for sentence in status.damaged:
        log(f"damaged result, will be redone: {sentence}")
    summary = Summary(skipped=status.done)
    groups = levels(status.missing + status.failed, store, order=None if minutes is None else runs)
    if not groups:
        return summary
    store.check_writable()
    tasks = [task for group in groups for task in group]
    started: set[str] = set()
    in_time = partial(_in_time, end=None if minutes is None else time.monotonic() + 60 * minutes, started=started)
    here = cpu_count() if context.device.type == "cpu" else 1
    in_process = backend == "loky" and min(jobs or here, len(tasks)) == 1
    executor = _in_this_process(context) if in_process else _in_workers(context, backend, jobs)
    with Progress(tasks, shown=progress) as bar:
        try:
            for group in groups:
                for report in _until_done(in_time(group), executor):
                    bar.advance(report)
                    _note(summary, report)
        finally:
            if not in_process and backend == "loky":  # idle workers would hold memory and disturb timings
                get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=True)
    summary.left = [task.run for task in tasks if run_id(task.run) not in started]
    return summary


def check_jobs(jobs: int | None) -> None:
    """Refuse a number of workers below 1.

    Raises:
        ValueError: it is.
    """
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs: {jobs} is not a number of workers; it must be at least 1")


def choose_dtype(dtype: str) -> torch.dtype:
    """The arithmetic asked for.

    Raises:
        ValueError: it is neither of the two that training knows.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype: unknown name {dtype!r}; known: {', '.join(DTYPES)}")
    return DTYPES[dtype]


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, or the GPU if torch sees one, else the CPU.

    Raises:
        ValueError: torch does not know the device or does not see it on this machine.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device: {device!r} is not a torch device such as cpu or cuda") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device: {str(device)!r} was asked for, but torch sees no GPU here")
    return chosen


def _in_time(tasks: Iterable[Task], end: float | None, started: set[str]) -> Iterator[Task]:
    """The tasks that are asked for before the time is up, noted in ``started``."""
    for task in tasks:
        if end is not None and time.monotonic() > end:
            return
        started.add(run_id(task.run))
        yield task


def _check_arguments(backend: str, jobs: int | None, minutes: float | None) -> None:
    if backend not in BACKENDS:
        raise ValueError(f"backend: unknown backend {backend!r}; known: {', '.join(BACKENDS)}")
    if importlib.util.find_spec(BACKENDS[backend]) is None:
        raise ValueError(f"backend: {backend!r} needs the package {BACKENDS[backend]}, which is not installed")
    check_jobs(jobs)
    if minutes is not None and not minutes >= 0:
        raise ValueError(f"minutes: {minutes} is not a duration; it must be 0 or more")


def _until_done(group: Iterable[Task], executor: Executor) -> Iterator[Report]:
    """The reports of ``group``; what another study executes at the moment is waited for last."""
    busy = []
    for report in executor(group, False):
        if report.state == "busy":
            busy.append(report.task)
        else:
            yield report
    if busy:
        yield from executor(busy, True)


def _in_this_process(context: Context) -> Executor:
    def executor(tasks: Iterable[Task], wait: bool) -> Iterator[Report]:
        for task in tasks:
            with threads(1):
                report = perform(task, context, wait=wait)
            yield report

    return executor


def _in_workers(context: Context, backend: str, jobs: int | None) -> Executor:
    settings = {"inner_max_num_threads": 1} if backend == "loky" else {}
    parent = os.getpid() if backend == "loky" else None
    _connect(backend, jobs or (None if context.device.type == "cpu" else 1))

    def executor(tasks: Iterable[Task], wait: bool) -> Iterator[Report]:
        calls = (delayed(perform_in_worker)(task, context, wait=wait, parent=parent) for task in tasks)
        with parallel_config(backend=backend, n_jobs=jobs or -1, **settings):
            reports = _parallel()(calls)
            if isinstance(reports, list):
                yield from reports
                return
            with closing(reports):  # Ctrl-C ends the workers at once
                try:
                    yield from reports
                except TerminatedWorkerError as error:
                    raise StudyError(
                        "a worker process died, most often for lack of memory; what was finished is stored: "
                        "give the same command again, with fewer jobs if need be"
                    ) from error

    return executor


def _connect(backend: str, jobs: int | None) -> None:
    """Make the cluster known to joblib: dask's from ``$DASK_SCHEDULER_ADDRESS`` or a local one, or ray's."""
    if backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    if backend == "dask":
        import dask
        import distributed

        try:
            distributed.get_client()
        except ValueError:  # none yet in this process
            address = dask.config.get("scheduler-address", None)
            distributed.Client(address) if address else distributed.Client(n_workers=jobs, threads_per_worker=1)


def _parallel() -> Parallel:
    try:
        return Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
    except ValueError:  # a backend that only returns lists, such as ray's
        return Parallel(batch_size=1)


def _note(summary: Summary, report: Report) -> None:
    if report.state == "failed":
        summary.failed.append(Failure(report.task.run, report.message))
    elif report.state == "done":
        summary.done.append(report.task.run)
    else:
        summary.skipped.append(report.task.run)
