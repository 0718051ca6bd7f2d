"""Where a number came from: code, machine and settings. No host names and no paths."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from . import paths
from .runs import Context


def provenance(context: Context, seconds: float) -> dict[str, Any]:
    """What is recorded beside every result of a run that took ``seconds`` in ``context``."""
    return {
        "commit": git_commit(),
        "device": device_name(context.device),
        "dtype": str(context.dtype).removeprefix("torch."),
        "package": _package_version(),
        "python": platform.python_version(),
        "seconds": round(seconds, 2),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }


@functools.lru_cache
def git_commit() -> str | None:
    """The commit of the checkout, with ``-dirty`` where the package differs from it; None outside a checkout."""
    if _git("rev-parse", "--show-toplevel") != str(paths.CHECKOUT):
        return None
    commit = _git("rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    # Results and figures of the study itself do not make its code dirty.
    changed = _git("status", "--porcelain", "--", "inertia_utils")
    return f"{commit}-dirty" if changed else commit


@functools.lru_cache
def device_name(device: torch.device) -> str:
    """The model name of the processor or GPU behind ``device``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return _processor_name() if device.type == "cpu" else f"{device.type} {_processor_name()}"


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _package_version() -> str | None:
    try:
        return importlib.metadata.version("inertia_utils")
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(paths.CHECKOUT), *arguments]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout.strip() if process.returncode == 0 else None
