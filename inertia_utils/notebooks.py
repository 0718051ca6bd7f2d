"""The notebooks, executed by papermill: train what is missing, then a process and a time limit for each."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
import yaml
from joblib import cpu_count
from tqdm.auto import tqdm

from . import hygiene, paths
from .launch import StudyError, Summary, check_jobs, execute
from .notebook_process import Record, environment, execute_notebook
from .plans import PLANS, plan
from .profiles import PROFILES
from .progress import log
from .publish import publish as publish_together
from .runs import Run
from .store import Store
from .study import REPORT

#: Seconds that one notebook may take once its runs are there.
TIMEOUT = 3600.0


@dataclass(frozen=True)
class Outcome:
    """How all of them went; ``published`` says that notebooks and figures were replaced."""

    records: list[Record]
    runs: Summary
    published: bool = False

    @property
    def passed(self) -> bool:
        """Whether every run and every notebook succeeded."""
        return not self.runs.failed and not any(record.error for record in self.records)


def run_notebooks(
    profile: str,
    only: Iterable[str] | None = None,
    publish: bool = False,
    *,
    parameters: dict[str, Any] | None = None,
    results: Path | None = None,
    timeout: float = TIMEOUT,
    jobs: int | None = None,
    **options: Any,
) -> Outcome:
    """Execute the notebooks into ``executed/<profile>`` and print a table of how they went.

    Args:
        profile: smoke, quick or full train what is missing first; "report" renders the published results.
        only: names of notebooks; by default all of them.
        publish: with "report" and all notebooks, replace the published notebooks and figures if every one passed.
        parameters: further values for the notebooks' parameters.
        results: results folder in place of the usual one.
        timeout: seconds that each notebook may take.
        jobs: runs, and then notebooks, at once; by default one per processor, or one run on a GPU.
        options: passed to :func:`launch.execute`.

    Raises:
        ValueError: an argument is not valid, a parameter is not known to a notebook, or there is no notebook.
        StoreError: the results folder cannot be read or written.
        StudyError: the executed or published notebooks cannot be written.
    """
    _check_arguments(profile, only, publish, parameters, results, jobs)
    sources = discover(only)
    values = {} if publish else {"profile": profile, **(parameters or {})}
    for source in sources:
        _check_parameters(source, {"profile": profile, **values})
    runs = Summary()
    if profile != REPORT:
        results = results or paths.working_results()
        runs = execute(_planned(sources, profile), Store(results, profile), jobs=jobs, **options)
    folder = _prepare_folder(profile, whole=only is None)
    variables = environment(folder / "figures", results)
    records = _execute_all(sources, folder, values, variables, timeout, jobs or cpu_count())
    if len(records) != len(sources):
        raise StudyError(f"{len(records)} notebooks were run where {len(sources)} were expected")
    outcome = Outcome(records, runs)
    if publish and outcome.passed:
        _publish(records, folder / "figures")
        outcome = Outcome(records, runs, published=True)
    log(closing_table(outcome, folder))
    return outcome


def discover(only: Iterable[str] | None = None) -> list[Path]:
    """The study's notebooks in order, or those named in ``only``.

    Raises:
        ValueError: there is none, a name is unknown, or a plan has no notebook.
    """
    found = {path.stem: path for path in paths.notebooks()}
    if not found:
        raise ValueError(f"notebooks: no NN_name.ipynb in {paths.NOTEBOOKS}")
    if planless := sorted(set(PLANS) - set(found)):
        raise ValueError(f"notebooks: {', '.join(planless)} has a plan but no notebook in {paths.NOTEBOOKS}")
    if only is None:
        return list(found.values())
    names = [Path(name).stem for name in only]
    if unknown := [name for name in names if name not in found]:
        raise ValueError(f"notebook: unknown notebook {', '.join(unknown)}; known: {', '.join(found)}")
    return [found[name] for name in sorted(set(names))]


def parse_parameter(text: str) -> tuple[str, Any]:
    """``name=value`` as name and value, the value read as a YAML literal (``3``, ``0.1``, ``[1, 2]``, ``text``).

    Raises:
        ValueError: the text is not of that form.
    """
    name, separator, value = text.partition("=")
    if not separator or not name.isidentifier():
        raise ValueError(f"parameter: {text!r} is not of the form name=value")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ValueError(f"parameter: the value of {name} in {text!r} is not a YAML literal") from error


def closing_table(outcome: Outcome, folder: Path) -> str:
    """The table that ends a run: notebooks, seconds, peak memory, status, and where everything went."""
    width = max(len(record.name) for record in outcome.records)
    lines = ["", f"{'notebook':{width}}  seconds  peak MB  status"]
    for record in outcome.records:
        status = record.error or "passed"
        lines.append(f"{record.name:{width}}  {record.seconds:7.1f}  {record.peak / 2**20:7.0f}  {status}")
    passed = sum(not record.error for record in outcome.records)
    lines.append(f"{passed} of {len(outcome.records)} notebooks passed; runs: {outcome.runs}")
    lines += [f"failed run: {failure.run.label()}: {failure.message}" for failure in outcome.runs.failed]
    lines.append(f"notebooks: {folder}\nfigures:   {folder / 'figures'}")
    if outcome.published:
        lines.append(f"published: {paths.NOTEBOOKS} and {paths.FIGURES}")
    return "\n".join(lines)


def _check_arguments(profile: str, only: Any, publish: bool, parameters: Any, results: Any, jobs: int | None) -> None:
    known = (*PROFILES, REPORT)
    if profile not in known:
        raise ValueError(f"profile: unknown profile {profile!r}; known: {', '.join(known)}")
    if publish and (profile != REPORT or only is not None or parameters):
        raise ValueError("publish: only the report of all notebooks, with their own parameters, can be published")
    if profile == REPORT and results is not None:
        raise ValueError(f"results: the report reads the published results, not {results}")
    if "profile" in (parameters or {}):
        raise ValueError("parameter: profile is set by the profile argument, not as a parameter")
    check_jobs(jobs)


def _check_parameters(source: Path, values: dict[str, Any]) -> None:
    # papermill itself only warns, and the notebook would run with the defaults.
    logging.getLogger("papermill").setLevel(logging.WARNING)
    known = papermill.inspect_notebook(source)
    if unknown := [name for name in values if name not in known]:
        raise ValueError(
            f"parameter: {source.stem} has no parameter {', '.join(unknown)}; known: {', '.join(known) or 'none'}"
        )


def _planned(sources: list[Path], profile: str) -> list[Run]:
    planned = [plan(source.stem, profile) for source in sources if source.stem in PLANS]
    return [run for groups in planned for group in groups.values() for run in group]


def _prepare_folder(profile: str, *, whole: bool) -> Path:
    folder = paths.EXECUTED / profile
    try:
        if whole and folder.exists():  # what an earlier run left must not pass for this one's
            shutil.rmtree(folder)
        (folder / "figures").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"folder {folder} cannot be written: {error.strerror or error}") from error
    return folder


def _execute_all(
    sources: list[Path], folder: Path, values: dict[str, Any], variables: dict[str, str], timeout: float, jobs: int
) -> list[Record]:
    hidden = os.environ.get("TQDM_DISABLE") == "1"
    stop = threading.Event()
    with tqdm(total=len(sources), unit="notebook", disable=hidden) as bar, ThreadPoolExecutor(jobs) as pool:
        options = (values, variables, timeout, stop)
        futures = [pool.submit(execute_notebook, source, folder / source.name, *options) for source in sources]
        try:
            for future in as_completed(futures):
                _tell(future.result(), bar)
        finally:  # after Ctrl-C or a full disk, what still runs is ended and nothing else begins
            stop.set()
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures]


def _tell(record: Record, bar: tqdm) -> None:
    log(f"{record.name}  {record.seconds:.1f} s  {record.error or 'passed'}")
    bar.update()


def _publish(records: list[Record], figures: Path) -> None:
    dirty = {record.name: hygiene.problems(record.output) for record in records}
    for name, problems in dirty.items():
        if problems:
            raise StudyError(f"not published: {name} is not clean: {problems[0]}")
    try:
        publish_together([record.output for record in records], figures)
    except OSError as error:
        raise StudyError(f"not published: {error.filename or paths.NOTEBOOKS}: {error.strerror or error}") from error
