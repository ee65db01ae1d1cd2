"""glibc told to keep freed pages: a CPU run maps and unmaps gigabytes otherwise."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> bool:
    """Raise glibc's mmap and trim thresholds for this process.

    Every elementwise step on a tensor of several megabytes maps and unmaps pages
    otherwise. Only for a process of its own, such as the command line: freed memory
    is not given back.

    Returns
    -------
    bool
        Whether this C library took the setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(
        mallopt(_MMAP_THRESHOLD, 1 << 30)
        and mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
        and mallopt(_TOP_PAD, 1 << 28)
    )
