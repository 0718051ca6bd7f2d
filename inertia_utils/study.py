"""A study seen from a notebook: the runs of its plan, executed where missing or read from the published results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from . import paths
from .frames import unique as unique_results
from .gate_run import GateRun
from .launch import Failure, StudyError, Summary, execute
from .plans import Plan, plan
from .profiles import PROFILES
from .retrained import open_differences
from .runs import Run
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
        results: group → results that are shown.
        missing: planned runs that have no result.
        planned: group → all its runs.
        off: training → how far the gated network, open, is off its published accuracy, in points.
        larger: the same of a larger profile that is under way and not shown for want of runs.
    """

    notebook: str
    profile: str
    results: dict[str, list[Result]]
    missing: list[Run] = field(default_factory=list)
    planned: Plan = field(default_factory=dict)
    off: dict[Run, float] = field(default_factory=dict)
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
        if under_way := self._under_way():
            parts.append(f"; so far {', '.join(under_way)}")
        parts += self._trained_again()
        if self.missing:
            parts.append(f"; **{len(unique(self.missing))} of {self._size()} runs are missing**")
        if larger := self.larger:
            size = larger._size()
            there = size - len(unique(larger.missing))
            parts.append(f"; of profile {larger.profile}, **{there} of {size} runs** are there so far")
        return "".join(parts) + "."

    def found(self) -> list[Result]:
        """Every result that is there, once."""
        return unique_results(*self.results.values())

    def whole_seeds(self, group: str) -> set[int | None]:
        """The seeds of which a group has every planned run; ``None`` stands for runs without a seed."""
        runs = self.planned[group]
        return _seeds(runs) - _seeds(set(runs) & set(self.missing))

    def _under_way(self) -> list[str]:
        """How many of its planned seeds each group has, where it has not all."""
        seeds = {name: (len(self.whole_seeds(name)), len(_seeds(runs))) for name, runs in self.planned.items()}
        return [f"{name} {some} of {_counted(all_, 'seed')}" for name, (some, all_) in seeds.items() if some < all_]

    def _trained_again(self) -> list[str]:
        """How many gated networks are not those of the published trainings, and how far off they are."""
        gated = unique(result.run.parent for result in self.found() if isinstance(result.run, GateRun))
        off = [abs(self.off[parent]) for parent in gated if self.off.get(parent)]
        if not off:
            return []
        count = f"{len(off)} of {_counted(len(gated), 'gated network')}"
        return [f"; {count} had to be trained anew, up to {max(off):.2f} points off the published when open"]

    def _size(self) -> int:
        return len(unique(run for runs in self.planned.values() for run in runs))


def open_study(notebook: str, profile: str, groups: Sequence[str] = (), results: str = "") -> Study:
    """The study behind ``notebook``, or behind a part of it.

    Args:
        notebook: file name without ``.ipynb``.
        profile: smoke, quick or full execute what is missing in the working store; "report" reads the published
            store and executes nothing: the largest profile whose groups have as many whole seeds there as a smaller
            one's, at least one each, and of it the whole seeds alone, so that all arms are shown with the same seeds;
            where none has that, all results of the more complete one.
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
    found = collect(runs, store)
    return Study(notebook, profile, found, planned=runs, off=_off(found, store))


def published(notebook: str, profile: str) -> Study:
    """The published results of one profile for ``notebook``, however many there are by now; nothing is executed.

    Raises:
        ValueError: the notebook or the profile is not known.
    """
    return _read(notebook, (), Store(paths.RESULTS, profile))


def extent(result: Result) -> str:
    """One Markdown sentence: how long a training was, on how many images, and on how many it was tested."""
    asked, tested = result.run.images, result.metrics["test_images"]
    # The data may have fewer images than were asked for; results of old do not say how many they were.
    images = result.metrics.get("train_images", asked)
    amount = f"{images:,} training images" if asked else "all training images but the hold-out"
    sentence = f"{_counted(len(result.history), 'epoch')} on {amount}, tested on {tested:,}."
    return f"**Shortened**: {sentence}" if asked else sentence


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
    standing = [study for index, study in enumerate(candidates) if _stands(study, candidates[index + 1 :])]
    if standing:
        index, chosen = candidates.index(standing[0]), _whole(standing[0])
    else:
        # max keeps the first of equals: the larger profile.
        chosen = max(candidates, key=lambda study: _share_present(study))
        index = candidates.index(chosen)
    return replace(chosen, larger=next((study for study in candidates[:index] if study.found()), None))


def _stands(study: Study, smaller: Sequence[Study]) -> bool:
    """Whether every group has a whole seed, and no fewer of them than in a smaller profile."""

    def needed(name: str) -> int:
        return max([1, *(len(other.whole_seeds(name)) for other in smaller)])

    return all(len(study.whole_seeds(name)) >= needed(name) for name, runs in study.planned.items() if runs)


def _whole(study: Study) -> Study:
    """The study without results of seeds that lack a run, whose arms could not be compared in pairs."""
    whole = {name: study.whole_seeds(name) for name in study.results}
    kept = {
        name: [result for result in group if _seed(result.run) in whole[name]] for name, group in study.results.items()
    }
    return replace(study, results=kept)


def _read(notebook: str, groups: Sequence[str], store: Store) -> Study:
    found: dict[str, list[Result]] = {}
    missing: list[Run] = []
    planned = _part(notebook, store.profile, groups)
    for name, group in planned.items():
        found[name] = []
        for run in group:
            result = store.load(run)
            if result is None:
                missing.append(run)
            else:
                found[name].append(result)
    return Study(notebook, store.profile, found, missing, planned, _off(found, store))


def _off(found: dict[str, list[Result]], store: Store) -> dict[Run, float]:
    return open_differences((result for group in found.values() for result in group), store)


def _share_present(study: Study) -> float:
    present = sum(map(len, study.results.values()))
    total = present + len(study.missing)
    return present / total if total else 1.0


def _seed(run: Run) -> int | None:
    return getattr(run, "seed", None)


def _seeds(runs: Iterable[Run]) -> set[int | None]:
    return {_seed(run) for run in runs}


def _hardware(provenance: dict[str, Any]) -> str:
    threads = provenance.get("threads")
    settings = [_counted(threads, "thread")] if threads else []
    settings += [provenance["dtype"]] if provenance.get("dtype") else []
    settings += [f"torch {provenance['torch'].partition('+')[0]}"] if provenance.get("torch") else []
    return f"{provenance.get('device', 'an unnamed device')} ({', '.join(settings)})"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
