"""What a study says while it runs: a bar with the time left, and one line per finished run."""

from __future__ import annotations

import os
import sys

from tqdm.auto import tqdm

from .schedule import Task
from .worker import Report


def log(line: str) -> None:
    """Print ``line`` above any progress bar, at once also where output goes to a file."""
    tqdm.write(line)
    sys.stdout.flush()


class Progress:
    """A bar that advances by cost, so that the time left means something, and one line per finished run."""

    def __init__(self, tasks: list[Task], *, shown: bool) -> None:
        hidden = not shown or os.environ.get("TQDM_DISABLE") == "1"
        self._count, self._total = 0, len(tasks)
        layout = "{desc} {percentage:3.0f}%|{bar}| {elapsed} elapsed, {remaining} left"
        self._bar = tqdm(total=sum(task.cost for task in tasks), bar_format=layout, disable=hidden)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def advance(self, report: Report) -> None:
        """Count one finished task and log its line."""
        self._count += 1
        log(f"[{self._count}/{self._total}] {_line(report)}")
        self._bar.set_description(f"runs {self._count}/{self._total}", refresh=False)
        self._bar.update(report.task.cost)


def _line(report: Report) -> str:
    label = report.task.run.label()
    if report.state == "failed":
        return f"{label}  FAILED: {report.message}"
    if report.state == "skipped":
        return f"{label}  done by another process"
    accuracy = report.metrics.get("accuracy")
    return f"{label}  {report.seconds:.1f} s" + (f"  accuracy {accuracy:.4f}" if accuracy is not None else "")
