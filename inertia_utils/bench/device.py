"""Synchronisation and memory of the device that a benchmark runs on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile


def devices() -> list[str]:
    """The processor, and a GPU if there is one."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def finisher(device: str) -> Callable[[], object]:
    """What waits for the device."""
    return torch.cuda.synchronize if device == "cuda" else lambda: None


def peak_memory(call: Callable[[], object], device: str) -> int:
    """Bytes that a call allocates at most beyond what was there before it, outputs included."""
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        call()
    events = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak
