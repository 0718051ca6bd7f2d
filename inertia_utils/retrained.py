"""Networks that were trained again to be gated: weights are not published, and another processor rounds otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from .gate_run import GateRun
from .result_file import Result
from .runs import Run
from .store import Store


def open_differences(results: Iterable[Result], store: Store) -> dict[Run, float]:
    """Training → accuracy with all gates open, in its gate run, minus that of its own stored result, in points.

    Zero says that the gated network is the one of the stored training.  Trainings without a stored result are left out,
    and gate runs that never open all or read another number of test images.

    Args:
        results: of any runs; those of gate runs count.
        store: that holds the trainings.
    """
    differences: dict[Run, float] = {}
    for result in results:
        if not isinstance(result.run, GateRun) or result.run.parent in differences:
            continue
        opened = [record["accuracy"] for record in result.history if record["rate"] == 1]
        trained = store.load(result.run.parent) if opened else None
        if trained and trained.metrics["test_images"] == result.metrics["test_images"]:
            differences[result.run.parent] = 100 * (opened[0] - trained.metrics["accuracy"])
    return differences
