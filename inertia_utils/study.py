"""A study seen from a notebook: the runs of its plan, executed where missing or read from the published results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import paths
from .launch import Failure, StudyError, Summary, execute
from .plans import plan
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
    """The results behind one notebook, grouped as in its plan; ``profile`` is the one that they come from."""

    notebook: str
    profile: str
    results: dict[str, list[Result]]
    missing: list[Run] = field(default_factory=list)

    def banner(self) -> str:
        """One Markdown sentence: how large the evidence is, where it was computed, and what is missing."""
        found = list({run_id(result.run): result for group in self.results.values() for result in group}.values())
        seeds = {result.run.seed for result in found if hasattr(result.run, "seed")}
        parts = [f"Profile **{self.profile}**: {_counted(len(found), 'run')}"]
        if seeds:
            parts.append(f" with {_counted(len(seeds), 'seed')}")
        if hardware := sorted({_hardware(result.provenance) for result in found}):
            parts.append(f", computed on {' and '.join(hardware)}")
        if self.missing:
            absent = len(unique(self.missing))
            parts.append(f"; **{absent} of {len(found) + absent} runs are missing**")
        return "".join(parts) + "."


def open_study(notebook: str, profile: str, results: str = "") -> Study:
    """The study behind ``notebook``.

    Args:
        notebook: file name without ``.ipynb``.
        profile: smoke, quick or full execute what is missing in the working store; "report" reads the published
            store and executes nothing: the largest profile that is complete there, else the more complete one.
        results: another results folder than the usual one.

    Raises:
        ValueError: the notebook or the profile is not known.
        StudyError: a run failed.
    """
    if profile == REPORT:
        return _read_published(notebook, Path(results) if results else paths.RESULTS)
    if profile not in PROFILES:
        raise ValueError(f"profile: unknown profile {profile!r}; known: {', '.join((*PROFILES, REPORT))}")
    groups = plan(notebook, profile)
    store = Store(Path(results) if results else paths.working_results(), profile)
    return Study(notebook, profile, collect(groups, store))


def published(notebook: str, profile: str) -> Study:
    """The published results of one profile for ``notebook``, however many there are by now; nothing is executed.

    Raises:
        ValueError: the notebook or the profile is not known.
    """
    return _read(notebook, Store(paths.RESULTS, profile))


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


def _read_published(notebook: str, root: Path) -> Study:
    candidates = [_read(notebook, Store(root, profile)) for profile in PUBLISHED]
    # max keeps the first of equals: the larger profile.
    return max(candidates, key=lambda study: _share_present(study))


def _read(notebook: str, store: Store) -> Study:
    found: dict[str, list[Result]] = {}
    missing: list[Run] = []
    for name, group in plan(notebook, store.profile).items():
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
