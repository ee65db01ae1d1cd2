"""Imports and runs torch without stopping the window.

Two things hold the interpreter's global lock for a third of a second or more. Loading
an extension module does; a foreign function call releases the lock, so its libraries
are loaded that way first (on Windows torch does so itself). A full garbage collection
does too: it looks at every object of napari and torch, and the many objects that torch
makes set off several. So collection waits while torch is imported, and leaves what is
old alone while a run goes on.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

from napari_pmrnet._runtime import import_torch

logger = logging.getLogger(__name__)


def load_torch() -> None:
    """Import torch; to be called in a worker thread, with the collector quiet.

    Raises
    ------
    PMRNetError
        If torch is missing or its libraries cannot be loaded, with the remedy.
    """
    if "torch" in sys.modules:
        return
    if os.name == "posix":
        _preload_libraries()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        import_torch()
        import_module("napari_pmrnet.models.model")
    finally:
        _quiet.renew()
        if was_enabled:
            gc.enable()


def _preload_libraries() -> None:
    """Load torch's libraries by foreign calls; harmless if it cannot be done."""
    spec = find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return
    folder = Path(next(iter(spec.submodule_search_locations))) / "lib"
    ending = "dylib" if sys.platform == "darwin" else "so"
    try:
        dlopen = ctypes.CDLL(None).dlopen
    except (AttributeError, OSError):
        logger.debug("no dlopen here: torch is imported the plain way")
        return
    dlopen.restype = ctypes.c_void_p
    dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
    flags = {"libtorch_global_deps": ctypes.RTLD_GLOBAL, "libtorch_python": 0}
    for stem, scope in flags.items():
        library = folder / f"{stem}.{ending}"
        if library.exists() and not dlopen(os.fsencode(library), os.RTLD_NOW | scope):
            logger.debug("%s was not loaded ahead of torch", library.name)


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Let the garbage collector look at new objects only, in every thread."""
    _quiet.enter()
    try:
        yield
    finally:
        _quiet.leave()


class _Quiet:
    """Counts who wants the collector quiet; the last to leave wakes it."""

    def __init__(self) -> None:
        self._lock, self._users = Lock(), 0

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            gc.freeze()

    def renew(self) -> None:
        """Count what has been made meanwhile among the old, too."""
        with self._lock:
            if self._users:
                gc.freeze()

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                gc.unfreeze()


_quiet = _Quiet()
