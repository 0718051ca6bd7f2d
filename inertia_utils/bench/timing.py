"""Interleaved timing: every arm is measured once per round, so that drift of the machine meets all of them alike."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from ..provenance import device_name, git_commit

#: Rounds that are run and not counted.
WARM_UP = 1


@dataclass(frozen=True)
class Timing:
    """Seconds of one arm over all rounds."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """Median."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Lower and upper quartile."""
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high


def interleave(arms: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Time every arm once per round.

    Args:
        arms: name → what to time.
        rounds: counted rounds, at least 2.

    Raises:
        ValueError: fewer than two rounds.
    """
    if rounds < 2:
        raise ValueError(f"rounds: expected at least 2, got {rounds}")
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for number in tqdm(range(WARM_UP + rounds), desc="rounds", unit="round"):
        for name, arm in arms.items():
            start = time.perf_counter()
            arm()
            if number >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return {name: Timing(values) for name, values in seconds.items()}


def ratio(slow: Timing, fast: Timing) -> Timing:
    """slow / fast, round by round."""
    return Timing([theirs / ours for theirs, ours in zip(slow.seconds, fast.seconds, strict=True)])


def machine() -> dict[str, Any]:
    """What a timing depends on: processor, cores, threads, torch version, commit."""
    return {
        "device": device_name(torch.device("cpu")),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": git_commit(),
    }
