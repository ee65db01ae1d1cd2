"""The process: torch imported in one place, freed memory kept, forks survived.

It has as many threads with torch as without it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from types import ModuleType

from napari_pmrnet._software import misfit
from napari_pmrnet.errors import SoftwareError

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


_loaded_before_fork: set[str] = set()
_forks = 0


def forks() -> int:
    """Number of forks between this process and the program that was started."""
    return _forks


def started_before_fork(library: str) -> bool:
    """Tell whether a library was loaded in the process that this one was forked from.

    Its threads were not copied, and it would wait for them for ever.
    """
    return library in _loaded_before_fork


def _after_fork() -> None:
    """Keep torch to the one thread that a forked process has."""
    global _forks
    _forks += 1
    _loaded_before_fork.update({"torch", "openvino"} & sys.modules.keys())
    set_threads = getattr(sys.modules.get("torch"), "set_num_threads", None)
    if set_threads is not None:  # else not, or half, imported
        set_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def compute_threads() -> int:
    """Threads that may compute: what torch was told, or would take, not imported.

    That is ``OMP_NUM_THREADS``, or one for each core that this process may use.
    """
    ask = getattr(sys.modules.get("torch"), "get_num_threads", None)
    if ask is not None:  # else not, or half, imported
        return ask()
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if given.isdecimal() and int(given):
        return int(given)
    import psutil

    cores = psutil.cpu_count(logical=False) or 1
    usable = getattr(os, "sched_getaffinity", None)
    return cores if usable is None else min(cores, len(usable(0)))


def import_torch() -> ModuleType:
    """Import torch.

    Raises
    ------
    SoftwareError
        If torch is missing or its libraries cannot be loaded, with the remedy.
    """
    try:
        import torch
    except ImportError as error:
        told = misfit(error, "The network", "torch")
        if told is None:
            raise
        raise told from error
    except OSError as error:
        # On Windows, torch >= 2.9 imported after Qt can find the wrong runtime DLLs.
        raise SoftwareError(
            f"PyTorch could not load its libraries ({error}). On Windows install the "
            "Microsoft Visual C++ Redistributable and start napari again; if it stays, "
            "run 'pip install --force-reinstall torch' in napari's environment."
        ) from error
    return torch
