"""One run in whatever process it executes: one thread, under its lock, stored or recorded as failed."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from .allocator import keep_freed_memory
from .provenance import provenance
from .runs import Context, Run
from .schedule import Task
from .store import StoreError

State = Literal["done", "skipped", "busy", "failed"]


@dataclass(frozen=True)
class Report:
    """What became of a task: ``skipped`` was there already, ``busy`` is another process's at the moment."""

    task: Task
    state: State
    seconds: float = 0.0
    metrics: dict[str, Any] = field(default_factory=dict)
    message: str = ""


def perform(task: Task, context: Context, *, wait: bool = True) -> Report:
    """Execute one task unless its result is there by now.

    Args:
        task: what to execute.
        context: device, dtype and store.
        wait: wait for another process that executes the same run, rather than report it as busy.

    Raises:
        StoreError: the results folder cannot be read or written. Any other failure is recorded in the store.
    """
    with context.store.lock(task.run, wait=wait) as held:
        if not held:
            return Report(task, "busy")
        if context.store.has(task.run, weights=task.weights):
            return Report(task, "skipped")
        return _attempt(task, context)


def perform_in_worker(task: Task, context: Context, *, wait: bool, parent: int | None) -> Report:
    """As :func:`perform`, in a process started for it, which ends with the process ``parent`` if one is given."""
    torch.set_num_threads(1)
    if parent is not None:
        _end_with(parent)
    return perform(task, context, wait=wait)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch compute in this many threads; runs use one, since the number changes the bits of a result."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def full_float32() -> Iterator[None]:
    """Let a GPU compute in float32 as a processor does, without rounding what it reads to 10 bits (TF32)."""
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


def _attempt(task: Task, context: Context) -> Report:
    run, store = task.run, context.store
    if context.device.type == "cpu":
        keep_freed_memory()
    start = time.perf_counter()
    try:
        _check_parents(run, context)
        with full_float32():
            outcome = run.execute(context)
        # A training that went on from a checkpoint also took the epochs before it.
        seconds = max(time.perf_counter() - start, sum(epoch.get("seconds", 0) for epoch in outcome.history))
        if store.has(run):
            _keep_weights(run, outcome.weights, context)
        else:
            store.save(run, outcome, provenance(context, seconds))
    except StoreError:
        raise
    except Exception as error:  # whatever a run raises is its recorded result; the others go on
        message = f"{type(error).__name__}: {error}"
        store.save_failure(run, message, traceback.format_exc())
        return Report(task, "failed", time.perf_counter() - start, message=message)
    return Report(task, "done", seconds, outcome.metrics)


def _check_parents(run: Run, context: Context) -> None:
    for parent in run.parents():
        if not context.store.has(parent, weights=True):
            raise RuntimeError(f"it builds on {parent.label()}, which failed")


def _keep_weights(run: Run, weights: dict[str, torch.Tensor] | None, context: Context) -> None:
    if weights is None:
        raise RuntimeError(f"{run.label()} left weights before and none this time")
    context.store.save_weights(run, weights)
    context.store.checkpoint(run, context).path.unlink(missing_ok=True)


_watched: set[int] = set()


def _end_with(parent: int) -> None:
    """End this worker when the study that started it is gone: kill -9 gives a study no time to end its workers."""
    if parent in _watched:
        return
    _watched.add(parent)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)  # safe at any moment: files are replaced whole, and the kernel releases the lock

    threading.Thread(target=watch, daemon=True, name="watch the study").start()
