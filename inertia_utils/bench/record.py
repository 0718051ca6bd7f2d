"""A benchmark's record as JSON, with its table as Markdown beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..files import write_atomically


def write(output: Path, record: dict[str, Any], table: str | None) -> None:
    """Write ``output`` and, where there is a table, the same name with .md; print both."""
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, (json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())
    if table is not None:
        print(table)
        write_atomically(output.with_suffix(".md"), (table + "\n").encode())
    print(f"written: {output}{' and .md' if table is not None else ''}")


def place(output: Path, device: str) -> Path:
    """Where the record of a device goes: ``output`` for the processor, the same name with ``-cuda`` for a GPU."""
    return output if device == "cpu" else output.with_stem(f"{output.stem}-{device}")


def milliseconds(row: dict[str, Any]) -> str:
    """Median and quartiles of an arm, as tables show them."""
    low, high = (1e3 * value for value in row["quartiles"])
    return f"{1e3 * row['median']:.3g} ({low:.3g} – {high:.3g})"


def conditions(record: dict[str, Any]) -> str:
    """One line that says under which conditions a record was measured."""
    machine = record["machine"]
    return (
        f"{machine['device']}, {machine['threads']} threads, torch {machine['torch']}, {record['dtype']}, "
        f"{record['layout']}, {'torch.compile on every arm' if record['compiled'] else 'eager'}, freed memory "
        f"{machine['freed_memory']}; medians of interleaved calls"
    )
