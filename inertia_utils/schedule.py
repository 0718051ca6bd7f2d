"""Which runs a study has to execute, and in what order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .runs import Run, run_id
from .store import Store


@dataclass(frozen=True)
class Task:
    """One run to execute; ``weights`` says that another run starts from the weights that it leaves."""

    run: Run
    weights: bool = False

    @property
    def cost(self) -> float:
        """The run's own estimate of its work, in any unit that the runs of a study share."""
        return float(getattr(self.run, "cost", 1.0))


def unique(runs: Iterable[Run]) -> list[Run]:
    """``runs`` without repetitions, sorted by id: the same list whatever order they came in."""
    return [run for _, run in sorted({run_id(run): run for run in runs}.items())]


def shard_of(runs: Iterable[Run], shard: str) -> list[Run]:
    """Part i of n of ``runs`` for ``shard`` = "i/n"; the n parts are disjoint and together hold every run.

    Raises:
        ValueError: ``shard`` is not of that form, or i is not within 1..n.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"shard: {shard!r} is not i/n with 1 <= i <= n, such as 2/8")
    index, count = int(match[1]), int(match[2])
    return unique(runs)[index - 1 :: count]


def levels(missing: Iterable[Run], store: Store, order: list[Run] | None = None) -> list[list[Task]]:
    """The runs to execute so that ``missing`` can be had, in groups that only build on earlier groups.

    A parent whose result is there but whose weights are not is among them.  Within a group the longest come first, so
    that no worker is left with a long one at the end; or, where an ``order`` is given, those that come first in it.
    """
    depths: dict[str, int] = {}
    parents: set[str] = set()
    members: dict[str, Run] = {}

    def depth(run: Run) -> int:
        key = run_id(run)
        if key not in depths:
            members[key] = run
            parents.update(run_id(parent) for parent in run.parents())
            needed = [parent for parent in run.parents() if not store.has(parent, weights=True)]
            depths[key] = 1 + max(map(depth, needed), default=-1)
        return depths[key]

    for run in missing:
        depth(run)
    groups: list[list[Task]] = [[] for _ in range(1 + max(depths.values(), default=-1))]
    for key, run in members.items():
        groups[depths[key]].append(Task(run, weights=key in parents))
    ranks = {run_id(run): rank for rank, run in reversed(list(enumerate(order or [])))}

    def first(task: Task) -> tuple[float, str]:
        key = run_id(task.run)
        return (ranks.get(key, len(ranks)) if order is not None else -task.cost, key)

    for group in groups:
        group.sort(key=first)
    return groups
