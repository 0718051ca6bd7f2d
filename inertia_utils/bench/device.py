"""The device that a benchmark runs on: waiting for it, its memory, its operators, its ceilings."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from .timing import interleave

#: Calls that the profiler watches.
PROFILED = 3
#: Counted rounds of the ceilings.
ROUNDS = 15


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


def operators(call: Callable[[], object], device: str) -> dict[str, float]:
    """Seconds per call that each operator takes itself, its callees apart; those above 1 % of the call."""
    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device == "cuda")
    with profile(activities=kinds) as profiled:
        for _ in range(PROFILED):
            call()
    field = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    seconds = {event.key: getattr(event, field) / 1e6 / PROFILED for event in profiled.key_averages()}
    total = sum(seconds.values())
    return {name: value for name, value in sorted(seconds.items(), key=lambda item: -item[1]) if value > 0.01 * total}


def ceilings(device: str) -> dict[str, float]:
    """What no layer can exceed here: bytes copied per second beyond the cache, and MACs per second of a product."""
    values = torch.randn(16 * 2**20, device=device)
    target = torch.empty_like(values)
    left, right = torch.randn(2, 1536, 1536, device=device)
    product = torch.empty_like(left)
    timings = interleave(
        {"copy": lambda: target.copy_(values), "product": lambda: torch.mm(left, right, out=product)},
        ROUNDS,
        finish=finisher(device),
    )
    return {
        "bytes_per_second": 2 * values.numel() * values.element_size() / timings["copy"].median,
        "macs_per_second": 1536**3 / timings["product"].median,
    }
