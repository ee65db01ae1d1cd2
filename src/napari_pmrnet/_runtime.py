"""glibc told to keep freed pages: a CPU run maps and unmaps gigabytes otherwise."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from napari_pmrnet.errors import PMRNetError

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


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Turn a missing package into a message that says how to get it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise PMRNetError(
            f"{what} needs the package {error.name}, which is not installed: "
            f'pip install "napari-pmrnet[{extra}]"'
        ) from error


def import_torch() -> ModuleType:
    """Import torch.

    Raises
    ------
    PMRNetError
        If torch is missing or its libraries cannot be loaded, with the remedy.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise PMRNetError(
            "PyTorch is not installed. Install it with: pip install torch"
        ) from error
    except OSError as error:
        # On Windows, torch >= 2.9 imported after Qt can find the wrong runtime DLLs.
        raise PMRNetError(
            f"PyTorch could not load its libraries ({error}). On Windows install the "
            "Microsoft Visual C++ Redistributable and start napari again; if it stays, "
            "run 'pip install --force-reinstall torch' in napari's environment."
        ) from error
    return torch
