"""One notebook executed in a process of its own, and what came of it."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from . import hygiene, papermill_job
from .files import write_atomically
from .process import Finished, run_limited


@dataclass(frozen=True)
class Record:
    """How one notebook went: ``error`` is empty for one that passed; ``peak`` is in bytes."""

    name: str
    seconds: float
    peak: int
    error: str
    output: Path


def environment(figures: Path, results: Path | None) -> dict[str, str]:
    """The variables that a notebook's process sees: where figures and results go, and what makes its output repeat."""
    variables = os.environ | {
        "INERTIA_FIGURES": str(figures),
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel of this environment, not one of the same name elsewhere
        "OMP_NUM_THREADS": "1",  # the number of threads changes the bits, and notebooks run side by side
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": "0",
        "TQDM_DISABLE": "1",
    }
    if results is not None:
        variables["INERTIA_RESULTS"] = str(results)
    variables.pop("MPLBACKEND", None)  # the kernel's own is headless too, and keeps figures in the notebook
    return variables


def execute_notebook(
    source: Path,
    output: Path,
    values: dict[str, Any],
    variables: dict[str, str],
    timeout: float,
    stop: threading.Event,
) -> Record:
    """Execute ``source`` into ``output`` with ``values`` for its parameters, for at most ``timeout`` seconds.

    Setting ``stop`` ends it sooner.

    An output that passed is cleaned; one that failed stays as it is, for the reader to find out why, with a log
    beside it.
    """
    log = output.with_suffix(".log")
    # As a file rather than a module of the package, which would import torch into a process that needs none.
    job = [sys.executable, "-P", papermill_job.__file__, str(source), str(output), json.dumps(values)]
    finished = run_limited(job, log, variables, timeout, stop)
    error = _error(output, finished, timeout)
    if not error:
        notebook = hygiene.clean(nbformat.read(output, as_version=4))
        write_atomically(output, nbformat.writes(notebook).encode())
        log.unlink()
    return Record(source.stem, finished.seconds, finished.peak, error, output)


def _error(output: Path, finished: Finished, timeout: float) -> str:
    """One line on why the notebook failed; empty if it passed."""
    if finished.code is None:
        return f"FAILED: not finished after {timeout:.0f} s"
    reason = Path(f"{output}{papermill_job.ERROR_SUFFIX}")
    if reason.exists():
        text = reason.read_text()
        reason.unlink()
        return f"FAILED in {' '.join(text.split())[:300]}"
    if finished.code or not output.exists():
        last = (finished.output.strip().splitlines() or ["no output"])[-1]
        return f"FAILED with exit status {finished.code}: {last[:300]}"
    return ""
