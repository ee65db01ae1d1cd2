"""The process: torch imported in one place, and freed memory kept by the allocator."""

from __future__ import annotations

import ctypes
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
