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

from ..allocator import keeps_freed_memory
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

    @property
    def percentile95(self) -> float:
        """What 95 % of the calls do not exceed."""
        return statistics.quantiles(self.seconds, n=20, method="inclusive")[-1]


def interleave(
    arms: Mapping[str, Callable[[], object]],
    rounds: int,
    calls: int = 1,
    finish: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """Time every arm in every round.

    Args:
        arms: name → what to time.
        rounds: counted rounds, at least 2.
        calls: timed calls per arm and round; where it is more than one, another call before them is not counted.
        finish: waits until the device has done what an arm asked of it.

    Raises:
        ValueError: fewer than two rounds.
    """
    if rounds < 2:
        raise ValueError(f"rounds: expected at least 2, got {rounds}")
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    hidden = os.environ.get("TQDM_DISABLE") == "1"
    for number in tqdm(range(WARM_UP + rounds), desc="rounds", unit="round", disable=hidden):
        for name, arm in arms.items():
            if calls > 1:
                arm()
            finish()
            for _ in range(calls):
                start = time.perf_counter()
                arm()
                finish()
                if number >= WARM_UP:
                    seconds[name].append(time.perf_counter() - start)
    return {name: Timing(values) for name, values in seconds.items()}


def ratio(slow: Timing, fast: Timing) -> Timing:
    """slow / fast, round by round."""
    return Timing([theirs / ours for theirs, ours in zip(slow.seconds, fast.seconds, strict=True)])


def machine(device: str = "cpu") -> dict[str, Any]:
    """What a timing depends on: device, cores, threads, torch version, allocator, commit."""
    name = device_name(torch.device(device))
    return {
        # Processors of one model name can differ in their vector instructions, and with them in every ratio.
        "device": f"{name} with {torch.backends.cpu.get_cpu_capability()}" if device == "cpu" else name,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "freed_memory": "kept" if keeps_freed_memory() else "returned to the system",
        "commit": git_commit(),
    }
