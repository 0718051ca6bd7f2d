"""Keeping the memory that a training frees, instead of giving it back and asking for it again at every step."""

from __future__ import annotations

import ctypes

#: Parameters of ``mallopt`` (malloc.h of glibc).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
#: Bytes above which freed memory goes back to the system: more than any tensor of the study.
KEPT = 2**30

_kept = False


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; True where the C library can (glibc).

    A step of training allocates and frees the same tensors as the one before.  By default those of many megabytes go
    back to the system each time, and the system clears every page of them anew.  Results have the same bits.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc: macOS, musl, Windows
        return False
    global _kept
    # Both: to set one of them ends the adaptation of the other, which by itself is better than either alone.
    _kept = all([mallopt(parameter, KEPT) == 1 for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD)])
    return _kept


def keeps_freed_memory() -> bool:
    """Whether this process was told to, and the C library can."""
    return _kept
