"""Writing a file so that a reader, a crash or a full disk never leaves half of it under its name."""

from __future__ import annotations

import os
from pathlib import Path


def temporary_name(path: Path) -> Path:
    """The name beside ``path`` under which its new content is written before it takes the place of the old."""
    return path.with_name(f".{path.name}.tmp")


def write_temporary(path: Path, data: bytes) -> Path:
    """Write ``data`` to the temporary name of ``path``, flushed to disk, and return that name.

    Raises:
        OSError: the folder cannot be written or the disk is full; nothing half-written stays.
    """
    temporary = temporary_name(path)
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step: readers see the old content or the new, nothing between.

    Two processes must not write the same path at once (the store takes a lock for that).

    Raises:
        OSError: the folder cannot be written or the disk is full; the old content is still there.
    """
    temporary = write_temporary(path, data)
    try:
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in ``folder`` to disk, so that a renamed file survives a power cut."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
