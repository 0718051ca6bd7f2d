"""A study seen from a notebook: the runs of its plan, executed where missing or read from the published results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import paths
from .launch import Failure, StudyError, Summary, execute
from .plans import Plan, plan
from .profiles import PROFILES
from .runs import Run, run_id
from .schedule import unique
from .store import Result, Store

__all__ = [
    "Failure",
    "Study",
    "StudyError",
    "Summary",
    "collect",
    "execute",
    "extent",
    "open_study",
    "published",
    "results",
]

#: The profile that trains nothing and reads the published results.
REPORT = "report"
#: What the published results may hold, the largest first.
PUBLISHED = ("full", "quick")


@dataclass(frozen=True)
class Study:
    """The results behind one notebook, or a part of it, grouped as in its plan.

    Attributes:
        notebook: file name without ``.ipynb``.
        profile: where the results come from.
        results: group → results that are there.
        missing: runs that are not.
        larger: the same of a larger profile that is under way and not shown for want of runs.
    """

    notebook: str
    profile: str
    results: dict[str, list[Result]]
    missing: list[Run] = field(default_factory=list)
    larger: Study | None = None

    def banner(self) -> str:
        """One Markdown sentence: how large the evidence is, where it was computed, and what is missing."""
        found = self.found()
        seeds = {result.run.seed for result in found if hasattr(result.run, "seed")}
        parts = [f"Profile **{self.profile}**: {_counted(len(found), 'run')}"]
        if seeds:
            parts.append(f" with {_counted(len(seeds), 'seed')}")
        if hardware := sorted({_hardware(result.provenance) for result in found}):
            parts.append(f", computed on {' and '.join(hardware)}")
        if self.missing:
            absent = len(unique(self.missing))
            parts.append(f"; **{absent} of {len(found) + absent} runs are missing**")
        if self.larger:
            there = len(self.larger.found())
            planned = there + len(unique(self.larger.missing))
            parts.append(f"; of profile {self.larger.profile}, **{there} of {planned} runs** are there so far")
        return "".join(parts) + "."

    def found(self) -> list[Result]:
        """Every result that is there, once."""
        return list({run_id(result.run): result for group in self.results.values() for result in group}.values())


def open_study(notebook: str, profile: str, groups: Sequence[str] = (), results: str = "") -> Study:
    """The study behind ``notebook``, or behind a part of it.

    Args:
        notebook: file name without ``.ipynb``.
        profile: smoke, quick or full execute what is missing in the working store; "report" reads the published
            store and executes nothing: the largest profile of which these groups are complete there, else the more
            complete one.
        groups: names of the plan's groups that are shown together, and so must be of one profile; by default all.
        results: another results folder than the usual one.

    Raises:
        ValueError: the notebook, the profile or a group is not known.
        StudyError: a run failed.
    """
    if profile == REPORT:
        return _read_published(notebook, groups, Path(results) if results else paths.RESULTS)
    if profile not in PROFILES:
        raise ValueError(f"profile: unknown profile {profile!r}; known: {', '.join((*PROFILES, REPORT))}")
    runs = _part(notebook, profile, groups)
    store = Store(Path(results) if results else paths.working_results(), profile)
    return Study(notebook, profile, collect(runs, store))


def published(notebook: str, profile: str) -> Study:
    """The published results of one profile for ``notebook``, however many there are by now; nothing is executed.

    Raises:
        ValueError: the notebook or the profile is not known.
    """
    return _read(notebook, (), Store(paths.RESULTS, profile))


def extent(result: Result) -> str:
    """One Markdown sentence: how long a training was, on how many images, and on how many it was tested."""
    images, tested = result.run.images, result.metrics["test_images"]
    amount = f"{images:,} training images" if images else "all training images but the hold-out"
    sentence = f"{_counted(len(result.history), 'epoch')} on {amount}, tested on {tested:,}."
    return f"**Shortened**: {sentence}" if images else sentence


def collect(groups: dict[str, list[Run]], store: Store, **options: Any) -> dict[str, list[Result]]:
    """Execute what is missing of ``groups`` and load all of it; ``options`` go to :func:`execute`.

    Raises:
        StudyError: a run failed.
    """
    summary = execute((run for group in groups.values() for run in group), store, **options)
    if summary.failed:
        first = summary.failed[0]
        raise StudyError(f"{_counted(len(summary.failed), 'run')} failed, first {first.run.label()}: {first.message}")
    return {name: results(group, store) for name, group in groups.items()}


def results(runs: Iterable[Run], store: Store) -> list[Result]:
    """The stored results of ``runs``, in their order.

    Raises:
        StudyError: a result is not there.
    """
    loaded = [(run, store.load(run)) for run in runs]
    missing = [run for run, result in loaded if result is None]
    if missing:
        count = _counted(len(missing), "result")
        raise StudyError(f"{count} missing in {store.folder}, first {missing[0].label()}; execute the runs first")
    return [result for _, result in loaded if result is not None]


def _part(notebook: str, profile: str, groups: Sequence[str]) -> Plan:
    """The named groups of a plan, or all of it."""
    runs = plan(notebook, profile)
    if unknown := [name for name in groups if name not in runs]:
        raise ValueError(f"groups: {', '.join(unknown)} not in the plan of {notebook}; known: {', '.join(runs)}")
    return {name: group for name, group in runs.items() if not groups or name in groups}


def _read_published(notebook: str, groups: Sequence[str], root: Path) -> Study:
    candidates = [_read(notebook, groups, Store(root, profile)) for profile in PUBLISHED]
    # max keeps the first of equals: the larger profile.
    chosen = max(candidates, key=lambda study: _share_present(study))
    larger = candidates[: candidates.index(chosen)]
    return replace(chosen, larger=next((study for study in larger if study.found()), None))


def _read(notebook: str, groups: Sequence[str], store: Store) -> Study:
    found: dict[str, list[Result]] = {}
    missing: list[Run] = []
    for name, group in _part(notebook, store.profile, groups).items():
        found[name] = []
        for run in group:
            result = store.load(run)
            if result is None:
                missing.append(run)
            else:
                found[name].append(result)
    return Study(notebook, store.profile, found, missing)


def _share_present(study: Study) -> float:
    present = sum(map(len, study.results.values()))
    total = present + len(study.missing)
    return present / total if total else 1.0


def _hardware(provenance: dict[str, Any]) -> str:
    threads = provenance.get("threads")
    settings = [_counted(threads, "thread")] if threads else []
    settings += [provenance["dtype"]] if provenance.get("dtype") else []
    return f"{provenance.get('device', 'an unnamed device')} ({', '.join(settings)})"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
