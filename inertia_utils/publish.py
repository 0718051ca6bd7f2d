"""Replacing the published notebooks and figures together: all of them or none."""

from __future__ import annotations

import os
from pathlib import Path

from . import paths
from .files import sync_folder, write_temporary

#: Kinds of file that a notebook produces; one that no notebook produces any more is removed.
FIGURE_SUFFIXES = (".pdf", ".png", ".svg", ".tex", ".md", ".csv")


def publish(notebooks: list[Path], figures: Path) -> None:
    """Put executed ``notebooks`` and the content of the folder ``figures`` in the place of the published ones.

    Raises:
        OSError: a folder cannot be written; what was published before is still there, all of it.
    """
    targets = {paths.NOTEBOOKS / notebook.name: notebook.read_bytes() for notebook in notebooks}
    produced = sorted(path for path in figures.glob("*") if path.is_file()) if figures.is_dir() else []
    targets |= {paths.FIGURES / path.name: path.read_bytes() for path in produced}
    before = {path: path.read_bytes() for path in _published(targets)}
    temporaries: dict[Path, Path] = {}
    try:
        for path, data in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporaries[path] = write_temporary(path, data)
        for path, temporary in temporaries.items():
            os.replace(temporary, path)
        for path in before.keys() - targets.keys():
            path.unlink()
        for folder in {path.parent for path in targets}:
            sync_folder(folder)
    except BaseException:  # also an interrupt must not leave half of each
        _restore(targets, before)
        raise
    finally:
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)


def _published(targets: dict[Path, bytes]) -> set[Path]:
    stale = {path for path in paths.FIGURES.glob("*") if path.suffix in FIGURE_SUFFIXES and path.name != "README.md"}
    return stale | {path for path in targets if path.exists()}


def _restore(targets: dict[Path, bytes], before: dict[Path, bytes]) -> None:
    for path in targets.keys() - before.keys():
        path.unlink(missing_ok=True)
    for path, data in before.items():
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)
