"""What every published figure and table says of itself: ``manifest.json`` in the folder of figures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from . import paths
from .files import write_atomically
from .result_file import Result
from .runs import run_id

NAME = "manifest.json"


def folder() -> Path:
    """Where figures and tables go: ``$INERTIA_FIGURES``, or ``executed/figures`` in the checkout."""
    return Path(os.environ.get("INERTIA_FIGURES") or paths.EXECUTED / "figures")


def read(target: Path) -> dict[str, dict[str, Any]]:
    """The entries of the folder ``target`` by name, empty if it has none yet."""
    path = target / NAME
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def note(
    target: Path,
    name: str,
    suffixes: Iterable[str],
    caption: str,
    notebook: str,
    results: Iterable[Result] = (),
    hardware: Iterable[str] = (),
) -> None:
    """Enter a figure or table into the manifest of ``target``, in the place of an earlier entry of that name.

    Args:
        target: the folder.
        name: file name without ending.
        suffixes: endings of the files that it consists of.
        caption: a caption that stands alone.
        notebook: stem of the notebook that produces it.
        results: the results that it shows; their ids, profiles and devices are noted.
        hardware: further devices, of measurements that are not runs.
    """
    shown = list(results)
    devices = {str(result.provenance.get("device")) for result in shown}
    entry = {
        "files": [f"{name}{suffix}" for suffix in suffixes],
        "caption": caption,
        "notebook": notebook,
        "runs": sorted({run_id(result.run) for result in shown}),
        "profile": sorted({result.profile for result in shown}),
        "hardware": sorted(devices | set(hardware)),
    }
    # Notebooks run side by side and share the folder; the lock lies beside it, so that it holds only what it publishes.
    whole = target.resolve()
    with FileLock(whole.with_name(f".{whole.name}.lock")):
        text = json.dumps(read(target) | {name: entry}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        write_atomically(target / NAME, text.encode())
