"""One notebook in one process: ``python -P papermill_job.py SOURCE OUTPUT PARAMETERS_AS_JSON``.

A process of its own lets the runner limit its time and measure its memory, kernel included.  It stands alone: nothing
here comes from the package.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import papermill
from papermill.exceptions import PapermillExecutionError

#: Beside the output, where the runner finds why a notebook failed.
ERROR_SUFFIX = ".error"


def main(source: str, output: str, parameters: str) -> int:
    """Execute ``source`` in its own folder and write ``output``, complete up to the cell that failed, if one did."""
    try:
        papermill.execute_notebook(
            source,
            output,
            parameters=json.loads(parameters),  # none at all leaves the notebook without a cell of injected ones
            kernel_name="python3",
            cwd=Path(source).parent,
            progress_bar=False,
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
        )
    except PapermillExecutionError as error:
        Path(output + ERROR_SUFFIX).write_text(f"cell [{error.exec_count}]: {error.ename}: {error.evalue}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
